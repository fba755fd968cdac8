"""Export to ONNX: the recorded graph of a forward, op by op through one table of translations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..module import Module

if TYPE_CHECKING:
    from ..atomic_file import StrPath
    from .export import BatchAxis

__all__ = ["export_onnx"]


def export_onnx(model: Module, example: Any, path: StrPath, batch_axis: BatchAxis = 0) -> None:
    """Write the model as it runs in evaluation mode to an ONNX file.

    example     the input, an array or Tensor, or a tuple of several; their dtypes and shapes are those of the file
    batch_axis  the axis of the inputs whose size stays free, or a tuple of one for each input; None: there is none

    What is written is the recorded graph of a forward, op by op: modules of your own and plain functions are exported
    too, and an `if` or a loop is as the example took it. Parameters have their names in the state_dict; inputs are
    called input, or input_0, input_1, ..., and outputs likewise. The model is left as it was.

    Raises NotImplementedError for an op that has no translation, and ValueError where a value changes with the input
    but not by ops on it; both name the op, its module and your line. Needs the package `onnx`, which the extra
    `onnx` brings along.
    """
    # where it is used: the table takes longer to import than all of nn's layers
    from .export import export

    export(model, example, path, batch_axis)
