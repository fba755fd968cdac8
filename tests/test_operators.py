"""Operators, NumPy's functions and indices on a Tensor: what they give is what arrays give, and it is recorded."""

import operator

import numpy as np
import pytest
from leaves import leaf

import minigrad as mg
from minigrad import Tensor, grad

ARITHMETIC = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]


# Operators -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ARITHMETIC)
@pytest.mark.parametrize(
    "other",
    [
        3,
        0.5,
        True,
        np.float32(0.5),
        np.float64(0.5),
        np.int64(3),
        np.array(0.5, "float32"),
        np.array([0.5, 2.0], "float32"),
        np.array([[1.0], [2.0], [3.0]], "float32"),
        np.array([3, 2]),
        [0.5, 2.0],
    ],
    ids=str,
)
def test_operators_take_numbers_arrays_and_lists_on_both_sides_and_record(operation, other):
    for swapped in (False, True):
        t = leaf(1, 2)
        result = operation(other, t) if swapped else operation(t, other)
        array = np.asarray(other, "float32")
        expected = operation(array, t.numpy()) if swapped else operation(t.numpy(), array)
        assert type(result) is Tensor
        assert result.dtype == np.float32
        assert result.shape == expected.shape
        np.testing.assert_allclose(result.numpy(), expected, rtol=1e-6)
        result.sum().backward()
        assert t.grad.shape == (2,)


@pytest.mark.parametrize("make", [np.asarray, np.ndarray.tolist, Tensor])
def test_matmul_takes_arrays_and_lists_on_both_sides_and_records(make):
    a = np.array([[1, 2], [3, 4]], "float32")
    t = leaf([1, 0], [5, 6])
    for result, expected in [(make(a) @ t, a @ t.numpy()), (t @ make(a), t.numpy() @ a)]:
        assert np.array_equal(result, expected)
        assert grad(result.sum(), t).shape == (2, 2)


def test_divmod_gives_the_whole_quotient_without_a_gradient_and_the_remainder_with_one():
    t = leaf(5, -2)
    for found, expected in [
        (divmod(t, 3), divmod(t.numpy(), 3)),
        (divmod(3, t), divmod(3, t.numpy())),
    ]:
        assert all(map(np.array_equal, found, expected))
        assert [part.requires_grad for part in found] == [False, True]


def test_unary_operators_record():
    t = leaf(-1, 2)
    for result, slope in [(-t, [-1, -1]), (+t, [1, 1]), (abs(t), [-1, 1])]:
        assert np.array_equal(grad(result.sum(), t), slope)


@pytest.mark.parametrize("operation", [operator.and_, operator.or_, operator.xor])
def test_masks_combine_as_arrays_do(operation):
    a, b = np.array([True, True, False]), np.array([True, False, False])
    for left, right in [(Tensor(a), Tensor(b)), (Tensor(a), b), (a, Tensor(b)), (Tensor(a), True)]:
        result = operation(left, right)
        assert type(result) is Tensor
        assert np.array_equal(result, operation(np.asarray(left), np.asarray(right)))
    assert np.array_equal(operation(True, Tensor(b)), operation(True, b))
    assert np.array_equal(~Tensor(a), ~a)


def test_operators_without_a_row_raise():
    for left, right in [(leaf(1), 2), (2, leaf(1)), (np.ones(1), leaf(1))]:
        with pytest.raises(TypeError):
            left << right


def test_nothing_equals_none():
    assert not np.any(leaf(1, 2) == None)  # noqa: E711


# NumPy's functions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        np.exp,
        np.sqrt,
        np.negative,
        lambda t: np.add(1, t),
        lambda t: np.multiply(np.ones((3, 2, 1)), t),
        lambda t: np.power(t, 2),
        lambda t: np.maximum(2.5, t),
        lambda t: np.sum(t, axis=0),
        lambda t: np.mean(t, axis=(0, 1), keepdims=True),
        lambda t: np.max(t, axis=-1),
        lambda t: np.concatenate([np.zeros((1, 2)), t]),
        lambda t: np.concatenate((t, t), axis=1),
        lambda t: np.stack([t, np.ones((2, 2))], axis=1),
        lambda t: np.where(np.array([True, False]), t, 0),
        lambda t: np.clip(t, 1.5, None),
        lambda t: np.reshape(t, (4,)),
        lambda t: np.reshape(t, -1),
        np.transpose,
        lambda t: np.transpose(t, (1, 0)),
        lambda t: np.swapaxes(t, 0, 1),
        lambda t: np.expand_dims(t, (0, -1)),
        lambda t: np.squeeze(np.expand_dims(t, 0), 0),
        lambda t: np.broadcast_to(t, (3, 2, 2)),
        lambda t: np.pad(t, ((1, 0), (0, 2))),
        np.ravel,
        lambda t: np.matmul(t, np.ones(2)),
    ],
)
def test_numpys_functions_on_tensors_give_what_they_give_on_arrays_and_record(call):
    array = np.array([[1.0, 2.0], [3.0, 4.0]])
    result, expected = call(Tensor(array, requires_grad=True)), call(array)
    assert type(result) is Tensor
    assert result.requires_grad
    assert result.shape == expected.shape
    assert result.dtype == expected.dtype
    np.testing.assert_allclose(result.numpy(), expected, rtol=1e-14)
    assert not call(Tensor(array)).requires_grad
    mg.check_grads(call, [array + 0.1])


def test_methods_agree_with_functions():
    t = leaf([1, 2], [3, 4])
    for name in ("sum", "mean", "max", "min", "ravel", "relu", "sigmoid", "tanh", "exp", "softmax"):
        assert np.array_equal(getattr(t, name)(), getattr(mg, name)(t)), name
    assert np.array_equal(t.T, np.transpose(t))
    assert np.array_equal(t.mT, t.swapaxes(-1, -2))
    assert t.reshape(4).shape == t.reshape((4,)).shape == t.reshape(-1).shape == (4,)
    assert t.transpose(1, 0).shape == t.transpose((1, 0)).shape == t.transpose().shape
    assert t.argmax().item() == 3
    assert np.array_equal(t.argmin(axis=0), [0, 0])
    assert (t > 0).all()
    assert not (t < 0).any()


# Indexing ------------------------------------------------------------------------------------------------

INDICES = [
    1,
    -1,
    slice(None, None, -2),
    (slice(1, 3), 0),
    (..., 0),
    (None, 1, ..., None),
    [0, 2, 0],
    (np.array([0, 2, 0]), np.array([1, 1, 1])),
    np.array([[True, False], [False, True], [True, True]]),
    np.array([True, False, True]),
    (slice(None), np.array([1, 1])),
    np.int64(2),
    np.array(2),
    np.zeros(0, int),
]


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_indexing_is_numpys_and_its_gradient_counts_how_often_each_element_was_taken(index):
    array = np.arange(6.0).reshape(3, 2)
    x = Tensor(array, requires_grad=True)
    y = x[index]
    assert np.array_equal(y, array[index])
    y.sum().backward()
    taken = np.bincount(np.arange(6).reshape(3, 2)[index].ravel(), minlength=6)
    assert np.array_equal(x.grad, taken.reshape(3, 2))
    mg.check_grads(lambda x: x[index] ** 2, [array])


def test_tensors_of_integers_and_bools_are_indices():
    x = leaf(5, 6, 7)
    assert np.array_equal(x[Tensor([2, 0])], [7, 5])
    assert np.array_equal(x[x > 5.5], [6, 7])
    assert x[Tensor(1)].item() == 6
    assert np.array_equal(mg.stack([x, x])[Tensor([0, 1]), Tensor([2, 1])], [7, 6])
    assert [5, 6, 7][Tensor(1)] == 6
    assert np.arange(3)[Tensor([2, 0])].tolist() == [2, 0]
    for wrong in (Tensor([1]), Tensor(1.0)):
        with pytest.raises(TypeError, match="0-d integer"):
            operator.index(wrong)


def test_an_index_out_of_range_raises_with_a_note():
    with pytest.raises(IndexError, match="out of bounds") as caught:
        leaf(1, 2)[5]
    assert "getitem" in caught.value.__notes__[0]
