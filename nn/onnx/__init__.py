"""Export to ONNX: the recorded graph of a forward, translated op by op with one table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..module import Module

if TYPE_CHECKING:
    from minigrad.files import StrPath

    from .export import BatchAxis

__all__ = ["export_onnx"]


def export_onnx(model: Module, example: Any, path: StrPath, batch_axis: BatchAxis = 0) -> None:
    """Write the model as it runs in evaluation mode to an ONNX file.

    example     the input, an array or Tensor, or a tuple of several; the file has their dtypes and shapes
    batch_axis  the axis of the inputs whose size stays free, or a tuple of one for each input; None: there is none

    The file holds the recorded graph of a forward, op by op: modules of your own and plain functions are exported too,
    and an `if` or a loop takes the path that the example took. Parameters have their names in the state_dict; inputs
    are called input, or input_0, input_1, ..., and outputs likewise. The model is left as it was.

    Raises NotImplementedError for an op that has no translation, and ValueError if a value depends on the input
    otherwise than by ops; both name the op, its module and your line. Needs the package `onnx`, which `minigrad[onnx]`
    installs.
    """
    # here, because the table takes longer to import than all of nn's layers
    from .export import export

    export(model, example, path, batch_axis)
