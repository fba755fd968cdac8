"""Speed, by memory: the walk frees what it has used, node by node.

A net keeps most of its memory for the walk back. If each value goes as soon as its rule has run, the gradients find
room where the values were. A second walk is then refused, unless the first was told retain_graph=True.
"""

import tracemalloc

import numpy as np
from house import both


def program(engine):
    x = engine.Tensor(np.zeros(100_000))
    tracemalloc.start()  # counts the bytes of what is made from here on
    y = x
    for _ in range(10):
        y = engine.exp(y - 1.0)
    y = y.sum()
    before, _ = tracemalloc.get_traced_memory()
    engine.grad(y, [x])
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return f"{before / 1e6:.1f} MB are kept before the walk, {after / 1e6:.1f} MB after it"


both(__doc__, program)
