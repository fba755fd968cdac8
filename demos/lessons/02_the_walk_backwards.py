"""Lesson 2: the walk backwards, and why each number is visited once.

Lesson 1 multiplied the slopes along a path. Where several paths lead from y to an input, their products are added:
a nudge travels on all of them at once. There can be very many paths, but there is a way not to follow each.
"""

from classroom import as_minigrad_writes_it, ask, draw, heading

made = []  # all numbers, in the order in which they were made


class Number:
    """A value, and (number, slope) for each number that it was made from."""

    def __init__(self, value, made_from=()):
        self.value, self.made_from = value, made_from
        made.append(self)

    def __add__(self, other):
        return Number(self.value + other.value, [(self, 1.0), (other, 1.0)])

    def __mul__(self, other):
        return Number(self.value * other.value, [(self, other.value), (other, self.value)])


def by_paths(number, product, wanted):
    """The sum over all paths from a number to the wanted one, and how many steps they took."""
    total, steps = (product if number is wanted else 0.0), 1
    for parent, slope in number.made_from:
        more, taken = by_paths(parent, product * slope, wanted)  # the same again, one step down
        total, steps = total + more, steps + taken
    return total, steps


def walk(order):
    """The gradient of each: the slope of order[0] by it. It sums what it is sent, then sends on."""
    gradient = dict.fromkeys(order, 0.0)  # for each number 0, at first
    gradient[order[0]] = 1.0  # if y moves by 1, y moves by 1
    for number in order:
        for parent, slope in number.made_from:
            gradient[parent] += gradient[number] * slope
    return gradient


def program(a, b, c):
    p = a * b
    q = p + c
    r = p * c
    return q * r


heading("1. Doublings, path by path and number by number")
a = y = Number(3.0)
for doubling in range(1, 17):
    y = y + y
    if doubling in (1, 4, 16):
        slope, steps = by_paths(y, 1.0, a)
        gradient = walk(made[::-1])  # newest first: who sends to a number does so before it sends
        print(f"{doubling}: {slope:g} in {steps} steps, {gradient[a]:g} in {len(made)} visits")

heading("2. A program of several inputs: every value, and its gradient")
values = {"a": 2.0, "b": -3.0, "c": 5.0}
made.clear()
program(*[Number(value) for value in values.values()])
a, b, c, p, q, r, y = made
right, wrong = walk([y, r, q, p, c, b, a]), walk([y, q, p, r, c, b, a])
for name, number in reversed(list(zip("abcpqry", made, strict=True))):
    print(f"{name} = {number.value:3g}   gradient {right[number]:3g}")

heading("3. Beside yours, as minigrad writes it: p, q, r have numbers, g is the gradient of p")
as_minigrad_writes_it(program, values)
draw(__file__, program, values, detail="gradients")
# `lambda: text` is a function without a name, which returns the text when it is called
ask(
    "In step 2, what does the walk say for a if p is visited before r, and why?",
    lambda: (
        f"""{wrong[a]:g}, where {right[a]:g} is right. When p sends on, it has {right[q]:g} from q
        alone; the {right[r] * c.value:g} from r comes after that, and stays where it is."""
    ),
)
