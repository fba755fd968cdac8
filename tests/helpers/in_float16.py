"""Sums of thousands of float16: the layouts they are tried in, and how far they may be from those of float64."""

import math

import numpy as np

LONG, LARGEST, LARGEST_ON_THE_WAY = 6000, 50_000, 1_000_000
DEEP = 5000  # nodes of a call; from here on the layouts, which the first node reads alone, are not tried one by one
ULP = 2.0**-10  # of a number of float16, relative to it, at most
LEAST = 2.0**-24  # the smallest positive number of float16
END = 65520.0  # is rounded to inf
HALF = np.float16


def size_when_long(shape):
    """The number of elements, of an array that has some, after axes a hundredth as long became the long ones."""
    return math.prod(100 * n if n >= LONG // 200 else n or 1 for n in shape)


def assert_rounded_once(found, expected, ulps=3, least=LEAST):
    """The error is at most `ulps` of float16 in the largest element, which is a sum of positive numbers.

    One rounding costs half an ulp of an element, the slopes of an activation, from its output, up to 3. `least` is
    the ulp of numbers that cancel in it.
    """
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == HALF
        at_the_end = np.abs(np.abs(b) - END) <= END * ULP  # either inf or the largest number
        a, b = a[~at_the_end], b[~at_the_end]
        with np.errstate(over="ignore"):
            rounded = b.astype(HALF)
        finite = np.isfinite(rounded)
        np.testing.assert_array_equal(a[~finite], rounded[~finite])
        largest = np.abs(b[finite]).max(initial=0)
        assert np.abs(a[finite] - b[finite]).max(initial=0) <= ulps * (largest * ULP + least)


def doubled(a):
    for axis in range(a.ndim):
        a = np.repeat(a, 2, axis)
    return a


LAYOUTS = {  # an array that is stored otherwise, and the view of it that is the argument
    "by rows": (np.copy, lambda t: t),
    "by columns": (lambda a: a.T.copy(), lambda t: t.T),
    "backwards": (lambda a: np.flip(a).copy(), lambda t: t[(slice(None, None, -1),) * t.ndim]),
    "every second": (doubled, lambda t: t[(slice(None, None, 2),) * t.ndim]),
}
