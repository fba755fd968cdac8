"""Lesson 3: why not by recursion, and why not with a list of everything.

The walk needs all numbers that y was made from, newest first. Lesson 2 kept a list of all numbers there are. Such a
list never forgets. The other way that comes to mind is to ask y for its parents, these for theirs, and so on: a
function that calls itself, a recursion. It works until a program is long. This lesson finds a way that works always.
"""

from itertools import count

from classroom import ask, draw, heading

serial = count()  # next(serial) is 0, then 1, then 2, ...


class Number:
    """A value, (number, slope) for each number that it was made from, and when it was made."""

    def __init__(self, value, made_from=()):
        self.value, self.made_from, self.serial = value, made_from, next(serial)

    def __add__(self, other):
        return Number(self.value + other.value, [(self, 1.0), (other, 1.0)])


def by_recursion(number, found):
    """Put all that a number was made from into `found`, then the number itself."""
    for parent, _ in number.made_from:
        if parent not in found:
            by_recursion(parent, found)
    found.append(number)


def in_order(end):
    """All that `end` was made from, and `end` itself, oldest first."""
    found, to_ask = {end}, [end]  # a set, which knows at once what is in it, and a list
    while to_ask:
        for parent, _ in to_ask.pop().made_from:  # pop takes the last off; _ is not needed
            if parent not in found:
                found.add(parent)
                to_ask.append(parent)
    return sorted(found, key=lambda number: number.serial)


def gradients(end):
    """The slope of `end` by everything that it was made from."""
    gradient = {end: 1.0}
    for number in reversed(in_order(end)):
        for parent, slope in number.made_from:
            gradient[parent] = gradient.get(parent, 0.0) + gradient[number] * slope  # 0.0 at first
    return gradient


def doubled(y, times):
    for _ in range(times):
        y = y + y
    return y


heading("1. By recursion: a call within a call within a call, and Python has room for 1,000")
for times in (3, 3000):
    end, found = doubled(Number(1.0), times), []
    print(f"doubled {times} times: {len(in_order(end))} numbers with a list, by recursion ", end="")
    try:
        by_recursion(end, found)
        print(len(found))
    except RecursionError as error:
        print(error)

heading("2. The walk, as it stays")
a = Number(1.0)
print(f"doubled 1000 times: the gradient of a is {gradients(doubled(a, 1000))[a]:g}")
draw(__file__, lambda a: doubled(a, 4), {"a": 1.0}, detail="gradients", fold=False)

asked = [doubled(a, 16)]
for number in asked:  # the list grows while it is gone through
    asked += [parent for parent, _ in number.made_from]
ask(
    "in_order looks into `found` before it puts a number on the list. What happens if it does not?",
    lambda: f"Each is asked once for each path. After 16 doublings {len(asked)} are asked, not 17.",
)
