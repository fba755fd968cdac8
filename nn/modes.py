"""Evaluation mode inside a block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .module import Module


@contextmanager
def evaluating(model: Module) -> Iterator[None]:
    """Put the model into evaluation mode inside the block; after it, each module has its old mode again."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
