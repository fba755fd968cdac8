"""Leaves of a few numbers."""

from functools import partial

import numpy as np

from minigrad import Tensor


def leaf(*values, dtype="float32"):
    return Tensor(np.array(values, dtype), requires_grad=True)


leaf64 = partial(leaf, dtype="float64")
