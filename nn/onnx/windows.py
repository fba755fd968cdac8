"""Translations of ops that move a window, convolutions and pools, and of what is resized."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .graph import Step, Translation


def _moves(window: Any) -> dict[str, Any]:
    """The attributes that say how a window moves."""
    before, after = zip(*window.padding, strict=True)
    return {
        "kernel_shape": list(window.kernel),
        "strides": list(window.stride),
        "pads": [*before, *after],
    }


def _conv2d(step: Step) -> str:
    window = step.option("window")
    return step.add(
        "Conv",
        step("x"),
        step("w"),
        step("b"),
        dilations=list(window.dilation),
        group=step.option("groups"),
        **_moves(window),
    )


def _conv_transpose2d(step: Step) -> str:
    """ConvTranspose, which is the gradient of a convolution by its input, of `size`."""
    window, size = step.option("window"), step.option("size")
    inner = step.shape_of("g")[2:]
    reached = [
        (n - 1) * s + e - before - after
        for n, s, e, (before, after) in zip(
            inner, window.stride, window.extent, window.padding, strict=True
        )
    ]
    return step.add(
        "ConvTranspose",
        step("g"),
        step("w"),
        dilations=list(window.dilation),
        group=step.option("groups"),
        output_padding=[n - r for n, r in zip(size, reached, strict=True)],
        **_moves(window),
    )


def _unfold(step: Step) -> str:
    """A convolution of each channel with a kernel for each place of the window: 1 there, 0 elsewhere."""
    window = step.option("window")
    channels, places = step.shape_of("x")[1], math.prod(window.kernel)
    kernels = np.tile(np.eye(places).reshape(places, 1, *window.kernel), (channels, 1, 1, 1))
    y = step.add(
        "Conv",
        step("x"),
        step.constant(kernels),
        dilations=list(window.dilation),
        group=channels,
        **_moves(window),
    )
    return step.add("Reshape", y, step.integers(0, 0, -1))


def _fold(step: Step) -> str:
    window = step.option("window")
    before, after = zip(*window.padding, strict=True)
    return step.add(
        "Col2Im",
        step("x"),
        step.integers(*step.option("output_size")),
        step.integers(*window.kernel),
        dilations=list(window.dilation),
        pads=[*before, *after],
        strides=list(window.stride),
    )


def _max_pool2d(step: Step) -> str:
    window = step.option("window")
    return step.add("MaxPool", step("x"), dilations=list(window.dilation), **_moves(window))


def _avg_pool2d(step: Step) -> str:
    """The mean with all padding counted, times the size of the window over the number of elements that count."""
    window, counted = step.option("window"), step.option("counted")
    y = step.add("AveragePool", step("x"), count_include_pad=1, **_moves(window))
    if counted == window.padding:
        return y
    ones = np.ones((1, 1, *step.shape_of("x")[2:]), step.dtype)
    average = step.node.op  # on plain arrays an op computes plainly
    return step.add(
        "Mul",
        y,
        step.constant(average(ones, window, counted) / average(ones, window, window.padding)),
    )


def _resample(step: Step) -> str:
    """Resize along one axis."""
    axis, size, (by, offset, kind) = map(step.option, ("axis", "size", "law"))
    n = step.shape_of("x")[axis]
    aligned = offset == 0
    # a scale that was given may be another one than size / n
    by_size = aligned or abs(by * size - n) <= 1e-6 * n
    if size == n and not by_size:  # a cubic of images; runtimes copy x if its size stays
        matrix = step.node.op(np.eye(n), 0, n, (by, offset, kind), False).astype(step.dtype)
        if axis == 2:
            return step.add("MatMul", step.constant(matrix), step("x"))
        return step.add("MatMul", step("x"), step.constant(matrix.T))
    scale = None if by_size else step.constant([1 / by], np.float32)
    return step.add(
        "Resize",
        step("x"),
        None,
        scale,
        step.integers(size) if by_size else None,
        axes=[axis],
        mode=kind,
        cubic_coeff_a=-0.75,
        coordinate_transformation_mode="align_corners" if aligned else "half_pixel",
    )


WINDOWS: dict[str, Translation] = {
    "conv2d": _conv2d,
    "conv2d_input": _conv_transpose2d,
    "max_pool2d": _max_pool2d,
    "avg_pool2d": _avg_pool2d,
    "resample": _resample,
    "unfold": _unfold,
    "fold": _fold,
}
