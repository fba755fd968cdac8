"""Convolution over the last axes of (N, C, L), (N, C, H, W) or (N, C, D, H, W), and its transpose.

<g, conv2d(x, w)> is linear in each of g, x and w. Its three partial derivatives are conv2d, conv2d_input and
conv2d_weight, a closed family: the rules of each are the other two, so these three give derivatives of every order.

Each op has a plain version, in NumPy functions that take arrays of any library, and a kernel in kernels/conv.py for
NumPy's own arrays. The tests compare the two.

Signals are images of height 1. A volume is its planes, each an image whose channels are those of all planes under the
window: its depth is unfolded first, or folded last, and both versions serve for all three.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.dtypes import in_float32
from ..core.op import sum_
from ..core.rows import Primitive, primitive
from .kernels import chosen
from .kernels import conv as kernels
from .kernels.windows import Pair, Window
from .padding import pad
from .shapes import reshape
from .windows import (
    Steps,
    fold_row,
    forms,
    lowered,
    numbers,
    over_axes,
    raised,
    unfold_row,
    window_of,
)

# Plain versions ------------------------------------------------------------------------------------------


def _columns_plain(x: Any, window: Window, groups: int) -> Any:
    """The elements under each window: (G, N Ho Wo, C/G kh kw)."""
    (n, c, *size), (kh, kw) = x.shape, window.kernel
    ho, wo = window.output_size(size)
    framed = np.pad(x, ((0, 0), (0, 0), *window.padding))
    views = np.lib.stride_tricks.sliding_window_view(framed, window.extent, axis=(2, 3))
    views = views[:, :, :: window.stride[0], :: window.stride[1]]
    views = views[..., :: window.dilation[0], :: window.dilation[1]]  # (N, C, Ho, Wo, kh, kw)
    grouped = views.reshape(n, groups, c // groups, ho, wo, kh, kw).transpose((1, 0, 3, 4, 2, 5, 6))
    return grouped.reshape(groups, n * ho * wo, c // groups * kh * kw)


def conv2d_plain(x: Any, w: Any, b: Any, window: Window, groups: int) -> Any:
    """y[n, o, i, j] = b[o] + sum_{c, u, v} w[o, c, u, v] x[n, c, i s + u d - p, j s + v d - p]"""
    (n, *_, h, wd), o = x.shape, w.shape[0]
    ho, wo = window.output_size((h, wd))
    filters = w.reshape(groups, o // groups, math.prod(w.shape[1:])).transpose((0, 2, 1))
    y = _columns_plain(x, window, groups) @ filters  # (G, N Ho Wo, O/G)
    y = y.reshape(groups, n, ho, wo, o // groups).transpose((1, 0, 4, 2, 3)).reshape(n, o, ho, wo)
    return y if b is None else y + b.reshape(o, 1, 1)


def conv2d_input_plain(g: Any, w: Any, size: Pair, window: Window, groups: int) -> Any:
    """The gradient of <g, conv2d(x, w)> by x, for x of height and width `size`."""
    (n, o, ho, wo), (sh, sw), (eh, ew) = g.shape, window.stride, window.extent
    (h, wd), (ph, pw) = size, window.padded(size)
    (top, _), (left, _) = window.padding
    # g with its elements `stride` apart, in a frame of zeros: a convolution of stride 1 then gives the padded image
    spread = np.zeros_like(g, shape=(n, o, ph + eh - 1, pw + ew - 1))
    spread[:, :, eh - 1 : eh - 1 + sh * ho : sh, ew - 1 : ew - 1 + sw * wo : sw] = g
    back = Window(window.kernel, dilation=window.dilation)
    padded = conv2d_plain(spread, kernels.flipped(w, groups), None, back, groups)
    return padded[:, :, top : top + h, left : left + wd]


def conv2d_weight_plain(g: Any, x: Any, window: Window, groups: int) -> Any:
    """The gradient of <g, conv2d(x, w)> by w, for w of height and width `window.kernel`."""
    (n, o, ho, wo), c = g.shape, x.shape[1]
    grouped = g.reshape(n, groups, o // groups, ho, wo).transpose((1, 2, 0, 3, 4))
    y = grouped.reshape(groups, o // groups, n * ho * wo) @ _columns_plain(x, window, groups)
    return y.reshape(o, c // groups, *window.kernel)


# Volumes -------------------------------------------------------------------------------------------------


def _planes(x: Any) -> Any:
    """(N, C, D, H, W) as the images (N D, C, H, W)."""
    n, c, d, h, w = x.shape
    return x.transpose((0, 2, 1, 3, 4)).reshape(n * d, c, h, w)


def _volumes(x: Any, n: int, d: int) -> Any:
    """The way back: (N D, C, H, W) as (N, C, D, H, W)."""
    return x.reshape(n, d, *x.shape[1:]).transpose((0, 2, 1, 3, 4))


def _planes_under(x: Any, depth: Window) -> Any:
    """Images (N Do, C kd, H, W): for each output plane, the planes under the window as channels."""
    (n, c, d, h, w), kd = x.shape, depth.kernel[0]
    under = unfold_row(x.reshape(n, c, d, h * w), depth)
    return _planes(under.reshape(n, c * kd, depth.output_size((d, 1))[0], h, w))


def _channels_of(w: Any) -> Any:
    """Filters (O, C, kd, kh, kw) for these images: (O, C kd, kh, kw)."""
    o, c, kd, kh, kw = w.shape
    return w.reshape(o, c * kd, kh, kw)


def _volumes_input(g: Any, w: Any, size: Any, window: Window, groups: int) -> Any:
    n, _, do, *_ = g.shape
    planes = _conv2d_input(_planes(g), _channels_of(w), size[1:], window.planes, groups)
    (_, c, h, wd), (d, *_) = planes.shape, size
    under = _volumes(planes, n, do).reshape(n, c, do * h * wd)
    return fold_row(under, (d, h * wd), window.depth).reshape(n, c // window.kernel[0], d, h, wd)


def _volumes_weight(g: Any, x: Any, window: Window, groups: int) -> Any:
    y = _conv2d_weight(_planes(g), _planes_under(x, window.depth), window.planes, groups)
    return y.reshape(len(y), y.shape[1] // window.kernel[0], *window.kernel)


# The closed family ---------------------------------------------------------------------------------------


def _conv2d(x: Any, w: Any, b: Any, window: Window, groups: int) -> Any:
    if len(window.kernel) == 3:
        under = _planes_under(x, window.depth)
        y = _conv2d(under, _channels_of(w), b, window.planes, groups)
        return _volumes(y, len(x), window.depth.output_size((x.shape[2], 1))[0])
    return chosen(kernels.conv2d, conv2d_plain, x, w)(x, w, b, window, groups)


def _conv2d_input(g: Any, w: Any, size: Any, window: Window, groups: int) -> Any:
    """sum_{o, u, v} w[o, c, u, v] g[n, o, (i + p - u d) / s, (j + p - v d) / s], over places that are integers"""
    if len(window.kernel) == 3:
        return in_float32(_volumes_input, g, w, size, window, groups)
    function = chosen(kernels.conv2d_input, conv2d_input_plain, g, w)
    return function(g, w, size, window, groups)


def _conv2d_weight(g: Any, x: Any, window: Window, groups: int) -> Any:
    """sum_{n, i, j} g[n, o, i, j] x[n, c, i s + u d - p, j s + v d - p]"""
    if len(window.kernel) == 3:
        return _volumes_weight(g, x, window, groups)
    function = chosen(kernels.conv2d_weight, conv2d_weight_plain, g, x)
    return in_float32(function, g, x, window, groups)  # it adds up products


_conv2d_row = primitive(
    _conv2d,
    x=lambda g, w, x_shape, window, groups: conv2d_input(g, w, x_shape[2:], window, groups),
    w=lambda g, x, window, groups: conv2d_weight(g, x, window, groups),
    b=lambda g: sum_(g, (0, 2, 3, 4)[: len(g.shape) - 1]),
)
conv2d_input: Primitive = primitive(
    _conv2d_input,
    g=lambda G, w, window, groups: _conv2d_row(G, w, None, window, groups),
    w=lambda G, g, window, groups: conv2d_weight(g, G, window, groups),
)
conv2d_weight: Primitive = primitive(
    _conv2d_weight,
    g=lambda G, x, window, groups: _conv2d_row(x, G, None, window, groups),
    x=lambda G, g, x_shape, window, groups: conv2d_input(g, G, x_shape[2:], window, groups),
)


# What users call -----------------------------------------------------------------------------------------

_FILTERS = {1: "k)", 2: "kh, kw)", 3: "kd, kh, kw)"}


def _conv(
    axes: int,
    x: Any,
    w: Any,
    b: Any = None,
    stride: Steps = 1,
    padding: Any = 0,
    dilation: Steps = 1,
    groups: int = 1,
) -> Any:
    op = f"conv{axes}d"
    groups = _checked_groups(op, axes, x, w, b, groups)
    window = window_of(op, x.shape[2:], w.shape[2:], stride, padding, dilation)
    return lowered(_conv2d_row(raised(x), raised(w), b, window, groups), axes)


@over_axes(2, _conv)
def conv2d() -> Any:
    """y[n, o, i, j] = b[o] + sum_{c, u, v} w[o, c, u, v] x[n, c, i s + u d - p, j s + v d - p]

    x (N, C, H, W) or (C, H, W), w (O, C / groups, kh, kw), b (O,) or None; y (N, O, Ho, Wo) or (O, Ho, Wo), with
    Ho = floor((H + 2 p - d (kh - 1) - 1) / s) + 1.

    padding  a number, one per axis, (before, after) per axis, "valid" for none, or "same" for Ho = ceil(H / s):
             max((Ho - 1) s + d (kh - 1) + 1 - H, 0) in total, the odd one after
    groups   the number of groups into which the channels are split, each with O / groups filters of its own
    """


@over_axes(1, _conv)
def conv1d() -> Any:
    """y[n, o, i] = b[o] + sum_{c, u} w[o, c, u] x[n, c, i s + u d - p]

    x (N, C, L) or (C, L), w (O, C / groups, k), b (O,) or None, y (N, O, Lo) or (O, Lo): `conv2d` on images of height
    1, with its options.
    """


@over_axes(3, _conv)
def conv3d() -> Any:
    """y[n, o, i, j, k] = b[o] + sum_{c, t, u, v} w[o, c, t, u, v] x[n, c, i s + t d - p, j s + u d - p, k s + v d - p]

    x (N, C, D, H, W) or (C, D, H, W), w (O, C / groups, kd, kh, kw), b (O,) or None, y (N, O, Do, Ho, Wo) or
    (O, Do, Ho, Wo): `conv2d` over volumes, with its options.
    """


def _conv_transpose(
    axes: int,
    x: Any,
    w: Any,
    b: Any = None,
    stride: Steps = 1,
    padding: Steps = 0,
    output_padding: Steps = 0,
    groups: int = 1,
    dilation: Steps = 1,
) -> Any:
    op = f"conv_transpose{axes}d"
    groups = _checked_groups(op, axes, x, w, b, groups, is_transposed=True)
    size, window, rest = _window_back(
        op, x.shape[2:], w.shape[2:], stride, padding, output_padding, dilation
    )
    y = conv2d_input(raised(x), raised(w), size, window, groups)
    if any(rest):  # elements that no window reaches
        y = pad(y, ((0, 0), (0, 0), *((0, more) for more in rest)))
    if b is not None:
        y = y + reshape(b, (-1, *[1] * len(rest)))
    return lowered(y, axes)


@over_axes(2, _conv_transpose)
def conv_transpose2d() -> Any:
    """y[n, o, i s + u d - p, j s + v d - p] += w[c, o, u, v] x[n, c, i, j], and b[o] everywhere

    x (N, C, H, W) or (C, H, W), w (C, O / groups, kh, kw), b (O,) or None; y (N, O, Ho, Wo) or (O, Ho, Wo), with
    Ho = (H - 1) s - 2 p + d (kh - 1) + 1 + output_padding. This is the gradient of `conv2d` by its input, used as a
    forward op: conv2d with the same options turns the shape of y back into that of x.

    output_padding  extra rows and columns on the far side; fewer than the stride or the dilation
    """


@over_axes(1, _conv_transpose)
def conv_transpose1d() -> Any:
    """y[n, o, i s + u d - p] += w[c, o, u] x[n, c, i], and b[o] everywhere

    x (N, C, L) or (C, L), w (C, O / groups, k), b (O,) or None: `conv_transpose2d` on images of height 1, with its
    options.
    """


@over_axes(3, _conv_transpose)
def conv_transpose3d() -> Any:
    """y[n, o, i s + t d - p, j s + u d - p, k s + v d - p] += w[c, o, t, u, v] x[n, c, i, j, k], and b[o] everywhere

    x (N, C, D, H, W) or (C, D, H, W), w (C, O / groups, kd, kh, kw), b (O,) or None: `conv_transpose2d` over volumes,
    with its options.
    """


def _checked_groups(
    op: str, axes: int, x: Any, w: Any, b: Any, groups: Any, is_transposed: bool = False
) -> int:
    """The number of groups; ValueError if x, the weight and the bias do not fit it and each other."""
    if len(x.shape) != 2 + axes or len(w.shape) != 2 + axes:
        needed = "C, O" if is_transposed else "O, C"
        raise ValueError(
            f"{op}: x has shape {tuple(x.shape)} and the weight {tuple(w.shape)}; {forms(axes)} and "
            f"({needed}, {_FILTERS[axes]} are needed"
        )
    (groups,) = numbers(f"{op}: groups", groups, 1, 1)
    outer, inner = w.shape[:2]
    taken, filters = (outer, inner * groups) if is_transposed else (inner * groups, outer)
    if x.shape[1] != taken:
        each = f", {inner} in each of {groups} groups" if groups > 1 and not is_transposed else ""
        raise ValueError(
            f"{op}: x of shape {tuple(x.shape)} has {x.shape[1]} channels, the weight of shape {tuple(w.shape)} takes "
            f"{taken}{each}"
        )
    if outer % groups:
        raise ValueError(
            f"{op}: the weight of shape {tuple(w.shape)} does not divide into {groups} groups; its first axis must"
        )
    if b is not None and tuple(b.shape) != (filters,):
        raise ValueError(
            f"{op}: the bias has shape {tuple(b.shape)}; one per filter is needed, ({filters},)"
        )
    return groups


def _window_back(
    op: str, inner: Any, kernel: Any, stride: Any, padding: Any, more: Any, dilation: Any
) -> tuple[tuple[int, ...], Window, tuple[int, ...]]:
    """The size that the windows of a transposed convolution reach, its window, and how many elements lie beyond.

    more  the output_padding: it takes padding off the far side, and adds elements when none is left
    """
    axes = len(inner)
    stride = numbers(f"{op}: stride", stride, axes, 1)
    padding = numbers(f"{op}: padding", padding, axes, 0)
    more = numbers(f"{op}: output_padding", more, axes, 0)
    dilation = numbers(f"{op}: dilation", dilation, axes, 1)
    if any(m >= max(s, d) for m, s, d in zip(more, stride, dilation, strict=True)):
        raise ValueError(
            f"{op}: output_padding {more} must be less than the stride {stride} or the dilation {dilation}"
        )
    per_axis = map(_axis_back, inner, kernel, stride, padding, more, dilation)
    size, pads, rest = zip(*per_axis, strict=True)
    if min(inner) < 1 or min(size) < 1:
        raise ValueError(
            f"{op}: the input {tuple(inner)} with the window {tuple(kernel)}, stride {stride} and padding {padding} "
            f"gives {size}; use less padding"
        )
    window = window_of(op, size, kernel, stride, pads, dilation)
    lead = 2 - axes
    return (1,) * lead + size, window, (0,) * lead + rest


def _axis_back(n: int, k: int, s: int, p: int, m: int, d: int) -> tuple[int, Pair, int]:
    """`_window_back` along one axis: the size, (before, after) of the padding, and how many elements lie beyond."""
    # with no padding left, the size can grow by less than a stride only: else one more window would fit
    rest = max(m - p, 0) // s * s
    return (n - 1) * s + d * (k - 1) + 1 - 2 * p + m - rest, (p, max(p - m, 0)), rest
