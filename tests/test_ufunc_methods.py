"""Methods of NumPy's ufuncs on Tensors: the functions that they are along an axis, or the row, once for each slice."""

import numpy as np
import pytest

from minigrad import Tensor, check_grads

X = np.array([[0.3, -1.7, 2.4], [1.6, 0.8, -0.2]])
Y = np.array([1.2, 0.9, -0.6])
REDUCE = [np.add, np.multiply, np.maximum, np.minimum, np.logaddexp, np.fmax, np.fmin]
ACCUMULATE = [np.add, np.multiply, np.maximum, np.minimum, np.logaddexp]
BY_SLICES = [np.subtract, np.divide, np.hypot, np.logaddexp2]
AXES = [{}, {"axis": 0}, {"axis": 1}, {"axis": -1}, {"axis": 0, "dtype": None, "out": None}]
ONLY_REDUCE = [{"axis": None}, {"axis": (0, 1)}, {"axis": 1, "keepdims": True}, {"keepdims": True}]


@pytest.mark.parametrize(
    ("call", "options"),
    [(f.reduce, o) for f in REDUCE for o in AXES + ONLY_REDUCE]
    + [(f.accumulate, o) for f in ACCUMULATE + BY_SLICES for o in AXES]
    + [
        (f.reduce, o)
        for f in BY_SLICES
        for o in [*AXES, {"axis": 1, "keepdims": True}, {"initial": 1.5}]
    ]
    + [(f.reduce, {"axis": 1, "initial": 1.5}) for f in (np.add, np.multiply, np.maximum)]
    + [(f.reduce, {"axis": 0, "where": X > 0}) for f in (np.add, np.multiply)],
)
def test_reduce_and_accumulate_give_numpys_values_and_their_gradients_at_two_orders(call, options):
    for t in (Tensor(X, requires_grad=True), Tensor(X)):
        y = call(t, **options)
        np.testing.assert_allclose(y.data, call(X, **options), rtol=1e-14)
        assert y.shape == np.shape(call(X, **options))
        assert y.requires_grad is t.requires_grad
    check_grads(lambda x: call(x, **options), [X], order=2)


def test_options_by_position_are_numpys():
    t = Tensor(X, requires_grad=True)
    assert np.add.reduce(t, 1, None, None, True).shape == (2, 1)
    assert np.multiply.accumulate(t, 1).shape == (2, 3)


@pytest.mark.parametrize(
    "ufunc", [np.add, np.multiply, np.subtract, np.hypot, np.arctan2, np.maximum]
)
@pytest.mark.parametrize("pair", [(X, Y), (Y, X), (X, 2.5), (-1.5, Y)], ids=["mv", "vm", "m", "v"])
def test_outer_gives_numpys_values_and_the_gradients_of_both_sides_at_two_orders(ufunc, pair):
    expected = ufunc.outer(*pair)
    for given in (map(Tensor, pair), (Tensor(pair[0]), pair[1]), (pair[0], Tensor(pair[1]))):
        y = ufunc.outer(*given)
        np.testing.assert_array_equal(y.data, expected, strict=True)
    check_grads(ufunc.outer, [np.asarray(a) for a in pair], order=2)


@pytest.mark.parametrize("method", ["reduce", "accumulate", "outer"])
def test_methods_of_a_ufunc_without_gradient_act_on_the_data(method):
    ufunc = np.logical_and if method != "outer" else np.greater
    given = (X > 0, X > 1)[: 1 + (method == "outer")]
    y = getattr(ufunc, method)(*map(Tensor, given))
    np.testing.assert_array_equal(y.data, getattr(ufunc, method)(*given), strict=True)


@pytest.mark.parametrize("indices", [[0, 2, 3], [3, 1, 1, 0], [2], [0, 0, 0], []])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_add_reduceat_gives_numpys_sums_and_their_gradients(indices, axis):
    x = np.random.default_rng(0).standard_normal((4, 5, 4))
    for at in (indices, Tensor(np.array(indices, int))):
        y = np.add.reduceat(Tensor(x, requires_grad=True), at, axis=axis)
        np.testing.assert_allclose(y.data, np.add.reduceat(x, indices, axis=axis), rtol=1e-14)
    check_grads(lambda x: np.add.reduceat(x, indices, axis=axis), [x])


def test_add_reduceat_of_an_index_out_of_range_raises():
    for wrong in (4, -1):
        with pytest.raises(IndexError, match=rf"np\.add\.reduceat: index {wrong}"):
            np.add.reduceat(Tensor(np.ones((4, 2))), [0, wrong])


@pytest.mark.parametrize(
    "call",
    [
        lambda t: np.subtract.reduceat(t, [0, 1]),
        lambda t: np.multiply.at(np.ones((2, 3)), 0, t),
        lambda t: np.logical_and.at(np.ones((2, 3), bool), 0, t),
        lambda t: np.nextafter.outer(t, t),
        lambda t: np.frompyfunc(lambda a, b: a + b, 2, 1).reduce(t),
    ],
)
def test_other_methods_raise_by_name(call):
    for t in (Tensor(X), Tensor(X, requires_grad=True)):
        with pytest.raises(
            TypeError, match=r"np\..*\.(reduceat|at|outer|reduce) has no gradient rule"
        ):
            call(t)


@pytest.mark.parametrize("axis", [None, (0, 1), (1,), ()])
def test_reduce_by_slices_goes_along_several_axes_where_the_order_does_not_matter(axis):
    y = np.hypot.reduce(Tensor(X), axis=axis)
    np.testing.assert_allclose(y.data, np.hypot.reduce(X, axis=axis), rtol=1e-14)
    if axis == (1,):
        np.testing.assert_array_equal(
            np.subtract.reduce(Tensor(X), axis=axis), X[:, 0] - X[:, 1] - X[:, 2]
        )
    elif axis != ():
        with pytest.raises(ValueError, match=r"np\.subtract\.reduce: .*one axis"):
            np.subtract.reduce(Tensor(X), axis=axis)


@pytest.mark.parametrize("method", ["reduce", "accumulate"])
def test_slices_of_an_empty_axis_have_no_result(method):
    with pytest.raises(ValueError, match=rf"np\.subtract\.{method}: .*\(0, 2\) is empty"):
        getattr(np.subtract, method)(Tensor(np.ones((0, 2))))


@pytest.mark.parametrize("keepdims", [False, True])
def test_the_reduction_of_nothing_is_the_identity_where_there_is_one(keepdims):
    nothing = np.ones((0, 2))
    for f in (np.hypot.reduce, np.logaddexp2.reduce):
        y = f(Tensor(nothing), keepdims=keepdims)
        np.testing.assert_array_equal(y.data, f(nothing, keepdims=keepdims), strict=True)
    y = np.subtract.reduce(Tensor(nothing), initial=3, keepdims=keepdims)
    np.testing.assert_array_equal(y.data, np.full(y.shape, 3.0), strict=True)


def test_accumulate_over_no_axis_raises_as_in_numpy():
    with pytest.raises(TypeError, match=r"np\.add\.accumulate: axis=None"):
        np.add.accumulate(Tensor(X), axis=None)
