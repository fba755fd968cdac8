"""Ops together: any short program has PyTorch's gradients and right second derivatives; see also whole/."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from programs import OURS, SAME, full, often, theirs
from table import arrays, assert_close

from minigrad import Tensor, check_grads, grad

# on arrays that broadcast to (2, 3); every result does again, and none grows fast
OF_PROGRAMS = (
    "add", "subtract", "multiply", "divide", "exp", "log", "sqrt", "power", "tanh", "maximum", "minimum", "relu",
    "absolute", "clip", "where", "max", "matmul", "gather", "transpose", "join",
)  # fmt: skip
STEPS = {name: SAME[name] for name in OF_PROGRAMS} | {
    "trigonometry": lambda m, a, b: m.sin(a) - m.cos(b),
    "reduce": lambda m, a, b: m.sum(a, -1, keepdims=True) / 3 + m.mean(b) if a.ndim else a,
    "softmax": SAME["log_softmax"],
    "stack": lambda m, a, b: m.mean(m.stack([full(m, v) for v in (a, b)], 1), 1),
}


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


@often
@given(program=programs, shapes=shapes, seed=st.integers(0, 99))
def test_any_program_has_the_gradients_of_pytorch_and_right_second_derivatives(
    program, shapes, seed
):
    rng = np.random.default_rng(seed)
    arguments = [rng.standard_normal(shape) for shape in shapes]
    check_grads(lambda a, b: run(program, OURS, a, b), arguments, rng=rng)

    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    xs = [Tensor(a, requires_grad=True) for a in arguments]
    ts = [torch.tensor(a, requires_grad=True) for a in arguments]
    y, expected = run(program, OURS, *xs), run(program, theirs(), *ts)
    np.testing.assert_allclose(y.data, expected.numpy(force=True), rtol=1e-12)
    gradients = torch.autograd.grad(expected, ts, allow_unused=True, materialize_grads=True)
    assert_close(arrays(grad(y, xs)), [g.numpy() for g in gradients], rtol=1e-11, atol=1e-12)
