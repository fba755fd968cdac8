"""record(): what nodes keep beside, that nothing else is changed by it, and when it is on."""

import contextlib
import gc
import re
import threading
import weakref

import numpy as np
import pytest
from accounting import calls_of, without_collector
from leaves import leaf64 as leaf

import minigrad as mg
import nn
from minigrad import Tensor, grad
from minigrad.sight.origins import ghost_of, is_ghost, origin_of, sources_of
from minigrad.sight.recording import observed


def notes_of(t):
    return origin_of(t).notes


# What a node keeps ---------------------------------------------------------------------------------------


def test_a_recorded_node_keeps_its_value_inputs_sources_line_and_time():
    w, x = leaf(1, 2), Tensor(np.array([3.0, 4.0]))
    with mg.record():
        y = w * x
        z = y + 1
    notes = y._node.notes
    assert notes.value is y.data
    assert notes.inputs["a"] is w.data
    assert notes.inputs["b"] is x.data
    assert notes.sources == {"a": w, "b": x}
    assert z._node.notes.inputs["b"] == 1
    assert z._node.notes.sources == {"a": y._node}
    assert re.search(r"test_record.py:\d+$", notes.line)
    assert 0 < notes.seconds < 10
    assert notes.cut is None
    assert not is_ghost(y._node)


def test_the_line_is_the_users_own_through_nn_and_numpy():
    x = leaf(1, 2)
    with mg.record():
        y = nn.Tanh()(np.exp(x))
        here = test_the_line_is_the_users_own_through_nn_and_numpy.__code__.co_firstlineno + 3
    assert y._node.notes.line.endswith(f"test_record.py:{here}")


def test_arrays_among_the_options_are_inputs_and_tensors_among_them_sources():
    x, labels = Tensor(np.ones((2, 3)), requires_grad=True), Tensor(np.array([0, 1]))
    with mg.record():
        loss = mg.cross_entropy(x, labels)
        row = x[labels, 0]
    np.testing.assert_array_equal(loss._node.notes.inputs["labels"], [0, 1])
    assert row._node.notes.sources["index[0]"] is labels


def test_arrays_and_lists_within_an_index_are_inputs_too():
    rows, x = np.array([[0], [1]]), Tensor(np.ones((3, 4, 5)), requires_grad=True)
    with mg.record():
        tuple_index, list_index = notes_of(x[:, rows, Tensor([2, 0])]), notes_of(x[[2, 0]])
    assert list(tuple_index.inputs) == ["x", "index[1]", "index[2]"]
    assert tuple_index.inputs["index[1]"] is rows
    assert tuple_index.inputs["index[2]"].tolist() == [2, 0]
    assert list_index.inputs["index"].tolist() == [2, 0]


def test_members_of_a_variadic_op_are_named_one_by_one():
    x = leaf(1)
    with mg.record():
        y = np.concatenate([x, np.zeros(2), Tensor([1.0])])
    assert list(y._node.notes.inputs) == ["xs[0]", "xs[1]", "xs[2]"]
    assert list(y._node.notes.sources) == ["xs[0]", "xs[2]"]


def test_an_op_with_several_outputs_keeps_all_of_them():
    with mg.record():
        a, b = mg.split(leaf(1, 2, 3, 4), 2)
    node = a._node.parents[0]
    assert [v.tolist() for v in node.notes.value] == [[1, 2], [3, 4]]
    assert sources_of(b._node) == [("output", node)]


def test_derivatives_of_derivatives_are_recorded_too():
    x = leaf(2)
    with mg.record():
        slope = grad((x**3).sum(), x, create_graph=True)
    assert slope._node.notes.value is slope.data


def test_without_recording_nothing_is_kept():
    x = leaf(1, 2)
    with mg.record():
        pass
    y = x * 2
    assert y._node.notes is None
    assert ghost_of(y.detach()) is None
    assert ghost_of(y > 1) is None
    with mg.no_grad():
        assert ghost_of(x * 2) is None
    assert not mg.is_recording()


# Nothing else is changed ---------------------------------------------------------------------------------


def program(record):
    """Everything that could meet a ghost or a note, as the bytes of what it gives."""
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(4, 8, rng=rng), nn.ReLU(), nn.Linear(8, 3, rng=rng))
    x = Tensor(rng.standard_normal((5, 4)).astype(np.float32), requires_grad=True)
    with mg.record() if record else mg.enable_grad():
        h = net(x)
        mask = (h > 0).astype(np.float32)
        top, places = mg.topk(h, 2)
        left, right = mg.split(h * mask + h.detach(), [1], axis=1)
        w = mg.checkpoint(lambda a: (a * 2).tanh())(top)
        slope = grad((left * left).sum(), x, create_graph=True)
        loss = (slope * slope).sum() + w.sum() + right.mean() + h[places[0]].sum()
        loss.register_hook(lambda g: g * 2)
    loss.backward()
    return [t.data.tobytes() for t in (loss, x.grad, *[p.grad for p in net.parameters()])]


def test_values_and_gradients_are_the_same_to_the_bit():
    assert program(record=True) == program(record=False)


def test_a_bad_value_is_kept_and_does_not_raise():
    x = leaf(-1.0, 0.0)
    with mg.record(), np.errstate(all="ignore"):
        y = np.sqrt(x).sum()
        y.backward()
    assert np.isnan(y._node.notes.value)
    np.testing.assert_array_equal(x.grad, [np.nan, np.inf])


def test_what_only_the_graph_holds_is_counted_the_same():
    def loss(x):
        cut = np.exp(x.detach())  # its ghost holds what the product saves
        return (np.exp(np.sin(x)) * cut).sum()

    x = leaf(*range(100))
    with mg.record():
        recorded = loss(x)
    assert mg.saved_bytes(recorded) == mg.saved_bytes(loss(x)) > 0


def test_dropping_the_last_tensor_frees_everything_without_a_collector():
    x, net = leaf(1, 2), nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    x = x.astype(np.float32).detach().requires_grad_()
    with without_collector(), mg.record():
        h = net(x)
        ghost = h.detach() * 2
        loss = (h * ghost).sum()
        watched = [weakref.ref(t._node) for t in (h, loss)]
        watched += [weakref.ref(origin_of(ghost)), weakref.ref(ghost)]
        del h, ghost, loss
        assert [reference() for reference in watched] == [None] * 4


@pytest.mark.parametrize("cut", [mg.no_grad, mg.enable_grad])
def test_a_deep_recorded_chain_is_freed(cut):
    h = leaf(1.0)
    with mg.record(), cut():
        for _ in range(20_000):
            h = h + 1
    last = weakref.ref(origin_of(h))
    del h
    assert last() is None


def test_modules_are_scopes_outermost_first_and_held_weakly():
    inner = nn.Linear(2, 2)
    net = nn.Sequential(inner, nn.ReLU())
    x = Tensor(np.ones((1, 2), np.float32))
    with mg.record():
        y = net(x)
        z = y * 2
    scopes = [reference() for reference in y._node.parents[0].notes.scope]
    assert scopes == [net, inner]
    assert z._node.notes.scope == ()
    del net, inner, scopes
    gc.collect()
    assert [reference() for reference in y._node.notes.scope] == [None, None]


def test_a_scope_may_be_any_object_and_ends_with_its_block():
    class Part:
        pass

    part = Part()
    with mg.record():
        with contextlib.suppress(KeyError), mg.scope(part):
            y = leaf(1) * 2
            raise KeyError
        z = leaf(1) * 2
    assert [reference() for reference in y._node.notes.scope] == [part]
    assert z._node.notes.scope == ()


# Modes ---------------------------------------------------------------------------------------------------


def test_recording_and_gradients_are_switched_apart():
    x = leaf(1)
    with mg.record():
        with mg.no_grad():
            assert mg.is_recording()
            assert not (x * 2).requires_grad
            with pytest.raises(KeyError), mg.debug():
                raise KeyError
            with mg.enable_grad():
                assert (x * 2)._node.notes is not None
            x -= 1  # as under any no_grad()
        assert (x * 2).requires_grad
    with mg.no_grad(), mg.record():
        assert not (x * 2).requires_grad
    assert not mg.is_recording()
    assert x.data == 0


def test_under_no_grad_a_checkpoint_records_no_more_than_its_function():
    f = mg.checkpoint(lambda a: a * 2)
    with mg.record(), mg.no_grad():
        y = f(leaf(1))
    assert not y.requires_grad
    assert origin_of(y).op.name == "multiply"


def test_observers_are_called_after_each_op_and_nothing_is_kept_for_them():
    x, seen, twice = leaf(1.0), [], []
    with observed(lambda op, y: seen.append((op.name, *y.tolist()))):
        y = x * 2.0
        with observed(lambda op, y: twice.append(op.name)), mg.no_grad():
            z = y + 1.0
        y.detach()
    x * 3.0
    assert seen == [("multiply", 2.0), ("add", 3.0), ("detach", 2.0)]
    assert twice == ["add"]
    assert (y._node.notes, ghost_of(z), mg.is_recording()) == (None, None, False)


def test_record_decorates():
    @mg.record
    def bare(x):
        return x * 2

    @mg.record()
    def called(x):
        return x * 2

    assert all(f(leaf(1))._node.notes is not None for f in (bare, called))


def test_debug_records_and_checks_results_without_gradient_too():
    with mg.debug():
        assert notes_of(leaf(1).detach()).cut == "detach"
        with mg.no_grad(), pytest.raises(FloatingPointError, match=r"^log at .*test_record.py"):
            np.log(leaf(-1.0))


def test_an_error_in_an_op_names_the_line():
    with mg.record(), pytest.raises(ValueError, match="matmul") as caught:
        mg.matmul(Tensor(np.ones((2, 3))), np.ones((2, 3)))
    assert any("test_record.py" in note for note in caught.value.__notes__)


def test_recording_is_the_threads_own():
    x, found = leaf(1), []
    with mg.record():
        thread = threading.Thread(target=lambda: found.append((x * 2)._node.notes))
        thread.start()
        thread.join()
    assert found == [None]


def test_a_tap_sees_the_contribution_that_debug_raises_about():
    x, seen = leaf(0.0), []
    with mg.debug():
        y = np.sqrt(x).sum()
    with pytest.raises(FloatingPointError, match="sqrt"), np.errstate(divide="ignore"):
        grad(y, x, tap=lambda node, argument, g: seen.append((node.op.name, g.data.tolist())))
    assert seen == [("sum", [1.0]), ("sqrt", [np.inf])]


def test_recording_an_op_of_many_members_takes_calls_in_proportion_to_them():
    def calls(count):
        xs = [leaf(1, 2) for _ in range(count)]

        def step():
            with mg.record():
                mg.concatenate(xs)

        return calls_of(step)

    assert calls(400) < 2.1 * calls(200)
