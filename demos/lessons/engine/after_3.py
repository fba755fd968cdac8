"""The engine after lesson 3: a number that remembers, the order of a walk, and the walk."""

from itertools import count

serial = count()


class Number:
    """A value, (number, slope) for each number that it was made from, and when it was made."""

    def __init__(self, value, made_from=()):
        self.value, self.made_from, self.serial = value, made_from, next(serial)

    def __add__(self, other):
        return Number(self.value + other.value, [(self, 1.0), (other, 1.0)])

    def __mul__(self, other):
        return Number(self.value * other.value, [(self, other.value), (other, self.value)])


def in_order(end):
    """All that `end` was made from, and `end` itself, oldest first."""
    found, to_ask = {end}, [end]
    while to_ask:
        for parent, _ in to_ask.pop().made_from:
            if parent not in found:
                found.add(parent)
                to_ask.append(parent)
    return sorted(found, key=lambda number: number.serial)


def gradients(end):
    """The slope of `end` by everything that it was made from."""
    gradient = {end: 1.0}
    for number in reversed(in_order(end)):
        for parent, slope in number.made_from:
            gradient[parent] = gradient.get(parent, 0.0) + gradient[number] * slope
    return gradient
