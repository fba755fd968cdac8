"""Every case of a layer or a loss: made here and in PyTorch, given the same inputs, and compared."""

from functools import partial

import numpy as np
import pytest
from cases.modules import flat
from layer_cases import CASES, NAMED, arguments_of, inputs_of, made, products_with_hessian

import minigrad
from minigrad import Tensor

__all__ = ["CASES", "EVERY", "arguments_of", "inputs_of", "made", "products_with_hessian"]
EVERY = [pytest.param(name, case, id=id) for id, (name, case) in NAMED.items()]
# what PyTorch says of its own ways: it pads in a copy, and has quicker encoders and LSTMs that these cases are not for
PYTORCHS_OWN = pytest.mark.filterwarnings(
    "ignore:Using padding='same'", "ignore:enable_nested_tensor", "ignore:LSTM with projections is not supported with"
)  # fmt: skip
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}


def theirs_of(torch, name, case, dtype):
    """PyTorch's layer with parameters and running statistics that are nowhere 0 or 1."""
    args, options = arguments_of(case, torch.tensor)
    make = getattr(torch.nn, name) if case.theirs is None else partial(case.theirs, torch)
    module = make(*args, **options).to(getattr(torch, dtype))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in module.parameters():
            p.uniform_(-1, 1, generator=generator)
        for buffer_name, buffer in module.named_buffers():
            if buffer_name.startswith("running"):
                buffer.uniform_(0.5, 2, generator=generator)
    return module


def assert_equal(ours, theirs, dtype):
    theirs = theirs.detach().numpy()
    ours = ours.detach().numpy() if isinstance(ours, Tensor) else ours
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    size = np.abs(theirs).max(initial=1)
    np.testing.assert_allclose(ours, theirs, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] * size)


def assert_steps_agree(torch, case, ours, theirs, inputs, dtype):
    """Outputs, and the gradients of everything for one seed of them."""
    xs = [Tensor(a, requires_grad=needs) for a, needs in inputs]
    ts = [torch.tensor(a, requires_grad=needs) for a, needs in inputs]
    ys, zs = flat(case.run(ours, *xs)), flat(case.run(theirs, *ts))
    ours.zero_grad()
    theirs.zero_grad()
    rng = np.random.default_rng(1)
    total, total_theirs = 0, 0
    for y, z in zip(ys, zs, strict=True):
        assert_equal(y, z, dtype)
        if y.dtype.kind == "f":
            seed = rng.standard_normal(y.shape).astype(dtype)
            total = total + (y * seed).sum()
            total_theirs = total_theirs + (z * torch.tensor(seed)).sum()
    total.backward()
    total_theirs.backward()
    for x, t, (_, needs) in zip(xs, ts, inputs, strict=True):
        if needs:
            assert_equal(x.grad, t.grad, dtype)
    parameters = dict(theirs.named_parameters())
    assert [name for name, _ in ours.named_parameters()] == list(parameters)
    for name, p in ours.named_parameters():
        assert_equal(p.grad, parameters[name].grad, dtype)


def assert_second_derivatives_agree(torch, case, ours, theirs, inputs):
    """The Hessian of a loss by everything that has a gradient, times one vector, in float64."""
    xs = [Tensor(a, requires_grad=needs) for a, needs in inputs]
    ts = [torch.tensor(a, requires_grad=needs) for a, needs in inputs]
    leaves = [*(x for x in xs if x.requires_grad), *ours.parameters()]
    their_leaves = [*(t for t in ts if t.requires_grad), *theirs.parameters()]
    mine = products_with_hessian(minigrad.grad, case.run, ours, xs, leaves, np.asarray)
    their_grad = partial(torch.autograd.grad, allow_unused=True)
    his = products_with_hessian(their_grad, case.run, theirs, ts, their_leaves, torch.tensor)
    for leaf, product, other in zip(leaves, mine, his, strict=True):
        zero = np.zeros(leaf.shape)
        a = zero if product is None else product.numpy()
        assert_equal(a, torch.tensor(zero) if other is None else other, "float64")


def assert_states_agree(ours, theirs, dtype):
    state, their_state = ours.state_dict(), theirs.state_dict()
    assert list(state) == list(their_state)
    for name, array in state.items():
        assert_equal(array, their_state[name], dtype)
