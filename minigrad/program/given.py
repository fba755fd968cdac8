"""The arguments of a compiled function: their arrays, and what makes one program not do for others."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.graph import TensorBase, mode
from .recorded import is_named, mapped
from .trace import Trace


class Given:
    """The arguments of a call.

    arrays   theirs, in the order of the arguments of a program
    tensors  for each of them the Tensor that holds it, or None
    others   arguments that are compared by identity
    key      what a program is made for: shapes, dtypes, strides, numbers, the recording mode
    reason   why there can be no program, or ""
    """

    def __init__(self, args: Any, options: Any) -> None:
        self.arrays: list[Any] = []
        self.tensors: list[Any] = []
        self.others: list[Any] = []
        self.reason = ""
        self._kinds: list[Any] = [mode.get()]
        self._take(args)
        self._take(options)
        self.key = tuple(self._kinds)

    def _take(self, value: Any) -> None:
        kind, kinds = value.__class__, self._kinds
        if kind is np.ndarray:
            self.arrays.append(value)
            self.tensors.append(None)
            kinds.append((value.shape, value.dtype, value.strides))
        elif isinstance(value, TensorBase):
            self._take_tensor(value)
        elif kind is tuple or kind is list or is_named(kind):
            kinds.append((kind, len(value)))
            for item in value:
                self._take(item)
        elif kind is dict:
            kinds.append((dict, *value))
            for item in value.values():
                self._take(item)
        elif isinstance(value, np.ndarray):
            self.reason = f"an argument is a {kind.__name__}"
        elif value is None or kind in (bool, int, str):
            kinds.append((kind, value))
        elif kind is float or isinstance(value, np.generic):
            kinds.append((kind, repr(value)))
        else:
            kinds.append(id(value))
            self.others.append(value)  # kept with the program, so that the id stays its own

    def _take_tensor(self, tensor: Any) -> None:
        data, needs = tensor._data, tensor._requires_grad
        if data.__class__ is not np.ndarray:
            self.reason = f"an argument holds a {type(data).__name__}"
            return
        if any(tensor is other for other in self.tensors):
            self.reason = "a Tensor is given twice"
        elif tensor._node is not None:
            self.reason = "an argument has a history, which a program would lose"
        elif tensor._hooks:
            self.reason = "an argument has hooks"
        elif needs and tensor._grad is not None:
            self.reason = "an argument has a .grad already"
        self.arrays.append(data)
        self.tensors.append(tensor)
        self._kinds.append((needs, data.shape, data.dtype, data.strides))

    def traced(self, trace: Trace, arguments: Any) -> tuple[Any, list[Any]]:
        """The arguments with traced arrays in place of theirs; and the Tensors among these, None for plain arrays."""
        twins: list[Any] = []

        def twin(leaf: Any) -> Any:
            if not isinstance(leaf, (np.ndarray, TensorBase)):
                return leaf
            traced = trace.argument(f"x{len(twins)}", leaf)
            twins.append(traced if isinstance(traced, TensorBase) else None)
            return traced

        return mapped(arguments, twin), twins
