"""The engine's contract, first half: the graph, backward, and whose memory a gradient is."""

import contextlib
import gc
import weakref

import numpy as np
import pytest
from leaves import leaf

import minigrad as mg
from minigrad import Tensor, grad, no_grad, primitive
from minigrad.core.graph import Node

exp_and_square = primitive(
    lambda x: (np.exp(x), x * x), ("x",), x=lambda g, y, x: g[0] * y[0] + g[1] * 2 * x
)
broken = primitive(lambda x: x * 1, x=lambda g: 1 / 0)


# 1. What a node holds ------------------------------------------------------------------------------------


def test_clause_01_a_node_holds_op_parents_saved_values_options_shape_and_dtype():
    x = leaf(1, 2, 3)
    h = mg.exp(x)
    node = mg.concatenate([h, np.ones(3, "float32"), x])._node
    assert node.op.name == "concatenate"
    assert node.parents == (h._node, None, x)
    assert (node.shape, node.dtype) == ((9,), np.float32)
    assert dict(node.options)["axis"] == 0
    assert [name for name, _ in h._node.saved_arrays()] == ["y"]


def test_clause_01_a_node_keeps_only_what_its_rules_name():
    x = leaf(1, 2, 3)
    h = x + 1
    data = weakref.ref(h.data)
    y = mg.relu(h)
    assert y._node.saved_bytes == y.nbytes
    del h
    assert data() is None, "relu's rule names only y, so its input must be free to go"
    assert (y + x)._node.saved_bytes == 0


def training_step():
    w, b = leaf(1, 2), leaf(0)
    loss = ((np.array([[1, 2], [3, 4]], "float32") @ w + b).relu() ** 2).mean()
    loss.backward()
    with no_grad():
        w -= 0.1 * w.grad


def second_order():
    x = leaf(1, 2)
    first = grad((np.sin(x) * mg.exp(x * x)).sum(), x, create_graph=True)
    grad(first.sum(), x)


def several_inputs_and_outputs():
    x = leaf(1, 2)
    a, b = exp_and_square(x)
    np.stack([a, b]).sum().backward()


def hooks_and_kept_gradients():
    x = leaf(1, 2)
    h = x * 2
    h.retain_grad()
    h.register_hook(lambda g: g * 2)
    h.sum().backward()


def source_lines_and_checksums():
    with mg.debug():
        training_step()


def no_backward_at_all():
    exp_and_square(leaf(1, 2))[0].sum()


def a_failed_backward():
    with contextlib.suppress(ZeroDivisionError):
        broken(leaf(1)).backward()


@pytest.mark.parametrize(
    "work",
    [
        *(training_step, second_order, several_inputs_and_outputs, hooks_and_kept_gradients),
        *(source_lines_and_checksums, no_backward_at_all, a_failed_backward),
    ],
)
def test_clause_01_dropping_the_loss_frees_the_graph_without_the_collector(work):
    def tracked():
        return [type(o).__name__ for o in gc.get_objects() if issubclass(type(o), (Node, Tensor))]

    work()
    gc.collect()
    gc.disable()
    try:
        before = tracked()
        work()
        assert tracked() == before
    finally:
        gc.enable()


def test_clause_01_hooks_live_on_the_node_and_outlive_the_tensor():
    x = leaf(1, 2)
    seen = []
    h = x * 3
    h.register_hook(seen.append)
    y = h.sum()
    del h
    y.backward()
    assert np.array_equal(seen[0], [1, 1])


def test_clause_01_retain_grad_does_not_keep_its_tensor_alive():
    x = leaf(1, 2)
    h = x * 3
    h.retain_grad()
    y = h.sum()
    tensor = weakref.ref(h)
    del h
    assert tensor() is None
    y.backward()
    assert np.array_equal(x.grad, [3, 3])


# 2. The traversal ----------------------------------------------------------------------------------------


def test_clause_02_backward_walks_a_chain_of_100000_nodes():
    x = leaf(1)
    y = x
    for _ in range(100_000):
        y = y * 1
    y.backward()
    assert x.grad.item() == 1
    first = weakref.ref(y._node)
    del y
    assert first() is None, "freed, and without a recursion that the chain's length could break"


def test_clause_02_differentiating_twice_walks_deep_chains_too():
    x = leaf(2, dtype="float64")
    y = x * x
    for _ in range(20_000):
        y = y + 0
    (dx,) = grad(y, (x,), create_graph=True)
    assert grad(dx, x).item() == 2


def test_clause_02_each_node_runs_once_however_many_paths_lead_to_it():
    calls = []
    double = primitive(lambda a, b: a + b, a=lambda g: (calls.append(1), g)[1], b=lambda g: g)
    x = leaf(1, dtype="float64")
    y = x
    for _ in range(60):
        y = double(y, y)
    y.backward()
    assert len(calls) == 60
    assert x.grad.item() == 2**60


def test_clause_02_gradients_are_the_same_to_the_bit_in_every_run():
    rng = np.random.default_rng(0)
    values = rng.standard_normal((3, 40)).astype("float32")

    def gradients(pick):
        xs = [Tensor(v, requires_grad=True) for v in values]
        h = xs[0]
        for i in range(30):
            h = mg.tanh(h * xs[i % 3] + xs[(i + 1) % 3] / 3)
        found = grad(h.sum(), [xs[i] for i in pick])
        return {i: g.data.tobytes() for i, g in zip(pick, found, strict=True)}

    reference = gradients((0, 1, 2))
    assert gradients((0, 1, 2)) == reference
    assert gradients((2, 0)) == {2: reference[2], 0: reference[0]}


# 3. grad and backward ------------------------------------------------------------------------------------


def test_clause_03_one_tensor_in_one_out_and_a_sequence_in_a_tuple_out():
    x, w = leaf(1, 2), leaf(3, 4)
    y = (x * w).sum()
    assert isinstance(grad(y, x, retain_graph=True), Tensor)
    for sequence in ([x, w], (x, w), iter([x, w])):
        assert [g.tolist() for g in grad(y, sequence, retain_graph=True)] == [[3, 4], [1, 2]]
    assert grad(y, []) == ()
    assert x.grad is None, "grad returns, backward writes"


def test_clause_03_the_xs_may_be_interior_or_y_itself():
    x = leaf(1, 2)
    h = x * x
    y = (h * 3).sum()
    dy, dh, dx = grad(y, (y, h, x))
    assert dy.item() == 1
    assert np.array_equal(dh, [3, 3])
    assert np.array_equal(dx, [6, 12])
    assert np.array_equal(grad(x, x, seed=[5.0, 6.0]), [5, 6])


def test_clause_03_only_nodes_on_a_path_to_some_x_run_and_only_they_are_freed():
    ran = []
    traced = primitive(lambda x: x * 1, x=lambda g: (ran.append(1), g)[1])
    x, w = leaf(1, 2), leaf(3, 4)
    aside = traced(w)
    h = x * x
    y = (h * aside).sum()
    below, beside = h._node, aside._node
    assert np.array_equal(grad(y, h), [3, 4])
    assert not ran
    assert below.saved is not None
    assert beside.saved is not None
    assert y._node.saved is None
    h.sum().backward()
    aside.sum().backward()
    assert np.array_equal(x.grad, [2, 4])


def test_clause_03_the_rules_of_arguments_off_the_path_do_not_run():
    ran = []
    times = primitive(
        lambda a, b: a * b, a=lambda g, b: g * b, b=lambda g, a: (ran.append(1), g * a)[1]
    )
    a, b = leaf(2), leaf(3)
    assert grad(times(a, b), a).item() == 3
    assert not ran


def test_clause_03_an_x_that_does_not_require_grad_raises():
    x, c = leaf(1), Tensor([1.0])
    with pytest.raises(ValueError, match=r"xs\[1\].*does not require grad"):
        grad((x * c).sum(), (x, c))


def test_clause_03_an_x_that_y_does_not_depend_on_gets_none():
    x, w = leaf(1), leaf(2)
    assert grad((x * x).sum(), (w, x))[0] is None
    assert grad((x * x).sum(), (w * w,)) == (None,)


def test_clause_03_what_is_not_a_tensor_raises_by_name():
    x = leaf(1)
    with pytest.raises(TypeError, match=r"xs\[0\].*ndarray"):
        grad(x.sum(), [np.ones(1)])
    with pytest.raises(TypeError, match="Tensor"):
        grad(np.ones(()), x)


def test_clause_03_a_tensor_without_history_has_nothing_to_go_back_to():
    x = leaf(1)
    with no_grad():
        y = x * 2
    for without_history in (y, Tensor(1.0)):
        with pytest.raises(RuntimeError, match="no history"):
            without_history.backward()


def test_clause_03_backward_without_a_seed_needs_one_element():
    x = leaf(1, 2)
    with pytest.raises(ValueError, match=r"\(2,\).*seed"):
        (x * x).backward()
    (x * x).sum(keepdims=True).backward()
    assert np.array_equal(x.grad, [2, 4])


@pytest.mark.parametrize("seed", [[1.0, 10.0], np.array([1, 10]), Tensor([1.0, 10.0])])
def test_clause_03_the_seed_contracts_the_derivative(seed):
    x = leaf(3, 4)
    (x * x).backward(seed)
    assert np.array_equal(x.grad, [6, 80])
    assert x.grad.dtype == np.float32


def test_clause_03_a_seed_of_another_shape_raises_although_it_would_broadcast():
    x = leaf(1, 2)
    with pytest.raises(ValueError, match=r"seed.*\(1,\).*\(2,\)"):
        (x * x).backward(np.ones(1))


def test_clause_03_the_seed_may_require_grad_so_forward_mode_is_two_reverses():
    x = leaf(1, 2, dtype="float64")
    v = Tensor(np.zeros(2), requires_grad=True)
    pulled = grad(x * x * x, x, seed=v, create_graph=True)
    assert np.array_equal(grad(pulled, v, seed=[1.0, 10.0]), [3, 120])


def test_clause_03_a_seed_that_is_cast_keeps_its_history_also_under_no_grad():
    x, v = leaf(1, 2), Tensor(np.ones(2), requires_grad=True)
    y = x * x
    with no_grad():
        pulled = grad(y, x, seed=v, create_graph=True)
    assert np.array_equal(grad(pulled, v, seed=[1.0, 10.0]), [2, 40])


def test_clause_03_backward_adds_into_grad_and_none_means_zero():
    x = leaf(1, 2)
    for count in (1, 2, 3):
        (x * x).sum().backward()
        assert np.array_equal(x.grad, [2 * count, 4 * count])
    x.grad = None
    (x * 5).sum().backward()
    assert np.array_equal(x.grad, [5, 5])


def test_clause_03_backward_fills_leaves_and_tensors_that_asked_with_retain_grad_alone():
    x = leaf(1, 2)
    h = x * x
    h.retain_grad()
    y = h * 3
    y.sum().backward(retain_graph=True)
    (h * 4).sum().backward()
    assert y.grad is None
    assert np.array_equal(h.grad, [7, 7])
    assert np.array_equal(x.grad, [14, 28])
    with pytest.raises(RuntimeError, match="does not require grad"):
        Tensor([1.0]).retain_grad()


def test_clause_03_backward_has_no_create_graph_and_its_gradients_no_history():
    x = leaf(1, 2)
    with pytest.raises(TypeError, match="create_graph"):
        (x * x).sum().backward(create_graph=True)
    (x * x).sum().backward()
    assert not x.grad.requires_grad
    assert not grad((x * x).sum(), x).requires_grad


def test_clause_03_create_graph_records_also_under_no_grad():
    x = leaf(3)
    y = (x * x * x).sum()
    with no_grad():
        first = grad(y, x, create_graph=True)
    assert grad(first, x).item() == 18


def refuse(gradient):
    raise LookupError("a hook that refuses")


@pytest.mark.parametrize("where", ["a rule", "a hook of a node", "a hook of a leaf"])
def test_clause_03_a_failed_backward_writes_no_grad_at_all(where):
    x, w = leaf(1, 2), leaf(3, 4)
    h = x * 1 if where != "a rule" else broken(x)
    if where != "a rule":
        (h if where == "a hook of a node" else x).register_hook(refuse)
    y = (h * 2).sum() + (w * 3).sum()
    w.grad = [7.0, 7.0]
    with pytest.raises((ZeroDivisionError, LookupError)):
        y.backward()
    assert x.grad is None
    assert np.array_equal(w.grad, [7, 7])
    assert (w * 1).requires_grad, "and recording goes on as before"


# 4. Freeing ----------------------------------------------------------------------------------------------


def test_clause_04_saved_values_are_freed_as_each_node_is_done():
    x = leaf(1, 2)
    h = x * x
    y = h * h
    seen = []
    h.register_hook(lambda g: seen.append((y._node.saved, h._node.saved is None)))
    y.sum().backward()
    assert seen == [(None, False)]
    assert h._node.saved is None


@pytest.mark.parametrize(
    "again", [lambda y, x: y.backward(), grad, lambda y, x: (y * 2).backward()]
)
def test_clause_04_a_second_backward_raises_and_says_how_to_keep_the_graph(again):
    x = leaf(1, 2)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        again(y, x)


def test_clause_04_retain_graph_keeps_it_and_is_the_default_of_create_graph():
    x = leaf(1, 2)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    grad(y, x, create_graph=True)
    grad(y, x, create_graph=True, retain_graph=False)
    with pytest.raises(RuntimeError, match="freed"):
        y.backward()
