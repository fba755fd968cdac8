"""Arguments as NumPy takes them, what they do to the dtype, and the words by which others are refused."""

import functools
import inspect
import re

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, check_grads

NUMBERED = {
    "sum": lambda x, n: mg.sum(x, n(0)),
    "mean": lambda x, n: mg.mean(x, (n(0), n(-1))),
    "max": lambda x, n: mg.max(x, n(1), keepdims=True),
    "transpose": lambda x, n: mg.transpose(x, (n(1), n(0))),
    "x.transpose": lambda x, n: x.transpose(n(1), n(0)),
    "reshape": lambda x, n: mg.reshape(x, (n(3), n(-1))),
    "broadcast_to": lambda x, n: mg.broadcast_to(mg.sum(x), n(4)),
    "expand_dims": lambda x, n: mg.expand_dims(x, n(-1)),
    "squeeze": lambda x, n: mg.squeeze(mg.reshape(x, (2, 3, 1)), n(2)),
    "concatenate": lambda x, n: mg.concatenate([x, x], n(-1)),
    "stack": lambda x, n: mg.stack([x, x], n(2)),
    "swapaxes": lambda x, n: mg.swapaxes(x, n(0), n(1)),
    "log_softmax": lambda x, n: mg.log_softmax(x, n(0)),
    "flatten": lambda x, n: mg.flatten(x, n(1)),
    "pad": lambda x, n: mg.pad(x, n(1)),
    "getitem": lambda x, n: x[n(1)] * x[:, n(0)][n(0)],
}
AXES = {  # of a (1, 1) Tensor
    "sum": mg.sum,
    "mean": mg.mean,
    "max": mg.max,
    "transpose": lambda x, axis: mg.transpose(x, (axis, 0)),
    "squeeze": mg.squeeze,
    "swapaxes": lambda x, axis: mg.swapaxes(x, 0, axis),
    "expand_dims": lambda x, axis: mg.expand_dims(x, axis + (1 if axis > 0 else -1)),
    "concatenate": lambda x, axis: mg.concatenate([x, x], axis),
    "stack": lambda x, axis: mg.stack([x, x], axis + (1 if axis > 0 else -1)),
    "log_softmax": mg.log_softmax,
    "flatten": mg.flatten,
}


@pytest.mark.parametrize("f", NUMBERED.values(), ids=NUMBERED)
def test_an_axis_a_size_or_an_index_may_be_an_integer_of_numpy(f):
    x = np.random.default_rng(0).standard_normal((2, 3))
    check_grads(lambda x: f(x, np.int64), [x])
    np.testing.assert_array_equal(f(Tensor(x), np.int64).data, f(Tensor(x), int).data)


@pytest.mark.parametrize("f", AXES.values(), ids=AXES)
@pytest.mark.parametrize("axis", [2, 3, -3, -4])
def test_an_axis_out_of_range_raises_and_never_wraps(f, axis):
    with pytest.raises((ValueError, IndexError)):
        f(Tensor(np.ones((1, 1))), axis)


# What the functions with an axis take before it, where it is no Tensor, and after it
BEFORE = {
    "indices": np.zeros((2, 3), int), "index": np.zeros((2, 3), int), "repeats": 2, "shift": 1, "k": 1,
    "sections": 1, "axis1": 0, "source": 0, "window_shape": 2, "func1d": np.sum,
}  # fmt: skip
AFTER = {
    "source": {"destination": 0},
    "axis1": {"axis2": 0},
    "apply_along_axis": {"arr": np.ones((2, 3))},
}
WORDS = ("axis", "axes", "axis1", "axis2", "source", "destination", "start_axis")


def calls_with_an_axis():
    """(name, word for an axis, a call that takes the axis) for each function that has one."""
    x = Tensor(np.arange(1.0, 7).reshape(2, 3), requires_grad=True)
    for name in mg.__all__:
        f = getattr(mg, name)
        found = inspect.signature(f).parameters.values() if inspect.isfunction(f) else ()
        for at, word in enumerate(p.name for p in found):
            if word in WORDS:
                first = [p for p in list(found)[:at] if p.default is p.empty]
                given = [
                    [x, x] if p.name in ("xs", "arrays") else BEFORE.get(p.name, x) for p in first
                ]
                yield (
                    name,
                    word,
                    functools.partial(f, *given, **AFTER.get(name, AFTER.get(word, {}))),
                )


AXES_OF = [pytest.param(*case, id=" ".join(case[:2])) for case in calls_with_an_axis()]


@pytest.mark.parametrize(("name", "word", "call"), AXES_OF)
def test_an_axis_that_is_none_is_refused_by_the_function_and_by_what_it_takes(name, word, call):
    for bad in (1.5, "0", (0, 1.5), [None], np.ones(2), object()):
        with pytest.raises((TypeError, ValueError)) as caught:
            call(**{word: bad})
        assert re.match(rf"{name}: {word} must be .*, not ", str(caught.value)), bad


@pytest.mark.parametrize(("name", "word", "call"), AXES_OF)
def test_an_axis_out_of_range_or_given_twice_is_refused_by_the_name_of_the_function(
    name, word, call
):
    with pytest.raises((TypeError, ValueError), match=name):
        call(**{word: 7})
    if name not in ("roll", "tensordot"):  # which may meet an axis twice, or one of each argument
        with pytest.raises((TypeError, ValueError), match=name):
            call(**{word: (0, 0)})


def test_a_scalar_array_as_a_bound_or_operand_does_not_widen_the_result():
    x = Tensor([0.5, 2.0], requires_grad=True)
    for scalar in (np.float64(1), np.array(1.0), Tensor(np.array(1.0))):
        for y in (
            x + scalar,
            x**scalar,
            mg.maximum(x, scalar),
            mg.clip(x, scalar),
            mg.where(True, x, scalar),
        ):
            assert y.dtype == "float32"


def test_a_number_among_tensors_does_not_widen_them():
    x = Tensor(1.0)
    assert mg.stack([x, 2.5]).dtype == "float32"
    assert mg.stack([x, np.float64(2.5)]).dtype == "float32"
    assert mg.concatenate([Tensor([1.0]), [2.5]]).dtype == "float32"


def test_indices_conditions_and_bounds_may_be_tensors_that_need_no_gradient():
    x = Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    for index in [([0, 1, 0],), (slice(None), [2, 2]), ([1, 0], [1, 1]), ([True, False],)]:
        tensors = tuple(Tensor(i) if isinstance(i, list) else i for i in index)
        np.testing.assert_array_equal(x[tensors].data, x.data[index])
    np.testing.assert_array_equal(x[Tensor(1) :].data, x.data[1:])
    np.testing.assert_array_equal(mg.where(x > 2, x, 0).data, np.where(x.data > 2, x.data, 0))
    np.testing.assert_array_equal(
        mg.clip(x, Tensor(1.0), Tensor([2, 3, 4])).data, x.data.clip(1, [2, 3, 4])
    )


@pytest.mark.parametrize(
    ("f", "name"),
    [
        (lambda x, t: mg.where(t, x, 0), "condition"),
        (lambda x, t: mg.pad(x, 1, constant_values=t), "constant_values"),
        (lambda x, t: mg.getitem(x, (t, 0)), "index"),
    ],
)
def test_a_tensor_that_requires_grad_is_refused_where_there_is_no_rule_for_it(f, name):
    x, t = Tensor(np.ones((2, 2)), requires_grad=True), Tensor(1.0, requires_grad=True)
    with pytest.raises(TypeError, match=f"`{name}`.*requires grad"):
        f(x, t)


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda x: x + x[:, :2], ["add", "(2, 3)", "(2, 2)", "broadcast"]),
        (lambda x: mg.where(x[0] > 0, x, x[:, :2]), ["where", "(2, 3)", "(2, 2)"]),
        (lambda x: x @ x, ["matmul", "(2, 3)"]),
        (lambda x: x @ x[0, 0], ["matmul", "0-d"]),
        (lambda x: mg.linear(x, x[:, :2]), ["linear", "(2, 3)", "(2, 2)"]),
        (lambda x: mg.linear(x, x[0]), ["linear", "(3,)"]),
        (lambda x: mg.linear(x, x, x[0]), ["linear", "(3,)", "(2,)"]),
        (lambda x: mg.linear(x, x, x[0, :1]), ["linear", "(1,)", "(2,)"]),
        (lambda x: mg.linear(x, x, x[:, :2]), ["linear", "(2, 2)", "(2,)"]),
        (lambda x: mg.reshape(x, (4, 2)), ["reshape", "(2, 3)"]),
        (lambda x: mg.broadcast_to(x, (2, 4)), ["broadcast_to", "(2, 3)"]),
        (
            lambda x: mg.broadcast_to(x, (4, -1, -1)),
            ["broadcast_to", "(4, -1, -1) has -1", "x.shape[i]"],
        ),
        (lambda x: mg.sum_to(x, (2,)), ["sum_to", "(2,)", "(2, 3)"]),
        (lambda x: mg.squeeze(x, 0), ["squeeze", "(2, 3)"]),
        (lambda x: mg.concatenate([x, x[:, :2]]), ["concatenate", "(2, 3)", "(2, 2)"]),
        (lambda x: mg.stack([x, x[:, :2]]), ["stack", "(2, 3)", "(2, 2)"]),
        (lambda x: mg.pad(x, -1), ["pad", "-1"]),
        (lambda x: mg.pad(x, 1.7), ["pad", "1.7"]),
        (lambda x: mg.clip(x), ["clip", "low", "high"]),
        (lambda x: mg.scatter(x, slice(0, 3), (4, 3)), ["scatter", "(2, 3)"]),
        (lambda x: mg.scatter(x[:1], slice(0, 2), (4, 3)), ["scatter", "(1, 3)", "(2, 3)"]),
        (lambda x: mg.transpose(x, (0,)), ["transpose", "2"]),
        (lambda x: mg.max(x[:0]), ["max", "(0, 3)"]),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else "",
)
def test_an_error_names_the_op_and_the_shapes_it_met(f, words):
    with pytest.raises((ValueError, TypeError)) as error:
        f(Tensor(np.ones((2, 3)), requires_grad=True))
    text = "\n".join([str(error.value), *getattr(error.value, "__notes__", ())])
    assert all(word in text for word in words), text


def test_an_array_without_axes_is_padded_to_itself():
    assert mg.pad(Tensor(2.0), 1).item() == 2


def test_sigmoid_is_accurate_to_rounding_far_from_zero():
    x = np.array([-80.0, -20.0, -5.0, 0.0, 5.0, 20.0, 1000.0])
    y = mg.sigmoid(Tensor(x.astype("float32"), requires_grad=True))
    exact = 1 / (1 + np.exp(-x))
    np.testing.assert_allclose(y.data, exact, rtol=1e-6)
    y.sum().backward()
