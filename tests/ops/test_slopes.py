"""Slopes of elementwise ops, to order 2 and over the whole range of each dtype, beside those of mpmath."""

import exact
import numpy as np
import pytest
from cases.activations import COMPOSITES
from table import ROWS

import minigrad as mg
from minigrad import Tensor, grad

OPTIONS = {"clip": (-0.5, 0.8), "nan_to_num": (0.0, None, None)}
OF_ONE = {row.name: row for row in ROWS if row.sums_back and len(row.arguments) == 1}
OF_ONE |= {name: getattr(mg, name) for name in COMPOSITES}


def points(dtype):
    """Between the least and the greatest normal number, more of them where functions bend, and around 1."""
    info = np.finfo(dtype)
    wide = np.geomspace(float(info.tiny) * 1.01, float(info.max) * 0.97, 25)
    middle = np.geomspace(1e-3, 900, 40).astype("float16")
    around_1 = [1 - 2.0**-k for k in (3, 6, 10)] + [1 + 2.0**-k for k in (3, 6, 9)]
    x = np.concatenate([wide, middle, around_1]).astype(dtype)
    return np.concatenate([-x, x])


def slopes(f, x):
    t = Tensor(x, requires_grad=True)
    with np.errstate(all="ignore"):
        first = grad(f(t).sum(), t, create_graph=True)
        second = grad(first.sum(), t) if first.requires_grad else None
    return first.data, np.zeros_like(x) if second is None else second.data


@pytest.mark.parametrize("name", OF_ONE)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_slopes_to_order_2_are_exact_to_a_few_ulp_where_they_are_normal_numbers(name, dtype):
    if name not in exact.OF_ONE:
        pytest.fail(f"{name} has no function in tests/helpers/exact.py: add it to OF_ONE there")
    info, x = np.finfo(dtype), points(dtype)
    found = slopes(lambda t: OF_ONE[name](t, *OPTIONS.get(name, ())), x)
    compared = 0
    for i, v in enumerate(x):
        true = exact.derivatives(name, float(v))
        for order in (1, 2):
            if true is None or not float(info.tiny) <= abs(true[order]) <= float(info.max):
                continue
            # 8 ulp of the slope, and what x 4 ulp away would make of it
            allowed = 8 * float(np.spacing(np.asarray(abs(float(true[order])), dtype)))
            allowed += 4 * float(np.spacing(abs(v))) * abs(true[order + 1])
            error = abs(found[order - 1][i] - true[order])
            assert error <= allowed, (order, v, found[order - 1][i], float(true[order]))
            compared += 1
    assert compared
