"""No cycles: what is no longer used is freed at once.

In the engine of the lessons the rule of exp keeps the tensor y; y has its node; the node has what the rule keeps.
Python frees a thing when the last that refers to it is gone, and in a circle there is always one more. It looks for
circles only now and then. minigrad's node keeps the array instead, and makes a tensor of it when one is needed.
"""

import gc
import weakref

import numpy as np
from house import both


def program(engine):
    gc.disable()  # nobody looks for circles
    x, alive = engine.Tensor(np.zeros(1000)), []
    for _ in range(10):
        y = engine.exp(x)
        alive.append(weakref.ref(y))  # can tell whether y is still there, and does not keep it
    del y
    count = sum(y() is not None for y in alive)
    gc.enable()
    return f"of ten results that nobody needs, {count} are still there"


both(__doc__, program)
