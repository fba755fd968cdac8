"""Frames around signals, images and volumes: of constants, or of elements of their own."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

import minigrad

from ..checks import check_array, short
from ..module import Module

MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
"""PyTorch's words for what a frame is of -> NumPy's."""


def framed(
    layer: Module, x: Any, widths: Sequence[tuple[int, int]], mode: str, value: float = 0
) -> Any:
    """x with (before, after) more elements along each of its last axes; a negative number takes some away first."""
    shape, lead = tuple(x.shape), len(x.shape) - len(widths)
    cut = [
        slice(max(-before, 0), n - max(-after, 0))
        for n, (before, after) in zip(shape[lead:], widths, strict=True)
    ]
    for n, part, width in zip(shape[lead:], cut, widths, strict=True):
        left = part.stop - part.start
        most = {"reflect": left - 1, "circular": left}.get(mode, max(width))
        if part.start > n or left < 0 or max(width) > most or (left == 0 and mode == "replicate"):
            raise ValueError(
                f"{type(layer).__name__}: an axis of {n} in the input of shape {shape} cannot be padded by {width} "
                f"with {mode}; there are {max(left, 0)} elements to take the frame from"
            )
    if any(part != slice(0, n) for n, part in zip(shape[lead:], cut, strict=True)):
        x = x[(..., *cut)]
    pairs = [(0, 0)] * lead + [(max(before, 0), max(after, 0)) for before, after in widths]
    return minigrad.pad(x, tuple(pairs), MODES[mode], value)


class _Pad(Module):
    """The padding that all of these take, in PyTorch's order: (left, right, top, bottom, front, back)."""

    axes: int
    mode: str
    value: float = 0.0

    def __init__(self, padding: int | Sequence[int]) -> None:
        given: Any = (
            tuple(padding) if isinstance(padding, (tuple, list)) else (padding,) * 2 * self.axes
        )
        if len(given) != 2 * self.axes or any(not hasattr(n, "__index__") for n in given):
            raise ValueError(
                f"{type(self).__name__}: padding must be an integer or {2 * self.axes} of them, not {padding!r}"
            )
        self.padding: tuple[int, ...] = tuple(map(index, given))

    def forward(self, x: Any) -> Any:
        check_array(self, x)
        n, axes = len(x.shape), self.axes
        if n < axes or (self.mode != "zeros" and n not in (axes + 1, axes + 2)):
            sizes = "L" if axes == 1 else "H, W" if axes == 2 else "D, H, W"
            raise ValueError(
                f"{type(self).__name__}: the input has shape {tuple(x.shape)}; (N, C, {sizes}), or without N, is needed"
            )
        pairs = [self.padding[i : i + 2] for i in range(0, 2 * axes, 2)]
        return framed(self, x, [(a, b) for a, b in reversed(pairs)], self.mode, self.value)

    def describe(self) -> str:
        return f"{short(self.padding)}"


class _ReflectionPad(_Pad):
    mode = "reflect"


class ReflectionPad1d(_ReflectionPad):
    """c b a b c d c b of a b c d: (N, C, L) or (C, L) framed by its mirror images, without the ends themselves.

    padding  (left, right), or one number for both; less than L. A negative number takes elements away
    """

    axes = 1


class ReflectionPad2d(_ReflectionPad):
    """`ReflectionPad1d` along the two last axes of (N, C, H, W) or (C, H, W); padding (left, right, top, bottom)."""

    axes = 2


class ReflectionPad3d(_ReflectionPad):
    """`ReflectionPad1d` along the three last axes; padding (left, right, top, bottom, front, back)."""

    axes = 3


class _ReplicationPad(_Pad):
    mode = "replicate"


class ReplicationPad1d(_ReplicationPad):
    """a a a b c d d d of a b c d: (N, C, L) or (C, L) framed by copies of its ends.

    padding  (left, right), or one number for both. A negative number takes elements away
    """

    axes = 1


class ReplicationPad2d(_ReplicationPad):
    """`ReplicationPad1d` along the two last axes of (N, C, H, W) or (C, H, W); padding (left, right, top, bottom)."""

    axes = 2


class ReplicationPad3d(_ReplicationPad):
    """`ReplicationPad1d` along the three last axes; padding (left, right, top, bottom, front, back)."""

    axes = 3


class _CircularPad(_Pad):
    mode = "circular"


class CircularPad1d(_CircularPad):
    """c d a b c d a b of a b c d: (N, C, L) or (C, L) as a piece of the same again and again.

    padding  (left, right), or one number for both; at most L. A negative number takes elements away first
    """

    axes = 1


class CircularPad2d(_CircularPad):
    """`CircularPad1d` along the two last axes of (N, C, H, W) or (C, H, W); padding (left, right, top, bottom)."""

    axes = 2


class CircularPad3d(_CircularPad):
    """`CircularPad1d` along the three last axes; padding (left, right, top, bottom, front, back)."""

    axes = 3


class _ZeroPad(_Pad):
    mode = "zeros"


class ZeroPad1d(_ZeroPad):
    """0 0 a b c d 0 0 of a b c d: (..., L) framed by zeros.

    padding  (left, right), or one number for both. A negative number takes elements away
    """

    axes = 1


class ZeroPad2d(_ZeroPad):
    """`ZeroPad1d` along the two last axes; padding (left, right, top, bottom)."""

    axes = 2


class ZeroPad3d(_ZeroPad):
    """`ZeroPad1d` along the three last axes; padding (left, right, top, bottom, front, back)."""

    axes = 3


class _ConstantPad(_Pad):
    mode = "zeros"

    def __init__(self, padding: int | Sequence[int], value: float) -> None:
        super().__init__(padding)
        self.value = value

    def describe(self) -> str:
        return f"{super().describe()}, {self.value}"


class ConstantPad1d(_ConstantPad):
    """k k a b c d k k of a b c d: (..., L) framed by one value.

    padding  (left, right), or one number for both. A negative number takes elements away
    value    k
    """

    axes = 1


class ConstantPad2d(_ConstantPad):
    """`ConstantPad1d` along the two last axes; padding (left, right, top, bottom)."""

    axes = 2


class ConstantPad3d(_ConstantPad):
    """`ConstantPad1d` along the three last axes; padding (left, right, top, bottom, front, back)."""

    axes = 3
