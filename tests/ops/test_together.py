"""Ops together: any short program has PyTorch's gradients and right second derivatives; see also whole/."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from table import arrays, assert_close

import minigrad as mg
from minigrad import Tensor, check_grads, grad


def full(m, a):
    return m.broadcast_to(a, (2, 3))


MIDDLE = np.array([[True, False, True], [False, True, True]])
STEPS = {  # on arrays that broadcast to (2, 3); every result does again, and none grows fast
    "add": lambda m, a, b: (a + b) * 0.5,
    "subtract": lambda m, a, b: 0.7 * (a - b),
    "multiply": lambda m, a, b: a * b,
    "divide": lambda m, a, b: a / (b * b + 1),
    "exp": lambda m, a, b: m.exp(-(a**2)),
    "log": lambda m, a, b: m.log(m.square(a) + 1.5),
    "sqrt": lambda m, a, b: m.sqrt(a * a + 0.5),
    "power": lambda m, a, b: (a * a + 0.3) ** m.sigmoid(b),
    "trigonometry": lambda m, a, b: m.sin(a) - m.cos(b),
    "tanh": lambda m, a, b: m.tanh(a - b),
    "maximum": lambda m, a, b: m.maximum(a, b + 0.1),
    "minimum": lambda m, a, b: m.minimum(-a, b),
    "relu": lambda m, a, b: m.relu(a - 0.2),
    "absolute": lambda m, a, b: m.absolute(a + 0.3),
    "clip": lambda m, a, b: m.clip(a, -0.7, 0.9),
    "where": lambda m, a, b: m.where(m.middle, a, b),
    "reduce": lambda m, a, b: m.sum(a, -1, keepdims=True) / 3 + m.mean(b) if a.ndim else a,
    "max": lambda m, a, b: m.amax(a, 0) if a.ndim else a,
    "softmax": lambda m, a, b: m.log_softmax(full(m, a), 1) / 3,
    "matmul": lambda m, a, b: m.tanh(full(m, a) @ full(m, b).T) @ full(m, a),
    "gather": lambda m, a, b: full(m, a)[[1, 1]][:, [2, 0, 0]] * 0.6,
    "transpose": lambda m, a, b: m.reshape(full(m, a).T, (2, 3)),
    "join": lambda m, a, b: m.concatenate([full(m, v) for v in (a, b)], 1)[:, 2:5],
    "stack": lambda m, a, b: m.mean(m.stack([full(m, v) for v in (a, b)], 1), 1),
}  # fmt: skip


OURS = SimpleNamespace(
    **{name: getattr(mg, name) for name in mg.__all__}, amax=mg.max, middle=MIDDLE
)


def run(program, m, a, b):
    values = [a, b]
    for name, first, second in program:
        values.append(STEPS[name](m, values[first % len(values)], values[second % len(values)]))
    return sum(m.sum(v) for v in values[2:])


programs = st.lists(
    st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 99), st.integers(0, 99)),
    min_size=5,
    max_size=15,
)
shapes = st.sampled_from([((2, 3), (3,)), ((2, 1), ()), ((1, 3), (2, 3))])


@settings(max_examples=100, derandomize=True, database=None, deadline=None)
@given(program=programs, shapes=shapes, seed=st.integers(0, 99))
def test_any_program_has_the_gradients_of_pytorch_and_right_second_derivatives(
    program, shapes, seed
):
    rng = np.random.default_rng(seed)
    arguments = [rng.standard_normal(shape) for shape in shapes]
    check_grads(lambda a, b: run(program, OURS, a, b), arguments, rng=rng)

    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    theirs = SimpleNamespace(**vars(torch), middle=torch.tensor(MIDDLE))
    xs = [Tensor(a, requires_grad=True) for a in arguments]
    ts = [torch.tensor(a, requires_grad=True) for a in arguments]
    y, expected = run(program, OURS, *xs), run(program, theirs, *ts)
    np.testing.assert_allclose(y.data, expected.numpy(force=True), rtol=1e-12)
    gradients = torch.autograd.grad(expected, ts, allow_unused=True, materialize_grads=True)
    assert_close(arrays(grad(y, xs)), [g.numpy() for g in gradients], rtol=1e-11, atol=1e-12)
