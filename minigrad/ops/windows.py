"""Windows that move over the last axes of (N, C, H, W): their arguments, and the pair unfold and fold."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from operator import index
from types import FunctionType
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from ..core.dtypes import in_float32
from ..core.graph import holds_no_array
from ..core.rows import Primitive, primitive
from .kernels.windows import Pair, Window
from .shapes import expand_dims, reshape, squeeze

holds_no_array(Window)

Steps = int | Sequence[int]  # one number for all axes, or one per axis
FORMS = {
    1: ("(N, C, L)", "(C, L)"),
    2: ("(N, C, H, W)", "(C, H, W)"),
    3: ("(N, C, D, H, W)", "(C, D, H, W)"),
}
P = ParamSpec("P")
R = TypeVar("R")

# Arguments -----------------------------------------------------------------------------------------------


def numbers(name: str, value: Any, axes: int, least: int) -> tuple[int, ...]:
    """A number per axis, given as one for all or as one each; ValueError otherwise."""
    each = value if isinstance(value, (tuple, list)) else (value,) * axes
    if len(each) != axes or any(not hasattr(n, "__index__") or index(n) < least for n in each):
        some = ("", " or a pair of them", " or three of them")[axes - 1]
        raise ValueError(f"{name} must be an integer >= {least}{some}, not {value!r}")
    return tuple(map(index, each))


def window_of(
    op: str,
    size: Sequence[int],
    kernel: Any,
    stride: Any,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Window:
    """The checked window for an image of `size`; for one with a single axis it has height 1.

    padding    as `conv2d` takes it. ValueError for a kernel larger than the padded image.
    ceil_mode  True: with enough padding after the image that no element is left over
    """
    axes = len(size)
    kernel = numbers(f"{op}: kernel_size", kernel, axes, 1)
    stride = numbers(f"{op}: stride", stride, axes, 1)
    dilation = numbers(f"{op}: dilation", dilation, axes, 1)
    extent = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    pads = _padding(f"{op}: padding", padding, size, extent, stride)
    if ceil_mode:
        pads = _rounded_up(size, extent, stride, pads)
    padded = tuple(n + before + after for n, (before, after) in zip(size, pads, strict=True))
    if any(e > n for e, n in zip(extent, padded, strict=True)):
        spread = f", {tuple(extent)} with its dilation," if max(dilation) > 1 else ""
        raise ValueError(
            f"{op}: the window {kernel}{spread} is larger than the input {tuple(size)}, {padded} with its padding; "
            "use a smaller window, more padding or fewer layers that shrink the input"
        )
    lead = (1,) * (2 - axes)
    return Window(lead + kernel, lead + stride, ((0, 0),) * (2 - axes) + pads, lead + dilation)


def _padding(
    name: str, given: Any, size: Sequence[int], extent: Sequence[int], stride: Sequence[int]
) -> tuple[Pair, ...]:
    """(before, after) per axis; "same" gives ceil(n / s) windows, and an odd element goes after."""
    axes = len(size)
    if isinstance(given, str) and given == "valid":
        return ((0, 0),) * axes
    if isinstance(given, str) and given == "same":
        totals = [
            max((-(-n // s) - 1) * s + e - n, 0)
            for n, e, s in zip(size, extent, stride, strict=True)
        ]
        return tuple((total // 2, total - total // 2) for total in totals)
    each = given if isinstance(given, (tuple, list)) else (given,) * axes
    try:
        if len(each) == axes:
            return tuple(numbers(name, n, 2, 0) for n in each)  # type: ignore[misc]
    except ValueError:
        pass  # the error below shows the whole argument
    raise ValueError(
        f"{name} must be an integer >= 0, {('', 'a pair of them, ', 'three of them, ')[axes - 1]}"
        f"(before, after) per axis, 'same' or 'valid', not {given!r}"
    )


def _rounded_up(
    size: Sequence[int], extent: Sequence[int], stride: Sequence[int], padding: tuple[Pair, ...]
) -> tuple[Pair, ...]:
    """The padding, with enough after the image that no element is left over.

    As in PyTorch, a window that would start beyond the image is left out.
    """
    pads = []
    for n, e, s, (before, after) in zip(size, extent, stride, padding, strict=True):
        out = -((e - n - before - after) // s) + 1
        if (out - 1) * s >= n + before:
            out -= 1
        more = (out - 1) * s + e - n - before
        pads.append((before, max(more, 0) if out > 0 else after))
    return tuple(pads)


# One, two or three axes ---------------------------------------------------------------------------------


def over_axes(
    axes: int, f: Callable[Concatenate[int, P], R]
) -> Callable[[Callable[[], R]], Callable[P, R]]:
    """`f(axes, ...)` with the name and docstring of an empty function; only f declares the other parameters.

    f takes x with a batch; without one, x of `axes` + 1 axes is a batch of one for it.

    @over_axes(1, _conv)
    def conv1d() -> Any:
        ...
    """
    given = inspect.signature(f)
    code: Any = f

    def named(op: Callable[[], R]) -> Callable[P, R]:
        # a copy of f under the name of op, which Python's own errors about arguments then say
        own = FunctionType(code.__code__, code.__globals__, argdefs=code.__defaults__)
        functools.update_wrapper(own, op)

        @functools.wraps(op)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            x: Any = args[0] if args else kwargs.get("x")
            if len(getattr(x, "shape", ())) != axes + 1:
                return own(axes, *args, **kwargs)
            _, *rest = args or (kwargs.pop("x"),)
            return _of_one(own, axes, x, *rest, **kwargs)

        call.__signature__ = given.replace(parameters=[*given.parameters.values()][1:])  # type: ignore[attr-defined]
        return call

    return named


def _of_one(f: Any, axes: int, x: Any, *args: Any, **kwargs: Any) -> Any:
    """f of one example without a batch, (C, ...): of a batch of one, and back."""
    try:
        y = f(axes, expand_dims(x, 0), *args, **kwargs)
    except ValueError as error:
        raise ValueError(
            f"{error}; x of shape {tuple(x.shape)} is taken as one example, {FORMS[axes][1]}"
        ) from None
    return tuple(squeeze(part, 0) for part in y) if isinstance(y, tuple) else squeeze(y, 0)


def forms(axes: int) -> str:
    """The shapes of inputs, with a batch and without."""
    return " or ".join(FORMS[axes])


def raised(x: Any) -> Any:
    """(N, C, L) as (N, C, 1, L), signals as images of height 1; (N, C, H, W) and volumes as they are."""
    return x if len(x.shape) != 3 else reshape(x, (*x.shape[:2], 1, x.shape[2]))


def lowered(x: Any, axes: int) -> Any:
    """(N, C, 1, L) as (N, C, L) if there is one axis; else as it is."""
    return x if axes > 1 else reshape(x, (*x.shape[:2], x.shape[3]))


# Unfold and fold -----------------------------------------------------------------------------------------


def _unfold(x: Any, window: Window) -> Any:
    (n, c, *size), (kh, kw) = x.shape, window.kernel
    ho, wo = window.output_size(size)
    y = np.zeros_like(x, shape=(n, c, kh * kw, ho, wo))
    for k, here, there in window.places(size):
        y[:, :, k, *here] = x[:, :, *there]
    return y.reshape(n, c * kh * kw, ho * wo)


def _fold(x: Any, output_size: Pair, window: Window) -> Any:
    return in_float32(_added_up, x, output_size, window)


def _added_up(x: Any, output_size: Pair, window: Window) -> Any:
    kh, kw = window.kernel
    n, c = x.shape[0], x.shape[1] // (kh * kw)
    columns = x.reshape(n, c, kh * kw, *window.output_size(output_size))
    y = np.zeros_like(x, shape=(n, c, *output_size))
    for k, here, there in window.places(output_size):
        y[:, :, *there] += columns[:, :, k, *here]  # overlapping windows accumulate
    return y


unfold_row = primitive(_unfold, x=lambda g, x_shape, window: fold_row(g, x_shape[2:], window))
fold_row: Primitive = primitive(_fold, x=lambda g, window: unfold_row(g, window))


def unfold(
    x: Any, kernel_size: Steps, dilation: Steps = 1, padding: Any = 0, stride: Steps = 1
) -> Any:
    """y[n, (c, u, v), (i, j)] = x[n, c, i s + u d - p, j s + v d - p], and 0 in the padding

    x (N, C, H, W), y (N, C kh kw, Ho Wo) with Ho = floor((H + 2 p - d (kh - 1) - 1) / s) + 1: a column per window.
    Its gradient is `fold`. The options are those of `conv2d`; x (C, H, W) gives y (C kh kw, Ho Wo).
    """
    if len(x.shape) == 3:
        return squeeze(unfold(expand_dims(x, 0), kernel_size, dilation, padding, stride), 0)
    if len(x.shape) != 4:
        raise ValueError(f"unfold: x has shape {tuple(x.shape)}; {forms(2)} is needed")
    return unfold_row(x, window_of("unfold", x.shape[2:], kernel_size, stride, padding, dilation))


def fold(
    x: Any,
    output_size: Steps,
    kernel_size: Steps,
    dilation: Steps = 1,
    padding: Any = 0,
    stride: Steps = 1,
) -> Any:
    """y[n, c, i s + u d - p, j s + v d - p] += x[n, (c, u, v), (i, j)]: the windows' columns added up

    x (N, C kh kw, L), y (N, C, *output_size): the gradient of `unfold`. Elements that no window meets are 0. Without
    the N in x there is none in y.
    """
    if len(x.shape) == 2:
        y = fold(expand_dims(x, 0), output_size, kernel_size, dilation, padding, stride)
        return squeeze(y, 0)
    size = numbers("fold: output_size", output_size, 2, 1)
    window = window_of("fold", size, kernel_size, stride, padding, dilation)
    (kh, kw), (ho, wo) = window.kernel, window.output_size(size)
    if len(x.shape) != 3 or x.shape[1] % (kh * kw) or x.shape[2] != ho * wo:
        raise ValueError(
            f"fold: x has shape {tuple(x.shape)}; for the window {window.kernel} and the output_size {size} "
            f"(N, C * {kh * kw}, {ho * wo}) is needed"
        )
    return fold_row(x, size, window)
