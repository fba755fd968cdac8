"""A function beside PyTorch's: values, and derivatives of first and second order."""

import numpy as np
import pytest

from minigrad import Tensor, grad


def assert_agrees_with_torch(f, theirs, arguments, rtol=1e-10, atol=1e-11):
    """f(*arguments), its gradients for a seed, and the gradients of <directions, gradients>, the seed's with them."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    rng = np.random.default_rng(0)
    xs = [Tensor(a, requires_grad=True) for a in arguments]
    ts = [torch.tensor(a, requires_grad=True) for a in arguments]
    y, expected = f(*xs), theirs(*ts)
    assert y.shape == tuple(expected.shape)
    np.testing.assert_allclose(y.data, expected.numpy(force=True), rtol=rtol, atol=atol)

    seed = rng.standard_normal(y.shape)
    directions = [rng.standard_normal(a.shape) for a in arguments]
    seeds = Tensor(seed, requires_grad=True), torch.tensor(seed, requires_grad=True)
    first = grad(y, xs, seeds[0], create_graph=True)
    first_theirs = torch.autograd.grad(expected, ts, seeds[1], create_graph=True)
    along = sum((g * Tensor(d)).sum() for g, d in zip(first, directions, strict=True))
    along_theirs = sum(
        (g * torch.tensor(d)).sum() for g, d in zip(first_theirs, directions, strict=True)
    )
    second = grad(along, [*xs, seeds[0]])
    second_theirs = torch.autograd.grad(
        along_theirs, [*ts, seeds[1]], allow_unused=True, materialize_grads=True
    )
    for a, b in zip([*first, *second], [*first_theirs, *second_theirs], strict=True):
        found = np.zeros(b.shape) if a is None else a.data
        np.testing.assert_allclose(found, b.numpy(force=True), rtol=rtol, atol=atol)
