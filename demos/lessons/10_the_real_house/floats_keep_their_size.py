"""Dtypes: a gradient has the dtype of what it is the gradient of, whatever it met on the way.

NumPy has floats of 4 bytes and of 8. Nets are trained in those of 4, which are twice as fast. One number of 8 bytes,
such as the np.float64 that np.sqrt returns, turns all that it meets into 8 bytes, and nobody says so.
"""

import numpy as np
from house import both


def program(engine):
    w = engine.Tensor(np.ones(3, np.float32))
    rate = np.sqrt(np.float64(2))
    y = (w * rate).sum()
    [g] = engine.grad(y, [w])
    return f"w is {w.data.dtype}, y is {y.data.dtype}, the gradient of w is {g.dtype}"


both(__doc__, program)
