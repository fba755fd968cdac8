"""A loss beside PyTorch's of that name, and the gradient of one that may be an array."""

import numpy as np
import pytest
from derivatives import leaf

import minigrad as mg
from minigrad import grad

REDUCTIONS = ["mean", "sum", "none"]
every_reduction = pytest.mark.parametrize("reduction", REDUCTIONS)


def gradient(y, x):
    return grad(y, x, np.ones(y.shape)).data


def quietly(f, *args, **options):
    """Infinities make NumPy warn; what the result is, is what is tested."""
    with np.errstate(invalid="ignore"):
        return f(*args, **options)


def derivatives(y, xs, order, grad_of, ones):
    first = grad_of(y, xs, ones(y), create_graph=order > 1)
    along = sum((g * g).sum() for g in first)
    return [y, *first, *(grad_of(along, xs) if along.requires_grad else ())]


def compare_with_pytorch(ours, theirs, *arrays, order=2, rtol=1e-11):
    """Value, gradients by every array, and at order 2 the gradients of their squares."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    xs = [leaf(a) for a in arrays]
    found = derivatives(ours(mg, *xs), xs, order, grad, lambda y: np.ones(y.shape))
    ts = [torch.tensor(a, requires_grad=True) for a in arrays]

    def torch_grad(y, xs, seed=None, **options):
        return torch.autograd.grad(
            y, xs, seed, allow_unused=True, materialize_grads=True, **options
        )

    y = theirs(torch.nn.functional, *ts)
    expected = derivatives(y, ts, order, torch_grad, torch.ones_like)
    assert found[0].shape == tuple(expected[0].shape)
    for a, b in zip(found, expected, strict=False):
        a = np.zeros(tuple(b.shape)) if a is None else a.data
        np.testing.assert_allclose(a, b.numpy(force=True), rtol=rtol, atol=1e-13)


def as_torch(a):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    return None if a is None else torch.tensor(a)
