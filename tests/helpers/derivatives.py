"""Derivatives of a function of one array, by minigrad and by PyTorch."""

import numpy as np
import pytest

from minigrad import Tensor, grad


def leaf(a, dtype=np.float64):
    return Tensor(np.array(a, dtype), requires_grad=True)


def gradient(f, x):
    y = f(x)
    return grad(y, x, np.ones(y.shape)).data


def derivatives(f, a, orders):
    """f(a), then by turns the gradient of the sum of what came before."""
    x = leaf(a)
    found = [f(x)]
    for order in range(orders):
        found.append(grad(found[-1].sum(), x, create_graph=order < orders - 1))
    return [t.data for t in found]


def torch_derivatives(f, a, orders):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    x = torch.tensor(a, requires_grad=True)
    found = [f(x)]
    for _ in range(orders):
        found += torch.autograd.grad(found[-1].sum(), x, create_graph=True)
    return [t.numpy(force=True) for t in found]
