"""The rows of the table, the ops that a gradient comes through, and how results of rows are compared."""

import importlib
import pkgutil

import numpy as np

import minigrad.ops
from minigrad import Tensor, grad
from minigrad.core.rows import Primitive

MODULES = [
    importlib.import_module(f"minigrad.ops.{m.name}")
    for m in pkgutil.iter_modules(minigrad.ops.__path__)
]
ROWS = list(
    {id(v): v for m in MODULES for v in vars(m).values() if isinstance(v, Primitive)}.values()
)
# elementwise rows of two arguments, with their options; name -> a function of the two
OF_TWO = {row.name: row for row in ROWS if row.sums_back and len(row.arguments) == 2}
OF_TWO["where"] = lambda a, b, where=OF_TWO["where"]: where(a > b, a, b)
OF_TWO["cosine"] = lambda a, b, cosine=OF_TWO["cosine"]: cosine(a, b, np.hypot(a.data, b.data))
_power_slope = OF_TWO.pop("power_slope")
for m, n in [(1, 0), (0, 1), (1, 1), (2, 0)]:
    OF_TWO[f"power_slope {m} {n}"] = lambda a, b, m=m, n=n: _power_slope(a, b, m, n)


def arrays(tensors):
    return [None if t is None else t.data for t in tensors]


def assert_close(found, expected, **tolerance):
    """Element by element; None, which says that nothing depends on that argument, is zero."""
    for a, b in zip(found, expected, strict=True):
        assert a is None or b is None or a.shape == b.shape
        np.testing.assert_allclose(0 if a is None else a, 0 if b is None else b, **tolerance)


def ops_seen(f, arguments, orders):
    """The names of the ops that the way back leads through, up to the given order."""
    seen = set()

    def see(node, *_):
        if not node.op.is_part:
            seen.add(node.op.name)

    xs = [Tensor(a, requires_grad=True) for a in arguments]
    outputs = [f(*xs)]
    for _ in range(orders):
        seeds = [Tensor(np.full(y.shape, 0.5), requires_grad=True) for y in outputs]
        along = sum((y * u).sum() for y, u in zip(outputs, seeds, strict=True))
        xs += seeds
        found = grad(along, xs, create_graph=True, tap=see)
        outputs = [g for g in found if g is not None and g.requires_grad]
    return seen
