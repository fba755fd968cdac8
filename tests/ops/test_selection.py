"""Choices among arrays, functions piece by piece, trimmed zeros, scattered extremes: options, edges, errors."""

import numpy as np
import pytest
from derivatives import gradient, leaf

import minigrad as mg
from minigrad import Tensor, check_grads, grad

X = np.random.default_rng(0).standard_normal((3, 4))
P = np.array([-1.0, 2, 0.5, -3, 4])
NAN = np.nan


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.select([X > 0, X < -0.5], [x**2, x * 3], x),
        lambda x: np.select([x > 0, x < -0.5], [x**2, 1.0]),
        lambda x: np.select([x > 0, np.ones((3, 1), bool)], [x[0], x], -1),
        lambda x: np.choose([2, 0, 1, 1], x),
        lambda x: np.choose([[0, 1, 2, 0], [1, 1, 1, 1]], [x[0], x[1, :2].sum(), 2.5]),
        lambda x: np.choose(2, x),
        lambda x: np.choose((x > 0).astype(int), [x, -x]),
        lambda x: np.extract(X > 0, x),
        lambda x: np.compress([True, False, True], x, axis=1),
    ],
)
def test_a_choice_is_numpys_and_has_right_derivatives(call):
    np.testing.assert_array_equal(call(leaf(X)).data, call(X), strict=True)
    check_grads(call, [X])


PIECES = [
    lambda x: np.piecewise(x, [P < 0, P >= 0], [lambda v: v * 2, np.log]),
    lambda x: np.piecewise(x, [x < 0, x > 1], [1.5, lambda v: v**3, lambda v: -v]),
    lambda x: np.piecewise(x, P < 0, [np.sin, 3.0]),
    lambda x: np.piecewise(x, [P < 3, P < 1], [np.sin, np.exp]),  # the last wins
    lambda x: np.piecewise(x, [x < 0], [lambda v, k, power: k * v**power], 3, power=2),
    lambda x: np.piecewise(x, [P > 9], [np.sin]),
    lambda x: np.piecewise(x[1], [x[1] < 0, x[1] < 9], [np.sin, np.exp]),
    lambda x: np.piecewise(x[:4].reshape(2, 2), [x[:4].reshape(2, 2) > 0], [np.exp]),
    lambda x: np.piecewise(x, [x < 0, x > 1], [lambda v: 0.1, lambda v: v.sum(), np.exp]),
    lambda x: np.piecewise(x[1], x[1] < 9, [np.sin]),
]


@pytest.mark.parametrize("call", PIECES)
def test_a_function_piece_by_piece_is_numpys_and_has_right_derivatives(call):
    y = call(leaf(P))
    np.testing.assert_allclose(y.data, call(P), rtol=1e-14)
    assert y.shape == call(P).shape
    check_grads(call, [P])


def test_a_piece_that_is_undefined_elsewhere_leaves_no_trace():
    f = lambda x: np.piecewise(x, [x <= 0, x > 0], [0.0, np.sqrt])  # noqa: E731
    np.testing.assert_array_equal(gradient(f, leaf([-1, 0, 4])), [0, 0, 0.25])


def test_what_is_no_choice_is_refused():
    t = leaf(X)
    with pytest.raises(ValueError, match=r"select: as many choices"):
        np.select([X > 0], [t, t])
    with pytest.raises(TypeError, match=r"select: .*bools"):
        mg.select([[1, 0, 1, 1]], [t])
    with pytest.raises(IndexError, match=r"choose: index 5 .*\[0, 3\)"):
        np.choose([5, 0, 0, 0], t)
    with pytest.raises(IndexError, match=r"choose: index -1 .*\[0, 3\)"):
        np.choose([-1, 0, 0, 0], t)
    with pytest.raises(ValueError, match=r"piecewise: 1 functions for 2 conditions"):
        np.piecewise(t, [X < 0, X > 1], [1.0])
    with pytest.raises(ValueError, match=r"piecewise: .*\(4,\).*\(3, 4\)"):
        np.piecewise(t, X < 0, [1.0, 2.0, 3.0])


@pytest.mark.parametrize("trim", ["fb", "f", "b", "B"])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 1)], ids=str)
def test_trimming_takes_off_the_zeros_that_numpys_takes_off(trim, axis):
    x = np.zeros((4, 5))
    x[1:3, 2:4] = X[:2, :2]
    f = np.trim_zeros
    np.testing.assert_array_equal(mg.trim_zeros(leaf(x), trim, axis).data, x[places(x, trim, axis)])
    assert mg.trim_zeros(leaf(np.zeros(3)), trim).shape == (0,)
    np.testing.assert_array_equal(f(leaf(x[1]), trim).data, f(x[1], trim))
    np.testing.assert_array_equal(
        gradient(mg.trim_zeros, leaf(x)) > 0, [[0, 0, i, i, 0] for i in (0, 1, 1, 0)]
    )


def places(x, trim, axis):
    """The block rows 1 and 2, columns 2 and 3, and what is beside it where nothing is trimmed."""
    axes = (0, 1) if axis is None else (axis % 2,) if isinstance(axis, int) else axis
    ends = [(1, 3), (2, 4)]
    return tuple(
        slice(low if "f" in trim else None, high if "b" in trim.lower() else None)
        if k in axes
        else slice(None)
        for k, (low, high) in enumerate(ends)
    )


def test_trimming_by_another_letter_raises():
    with pytest.raises(ValueError, match=r"trim_zeros: trim must be .*'q'"):
        np.trim_zeros(leaf(P), "q")


@pytest.mark.parametrize(("ours", "word"), [(mg.scatter_max, "amax"), (mg.scatter_min, "amin")])
def test_ties_of_scattered_extremes_are_those_of_pytorch(ours, word):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    rng = np.random.default_rng(0)
    x, v = rng.integers(0, 4, (4, 3)).astype(float), rng.integers(0, 4, (6, 3)).astype(float)
    places, seed = rng.integers(0, 4, (6, 3)), rng.standard_normal((4, 3))
    t, u = leaf(x), leaf(v)
    found = grad(ours(t, places, u, 0), [t, u], seed)
    t, u = (torch.tensor(a, requires_grad=True) for a in (x, v))
    y = t.scatter_reduce(0, torch.tensor(places), u, word)
    expected = torch.autograd.grad(y, [t, u], torch.tensor(seed))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a.data, b, rtol=1e-14)


def test_a_scattered_nan_wins_and_gets_the_gradient():
    x, v = leaf([1, NAN, 3]), leaf([NAN, 2, 4])
    gx, gv = grad(mg.scatter_max(x, [0, 1, 2], v), [x, v], np.ones(3))
    np.testing.assert_array_equal(gx.data, [0, 1, 0])
    np.testing.assert_array_equal(gv.data, [1, 0, 1])


def test_values_to_scatter_are_broadcast_and_must_fit():
    x = leaf(X)
    np.testing.assert_array_equal(mg.scatter_max(x, [0, 2], 0.1).data[1], X[1])
    np.testing.assert_array_equal(mg.scatter_min(x, [0, 2], 0.1).data[::2], np.minimum(X[::2], 0.1))
    with pytest.raises(ValueError, match=r"scatter_max: values have shape \(3,\)"):
        mg.scatter_max(x, [0, 2], np.ones(3))
    with pytest.raises(IndexError, match=r"scatter_min: .*out of bounds"):
        mg.scatter_min(x, 7, 0.1)
    assert not isinstance(mg.scatter_max(X, [0], 1.0), Tensor)
