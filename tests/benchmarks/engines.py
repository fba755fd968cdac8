"""The engines that are compared. Each has a module here, whose `start(workload)` gives

    step()   makes one step of training and returns its loss, which `.item()` makes a number
    state()  the parameters and buffers by PyTorch's names and in its shapes, as arrays

It raises NotImplementedError for a workload of which it lacks a layer. `in_minigrad` and `in_torch` also have
`training(workload)`, the parts of a step (eager.py), and for convolutions.py `functional` and `parameter(array)`; with
`leaf(size)` an engine takes part in the benchmark of nodes.
"""

from __future__ import annotations

import importlib.util
from typing import NamedTuple


class Engine(NamedTuple):
    title: str
    module: str  # of this folder
    imports: str  # what its user imports
    package: str  # what pip installs


ENGINES = {
    "minigrad": Engine("minigrad", "in_minigrad", "minigrad, nn", "minigrad"),
    "compiled": Engine("compiled", "in_compiled", "minigrad, nn", "minigrad"),
    "numpy": Engine("NumPy by hand", "by_hand", "numpy", "numpy"),
    "torch": Engine("PyTorch", "in_torch", "torch", "torch"),
    "jax": Engine("JAX jit", "in_jax", "jax, jax.numpy", "jax"),
    "mygrad": Engine("MyGrad", "in_mygrad", "mygrad", "mygrad"),
    "autograd": Engine("HIPS/autograd", "in_autograd", "autograd.numpy", "autograd"),
}


def is_installed(name: str) -> bool:
    return importlib.util.find_spec(ENGINES[name].package) is not None
