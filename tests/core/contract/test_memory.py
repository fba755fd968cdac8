"""The engine's contract, clause 9: memory that is written."""

import contextlib
import gc

import numpy as np
import pytest
from leaves import leaf

import minigrad as mg
from minigrad import Tensor, grad, no_grad, primitive, touch
from minigrad.core import writes
from minigrad.core.options import SMALL

# 9. Writes -----------------------------------------------------------------------------------------------


def by_hand(w):
    w.data[...] = 0


def by_hand_and_touch(w):
    w.data[...] = 0
    touch(w)


def by_assign(w):
    w.assign(np.zeros(2))


def by_new_data(w):
    w.data = np.zeros(2)


def by_update_in_place(w):
    with no_grad():
        w -= [1.0, 2.0]


def through_detach(w):
    w.detach().assign(np.zeros(2))


def through_its_array(w):
    Tensor(w.data).assign(np.zeros(2))


def through_a_view_of_its_array(w):
    Tensor(w.data[::-1]).assign(np.zeros(2))


def through_what_detach_shares(w):
    by_hand(w)
    touch(w.detach())


WRITES = [
    by_hand_and_touch,
    by_assign,
    by_new_data,
    by_update_in_place,
    through_detach,
    through_its_array,
    through_a_view_of_its_array,
    through_what_detach_shares,
]


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize(
    "use",
    [
        lambda w: w,
        lambda w: w.T,
        lambda w: w[::-1],
        lambda w: w.reshape(2, 1),
        lambda w: mg.broadcast_to(w, (3, 2)),
        lambda w: +w,
    ],
)
def test_clause_09_backward_refuses_a_value_written_after_it_was_saved(use, write):
    w = leaf(1, 2)
    used = use(w)
    y = (used * used).sum()
    write(w)
    with pytest.raises(RuntimeError, match="written after the forward pass"):
        y.backward(retain_graph=True)
    assert w.grad is None
    with pytest.raises(RuntimeError, match="written after the forward pass"):
        grad(y, w, create_graph=True)


@pytest.mark.parametrize("write", WRITES)
def test_clause_09_a_write_before_the_forward_pass_does_no_harm(write):
    w = leaf(1, 2)
    write(w)
    y = (w * w).sum()
    write(leaf(3, 4))  # so that there is a later write, of other memory
    assert np.array_equal(grad(y, w), 2 * w.detach())


@pytest.mark.parametrize("write", WRITES)
def test_clause_09_a_write_to_what_no_rule_saved_does_no_harm(write):
    w, v = leaf(1, 2), leaf(3, 4)
    y = ((w + v) * 3).sum() + (v * v).sum()
    write(w)
    y.backward()
    assert np.array_equal(w.grad, [3, 3])
    assert np.array_equal(v.grad, [9, 11])


@pytest.mark.parametrize("write", [through_detach, through_its_array, through_what_detach_shares])
def test_clause_09_interior_values_are_guarded_as_leaves_are(write):
    x = leaf(1, 2)
    h = x * 2
    as_input, as_output = (h * h).sum(), h.exp()
    write(h)
    with pytest.raises(RuntimeError, match=r"of multiply"):
        as_input.backward()
    write(as_output)
    with pytest.raises(RuntimeError, match=r"`y`.*of exp"):
        as_output.sum().backward()


def test_clause_09_the_error_names_the_op_the_value_and_its_shape():
    x, w = leaf(1, 2), leaf(3, 4)
    y = mg.divide(x, w).sum()
    w.assign(np.ones(2))
    with pytest.raises(RuntimeError, match=r"`b` of shape \(2,\).*gradient of divide"):
        y.backward()


def test_clause_09_parameters_in_one_flat_buffer_share_one_owner():
    flat = np.arange(8, dtype="float32")
    w = Tensor(flat[:6].reshape(2, 3)).requires_grad_()
    b = Tensor(flat[6:]).requires_grad_()
    assert np.shares_memory(w.data, flat)
    for y in ((w * w).sum(), (b * b).sum(), (w.T * w.T).sum()):
        flat -= 1
        touch(Tensor(flat))
        with pytest.raises(RuntimeError, match="written after"):
            y.backward()


def test_clause_09_tensors_over_one_buffer_that_is_no_array_share_it_too():
    buffer = bytearray(8)
    w = Tensor(np.frombuffer(buffer, "float32")).requires_grad_()
    y = (w * w).sum()
    Tensor(np.frombuffer(buffer, "float32")).assign(np.ones(2))
    with pytest.raises(RuntimeError, match="written after"):
        y.backward()


LARGE = SMALL // 4 + 1  # numbers of 4 bytes: too many to be copied


def test_clause_09_a_small_captured_array_is_copied_and_may_be_written():
    x, a = leaf(1, 2), np.array([3, 4], "float32")
    y = (x * a).sum() + (x * Tensor(a)).sum()
    a[0] = 100
    touch(Tensor(a))
    y.backward()
    assert np.array_equal(x.grad, [6, 8])


def test_clause_09_a_large_captured_array_counts_once_it_is_announced():
    x, a = leaf(1, 2), np.ones((LARGE, 2), "float32")
    y = (x * a).sum()
    a[0] = 100
    touch(Tensor(a))
    with pytest.raises(RuntimeError, match="written after"):
        y.backward()


def test_clause_09_an_array_is_copied_once_for_a_node_and_not_if_nothing_can_write_to_it():
    x, a = leaf(1, 2), np.array([0, 1])
    (saved, again) = [array for _, array in mg.stack([x, x])[a, a]._node.saved_arrays()]
    assert saved is again
    assert not np.shares_memory(saved, a)
    a.flags.writeable = False  # until somebody sets it again
    (saved,) = [array for _, array in x[a[::-1]]._node.saved_arrays()]
    assert not np.shares_memory(saved, a)
    b = np.frombuffer(a.tobytes(), a.dtype)
    (saved,) = [array for _, array in x[b[::-1]]._node.saved_arrays()]
    assert np.shares_memory(saved, b)
    (saved,) = [array for _, array in (x * Tensor([3.0, 4.0]).numpy())._node.saved_arrays()]
    assert saved.flags.owndata  # read-only, but only a view


def test_clause_09_adding_into_grad_is_a_write_as_well():
    x, w = Tensor(np.ones(LARGE, "float32"), requires_grad=True), leaf(3)
    (x * x).sum().backward()
    y = (w * x.grad).sum()
    (x * x).sum().backward()
    with pytest.raises(RuntimeError, match="written after"):
        y.backward()


def test_clause_09_every_output_of_an_op_with_several_is_guarded():
    two = primitive(
        lambda x: (np.exp(x), np.exp(-x)), ("x",), x=lambda g, y: g[0] * y[0] - g[1] * y[1]
    )
    x = leaf(1, 2)
    a, b = two(x)
    b.detach().assign(np.zeros(2))
    with pytest.raises(RuntimeError, match="written after"):
        (a + b).sum().backward()


def test_clause_09_a_small_array_inside_an_index_is_copied_and_a_large_one_guarded():
    x, rows = leaf(1, 2), np.array([0, 1])
    y = mg.stack([x, x])[rows, rows]
    rows[0] = 1
    touch(Tensor(rows))
    y.sum().backward()
    assert np.array_equal(x.grad, [1, 1])
    rows = np.zeros(LARGE, "int64")
    y = mg.stack([x, x])[rows, rows]
    touch(Tensor(rows))
    with pytest.raises(RuntimeError, match="written after"):
        y.sum().backward()


def test_clause_09_a_list_as_an_index_may_change_after_the_call():
    x, rows = leaf(1, 2), [0, 0]
    y = x[rows].sum()
    rows[0] = 1
    y.backward()
    assert np.array_equal(x.grad, [2, 0])


@pytest.mark.parametrize("write", [by_assign, by_new_data, by_update_in_place])
@pytest.mark.parametrize("create_graph", [False, True])
def test_clause_09_a_leaf_that_was_converted_gives_its_old_gradient_or_raises(write, create_graph):
    w = leaf(3, 4)
    y = mg.multiply(w, w.astype("float64")).sum()  # multiply saves w as it converted it
    write(w)
    with contextlib.suppress(RuntimeError):
        assert np.array_equal(grad(y, w, create_graph=create_graph), [6, 8])


def test_clause_09_writing_unrelated_memory_does_no_harm():
    x, w = leaf(1, 2), leaf(3, 4)
    y = (x * x).sum()
    for write in WRITES:
        write(w)
    y.backward()
    assert np.array_equal(x.grad, [2, 4])


def test_clause_09_writes_are_forgotten_with_the_memory_that_was_written():
    gc.collect()
    before = len(writes._written)
    tensors = [Tensor(np.zeros(2)).assign(np.ones(2)) for _ in range(100)]
    assert len(writes._written) == before + 100
    del tensors
    assert len(writes._written) == before


def test_clause_09_training_steps_do_not_trip_over_their_own_writes():
    w = leaf(1, 2)
    for _ in range(3):
        (w * w).sum().backward()
        with no_grad():
            w -= 0.1 * w.grad
        w.grad = None
    np.testing.assert_allclose(w.numpy(), np.array([1, 2]) * 0.8**3, rtol=1e-6)


@pytest.mark.parametrize("create_graph", [False, True])
def test_clause_09_debug_finds_an_unannounced_write_and_names_the_line(create_graph):
    w = leaf(1, 2)
    with mg.debug():
        y = (w * w).sum()
    by_hand(w)
    with pytest.raises(RuntimeError, match=r"of multiply.*test_memory\.py:\d+"):
        grad(y, w, create_graph=create_graph)


def captured_array(x, a):
    return x * a


def captured_mask(x, a):
    return np.where(a, x, 0)


def captured_index(x, a):
    return x[a]


def captured_index_of_two_axes(x, a):
    return mg.stack([x, x])[a, a]


@pytest.mark.parametrize(
    ("use", "dtype"),
    [
        (captured_array, "float32"),
        (captured_mask, "int64"),
        (captured_index, "int64"),
        (captured_index_of_two_axes, "int64"),
    ],
)
def test_clause_09_debug_finds_a_changed_array_that_the_graph_captured(use, dtype):
    x, a = leaf(*range(LARGE)), np.zeros(LARGE, dtype)
    with mg.debug():
        y = use(x, a).sum()
    a[0] = 1
    with pytest.raises(RuntimeError, match="changed after the forward pass"):
        y.backward()


def test_clause_09_debug_lets_an_honest_graph_pass():
    w = leaf(1, 2)
    with mg.debug():
        first = grad((mg.exp(w) * w).sum(), w, create_graph=True)
        grad(first.sum(), w)


def test_clause_09_numpy_is_a_read_only_view():
    w = leaf(1, 2)
    assert np.shares_memory(w.numpy(), w.data)
    with pytest.raises(ValueError, match="read-only"):
        w.numpy()[0] = 5
    assert w.data.flags.writeable


def test_clause_09_a_tensor_shares_an_array_and_copies_it_if_it_requires_grad():
    array = np.ones(2)
    assert Tensor(array).data is array
    assert np.shares_memory(Tensor(array).detach().data, array)
    for source in (array, array[::-1], Tensor(array)):
        assert not np.shares_memory(Tensor(source, requires_grad=True).data, array)


@pytest.mark.parametrize("write", [by_assign, by_new_data, touch])
def test_clause_09_what_an_op_made_cannot_be_written(write):
    with pytest.raises(RuntimeError, match=r"made by multiply.*detach"):
        write(leaf(1, 2) * 2)


@pytest.mark.parametrize("write", [Tensor.assign, lambda w, value: setattr(w, "data", value)])
def test_clause_09_a_write_keeps_shape_and_dtype(write):
    w = leaf(1, 2)
    write(w, np.array([5.0, 6.0]))
    assert w.dtype == np.float32
    assert np.array_equal(w.detach(), [5, 6])
    for wrong in (np.ones(1), np.ones((2, 2)), 1.0):
        with pytest.raises(ValueError, match=r"\(2,\)"):
            write(w, wrong)
