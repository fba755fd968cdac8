"""Hooks: a function that is called with a gradient when it is complete, and may replace it.

Along a deep net gradients may grow beyond all bounds. A hook in the middle looks at one, and holds it down.
"""

import numpy as np
from house import both


def program(engine):
    x = engine.Tensor(np.array(1.0))
    y = x
    for step in range(40):
        y = y * 10.0
        if step == 20:
            y.register_hook(lambda g: np.clip(g, -1.0, 1.0))
    [g] = engine.grad(y, [x])
    return f"a gradient of 1e19 was held down to 1 in the middle, and x gets {g.item():g}"


both(__doc__, program)
