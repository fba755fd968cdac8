"""The clock of writes: a value that was kept for the walk, and written since, is refused.

A step of training writes into the weights. A walk after that meets the new weight where the old one was meant, and its
gradient is wrong. Here y is w * w at w = 3, whose slope is 6. Nodes and writes take their ticks from one clock: what
was written after the node that keeps it is too young for it.
"""

import numpy as np
from house import both

import minigrad


def program(engine):
    w = engine.Tensor(np.array(3.0))
    y = w * w
    w.data[...] = 100.0
    minigrad.touch(w.data)  # announces the write; optimisers do so themselves
    [g] = engine.grad(y, [w])
    return f"the slope of w * w at 3 is {float(g.item())}, and 6 is right"


both(__doc__, program)
