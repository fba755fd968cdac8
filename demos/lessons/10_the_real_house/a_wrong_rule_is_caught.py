"""Shapes: only what was broadcast is summed back. Elsewhere another shape is a wrong rule, and is refused.

`ravel` makes one long row of an array, and its rule must give g the old shape again. Here it does not. The walk of the
lessons takes that for something broadcast, and adds up. minigrad knows of each row whether it broadcasts: those that do
are made by `elementwise`, all others by `primitive`.
"""

import numpy as np
from house import both, last

import minigrad


def program(engine):
    row = last.Op if engine.__name__ == "Lessons" else minigrad.primitive
    ravel = row(lambda x: x.reshape(-1), x=lambda g: g)  # wrong: g.reshape(x_shape)
    x = engine.Tensor(np.ones((1, 3)))
    [g] = engine.grad((ravel(x) * np.array([1.0, 2.0, 3.0])).sum(), [x])
    return f"x has shape {x.shape}, its gradient {g.shape}: {g}"


both(__doc__, program)
