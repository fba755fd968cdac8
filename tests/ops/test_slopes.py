"""Slopes of elementwise ops, to order 2 and over the whole range of each dtype, beside those of mpmath."""

import itertools

import exact
import exact_pairs
import numpy as np
import pytest
from cases import bessel, scipy_special
from cases.activations import COMPOSITES
from mpmath import mp
from table import OF_TWO, ROWS

import minigrad as mg
from minigrad import Tensor, grad

OPTIONS = {
    "clip": (-0.5, 0.8),
    "ldexp": (2,),
    "nan_to_num": (0.0, None, None),
    "exponential_unit": (1.5, 1.0),
    "threshold": (0.3, -1),
}
HERE = {"entr", "logit", "share", "xlogy", "xlog1py", "rel_entr"}
SCIPYS = (scipy_special.CASES.keys() | bessel.CASES.keys()) - HERE
"""Rows whose slopes are as exact as SciPy's functions are: in test_scipy_special, over the range of those."""
OF_ONE = {row.name: row for row in ROWS if row.sums_back and len(row.arguments) == 1}
OF_ONE = {name: row for name, row in OF_ONE.items() if name not in SCIPYS}
OF_ONE |= {name: getattr(mg, name) for name in (*COMPOSITES, "clip")}


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


# Of two arguments ----------------------------------------------------------------------------------------

UNIT = ((1, 0), (0, 1))


def pairs(dtype):
    """All pairs of numbers of the whole range of the dtype, and of some where functions bend."""
    info = np.finfo(dtype)
    wide = np.geomspace(float(info.tiny) * 1.01, float(info.max) * 0.97, 5)
    middle = np.geomspace(1e-2, 300, 7).astype("float16")
    x = np.concatenate([wide, middle, [1 - 2.0**-8, 1 + 2.0**-6]]).astype(dtype)
    x = np.concatenate([-x, x])
    a, b = np.array(list(itertools.product(x, x))).T
    return a[a != b], b[a != b]  # maxima have a kink at a tie


def slopes_of_two(f, a, b):
    """The first and second derivatives of f at (a, b), each with its order in a and b."""
    xs = [Tensor(v, requires_grad=True) for v in (a, b)]
    with np.errstate(all="ignore"):
        y = f(*xs)
        for first, x in zip(UNIT, xs, strict=True):
            g = grad(y.sum(), x, create_graph=True)
            yield first, g.data
            for then, z in zip(UNIT, xs, strict=True):
                h = grad(g.sum(), z, retain_graph=True) if g.requires_grad else None
                order = tuple(i + j for i, j in zip(first, then, strict=True))
                yield order, np.zeros_like(a) if h is None else h.data


def is_beyond(name, dtype, a, b, order, true):
    """Exceptions: what lies on the way to a normal number is none."""
    greatest, least = float(np.finfo(dtype).max), float(np.finfo(dtype).tiny)
    if name == "hypot":  # the length itself is infinite in the dtype
        return mp.hypot(a, b) > greatest
    if name == "cosine":  # a sum of terms, each of them greater than the sum
        return sum(order) == 2 and abs(true) > greatest / 4
    if "power" in name:
        # a**(b - m) overflows or loses digits, and a small or a great factor would bring it back
        m = order[0] + (int(name.split()[1]) if " " in name else 0)
        return not least <= mp.power(a, mp.mpf(b) - m) <= greatest
    return False


@pytest.mark.parametrize("name", sorted(OF_TWO.keys() - SCIPYS))
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_slopes_of_two_arguments_to_order_2_are_exact_to_a_few_ulp_where_they_are_normal_numbers(
    name, dtype
):
    if name not in exact_pairs.OF_TWO:
        pytest.fail(
            f"{name} has no function in tests/helpers/exact_pairs.py: add it to OF_TWO there"
        )
    info, (a, b) = np.finfo(dtype), pairs(dtype)
    found = list(slopes_of_two(OF_TWO[name], a, b))
    ulps = 4 * np.spacing(np.abs(a)).astype(float), 4 * np.spacing(np.abs(b)).astype(float)
    compared = 0
    # only log(exp(a) + exp(b)) and quotients hide small slopes behind many digits
    with mp.workprec(300 if "power" in name else 1500 if "log" in name else 5000):
        for k, (u, v) in enumerate(zip(a.tolist(), b.tolist(), strict=True)):
            partials = exact_pairs.partials(name, u, v)
            for order, values in found if partials else ():
                true = partials[order]
                if not float(info.tiny) <= abs(true) <= float(info.max):
                    continue
                if is_beyond(name, dtype, u, v, order, true):
                    continue
                # 8 ulp of the slope, and what a and b 4 ulp away would make of it
                allowed = 8 * float(np.spacing(np.asarray(abs(float(true)), dtype)))
                for ulp, (i, j) in zip(ulps, UNIT, strict=True):
                    allowed += ulp[k] * abs(partials[order[0] + i, order[1] + j])
                error = abs(float(values[k]) - true)
                assert error <= allowed, (order, u, v, values[k], float(true))
                compared += 1
    assert compared
