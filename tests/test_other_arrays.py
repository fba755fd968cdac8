"""Arrays and tables of other libraries beside Tensors, and Tensors that are written into plain arrays."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, grad

X = np.array([[0.3, 0.7], [0.6, 0.8]])


class Series:
    """A column of a table, as pandas has it: a dtype and an array, but none of NumPy's protocols for functions."""

    def __init__(self, values):
        self.values = np.asarray(values)
        self.dtype = self.values.dtype

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)

    def __len__(self):
        return len(self.values)

    def __getitem__(self, i):
        return self.values[i]


class Frame(Series):
    """A table: without a dtype of its own."""

    def __init__(self, values):
        super().__init__(values)
        del self.dtype


def tables():
    yield Series, Frame
    try:
        import pandas
    except ImportError:
        return
    yield pandas.Series, pandas.DataFrame


@pytest.mark.parametrize(("series", "frame"), list(tables()))
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool"])
def test_a_column_and_a_table_keep_their_dtype(series, frame, dtype):
    column, table = np.array([1, 0], dtype), np.array([[1, 0], [0, 1]], dtype)
    for made in (Tensor(series(column)), Tensor([series(column), series(column)])):
        assert made.dtype == dtype
    for made in (Tensor(frame(table)), Tensor([frame(table)])):
        assert made.dtype == dtype
    assert Tensor(frame(table), dtype="float16").dtype == "float16"


@pytest.mark.parametrize(("series", "frame"), list(tables()))
def test_losses_and_ops_take_columns_and_tables_as_their_arrays(series, frame):
    t = Tensor(X, requires_grad=True)
    labels, floats = np.array([1, 0]), np.array([0.2, 0.9])
    for found, expected in [
        (mg.cross_entropy(t, series(labels)), mg.cross_entropy(t, labels)),
        (mg.cross_entropy(t, labels, series(floats)), mg.cross_entropy(t, labels, floats)),
        (mg.cross_entropy(t, frame(X)), mg.cross_entropy(t, X)),
        (mg.nll_loss(t, series(labels)), mg.nll_loss(t, labels)),
        (mg.hinge_loss(t, series(labels)), mg.hinge_loss(t, labels)),
        (mg.mse_loss(t, frame(X + 1)), mg.mse_loss(t, X + 1)),
        (mg.take(t, series(labels), 1), mg.take(t, labels, 1)),
        (mg.embedding(t, series(labels)), mg.embedding(t, labels)),
        (mg.add(t, frame(X)), t + X),
        (mg.stack([t[0], series(floats)]), mg.stack([t[0], floats])),
        (mg.average(t, 0, series(floats)), mg.average(t, 0, floats)),
    ]:
        np.testing.assert_array_equal(found.data, expected.data, strict=True)
        s = (found * found).sum(), (expected * expected).sum()
        np.testing.assert_array_equal(grad(s[0], t).data, grad(s[1], t).data)


def test_a_pytorch_tensor_is_its_numbers_and_one_that_requires_grad_is_refused_with_the_remedy():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    t = Tensor(X, requires_grad=True)
    for theirs in (
        torch.tensor(X),
        torch.tensor(X, dtype=torch.float32),
        torch.tensor([[1, 2], [3, 4]]),
    ):
        plain = theirs.numpy()
        assert Tensor(theirs).dtype == plain.dtype
        for found, expected in [
            (t * theirs, t * plain), (theirs * t, plain * t), (t - theirs, t - plain), (theirs - t, plain - t),
            (mg.maximum(t, theirs), mg.maximum(t, plain)), (mg.where(X > 0.5, t, theirs), mg.where(X > 0.5, t, plain)),
        ]:  # fmt: skip
            np.testing.assert_array_equal(found.data, expected.data, strict=True)
            np.testing.assert_array_equal(grad(found.sum(), t).data, grad(expected.sum(), t).data)
    labels = torch.tensor([1, 0])
    assert mg.cross_entropy(t, labels).item() == mg.cross_entropy(t, labels.numpy()).item()
    needs = torch.tensor(X, requires_grad=True)
    for call in (lambda: t * needs, lambda: needs * t, lambda: t + needs, lambda: Tensor(needs),
                 lambda: mg.mse_loss(t, needs), lambda: t.detach() * needs):  # fmt: skip
        with pytest.raises(TypeError, match=r"detach\(\)\.numpy\(\)"):
            call()


# A Tensor on its way into a plain array ------------------------------------------------------------------


def set_row(a, t):
    a[0] = t[0]


def set_all(a, t):
    a[...] = t


def set_masked(a, t):
    a[a == 0] = t[0, 0]


def add_to_row(a, t):
    a[0] += t[1]


def set_element(a, t):
    a[0, 0] = t[0, 0]


def add_to_element(a, t):
    a[0, 0] += t[1, 1]


def add_to_all(a, t):
    a += t


def subtract_from_all(a, t):
    a -= t


def fill(a, t):
    a.fill(t[0, 0])


WRITES = [set_row, set_all, set_masked, add_to_row, set_element, add_to_element, add_to_all,
          subtract_from_all, fill]  # fmt: skip


@pytest.mark.parametrize("write", WRITES)
def test_a_write_into_an_array_that_would_lose_a_gradient_raises_and_names_the_remedy(write):
    a = np.zeros((2, 2))
    with pytest.raises((TypeError, ValueError)) as caught:
        write(a, Tensor(X, requires_grad=True))
    # NumPy says "setting an array element with a sequence" where one element is written, and ours is its cause
    error = caught.value if caught.type is TypeError else caught.value.__cause__
    assert type(error) is TypeError
    for word in ("np.where", "np.stack", "t.detach()"):
        assert word in str(error)
    assert not a.any()
    write(a, Tensor(X))
    assert a.any()


@pytest.mark.parametrize("at", [slice(None), 0])
def test_the_method_dot_of_an_array_says_how_the_product_is_written(at):
    a, w = np.ones((2, 2)), Tensor(X, requires_grad=True)[at]
    with pytest.raises(TypeError, match=r"np\.dot\(a, t\) or a @ t +a\.dot\(t\)"):
        a.dot(w)
    np.testing.assert_array_equal((a @ w).data, a @ X[at])
    np.testing.assert_array_equal(np.dot(a, w).data, np.dot(a, X[at]))
