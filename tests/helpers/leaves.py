"""Leaves of a few numbers."""

import numpy as np

from minigrad import Tensor


def leaf(*values, dtype="float32"):
    return Tensor(np.array(values, dtype), requires_grad=True)


def leaf64(*values, dtype="float64"):
    return leaf(*values, dtype=dtype)
