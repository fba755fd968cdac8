"""On and off a device: arrays with CuPy's manners are placed, copied back, checked and read as little as possible."""

import warnings

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor
from minigrad.trust.other_library import OnDevice

X = np.arange(6.0).reshape(2, 3)
THERE = OnDevice(np.zeros(1))


@pytest.fixture
def waits():
    """How often the host had to wait for the device since the test began."""
    before = OnDevice.waits
    return lambda: OnDevice.waits - before


# The stand-in has CuPy's manners -------------------------------------------------------------------------

REFUSED = {
    "an array of the host beside it": lambda a: a + np.ones(3),
    "the host beside it": lambda a: np.add(np.ones((2, 3)), a),
    "copyto from the host": lambda a: np.copyto(a, X),
    "an index of the host": lambda a: a[np.array([0])],
    "asarray": np.asarray,
    "initial=": lambda a: a.max(initial=0),
    "where=": lambda a: np.sum(a, where=True),
    "casting=": lambda a: a.astype("float32", casting="same_kind"),
    "maximum.reduce": np.maximum.reduce,
    "add.reduce with initial": lambda a: np.add.reduce(a, initial=1),
    "accumulate of maxima": np.maximum.accumulate,
    "writeable": lambda a: setattr(a.flags, "writeable", False),
}


@pytest.mark.parametrize("call", REFUSED.values(), ids=REFUSED)
def test_the_stand_in_refuses_what_cupy_refuses(call):
    with pytest.raises((TypeError, AttributeError)):
        call(OnDevice(X))


def test_the_stand_in_wraps_indices_round_as_cupy_does_and_counts_each_wait(waits):
    a = OnDevice.asarray(X)
    np.testing.assert_array_equal(a[OnDevice([5])].array, X[[1]])
    np.testing.assert_array_equal(np.take(a, OnDevice([-4]), 1).array, X[:, [2]])
    y = OnDevice(np.zeros(3))
    np.add.at(y, OnDevice([4]), 1.0)
    assert y.array.tolist() == [0, 1, 0]
    assert waits() == 0
    for read in (lambda: bool(a[0, 0]), lambda: float(a[0, 1]), lambda: a[1, 1].item(), a.get):
        before = waits()
        read()
        assert waits() == before + 1
    before = a
    a += np.float64(1)
    assert a is before


# On and off ----------------------------------------------------------------------------------------------

VALUES = {
    "an array": X,
    "a Tensor": Tensor(X),
    "a list": X.tolist(),
    "an array there": OnDevice(X),
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_any_value_is_placed_on_the_device_and_comes_back_as_it_was(value):
    there = mg.placed(value, THERE)
    assert type(there) is OnDevice
    assert type(mg.placed(value, Tensor(THERE))) is OnDevice
    for back in (mg.on_host(there), mg.placed(there, X), mg.on_host(Tensor(there))):
        assert type(back) is np.ndarray
        np.testing.assert_array_equal(back, X)


def test_what_is_there_already_is_not_copied():
    there = OnDevice(X)
    assert mg.placed(there, THERE) is there
    assert mg.placed(X, X) is X
    assert mg.on_host(X) is X


def test_an_array_without_a_way_back_is_refused_by_name():
    class Lost:
        def __array_function__(self, function, types, args, options):
            return NotImplemented

    with pytest.raises(TypeError, match=r"a Lost has none of \.get\(\), \.cpu\(\) and __array__"):
        mg.on_host(Lost())


def test_a_tensor_of_pytorch_comes_back():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    np.testing.assert_array_equal(mg.on_host(torch.tensor(X)), X)


# Indices out of range ------------------------------------------------------------------------------------

T = Tensor(OnDevice(X), requires_grad=True)
LONG = np.array([0, 7])
OUT_OF_RANGE = {
    "getitem": lambda i: T[i],
    "getitem along an axis": lambda i: T[:, i],
    "getitem after an ellipsis": lambda i: T[..., i],
    "an index of a list": lambda i: T[[0, 7]],
    "take": lambda i: mg.take(T, i, 1),
    "take_along_axis": lambda i: mg.take_along_axis(T, i[None], 1),
    "embedding": lambda i: mg.embedding(T, i),
    "one_hot": lambda i: mg.one_hot(i, 3),
    "scatter": lambda i: mg.scatter(T[:, 0], i, (4,)),
    "scatter_add": lambda i: mg.scatter_add(T, (slice(None), i), 1.0),
    "set_at": lambda i: mg.set_at(T, (slice(None), i), 1.0),
    "put_along_axis": lambda i: mg.put_along_axis(T, i[None], 1.0, 1),
    "cross_entropy": lambda i: mg.cross_entropy(T, i),
    "nll_loss": lambda i: mg.nll_loss(T, i),
    "hinge_loss": lambda i: mg.hinge_loss(T, i),
    "multi_margin_loss": lambda i: mg.multi_margin_loss(T, i),
    "multilabel_margin_loss": lambda i: mg.multilabel_margin_loss(T[:, :2], np.stack([i, i])),
}


@pytest.mark.parametrize("call", OUT_OF_RANGE.values(), ids=OUT_OF_RANGE)
def test_an_index_out_of_range_raises_and_never_wraps_round(call, waits):
    with pytest.raises(IndexError, match=r"7|outside"):
        call(OnDevice(LONG))


@pytest.mark.parametrize("name", sorted(OUT_OF_RANGE.keys() - {"an index of a list"}))
def test_an_index_in_range_is_read_once_or_with_unchecked_never(name, waits):
    index = OnDevice(np.array([0, 1]))
    OUT_OF_RANGE[name](index)
    assert waits() == 1
    with mg.unchecked():
        OUT_OF_RANGE[name](index)
    assert waits() == 1


def test_arrays_of_numpy_are_checked_within_unchecked_too():
    with mg.unchecked(), pytest.raises(IndexError, match=r"label 7 in row 1 is outside \[0, 3\)"):
        mg.cross_entropy(X, LONG)


@pytest.mark.parametrize("ignored", [0, 1, 2])
@pytest.mark.parametrize("weight", [None, [1.0, 2.0, 0.5], [0.0, 0.0, 0.0]])
@pytest.mark.parametrize("eps", [0.0, 0.1])
@pytest.mark.parametrize("loss", ["cross_entropy", "nll_loss"])
def test_a_loss_with_ignored_labels_weights_and_smoothing_is_the_hosts_with_one_wait(
    loss, ignored, weight, eps, waits
):
    labels = np.array([2, 1])
    labels[:ignored] = -100
    options = {"label_smoothing": eps} if loss == "cross_entropy" else {}
    found = []
    for place in (np.array, OnDevice):
        x = Tensor(place(X), requires_grad=True)
        w = None if weight is None else place(np.array(weight))
        before = waits()
        with warnings.catch_warnings(action="ignore"):  # of a mean over nothing
            y = getattr(mg, loss)(x, place(labels), weight=w, **options)
            g = mg.grad(y, x)
        assert waits() - before == (place is OnDevice)
        found.append([mg.on_host(y), mg.on_host(g)])
    for there, here in zip(found[1], found[0], strict=True):
        np.testing.assert_allclose(there, here, rtol=1e-12)
