"""On and off a device: arrays with CuPy's manners are placed, copied back, checked and read as little as possible."""

import warnings

import numpy as np
import pytest
from public_calls import ARGUMENTS, OPS
from public_calls import X as SQUARE

import minigrad as mg
from minigrad import Tensor, devices
from minigrad.ops.inspection import tensors_in
from minigrad.trust.other_library import OnDevice

X = np.arange(6.0).reshape(2, 3)
THERE = OnDevice(np.zeros(1))


@pytest.fixture
def waits():
    """How often the host had to wait for the device since the test began; no check is put off beyond it."""
    before = OnDevice.waits
    yield lambda: OnDevice.waits - before
    devices.settle()


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
    a[OnDevice([0, 0])] = OnDevice(X)
    assert a.array[0].tolist() == X[0].tolist()  # of several values for one place any stays
    before = a
    a += np.float64(1)
    assert a is before


def test_of_several_values_for_one_element_the_last_stays_and_gets_the_gradient_there_too(waits):
    def derivatives(place):
        x, v = (Tensor(place(a), requires_grad=True) for a in (X, np.arange(4.0)))
        i, j = place(np.array([0, 1, 0, 0])), place(np.array([1, 2, 1, 1]))
        y = mg.set_at(x, (i, j), v) ** 3
        first = mg.grad(y.sum(), [x, v], create_graph=True)
        return [y, *first, *mg.grad(sum((g * g).sum() for g in first), [x, v])]

    for there, here in zip(derivatives(OnDevice), derivatives(np.array), strict=True):
        np.testing.assert_array_equal(mg.on_host(there), here.data)


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


# Every public function ---------------------------------------------------------------------------------

WAIT = {
    **dict.fromkeys(["insert", "pad", "repeat"], "arguments that decide a shape are read"),
    "lstsq": "the rank decides the shape of the residuals",
    "piecewise": "each function is called with the elements of its side",
    "trim_zeros": "the zeros decide the shape",
}
"""Functions that read a device, and why."""


def in_library(value, place):
    """Arguments with arrays, also in lists, as Tensors of a library."""
    if isinstance(value, np.ndarray):
        return Tensor(place(value), requires_grad=value.dtype.kind == "f")
    if isinstance(value, (tuple, list)):
        return type(value)(in_library(v, place) for v in value)
    return value


@pytest.mark.parametrize("name", sorted(set(OPS) - {"dropout"}))
def test_a_public_function_gives_on_a_device_what_it_gives_on_the_host_without_a_wait(name, waits):
    given = ARGUMENTS.get(name, (SQUARE,))
    given = given if isinstance(given, tuple) else (given,)
    here = tensors_in(getattr(mg, name)(*in_library(given, np.array)))
    before = waits()
    there = tensors_in(getattr(mg, name)(*in_library(given, OnDevice)))
    assert waits() == before or name in WAIT  # how often depends on the version of NumPy
    for a, b in zip(there, here, strict=True):
        assert type(a.data) is OnDevice
        np.testing.assert_allclose(mg.on_host(a), b.data, rtol=1e-9, atol=1e-12, strict=True)


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


USES = {
    "a value": mg.on_host,
    "another value": lambda y: T.numpy(),
    "the truth": lambda y: bool(Tensor(OnDevice(1.0))),
    "a write": lambda y: Tensor(OnDevice(X)).assign(X),
    "settle": lambda y: devices.settle(),
}


@pytest.mark.parametrize("call", OUT_OF_RANGE.values(), ids=OUT_OF_RANGE)
def test_an_index_out_of_range_raises_before_a_value_is_used_and_never_wraps_round(call, waits):
    for use in USES.values():
        with pytest.raises(IndexError, match=r"7|outside"):
            use(call(OnDevice(LONG)))
        use(T)  # and is told once
    with mg.debug(), pytest.raises(IndexError, match=r"7|outside"):
        call(OnDevice(LONG))
    devices.settle()


@pytest.mark.parametrize("name", sorted(OUT_OF_RANGE.keys() - {"an index of a list"}))
def test_an_index_in_range_is_checked_in_the_one_read_of_the_result_or_with_unchecked_never(
    name, waits
):
    index = OnDevice(np.array([0, 1]))
    found = OUT_OF_RANGE[name](index)
    assert waits() == 0
    expected = OUT_OF_RANGE[name](index)
    np.testing.assert_array_equal(mg.on_host(found), mg.on_host(expected))
    assert waits() == 2  # of which the first brought the checks of both
    with mg.unchecked():
        OUT_OF_RANGE[name](index)
        devices.settle()
    assert waits() == 2


CHECKED = {
    "probabilities": lambda: mg.binary_cross_entropy(T, OnDevice(X)),
    "variances": lambda: mg.gaussian_nll_loss(T, OnDevice(X), -T),
    "signs": lambda: mg.hinge_embedding_loss(T, OnDevice(X)),
    "weights": lambda: mg.average(T, weights=T * 0),
    "offsets": lambda: mg.embedding_bag(T, OnDevice([0, 1]), OnDevice([1, 1])),
    "offsets of the host": lambda: mg.embedding_bag(T, OnDevice([0, 1]), [1, 1]),
    "lengths": lambda: mg.ctc_loss(T, OnDevice([[1]]), OnDevice([3]), OnDevice([1])),
    "labels in a row": lambda: mg.ctc_loss(T, OnDevice([3]), [2], [1]),
}


@pytest.mark.parametrize("call", CHECKED.values(), ids=CHECKED)
def test_what_a_function_checks_of_its_values_it_checks_on_a_device_too(call, waits):
    with pytest.raises((ValueError, IndexError, ZeroDivisionError)):
        mg.on_host(call())


def test_checks_are_read_at_the_latest_when_a_thousand_wait(waits, monkeypatch):
    monkeypatch.setattr(devices, "MOST_PUT_OFF", 3)
    T[OnDevice(LONG)]
    T[OnDevice([0])], T[OnDevice([0])]
    with pytest.raises(IndexError):
        T[OnDevice([0])]
    assert waits() == 2  # the check, and the index that the error names


def test_arrays_of_numpy_are_checked_within_unchecked_too():
    with mg.unchecked(), pytest.raises(IndexError, match=r"label 7 in row 1 is outside \[0, 3\)"):
        mg.cross_entropy(X, LONG)


@pytest.mark.parametrize("ignored", [0, 1, 2])
@pytest.mark.parametrize("weight", [None, [1.0, 2.0, 0.5], [0.0, 0.0, 0.0]])
@pytest.mark.parametrize("eps", [0.0, 0.1])
@pytest.mark.parametrize("loss", ["cross_entropy", "nll_loss"])
def test_a_loss_with_ignored_labels_weights_and_smoothing_is_the_hosts_and_waits_for_nothing(
    loss, ignored, weight, eps, waits
):
    labels = np.array([2, 1])
    labels[:ignored] = -100
    options = {"label_smoothing": eps} if loss == "cross_entropy" else {}
    found = []
    for place in (np.array, OnDevice):
        x = Tensor(place(X), requires_grad=True)
        w = None if weight is None else np.array(weight)  # moved beside x
        with warnings.catch_warnings(action="ignore"):  # of a mean over nothing
            y = getattr(mg, loss)(x, place(labels), weight=w, **options)
            g = mg.grad(y, x)
        assert waits() == 0
        found.append([mg.on_host(y), mg.on_host(g)])
    for there, here in zip(found[1], found[0], strict=True):
        np.testing.assert_allclose(there, here, rtol=1e-12)
