"""Methods of NumPy's ufuncs on Tensors: reduce and accumulate are the functions that they are along an axis."""

import numpy as np
import pytest

from minigrad import Tensor, check_grads

X = np.array([[0.3, -1.7, 2.4], [1.6, 0.8, -0.2]])
REDUCE = [np.add, np.multiply, np.maximum, np.minimum, np.logaddexp]
ACCUMULATE = [np.add, np.multiply]
AXES = [{}, {"axis": 0}, {"axis": 1}, {"axis": -1}, {"axis": 0, "dtype": None, "out": None}]
ONLY_REDUCE = [{"axis": None}, {"axis": (0, 1)}, {"axis": 1, "keepdims": True}, {"keepdims": True}]


@pytest.mark.parametrize(
    ("call", "options"),
    [(f.reduce, o) for f in REDUCE for o in AXES + ONLY_REDUCE]
    + [(f.accumulate, o) for f in ACCUMULATE for o in AXES],
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


@pytest.mark.parametrize("ufunc", [np.subtract, np.logaddexp2, np.hypot, np.logical_and, np.fmax])
@pytest.mark.parametrize("method", ["reduce", "accumulate", "outer"])
def test_other_methods_raise_by_name(ufunc, method):
    given = (Tensor(X), X) if method == "outer" else (Tensor(X),)
    with pytest.raises(TypeError, match=rf"np\.{ufunc.__name__}\.{method} has no gradient rule"):
        getattr(ufunc, method)(*given)


def test_accumulate_over_no_axis_raises_as_in_numpy():
    with pytest.raises(TypeError, match=r"np\.add\.accumulate: axis=None"):
        np.add.accumulate(Tensor(X), axis=None)
