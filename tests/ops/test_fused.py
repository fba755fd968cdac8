"""Fused ops: what they give is what their composition gives, for every case of the table, at every order."""

import numpy as np
import pytest
from cases import CASES
from table import ROWS

import minigrad as mg
from minigrad import Tensor, grad
from minigrad.ops.fused import Fused

FUSED = [row for row in ROWS if isinstance(row, Fused)]
CALLS = [
    pytest.param(call, id=f"{row.name}{n}")
    for row in FUSED
    for n, call in enumerate(CASES[row.name])
]


def up_to_order_two(call, dtype):
    """The values of a call, its gradients, and theirs; of several outputs all are summed up with weights."""
    xs = [Tensor(a, requires_grad=True) for a in call.arguments(dtype)]
    y = call.on(*xs)
    ys = y if isinstance(y, tuple) else (y,)
    rng = np.random.default_rng(0)
    seeds = [rng.standard_normal(y.shape).astype(dtype) for y in ys]
    first = grad(sum((y * s).sum() for y, s in zip(ys, seeds, strict=True)), xs, create_graph=True)
    slope = sum((g * g).sum() for g in first)
    second = grad(slope, xs) if slope.requires_grad else [None] * len(xs)
    zeros = [np.zeros(x.shape, dtype) for x in xs]
    return [
        *[y.data for y in ys],
        *[z if g is None else g.data for g, z in zip((*first, *second), 2 * zeros, strict=True)],
    ]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("dtype", "ulps"), [("float64", 64), ("float32", 64), ("float16", 4)])
def test_a_fused_op_equals_its_composition_to_a_few_ulp_at_every_order(call, dtype, ulps):
    ours = up_to_order_two(call, dtype)
    with mg.unfused():
        plain = up_to_order_two(call, dtype)
    for a, b in zip(ours, plain, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        size = max(1, np.abs(b).max(initial=0))
        np.testing.assert_allclose(a, b, rtol=0, atol=ulps * np.finfo(dtype).eps * size)


@pytest.mark.parametrize("call", CALLS)
def test_a_fused_op_is_one_node_and_unfused_all_of_its_composition(call):
    def nodes():
        y = call.on(*[Tensor(a, requires_grad=True) for a in call.arguments()])
        y = y[0] if isinstance(y, tuple) else y
        names, todo = [], [y._node]
        while todo:
            node = todo.pop()
            if node is not None and hasattr(node, "op"):
                names.append(node.op.name)
                todo += node.parents
        return names

    fused = {row.name for row in FUSED}
    assert fused & set(nodes())
    with mg.unfused():
        assert not fused & set(nodes())
