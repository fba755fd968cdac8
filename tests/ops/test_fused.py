"""Fused ops: what they give is what their composition gives, for every case of the table, at every order."""

import tracemalloc

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


SEVERAL = [call for call in CALLS if len(call.values[0].shapes) > 1]


@pytest.mark.parametrize("call", SEVERAL)
@pytest.mark.parametrize("wide", [-1, 1])
def test_arguments_of_several_dtypes_give_the_widest_on_every_way_through_a_fused_op(call, wide):
    arrays = call.arguments("float16")
    arrays[wide] = arrays[wide].astype("float64")

    def outputs(arguments):
        y = call.on(*arguments)
        return [np.asarray(v) for v in (y if isinstance(y, tuple) else (y,))]

    expected = outputs([Tensor(a) for a in arrays])
    assert {y.dtype for y in expected} == {np.dtype("float64")}
    with mg.unfused():
        plain = outputs([Tensor(a) for a in arrays]), outputs(arrays)
    for found in (*plain, outputs(arrays)):
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12, strict=True)


@pytest.mark.parametrize("call", CALLS)
def test_floats_longer_than_those_of_the_kernels_go_through_the_composition(call):
    xs = call.arguments(np.longdouble)
    if xs[0].itemsize == 8:
        pytest.skip("here a longdouble is a float64")
    with mg.unfused():
        plain = up_to_order_two(call, np.longdouble)
    for a, b in zip(up_to_order_two(call, np.longdouble), plain, strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_call_that_is_not_recorded_has_the_bits_of_one_that_is(call, dtype):
    arrays = call.arguments(dtype)

    def outputs(arguments):
        y = call.on(*arguments)
        return [np.asarray(v) for v in (y if isinstance(y, tuple) else (y,))]

    leaves = [Tensor(a, requires_grad=True) for a in arrays]
    y = call.on(*leaves)
    recorded = [v.data for v in (y if isinstance(y, tuple) else (y,))]
    with mg.no_grad():
        found = [outputs(leaves)]
    found += [outputs([Tensor(a) for a in arrays]), outputs(arrays)]
    for values in found:
        for a, b in zip(values, recorded, strict=True):
            np.testing.assert_array_equal(a, b, strict=True)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("f", [mg.silu, mg.mish, mg.gelu, lambda x: mg.gelu(x, "tanh")])
def test_an_activation_that_is_not_recorded_makes_no_slopes(f, dtype):
    x = np.random.default_rng(0).standard_normal(2**20).astype(dtype)
    f(x)  # fills the scratch that stays
    tracemalloc.start()
    try:
        f(Tensor(x))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.6 * x.nbytes


def half(*values):
    return np.array(values, "float16")


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: mg.layer_norm(x, 3, half(300, 300, 300)), half(300, 200, -3)),
        (lambda x: mg.rnn(x, half([1]), half([0]))[0], half([5], [5], [5])),
    ],
    ids=["one output", "several"],
)
def test_recording_a_gradient_forms_no_product_of_output_and_seed_which_may_overflow(f, x):
    x = Tensor(x, requires_grad=True)
    y = f(x)
    seed = np.full(y.shape, 3e4, "float16")
    with np.errstate(over="raise"):
        found = grad(y, x, seed, create_graph=True)
    np.testing.assert_array_equal(found.data, grad(f(x), x, seed).data)
