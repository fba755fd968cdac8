"""A Tensor: its array, whether it is a leaf, copies and pickles of it, what it is made of, and how it prints."""

import contextlib
import copy
import pickle

import numpy as np
import pytest
from leaves import leaf

from minigrad import Tensor, grad, no_grad

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


# Copies and pickles --------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_of_a_leaf_keeps_dtype_grad_and_requires_grad_but_no_hooks(protocol):
    t = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    (t * t).sum().backward()
    t.register_hook(lambda g: g)
    for twin in pickle.loads(pickle.dumps([t, t, t.detach()], protocol))[::2]:
        assert (twin.dtype, twin.tolist()) == (np.float64, [1, 2])
        assert twin.is_leaf
    first, again, free = pickle.loads(pickle.dumps([t, t, t.detach()], protocol))
    assert first is again
    assert (first.requires_grad, free.requires_grad) == (True, False)
    assert first.grad.tolist() == [2, 4]
    (first * 3).sum().backward()
    assert first.grad.tolist() == [5, 7]
    assert t.grad.tolist() == [2, 4]


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_of_what_has_a_history_raises_and_names_detach(protocol):
    t = leaf(1, 2)
    for made in (t * 2, t[0], t.sum(), np.exp(t)):
        for value in (made, [made], {"loss": made}):
            with pytest.raises(RuntimeError, match=r"pickle: .* was made by .*t\.detach\(\)"):
                pickle.dumps(value, protocol)
        assert pickle.loads(pickle.dumps(made.detach(), protocol)).tolist() == made.tolist()


def test_a_shallow_copy_is_the_same_place_in_the_graph():
    t = leaf(1, 2)
    y = t * 2
    twin = copy.copy(y)
    assert twin.data is y.data
    assert grad((twin * y).sum(), t).tolist() == [8, 16]
    assert copy.copy(t).requires_grad
