"""Lesson 1: a number that remembers how it was made.

If y moves by 5 whenever x moves by 1, as long as the moves are small, then 5 is the derivative of y by x. Here it is
called a slope. Machines learn by slopes: they ask how their error moves when a weight moves, and move the weight.

A program of many steps has a slope by each of its inputs. To find them, a number must know where it came from.
"""

from classroom import ask, draw, heading


class Number:  # what every Number has, and can do; `self` is the one at hand
    """A value, the sign of what made it, and (number, slope) for each number that it was made from."""

    def __init__(self, value, sign="given", made_from=()):  # Python calls this for Number(2.0)
        self.value, self.sign, self.made_from = value, sign, made_from

    # If a moves by 1, a + b moves by 1: a slope of 1. If a moves by 1, a * b moves by b: a slope of b.

    def __add__(self, other):  # ... this where it reads: self + other
        return Number(self.value + other.value, "+", [(self, 1.0), (other, 1.0)])

    def __mul__(self, other):  # ... and this where it reads: self * other
        return Number(self.value * other.value, "*", [(self, other.value), (other, self.value)])


def program(a, b, c, d):
    return (a * b + c) * d


heading("1. A number with a memory")
values = {"a": 2.0, "b": -3.0, "c": 10.0, "d": -2.0}
a, b, c, d = [Number(value) for value in values.values()]
y = program(a, b, c, d)
print(f"y = (a * b + c) * d = {y.value:g}")  # {v:g} prints the value of v


def tell(number, margin=""):
    """Print how a number was made, then the same of all that it was made from, further to the right."""
    print(f"{margin}{number.value:g} ({number.sign})")
    for parent, slope in number.made_from:
        print(f"{margin}  has a slope of {slope:g} by")
        tell(parent, margin + "    ")


heading("2. What y remembers")
tell(y)


def slopes(number, path):
    """The slopes along a path: at each number, 0 stands for the first that it was made from, 1 for the second."""
    found = []
    for turn in path:
        number, slope = number.made_from[turn]
        found.append(slope)
    return found


heading("3. Slopes along a path multiply: y is made from a sum, that from a product, that from a")
first, second, third = slopes(y, [0, 0, 0])
print(f"{first:g} times {second:g} times {third:g} is {first * second * third:g}")

heading("4. Do not believe it: nudge a, and see how much further y moves")
nudge = 1e-6
moved = program(Number(values["a"] + nudge), b, c, d).value - y.value
print(f"a moves by {nudge:g}, y by {moved:g}, which is {moved / nudge:.3f} times as much")

draw(__file__, program, values, detail="values")


def answer():
    first, second, third = slopes(y, [0, 0, 1])
    moved = program(a, Number(values["b"] + nudge), c, d).value - y.value
    return f"""{first:g} times {second:g} times {third:g} is {first * second * third:g}, and a nudge says
        {moved / nudge:.3f}."""


ask("Which three slopes give the slope of y by b, and what is it?", answer)
