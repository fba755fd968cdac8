"""Tensor as its user meets it: operators, NumPy's functions, indexing, copies, what it prints and what it says."""

import contextlib
import copy
import operator
import pickle

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, grad, no_grad
from minigrad.ops.pytorch_words import ARGUMENTS, NAMES

ARITHMETIC = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]


def leaf(*values, dtype="float32"):
    return Tensor(np.array(values, dtype), requires_grad=True)


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
            divmod(left, right)


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


# What a tensor is ----------------------------------------------------------------------------------------


def test_shape_ndim_size_len_dtype_and_nbytes_are_the_arrays():
    t = Tensor(np.ones((3, 2), "float32"))
    assert (t.shape, t.ndim, t.size, len(t), t.dtype, t.nbytes) == ((3, 2), 2, 6, 3, "float32", 24)


def test_leaves_are_what_no_recorded_op_made():
    x = leaf(1)
    assert x.is_leaf
    assert not (x * 1).is_leaf
    assert (x * 1).detach().is_leaf
    with no_grad():
        assert (x * 1).is_leaf
    assert (Tensor([1.0]) * 1).is_leaf


def test_requires_grad_may_be_switched_on_leaves_and_off_only_there():
    t = Tensor([1.0])
    assert t.requires_grad_() is t
    assert (t * 1).requires_grad
    t.requires_grad = False
    assert not (t * 1).requires_grad
    with pytest.raises(RuntimeError, match="detach"):
        (leaf(1) * 1).requires_grad = False


def test_a_leaf_frozen_after_the_forward_pass_does_not_turn_into_a_constant_unseen():
    x, w = leaf(2), leaf(3)
    y = (x * x * w).sum()
    w.requires_grad = False
    with contextlib.suppress(RuntimeError):  # refusing is as good as being right
        dx = grad(y, x, create_graph=True)
        w.requires_grad = True
        assert grad(dx.sum(), w).item() == 4


def test_detach_shares_the_data_and_has_no_history():
    x = leaf(1, 2)
    for t in (x, x * 2):
        d = t.detach()
        assert np.shares_memory(d.data, t.data)
        assert not d.requires_grad
        assert d.is_leaf
    assert grad((x * x.detach()).sum(), x).tolist() == [1, 2]


def test_data_is_the_array_and_numpy_a_read_only_view_of_it():
    array = np.ones(2)
    t = Tensor(array)
    assert t.data is array
    assert not t.numpy().flags.writeable
    assert array.flags.writeable
    assert np.shares_memory(t.numpy(), array)


@pytest.mark.parametrize(
    "value", [[5.0, 6.0], np.array([5, 6]), Tensor([5.0, 6.0]), leaf(5, 6) * 1]
)
def test_data_may_be_replaced_by_anything_of_the_same_shape(value):
    t = leaf(1, 2)
    t.data = value
    assert t.dtype == np.float32
    assert t.is_leaf
    assert t.requires_grad
    assert np.array_equal(t, [5, 6])


@pytest.mark.parametrize("write", [Tensor.assign, lambda t, v: setattr(t, "data", v)])
def test_a_write_that_would_lose_fractions_or_imaginary_parts_raises(write):
    for t, value in [(Tensor([1, 2]), [1.5, 2.5]), (leaf(1, 2), np.array([1j, 2j]))]:
        with pytest.raises(TypeError):
            write(t, value)


def test_deepcopy_shares_nothing_and_keeps_values_dtype_grad_and_requires_grad():
    t = leaf(1, 2)
    (t * t).sum().backward()
    seen = []
    t.register_hook(seen.append)
    twin = copy.deepcopy({"a": t, "b": [t]})
    assert twin["a"] is twin["b"][0]
    twin = twin["a"]
    assert twin.requires_grad
    assert np.array_equal(twin, t)
    assert np.array_equal(twin.grad, t.grad)
    assert not np.shares_memory(twin.data, t.data)
    assert not np.shares_memory(twin.grad.data, t.grad.data)
    (twin * 3).sum().backward()
    assert np.array_equal(t.grad, [2, 4])
    assert not seen
    with pytest.raises(RuntimeError, match=r"deepcopy.*multiply"):
        copy.deepcopy(t * 2)


def test_leaves_can_be_pickled():
    t = pickle.loads(pickle.dumps(leaf(1, 2)))
    assert t.requires_grad
    assert np.array_equal(t, [1, 2])


# Making one ----------------------------------------------------------------------------------------------


def test_a_tensor_of_tensors_that_require_grad_raises_and_says_what_to_do():
    x = leaf(1, 2)
    for nested in ([x, x], (x, x * 2), [x.sum(), x.sum()], [[x], [x]]):
        with pytest.raises(TypeError, match="history"):
            Tensor(nested)
    for t in (x, x * 2):
        with pytest.raises(TypeError, match="history"):
            Tensor(t)
    assert np.array_equal(Tensor([x.detach(), x.detach()]), [[1, 2], [1, 2]])
    assert np.array_equal(Tensor(Tensor([1.0]), requires_grad=True), [1])


@pytest.mark.parametrize("data", ["words", [[1, 2], [3]], None, {}, object(), ["1"]])
def test_data_that_is_not_numeric_raises(data):
    with pytest.raises(TypeError, match="Tensor"):
        Tensor(data)


# What it prints ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "tensor"),
    [
        ("Tensor([1., 2.])", Tensor([1.0, 2.0])),
        ("Tensor(1.5)", Tensor(1.5)),
        ("Tensor([1, 2])", Tensor([1, 2])),
        ("Tensor([ True, False])", Tensor([True, False])),
        ("Tensor([], dtype=float64)", Tensor(np.zeros(0))),
        ("Tensor([1.], dtype=float16)", Tensor(np.ones(1, "float16"))),
        ("Tensor([1., 2.], requires_grad=True)", leaf(1, 2)),
        ("Tensor([2., 4.], op=multiply)", leaf(1, 2) * 2),
        ("Tensor([[1.],\n        [2.]])", Tensor([[1.0], [2.0]])),
    ],
)
def test_repr_tells_values_and_what_is_out_of_the_ordinary(text, tensor):
    assert repr(tensor) == text
    assert str(tensor) == f"{tensor}" == text


def test_repr_of_a_large_tensor_is_short_and_says_its_shape():
    assert len(repr(Tensor(np.zeros((1000, 1000))))) < 1000
    assert "shape=(1000, 1000)" in repr(Tensor(np.zeros((1000, 1000))))
    assert "shape=(0, 3)" in repr(Tensor(np.zeros((0, 3))))


def test_repr_names_a_subclass():
    class Weight(Tensor):
        __slots__ = ()

    assert repr(Weight([1.0])) == "Weight([1.])"


# What it says --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("theirs", sorted(NAMES))
def test_pytorchs_words_are_answered_with_ours_and_ours_exist(theirs):
    ours = NAMES[theirs]
    for owner in (leaf(1), mg):
        with pytest.raises(AttributeError, match=rf"'{theirs}'.*{ours}"):
            getattr(owner, theirs)
    assert hasattr(Tensor, ours) or hasattr(mg, ours)


@pytest.mark.parametrize("theirs", ["dim", "keepdim"])
@pytest.mark.parametrize("name", ["sum", "mean", "max", "min"])
def test_pytorchs_arguments_are_answered_with_ours(name, theirs):
    for call in (getattr(leaf(1), name), lambda **options: getattr(mg, name)(leaf(1), **options)):
        with pytest.raises(TypeError, match=rf"{name}.*'{theirs}'.*{ARGUMENTS[theirs]}"):
            call(**{theirs: 0})


def test_a_name_that_nobody_knows_raises_plainly():
    with pytest.raises(AttributeError, match=r"Tensor has no attribute 'nonsense'$"):
        leaf(1).nonsense  # noqa: B018
    with pytest.raises(AttributeError):
        leaf(1).nonsense = 1
    assert not hasattr(mg, "nonsense")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nn", "import nn"),
        ("optim", "nn.optim"),
        ("zeros", "np.zeros"),
        ("randn", "standard_normal"),
    ],
)
def test_what_minigrad_has_not_is_answered_with_where_it_is(name, words):
    with pytest.raises(AttributeError, match=rf"minigrad has no attribute '{name}'; .*{words}"):
        getattr(mg, name)
    with pytest.raises(AttributeError, match=rf"'{name}'$"):
        getattr(leaf(1), name)
