"""All that a compiled function may change, kept: to go back, and to compare a program with its function."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.graph import TensorBase
from ..random import generator


class State:
    """The arrays, gradients and generators around a function and in its arguments, copied; and a result of it."""

    def __init__(self, variant: Any, given: Any, result: Any = None) -> None:
        around = variant.around.holders
        self._arrays: list[tuple[str, Any, Any]] = []
        self._grads: list[tuple[str, Any, Any, Any]] = []
        named = [
            (f"argument {i}", t if t is not None else a)
            for i, (t, a) in enumerate(zip(given.tensors, given.arrays, strict=True))
        ]
        for name, holder in (*around, *named):
            if isinstance(holder, TensorBase):
                grad = holder._grad
                self._grads.append(
                    (
                        f"the .grad of {name}",
                        holder,
                        grad,
                        None if grad is None else grad._data.copy("K"),
                    )
                )
            array = holder._data if isinstance(holder, TensorBase) else holder
            if isinstance(array, np.ndarray):
                self._arrays.append((name, array, array.copy("K")))
        generators = [generator(), *[h for _, h in around if isinstance(h, np.random.Generator)]]
        self._generators = [(g, g.bit_generator.state) for g in generators]
        owners: list[Any] = [getattr(f, "__self__", None) for f in variant.effects if callable(f)]
        self._owners = [(o, o.state_dict()) for o in owners if hasattr(o, "state_dict")]
        self._result = result

    def restore(self) -> None:
        for _, array, kept in self._arrays:
            if array.flags.writeable:
                array[...] = kept
        for _, tensor, grad, kept in self._grads:
            tensor._grad = grad
            if grad is not None:
                grad._data[...] = kept
        for g, state in self._generators:
            g.bit_generator.state = state
        for owner, state in self._owners:
            owner.load_state_dict(state)

    def compare(self, eager: State, name: str) -> None:
        """Raise RuntimeError if anything differs from what the function itself left."""
        pairs = [
            (n, a, b) for (n, _, a), (_, _, b) in zip(self._arrays, eager._arrays, strict=True)
        ]
        pairs += [
            (n, a, b) for (n, _, _, a), (_, _, _, b) in zip(self._grads, eager._grads, strict=True)
        ]
        pairs += [
            (f"the state of {type(o).__name__}", a, b)
            for (o, a), (_, b) in zip(self._owners, eager._owners, strict=True)
        ]
        pairs += [
            ("a generator", a, b)
            for (_, a), (_, b) in zip(self._generators, eager._generators, strict=True)
        ]
        for what, ours, theirs in [("the result", self._result, eager._result), *pairs]:
            if not same_bits(ours, theirs):
                raise RuntimeError(
                    f"compile: {what} of {name} differs from that of the function itself: it depends on something "
                    "that the program does not see; make that an argument"
                )


def same_bits(a: Any, b: Any) -> bool:
    """Return whether two trees are equal, arrays bit for bit."""
    a, b = (v._data if isinstance(v, TensorBase) else v for v in (a, b))
    if isinstance(a, (np.ndarray, np.generic)) or isinstance(b, (np.ndarray, np.generic)):
        alike = np.shape(a) == np.shape(b) and getattr(a, "dtype", None) == getattr(
            b, "dtype", None
        )
        return alike and a.tobytes() == b.tobytes()
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same_bits(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same_bits, a, b))
    return a is b or bool(a == b)
