"""Traces: a forward recorded at several batch sizes, to find out what grows with the batch.

A number that is the same in all of them is a constant. One that grows is a N + b, with N the batch size: two sizes
give a and b, and the third must agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

import minigrad
from minigrad import Tensor
from minigrad.sight import all_before, origin_of

from ..module import Module


class Trace(NamedTuple):
    """One forward: the Tensors that went in and came out, and the nodes in between, the oldest first."""

    inputs: list[Tensor]
    outputs: list[Tensor]
    nodes: list[Any]


class Affine(NamedTuple):
    """slope N + start, with N the batch size; numbers, or arrays of them."""

    slope: Any
    start: Any

    def __str__(self) -> str:
        text = "batch" if self.slope == 1 else f"{self.slope} * batch"
        return f"{text} + {self.start}" if self.start else text


Axes = Sequence[int | None]


def traces_of(model: Module, example: Sequence[Any], axes: Axes) -> tuple[list[Trace], list[int]]:
    """The forward of the example, then of other values in larger batches; and the batch size of each.

    If no input has a batch axis, there is one other, of the same shape: what differs in it depends on the input.
    """
    first = _trace(model, example)
    n = _batch_size(example, axes)
    if n is None:
        return [first, _another(model, example)], [0, 0]
    sizes = [n, n + 1, n + 3]
    traces = [first]
    for size in sizes[1:]:
        larger = [_resized(x, axis, size) for x, axis in zip(example, axes, strict=True)]
        try:
            traces.append(_another(model, larger))
        except Exception as error:
            raise ValueError(
                f"export_onnx: the model takes the example, but not with {size} in place of {n} along batch_axis "
                f"({error}). {REMEDY}"
            ) from error
    return traces, sizes


REMEDY = (
    "Name the axis of the batch as batch_axis, with a tuple one for each input; batch_axis=None exports for the shape "
    "of the example alone"
)


def _batch_size(example: Sequence[Any], axes: Axes) -> int | None:
    pairs = [(x, a) for x, a in zip(example, axes, strict=True) if a is not None]
    sizes = {x.shape[axis] if 0 <= axis < x.ndim else 0 for x, axis in pairs}
    if len(sizes) > 1 or 0 in sizes:
        shapes = ", ".join(str(x.shape) for x in example)
        raise ValueError(
            f"export_onnx: the example, of shape {shapes}, has no batch, or not one, along axis "
            f"{', '.join(map(str, axes))}. {REMEDY}"
        )
    return int(sizes.pop()) if sizes else None


def _resized(x: Any, axis: int | None, size: int) -> Any:
    """x with `size` rows: its own, repeated in turn."""
    return x if axis is None else np.take(x, np.arange(size) % x.shape[axis], axis)


def _another(model: Module, inputs: Sequence[Any]) -> Trace:
    """A forward of other values; if the model refuses them, a forward of the same values in other places."""
    try:
        return _trace(model, [_changed(_unlike(x)) for x in inputs])
    except Exception:
        return _trace(model, [_changed(x) for x in inputs])


def _changed(x: Any) -> Any:
    """Other values in other places, which the model takes like those of x: all that depends on them changes too."""
    if x.dtype.kind in "iu" and x.size:
        x = np.where(x == x.max(), x.min(), x)
    return np.roll(x * x.dtype.type(0.875) if x.dtype.kind == "f" else x, 1)


def _unlike(x: Any) -> Any:
    """Other numbers if all are equal, as in an example of zeros, which `_changed` would leave as it is."""
    if not x.size or not (x == x.flat[0]).all():
        return x
    if x.dtype.kind in "iu":
        return np.where(x > 0, x - 1, x + 1)
    return ~x if x.dtype.kind == "b" else np.where(x == 0, x.dtype.type(1), x)


def _trace(model: Module, example: Sequence[Any]) -> Trace:
    inputs = [Tensor(x) for x in example]
    # of fused ops, ONNX knows what they are composed of
    with minigrad.no_grad(), minigrad.record(), minigrad.unfused():
        outputs = list(_tensors_in(model(*inputs)))
    nodes = {node for output in outputs for node in all_before(origin_of(output))}
    return Trace(inputs, outputs, sorted(nodes, key=lambda node: node.tick))


def _tensors_in(result: Any) -> Iterator[Tensor]:
    """The Tensors that a model gives: one, or several in tuples, lists and dicts."""
    if isinstance(result, dict):
        result = tuple(result.values())
    if isinstance(result, (tuple, list)):
        for part in result:
            yield from _tensors_in(part)
    elif isinstance(result, Tensor):
        yield result
    elif result is not None:
        raise TypeError(
            f"export_onnx: the model gives a {type(result).__name__}; Tensors, alone or in tuples, lists and dicts, "
            "are needed"
        )


def affine(values: Sequence[Any], sizes: Sequence[int]) -> Any:
    """The value, if all are equal; else the Affine by which they grow with the batch, or None if there is none."""
    first = values[0]
    if all(np.array_equal(first, v, equal_nan=np.asarray(v).dtype.kind == "f") for v in values):
        return first
    known = [np.asarray(v) for v in values]
    if len(sizes) < 3 or len({v.shape for v in known}) > 1 or known[0].dtype.kind not in "iuf":
        return None
    slope = (known[1] - known[0]) / (sizes[1] - sizes[0])
    start = known[0] - slope * sizes[0]
    if not np.allclose(slope * sizes[2] + start, known[2], rtol=1e-12):
        return None
    if known[0].dtype.kind in "iu":
        if (slope % 1).any():
            return None
        slope, start = slope.astype(np.int64), start.astype(np.int64)
    return Affine(slope, start)
