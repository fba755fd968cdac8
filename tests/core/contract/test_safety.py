"""The engine's contract, clauses 10 to 14: nothing is lost unseen, and everything can be explained."""

import math
import operator

import numpy as np
import pytest
from leaves import leaf

import minigrad as mg
from minigrad import Tensor, grad, no_grad, primitive
from minigrad.core.graph import Node
from minigrad.ops.inspection import UFUNCS


def scale(x):
    return x * 2


# 10. Leaving the tensor world ----------------------------------------------------------------------------


def test_clause_10_item_numpy_bool_and_format_of_one_element_work():
    for t in (leaf(2.5), leaf(2.5).sum(), leaf(2.5) * 1):
        assert t.item() == 2.5
        assert type(t.item()) is float
        assert np.array_equal(t.numpy().reshape(()), 2.5)
        assert bool(t) is True
        assert f"{t:.2f}" == "2.50"
    assert not leaf(0)


@pytest.mark.parametrize("leave", [Tensor.item, bool, lambda t: format(t, ".2f")])
@pytest.mark.parametrize("values", [(), (1, 2)])
def test_clause_10_item_bool_and_format_of_any_other_number_of_elements_raise(leave, values):
    with pytest.raises(ValueError, match=rf"\({len(values)},\)"):
        leave(leaf(*values))


@pytest.mark.parametrize(
    "leave",
    [
        *(float, int, complex, math.exp, np.asarray, np.array, np.float32, Tensor),
        lambda t: np.array([t, t]),
        lambda t: np.full(3, t),
        lambda t: np.zeros(1).dot(t),
        lambda t: operator.setitem(np.zeros((2, 1)), 0, t),
        lambda t: operator.setitem(np.zeros(2), 0, t[0]),
        lambda t: operator.setitem(np.zeros(2), slice(1), t),
        lambda t: mg.add(t, [t[0]]),
        lambda t: Tensor([t, t]),
    ],
)
@pytest.mark.parametrize("make", [leaf, lambda v: leaf(v) * 1], ids=["leaf", "interior"])
def test_clause_10_ways_that_detach_unseen_raise_and_name_the_ways_that_do_not(leave, make):
    with pytest.raises((TypeError, ValueError)) as caught:
        leave(make(2))
    texts = [str(e) for e in (caught.value, caught.value.__cause__)]
    assert any(".item()" in text and "detach()" in text for text in texts) or leave is Tensor


def test_clause_10_a_list_of_tensors_is_answered_with_how_they_are_joined():
    for make in (Tensor, np.array):
        with pytest.raises(TypeError, match=r"np\.stack\(\[t, u\]\)"):
            make([leaf(1).sum(), leaf(2).sum()])


def test_clause_10_without_a_gradient_at_stake_the_same_ways_are_open():
    t = Tensor([2.0])
    assert float(t) == int(t) == 2
    assert math.sqrt(Tensor(4.0)) == 2
    assert np.asarray(t).dtype == np.float32
    assert np.array(t, dtype=int).tolist() == [2]
    array = np.zeros(2)
    array[0] = Tensor(3.0)
    array[1:] = t
    assert array.tolist() == [3, 2]
    assert Tensor([t, t]).shape == (2, 1)


@pytest.mark.parametrize(
    "compare", [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]
)
def test_clause_10_comparisons_are_elementwise_and_give_bool_tensors(compare):
    a, b = np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 2.0])
    for left, right in [(Tensor(a), Tensor(b)), (Tensor(a), b), (a, Tensor(b)), (Tensor(a), 2)]:
        result = compare(left, right)
        assert type(result) is Tensor
        assert result.dtype == bool
        assert np.array_equal(result, compare(a, b))
    assert not compare(leaf(1), leaf(2)).requires_grad


def test_clause_10_hash_is_identity():
    a, b = leaf(1, 2), leaf(1, 2)
    assert len({a, b, a}) == 2
    assert {a: "a", b: "b"}[b] == "b"


def test_clause_10_iteration_is_over_axis_0_and_is_recorded():
    x = Tensor(np.ones((3, 2)), requires_grad=True)
    rows = list(x)
    assert [row.shape for row in rows] == [(2,)] * 3
    (rows[1] * 5).sum().backward()
    assert np.array_equal(x.grad, [[0, 0], [5, 5], [0, 0]])
    for use, words in ((iter, "iteration over a 0-d"), (len, r"len\(\) of a 0-d")):
        with pytest.raises(TypeError, match=words):
            use(Tensor(1.0))


# 11. In place --------------------------------------------------------------------------------------------

IN_PLACE = [operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ipow]


@pytest.mark.parametrize("update", IN_PLACE)
def test_clause_11_under_no_grad_a_leaf_is_written_in_place(update):
    for u in ([2.0, 4.0], np.array([2.0, 4.0]), Tensor([2.0, 4.0]), leaf(2, 4)):
        w = leaf(1, 3)
        data = w.data
        with no_grad():
            updated = update(w, u)
        assert updated is w
        assert w.data is data
        assert w.requires_grad
        assert np.array_equal(w.detach(), update(np.array([1.0, 3.0]), [2.0, 4.0]))


@pytest.mark.parametrize("update", IN_PLACE)
def test_clause_11_while_recording_it_raises_and_names_the_idiom(update):
    w = leaf(1, 3)
    with pytest.raises(RuntimeError, match=r"no_grad\(\)"):
        update(w, 2)
    assert np.array_equal(w.detach(), [1, 3])


def test_clause_11_an_update_that_needs_another_shape_or_kind_raises():
    w = leaf(1, 2)
    with no_grad(), pytest.raises(ValueError, match="broadcast"):
        w -= np.ones((3, 2))
    with no_grad(), pytest.raises(TypeError, match="complex"):
        w -= 1j
    assert np.array_equal(w.detach(), [1, 2])


@pytest.mark.parametrize("update", IN_PLACE)
def test_clause_11_any_other_tensor_is_rebound(update):
    x = leaf(3, 4)
    for before in (x * 1, Tensor([3.0, 4.0])):
        after = update(before, 2)
        assert after is not before
        assert np.array_equal(before.detach(), [3, 4])
        assert np.array_equal(after.detach(), update(np.array([3.0, 4.0]), 2))
        assert after.requires_grad == before.requires_grad


def test_clause_11_item_assignment_raises_and_names_the_functional_spelling():
    for t in (leaf(1, 2), Tensor([1.0, 2.0]), leaf(1, 2) * 1):
        with pytest.raises(TypeError, match=r"write t = minigrad\.set_at\(t, 0, 5\)"):
            t[0] = 5


def test_clause_11_a_ufunc_with_out_computes_plainly_where_no_gradient_is_at_stake():
    array = np.zeros(2)
    assert np.add(Tensor([1.0, 2.0]), 1, out=array) is array
    assert array.tolist() == [2, 3]
    array += Tensor([1.0, 1.0])
    assert type(array) is np.ndarray
    assert array.tolist() == [3, 4]
    np.add(array, Tensor([1.0, 1.0]), out=array, where=[True, False])
    assert array.tolist() == [4, 4]


def test_clause_11_a_ufunc_with_out_raises_where_one_is():
    array = np.zeros(2)
    with pytest.raises(TypeError, match=r"np\.add.*out="):
        np.add(array, leaf(1, 2), out=array)
    with pytest.raises(TypeError, match=r"np\.add.*out="):
        array += leaf(1, 2)
    with pytest.raises(TypeError, match=r"np\.add.*assign"):
        np.add(array, 1, out=Tensor(array))
    assert array.tolist() == [0, 0]


# 12. NumPy's functions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("ufunc", sorted(UFUNCS, key=lambda f: f.__name__))
def test_clause_12_a_listed_ufunc_acts_on_the_data(ufunc):
    dtype = "float64" if any("d" in types for types in ufunc.types) else "int64"
    arrays = [np.array([1, 0, -2], dtype), np.array([1, 1, 1], dtype)][: ufunc.nin]
    tensors = [Tensor(a, requires_grad=dtype == "float64") for a in arrays]
    result = ufunc(*tensors)
    expected = ufunc(*arrays)
    assert type(result) is Tensor
    assert not result.requires_grad
    assert result.dtype == expected.dtype
    assert np.array_equal(result, expected)


def test_clause_12_inspection_answers_in_plain_python_or_in_tensors_without_history():
    t = leaf(3, 1, 2)
    assert np.shape(t) == (3,)
    assert np.ndim(t) == 1
    assert np.size(t) == 3
    assert np.allclose(t, [3, 1, 2]) is True
    assert np.array_equal(t, t + 1) is False
    assert type(np.argmax(t)) is type(np.any(t)) is Tensor
    assert np.argmax(t).item() == 0
    assert np.result_type(t, np.float64) == np.float64
    for like in (np.zeros_like(t), np.ones_like(t), np.full_like(t, 7), np.isnan(t), np.round(t)):
        assert type(like) is Tensor
        assert like.shape == (3,)
        assert not like.requires_grad


@pytest.mark.parametrize(
    "call",
    [
        *(np.fft.fft, np.linalg.eig, np.roots),
        lambda t: np.nextafter(t, 0),
        lambda t: np.nextafter(np.zeros(2), t),
        lambda t: np.copyto(np.zeros(2), t),
        lambda t: np.put(np.zeros(2), [0, 1], t),
        lambda t: np.nextafter.reduce(t),
        lambda t: np.nextafter.accumulate(t),
        lambda t: np.add.at(np.zeros(2), [0, 1], t),
        lambda t: np.nextafter.outer(t, t),
    ],
)
def test_clause_12_a_function_in_neither_list_raises_and_says_so(call):
    for t in (leaf(1, 2), Tensor([1.0, 2.0])):
        with pytest.raises(TypeError, match=r"np\..* has no gradient rule"):
            call(t)


@pytest.mark.parametrize(
    ("word", "call"),
    [
        ("where", lambda t: np.exp(t, where=np.array([True, False]))),
        ("where", lambda t: np.less(t, 2, where=np.array([True, False]))),
        ("casting", lambda t: np.add(t, 1, casting="unsafe")),
        ("dtype", lambda t: np.add(t, 1, dtype="float64")),
        ("initial", lambda t: np.logaddexp.reduce(t, initial=5)),
        ("method", lambda t: np.quantile(t, 0.5, method="nearest")),
        ("out", lambda t: np.sum(t, out=np.zeros(()))),
        ("dtype", lambda t: np.std(t, dtype="float64")),
        ("out", lambda t: np.concatenate([t, t], out=np.zeros(4))),
    ],
)
def test_clause_12_numpys_arguments_that_have_no_meaning_here_raise_by_name(word, call):
    with pytest.raises(TypeError, match=word):
        call(leaf(1, 2))


# 13. Errors explain themselves ---------------------------------------------------------------------------


def notes_of(error):
    return "\n".join(error.__notes__)


@pytest.mark.parametrize("create_graph", [False, True])
def test_clause_13_an_error_in_a_rule_carries_op_argument_and_shapes(create_graph):
    row = primitive(scale, x=lambda g: g @ np.ones((5, 5)))
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    with pytest.raises(ValueError, match="matmul") as caught:
        grad(row(x).sum(), x, create_graph=create_graph)
    for word in ("scale", "(2, 3)", " x"):
        assert word in notes_of(caught.value)


def test_clause_13_in_debug_mode_it_carries_the_users_line():
    row = primitive(scale, x=lambda g: 1 / 0)
    with mg.debug():
        y = row(leaf(1))
    line = test_clause_13_in_debug_mode_it_carries_the_users_line.__code__.co_firstlineno + 3
    with pytest.raises(ZeroDivisionError) as caught:
        y.backward()
    assert f"test_safety.py:{line}" in notes_of(caught.value)


def test_clause_13_in_debug_mode_the_derivatives_of_derivatives_carry_a_line_as_well():
    broken = primitive(lambda x: x * 1, x=lambda g: 1 / 0)
    row = primitive(scale, x=lambda g, x: broken(g * x))
    x = leaf(1)
    with mg.debug():
        first = grad(row(x), x, create_graph=True)
    with pytest.raises(ZeroDivisionError) as caught:
        first.backward()
    assert "test_safety.py" in notes_of(caught.value)


def test_clause_13_a_wrong_shape_names_the_users_line_too():
    row = primitive(scale, x=lambda g: np.ones((5, 5)))
    with mg.debug():
        y = row(leaf(1))
    with pytest.raises(ValueError, match="scale") as caught:
        y.backward()
    text = str(caught.value) + "\n".join(getattr(caught.value, "__notes__", []))
    assert "test_safety.py" in text


@pytest.mark.parametrize("result", [None, (np.ones(1),), (np.ones(1),) * 3])
def test_clause_13_a_joint_rule_that_returns_another_number_of_gradients_names_the_op(result):
    def product(a, b):
        return a * b

    row = primitive(product, joint=(("a", "b"), lambda g: result))
    with pytest.raises((TypeError, ValueError)) as caught:
        row(leaf(1), leaf(2)).backward()
    assert "product" in str(caught.value) + "\n".join(getattr(caught.value, "__notes__", []))


def test_clause_13_shapes_that_do_not_broadcast_name_op_shapes_and_remedy():
    with pytest.raises(ValueError, match=r"add: .*\(2,\).*\(3,\).*reshape"):
        leaf(1, 2) + leaf(1, 2, 3)


def test_clause_13_any_other_error_of_an_op_carries_a_note_with_its_arguments():
    with pytest.raises(TypeError) as caught:
        primitive(lambda x, n: x + n, x=lambda g: g)(leaf(1, 2), "two")
    assert "x (2,)" in notes_of(caught.value)


# 14. Structure -------------------------------------------------------------------------------------------


def structure(node):
    """Everything below a node that a picture may show, as nested tuples."""
    parents = tuple(structure(p) if isinstance(p, Node) else p for p in node.parents)
    return (node.op.name, node.shape, node.dtype, node.options, parents)


def test_clause_14_structure_survives_backward():
    x, w = leaf(1, 2), Tensor(np.ones((2, 3)), requires_grad=True)
    y = mg.concatenate([mg.exp(x @ w), x[np.array([0, 0])]]).sum()
    before = structure(y._node)
    y.backward()
    assert structure(y._node) == before


def test_clause_14_saved_bytes_counts_each_array_once():
    x = leaf(1, 2, 3)
    assert (x * x)._node.saved_bytes == x.nbytes
    assert (x * leaf(1, 2, 3))._node.saved_bytes == 2 * x.nbytes
    assert (x * 2)._node.saved_bytes == 0
    rows = np.array([0, 1])
    assert x[rows]._node.saved_bytes == rows.nbytes
    assert mg.stack([x, x])[rows, rows]._node.saved_bytes == rows.nbytes


def test_clause_14_saved_bytes_counts_the_outputs_of_an_op_with_several():
    two = primitive(lambda x: (x + 1, x + 2), ("x",), x=lambda g, y: g[0] * y[0])
    a, _ = two(leaf(1, 2))
    (node,) = a._node.parents
    assert node.saved_bytes == 2 * a.nbytes


@pytest.mark.parametrize("create_graph", [False, True])
def test_clause_14_tap_sees_every_contribution_to_a_gradient(create_graph):
    x, w = leaf(1, 2), leaf(3, 4)
    y = (x * w + x * 2 + np.stack([x, w])).sum()
    seen = []
    dx = grad(y, x, create_graph=create_graph, tap=lambda *edge: seen.append(edge))
    into_x = [edge for edge in seen if any(parent is x for parent in edge[0].parents)]
    named = sorted((node.op.name, argument) for node, argument, _ in into_x)
    assert named == [("multiply", "a"), ("multiply", "a"), ("stack", "xs[0]")]
    assert np.array_equal(sum(c.detach() for _, _, c in into_x), dx.detach())
    assert all(type(c) is Tensor for _, _, c in seen)


def test_clause_14_tap_sees_contributions_at_their_arguments_shape_and_dtype():
    x, b = Tensor(np.ones((2, 3)), requires_grad=True), leaf(1, 2, 3)
    shapes = {}
    y = mg.add(x, b)
    grad(y.sum(), (x, b), tap=lambda node, a, c: shapes.update({a: (c.shape, c.dtype)}))
    assert shapes["a"] == ((2, 3), np.float64)
    assert shapes["b"] == ((3,), np.float32)
