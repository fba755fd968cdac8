"""The Hessian of every row of several arguments is symmetric, that of elementwise rows at kinks and edges too."""

import itertools
import math

import numpy as np
import pytest
from cases import CASES
from table import OF_TWO, ROWS

import minigrad as mg
from minigrad import Tensor, grad
from minigrad.core.op import Variadic

OF_SEVERAL = {row.name for row in ROWS if len(row.arguments) > 1 or isinstance(row, Variadic)}
EDGES = [0.0, -0.0, 1, -1, 0.5, 2, -3, 1e-8, 30, -800, 1e200, math.inf, -math.inf, math.nan]


def second(f, xs, first, then):
    """The derivative of sum f by one of its arguments, then by one, element by element."""
    tensors = [Tensor(x, requires_grad=True) for x in xs]
    g = grad(f(*tensors).sum(), tensors[first], create_graph=True)
    found = grad(g.sum(), tensors[then]) if g.requires_grad else None
    return np.zeros_like(xs[0]) if found is None else found.data


@pytest.mark.parametrize("name", OF_TWO)
def test_the_mixed_derivatives_of_an_elementwise_row_are_equal_at_kinks_and_edges_too(name):
    a, b = np.array(list(itertools.product(EDGES, EDGES))).T
    with np.errstate(all="ignore"):
        (aa, ab), (ba, bb) = [[second(OF_TWO[name], (a, b), i, j) for j in (0, 1)] for i in (0, 1)]
        both = np.isfinite(ab) & np.isfinite(ba)
        allowed = 1e-13 * (np.abs(ab) + np.sqrt(np.abs(aa)) * np.sqrt(np.abs(bb)))
        wrong = both & (np.abs(ab - ba) > np.nan_to_num(allowed))
    assert both.any()
    assert not wrong.any(), list(zip(a[wrong], b[wrong], ab[wrong], ba[wrong], strict=True))


@pytest.mark.parametrize("name", sorted(OF_SEVERAL))
def test_the_hessian_of_a_row_of_several_arguments_is_symmetric(name):
    rng = np.random.default_rng(0)
    for call in CASES[name]:
        xs = [Tensor(a, requires_grad=True) for a in call.arguments()]
        y = call.on(*xs)
        u, v = [[rng.standard_normal(x.shape) for x in xs] for _ in range(2)]
        first = grad(y, xs, Tensor(rng.standard_normal(y.shape)), create_graph=True)

        def curvature(u, v, xs=xs, first=first):
            """u H v, by the gradient along u."""
            along = sum(((g * d).sum() for g, d in zip(first, u, strict=True) if g is not None))
            if not (isinstance(along, Tensor) and along.requires_grad):
                return 0.0
            found = grad(along, xs, retain_graph=True)
            return sum((h.data * d).sum() for h, d in zip(found, v, strict=True) if h is not None)

        np.testing.assert_allclose(curvature(u, v), curvature(v, u), rtol=1e-9, atol=1e-11)


def test_the_mixed_derivative_of_a_power_is_its_formula_and_its_limit_at_base_zero():
    a, b = np.array([2.0, 2, 3, 0, 0, 0]), np.array([0, 1.5, -1, 3, 0.5, 0])
    log = np.log([2, 3])
    expected = [0.5, 2**0.5 * (1 + 1.5 * log[0]), (1 - log[1]) / 9, 0, -math.inf, math.inf]
    for i, j in [(0, 1), (1, 0)]:
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(second(mg.power, (a, b), i, j), expected, rtol=1e-14)
