"""What each op of a recorded graph cost."""

import numpy as np
import pytest

import minigrad as mg
import nn
from minigrad import Tensor


def leaf(*shape, dtype=np.float32):
    return Tensor(np.ones(shape, dtype), requires_grad=True)


def counted(f):
    """op -> multiply-adds, of the ops that have any."""
    with mg.record():
        y = f()
    return {cost.op: cost.multiply_adds for cost in mg.costs(y) if cost.multiply_adds}


@pytest.mark.parametrize(
    ("f", "op", "expected"),
    [
        (lambda: mg.linear(leaf(2, 5, 4), leaf(3, 4)), "linear", 2 * 5 * 4 * 3),
        (lambda: mg.matmul(leaf(6, 2, 5), leaf(6, 5, 4)), "matmul", 6 * 2 * 5 * 4),
        (lambda: mg.matmul(leaf(6, 2, 5), leaf(5)), "matmul", 6 * 2 * 5),
        (lambda: mg.einsum("bij,bkj->bik", leaf(3, 2, 5), leaf(3, 4, 5)), "einsum", 3 * 2 * 5 * 4),
        (lambda: mg.conv2d(leaf(2, 3, 8, 9), leaf(4, 3, 3, 2)), "conv2d", 2 * 4 * 6 * 8 * 3 * 6),
        (lambda: mg.conv2d(leaf(2, 4, 8, 8), leaf(6, 2, 3, 3), groups=2, stride=2), "conv2d", 2 * 6 * 9 * 18),
        (lambda: mg.conv1d(leaf(2, 3, 8), leaf(4, 3, 3)), "conv2d", 2 * 4 * 6 * 9),
        (lambda: mg.conv_transpose2d(leaf(2, 3, 4, 5), leaf(3, 6, 2, 2)), "conv2d_input", 2 * 3 * 20 * 24),
    ],
    ids=range(8),
)  # fmt: skip
def test_multiply_adds_are_those_of_the_naive_loops(f, op, expected):
    assert counted(f) == {op: expected}


@pytest.mark.parametrize("name", ["lstm", "gru", "rnn"])
def test_a_recurrent_op_costs_what_the_products_of_its_steps_cost(name):
    rows = {"lstm": 4, "gru": 3, "rnn": 1}[name] * 5
    for x in (leaf(3, 2, 4), leaf(3, 4)):

        def f(x=x):
            return getattr(mg, name)(x, leaf(rows, 4), leaf(rows, 5))[0]

        with mg.unfused():
            with mg.record():
                y = f()
            steps = sum(cost.multiply_adds for cost in mg.costs(y))
        assert counted(f) == {name: steps} == {name: x.data.size // 4 * rows * (4 + 5)}


def test_ops_without_gradient_are_counted_too():
    w = Tensor(np.ones((3, 4)))
    assert counted(lambda: mg.linear(Tensor(np.ones((2, 4))), w)) == {"linear": 24}
    with mg.no_grad():
        assert counted(lambda: mg.linear(leaf(2, 4), leaf(3, 4))) == {"linear": 24}


def test_the_bytes_of_all_ops_are_saved_bytes_and_shared_memory_counts_at_the_first():
    x = leaf(100)
    with mg.record():
        y = mg.exp(x)  # keeps its output
        loss = (y * y).sum()  # which multiply keeps too
    del y
    found = [(cost.op, cost.saved_bytes) for cost in mg.costs(loss)]
    assert found == [("exp", 400), ("multiply", 0), ("sum", 0)]
    assert mg.saved_bytes(loss) == 400


def test_the_bytes_of_a_cnn_are_saved_bytes():
    net = nn.CNN((1, 8, 8), channels=[3], hidden=[5], batch_norm=True)
    with mg.record():
        loss = net(np.ones((4, 1, 8, 8), np.float32)).sum()
    assert sum(cost.saved_bytes for cost in mg.costs(loss)) == mg.saved_bytes(loss) > 0


def test_the_scope_is_the_modules_from_the_outermost():
    inner = nn.Sequential(nn.Linear(2, 3), nn.Tanh())
    net = nn.Sequential(inner, nn.Linear(3, 1))
    with mg.record():
        loss = net(np.ones((4, 2), np.float32)).sum()
    found = {cost.op: cost.scope for cost in mg.costs(loss)}
    assert found["tanh"] == (net, inner, inner[1])
    assert found["sum"] == ()
    assert [cost.op for cost in mg.costs(loss)] == ["linear", "tanh", "linear", "sum"]


def test_several_outputs_of_one_op_cost_once():
    with mg.record():
        a, b = mg.split(mg.exp(leaf(6)), 2)
        loss = (a * b).sum()
    assert [cost.op for cost in mg.costs(loss)] == ["exp", "split", "multiply", "sum"]


def test_what_has_no_recorded_graph_is_refused_with_the_remedy():
    with pytest.raises(RuntimeError, match=r"inside minigrad\.record\(\)"):
        mg.costs(leaf(2) * 2)
    with pytest.raises(TypeError, match="costs: a ndarray has no graph"):
        mg.costs(np.ones(2))
    assert mg.costs(leaf(2)) == []
