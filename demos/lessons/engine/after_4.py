"""The engine after lesson 4: arrays, with gradients that are summed back over what was broadcast."""

from itertools import count

import numpy as np

serial = count()


class Tensor:
    """An array, (tensor, slope) for each tensor that it was made from, and when it was made."""

    def __init__(self, value, made_from=()):
        self.value, self.made_from, self.serial = np.asarray(value), made_from, next(serial)

    def __add__(self, other):
        return Tensor(self.value + other.value, [(self, 1.0), (other, 1.0)])

    def __mul__(self, other):  # element by element, so the slopes are those of numbers
        return Tensor(self.value * other.value, [(self, other.value), (other, self.value)])

    def sum(self):  # if any element moves by 1, the sum moves by 1
        return Tensor(self.value.sum(), [(self, np.ones_like(self.value))])


def in_order(end):
    """All that `end` was made from, and `end` itself, oldest first."""
    found, to_ask = {end}, [end]
    while to_ask:
        for parent, _ in to_ask.pop().made_from:
            if parent not in found:
                found.add(parent)
                to_ask.append(parent)
    return sorted(found, key=lambda number: number.serial)


def sum_to(g, shape):
    """g, added up over the axes along which an array of this shape was broadcast to that of g."""
    while g.ndim > len(shape):  # broadcasting put new axes in front
        g = g.sum(axis=0)
    for axis, size in enumerate(shape):
        if size == 1:  # and stretched axes of size 1
            g = g.sum(axis=axis, keepdims=True)
    return g


def gradients(end):
    """The slope of `end`, a single number, by each element of everything that it was made from."""
    gradient = {end: np.ones(())}
    for tensor in reversed(in_order(end)):
        for parent, slope in tensor.made_from:
            sent = sum_to(gradient[tensor] * slope, parent.value.shape)
            gradient[parent] = gradient.get(parent, 0.0) + sent
    return gradient
