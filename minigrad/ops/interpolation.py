"""Images and signals of another size: elements repeated, or values between them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from ..core.dtypes import in_array, narrowed, widened
from ..core.rows import Primitive, primitive
from .axes import in_floats
from .indexing import take
from .kernels import chosen
from .kernels import resampling as kernels
from .rearrange import repeat

MODES = {"nearest": None, "linear": 3, "bilinear": 4, "bicubic": 4, "trilinear": 5}
"""Mode -> the number of axes of its x."""


def _resample(x: Any, axis: int, size: int, law: Any, back: bool) -> Any:
    return chosen(kernels.resample, kernels.summed, x)(x, axis, size, law, back)


# a row for speed, as the sums of neighbours are one matrix product; linear in x, and its transpose is its gradient
_resample_row: Primitive = primitive(
    _resample,
    x=lambda g, axis, law, back, x_shape: _resample_row(g, axis, x_shape[axis], law, not back),
)


def interpolate(
    x: Any,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Any:
    """y[n, c, i, ...] = x[n, c, s(i), ...] along all axes behind (N, C), with s(i) = (i + 1/2) L / Lo - 1/2.

    size           Lo for all of these axes, or one number per axis
    scale_factor   instead of size: Lo = floor(L scale_factor), and s divides by scale_factor in place of Lo / L
    mode           "nearest": s(i) = floor(i L / Lo). Else x between its elements, along one axis after the other:
                   "linear", "bilinear", "trilinear" on the line through two, for one, two, three axes; "bicubic" on
                   the cubic by four (Keys 1981, a = -3/4), for two axes. Beyond the ends stands the last element
    align_corners  True: s(i) = i (L - 1) / (Lo - 1), so that the ends of x are those of y; not with "nearest"

    A smaller y skips elements of x: `adaptive_avg_pool2d` averages them. As in PyTorch, if Lo = L all but "bicubic"
    leave the axis as it is, and "nearest" with a scale_factor takes floor(i L / Lo) if x has more than three axes and
    Lo is L or 2 L.
    """
    x = in_array(x)
    asked = _asked(x, size, scale_factor, mode, align_corners)
    if mode == "nearest":
        for axis, (out, scale) in enumerate(asked, 2):
            x = _nearest(x, axis, out, scale)
        return x
    x = in_floats(x)
    y = widened(x)
    kind = "cubic" if mode == "bicubic" else "linear"
    for axis, (out, scale) in enumerate(asked, 2):
        n = x.shape[axis]
        step = 1 / scale if scale else n / out
        law = ((n - 1) / (out - 1 or math.inf), 0.0, kind) if align_corners else (step, 0.5, kind)
        if out != n or (kind == "cubic" and law[0] != 1):
            y = _resample_row(y, axis, out, law, False)
    return narrowed(y, x)


def _nearest(x: Any, axis: int, out: int, scale: float | None) -> Any:
    n = x.shape[axis]
    times = out // n if not out % n else 0
    if times and (not scale or scale == times or (times <= 2 and len(x.shape) > 3)):
        return x if times == 1 else repeat(x, times, axis)
    i = np.arange(out)
    places = np.floor(i / scale).astype(np.int64) if scale else i * n // out
    return take(x, np.minimum(places, n - 1).tolist(), axis)


def _asked(
    x: Any, size: Any, scale_factor: Any, mode: str, align_corners: bool | None
) -> list[tuple[int, float | None]]:
    """(the size of y, the scale that was given) for each axis behind (N, C)."""
    _check(size, scale_factor, mode, align_corners)
    inner, shape = tuple(x.shape[2:]), tuple(x.shape)
    if not inner or MODES[mode] not in (None, len(shape)):
        axes = "three axes and more" if mode == "nearest" else f"{MODES[mode]} axes"
        raise ValueError(f"interpolate: mode {mode!r} takes x of {axes}, not shape {shape}")
    given = scale_factor if size is None else size
    each = tuple(given) if isinstance(given, (tuple, list)) else (given,) * len(inner)
    if len(each) != len(inner):
        raise ValueError(
            f"interpolate: {given} does not fit x of shape {shape}, which has {len(inner)} axes behind (N, C)"
        )
    outs = [math.floor(n * s) for n, s in zip(inner, each, strict=True)] if size is None else each
    for axis, (n, out) in enumerate(zip(inner, outs, strict=True), 2):
        if n < 1 or out < 1:
            raise ValueError(
                f"interpolate: axis {axis} of x with shape {shape} cannot become one of {out}"
            )
    return list(zip(outs, each if size is None else (None,) * len(inner), strict=True))


def _check(size: Any, scale_factor: Any, mode: str, align_corners: bool | None) -> None:
    """Refuse the arguments that no x could make right."""
    if mode not in MODES:
        modes = ", ".join(map(repr, MODES))
        raise ValueError(f"interpolate: mode must be one of {modes}, not {mode!r}")
    if mode == "nearest" and align_corners is not None:
        raise ValueError("interpolate: mode 'nearest' has no align_corners; the other modes have")
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate: one of size and scale_factor is needed, and only one")
    given = scale_factor if size is None else size
    each: tuple[Any, ...] = tuple(given) if isinstance(given, (tuple, list)) else (given,)
    for n in each:
        is_number = isinstance(n, Real if size is None else Integral)
        if size is None and not (is_number and 0 < n < math.inf):
            raise ValueError(f"interpolate: scale_factor must be made of numbers > 0, not {n!r}")
        if size is not None and not (is_number and n >= 1):
            raise ValueError(f"interpolate: size must be made of integers >= 1, not {n!r}")
