"""Evaluation or training mode inside a block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from .module import Module


@contextmanager
def in_mode(model: Module, training: bool) -> Iterator[None]:
    """Put the model into that mode inside the block; after it, each module has its old mode again."""
    modes = [(module, module.training) for module in model.modules()]
    model.train(training)
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def evaluating(model: Module) -> AbstractContextManager[None]:
    """Evaluation mode inside the block."""
    return in_mode(model, training=False)
