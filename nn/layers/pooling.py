"""Pooling: the maximum or the mean of windows, given by their size or by their number.

Where x and y are written with a batch, one example without it will do: (C, L), (C, H, W) or (C, D, H, W).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import minigrad

from ..checks import Sizes, check_array, integer, integers, short
from ..module import Module


class _Pool(Module):
    """Windows of kernel_size, `stride` apart, over which an op is taken."""

    axes: int
    _op: Callable[..., Any]

    def _set_window(self, kernel_size: Any, stride: Any, padding: Any) -> None:
        self.kernel_size = integers(self, "kernel_size", kernel_size, self.axes, 1)
        self.stride = self.kernel_size
        if stride is not None:
            self.stride = integers(self, "stride", stride, self.axes, 1)
        self.padding = integers(self, "padding", padding, self.axes, 0)

    def describe(self) -> str:
        text = f"{short(self.kernel_size)}"
        text += f", stride={short(self.stride)}" if self.stride != self.kernel_size else ""
        return text + (f", padding={short(self.padding)}" if any(self.padding) else "")


class _MaxPool(_Pool):
    """The arguments that MaxPool1d, 2d and 3d share; these add the number of axes and the op."""

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        self._set_window(kernel_size, stride, padding)
        self.dilation = integers(self, "dilation", dilation, self.axes, 1)
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, x: Any) -> Any:
        check_array(self, x)
        options = self.padding, self.dilation, self.ceil_mode, self.return_indices
        return self._op(x, self.kernel_size, self.stride, *options)

    def describe(self) -> str:
        text = super().describe()
        text += f", dilation={short(self.dilation)}" if max(self.dilation) > 1 else ""
        text += ", return_indices=True" if self.return_indices else ""
        return text + (", ceil_mode=True" if self.ceil_mode else "")


class MaxPool2d(_MaxPool):
    """y[n, c, i, j] = max_{u, v} x[n, c, i s + u d - p, j s + v d - p]

    x (N, C, H, W); windows of kernel_size, `stride` s apart, by default side by side. The padding p, at most half of
    the window, is -inf. At a tie the first in row-major order gets the gradient.

    return_indices  give (y, i), with i the index of each maximum in its image, counted in row-major order
    ceil_mode       round Ho up, so that no element is left over
    """

    axes = 2
    _op = staticmethod(minigrad.max_pool2d)


class MaxPool1d(_MaxPool):
    """y[n, c, i] = max_u x[n, c, i s + u d - p] for x (N, C, L): `MaxPool2d` along one axis, with its options."""

    axes = 1
    _op = staticmethod(minigrad.max_pool1d)


class MaxPool3d(_MaxPool):
    """y[n, c, i, j, k] = max_{t, u, v} x[n, c, i s + t d - p, j s + u d - p, k s + v d - p] for x (N, C, D, H, W)

    `MaxPool2d` over three axes, with its options.
    """

    axes = 3
    _op = staticmethod(minigrad.max_pool3d)


class _AvgPool(_Pool):
    """The arguments that AvgPool1d, 2d and 3d share; these add the number of axes and the op."""

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        self._set_window(kernel_size, stride, padding)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = (
            None
            if divisor_override is None
            else integer(self, "divisor_override", divisor_override, 1)
        )

    def forward(self, x: Any) -> Any:
        check_array(self, x)
        options = self.padding, self.ceil_mode, self.count_include_pad, self.divisor_override
        return self._op(x, self.kernel_size, self.stride, *options)

    def describe(self) -> str:
        text = super().describe() + (", ceil_mode=True" if self.ceil_mode else "")
        text += "" if self.count_include_pad else ", count_include_pad=False"
        return text + (f", divisor_override={n}" if (n := self.divisor_override) else "")


class AvgPool2d(_AvgPool):
    """y[n, c, i, j] = sum_{u, v} x[n, c, i s + u - p, j s + v - p] / count

    x (N, C, H, W); windows of kernel_size, `stride` s apart, by default side by side. The padding p, at most half of
    the window, is 0.

    ceil_mode          round Ho up, so that no element is left over
    count_include_pad  True: the padding counts as elements; what ceil_mode adds beyond it never does
    divisor_override   a number that takes the place of the count
    """

    axes = 2
    _op = staticmethod(minigrad.avg_pool2d)


class AvgPool1d(_AvgPool):
    """y[n, c, i] = sum_u x[n, c, i s + u - p] / count for x (N, C, L): `AvgPool2d` along one axis, with its options."""

    axes = 1
    _op = staticmethod(minigrad.avg_pool1d)


class AvgPool3d(_AvgPool):
    """y[n, c, i, j, k] = sum_{t, u, v} x[n, c, i s + t - p, j s + u - p, k s + v - p] / count for x (N, C, D, H, W)

    `AvgPool2d` over three axes, with its options.
    """

    axes = 3
    _op = staticmethod(minigrad.avg_pool3d)


class _AdaptivePool(Module):
    """The argument of pools whose output has one size, whatever the size of the input."""

    _op: Callable[..., Any]

    def __init__(self, output_size: int | tuple[int | None, ...] | None) -> None:
        self.output_size = output_size

    def forward(self, x: Any) -> Any:
        check_array(self, x)
        return self._op(x, self.output_size)

    def describe(self) -> str:
        return f"{self.output_size}"


class AdaptiveAvgPool2d(_AdaptivePool):
    """y[n, c, i, j] = the mean of x[n, c] over rows floor(i H / Ho) to ceil((i + 1) H / Ho), columns likewise

    x (N, C, H, W), y (N, C, Ho, Wo) with output_size one number for both or (Ho, Wo); None keeps the size of x.
    """

    _op = staticmethod(minigrad.adaptive_avg_pool2d)


class AdaptiveAvgPool1d(_AdaptivePool):
    """y[n, c, i] = the mean of x[n, c, floor(i L / Lo) : ceil((i + 1) L / Lo)], with x (N, C, L) and output_size Lo."""

    _op = staticmethod(minigrad.adaptive_avg_pool1d)


class AdaptiveAvgPool3d(_AdaptivePool):
    """y[n, c, i, j, k] = the mean of x[n, c] over planes floor(i D / Do) to ceil((i + 1) D / Do), others likewise

    x (N, C, D, H, W), output_size one number for all three axes or (Do, Ho, Wo): `AdaptiveAvgPool2d` over three axes.
    """

    _op = staticmethod(minigrad.adaptive_avg_pool3d)


class _AdaptiveMaxPool(_AdaptivePool):
    """An adaptive pool that can tell where the maxima stand."""

    def __init__(
        self, output_size: int | tuple[int | None, ...] | None, return_indices: bool = False
    ) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, x: Any) -> Any:
        check_array(self, x)
        return self._op(x, self.output_size, self.return_indices)

    def describe(self) -> str:
        return super().describe() + (", return_indices=True" if self.return_indices else "")


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """y[n, c, i] = the maximum of x[n, c, floor(i L / Lo) : ceil((i + 1) L / Lo)], with x (N, C, L) and output_size Lo.

    At a tie the first gets the gradient.
    """

    _op = staticmethod(minigrad.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """y[n, c, i, j] = the maximum of x[n, c] over rows floor(i H / Ho) to ceil((i + 1) H / Ho), columns likewise

    x (N, C, H, W), y (N, C, Ho, Wo) with output_size one number for both or (Ho, Wo); None keeps the size of x. At a
    tie the first in row-major order gets the gradient.

    return_indices  give (y, i), with i the index of each maximum in its image, counted in row-major order
    """

    _op = staticmethod(minigrad.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """y[n, c, i, j, k] = the maximum of x[n, c] over planes floor(i D / Do) to ceil((i + 1) D / Do), others likewise

    x (N, C, D, H, W), output_size one number for all three axes or (Do, Ho, Wo): `AdaptiveMaxPool2d` over three axes.
    """

    _op = staticmethod(minigrad.adaptive_max_pool3d)


class _LPPool(_Pool):
    """The arguments that LPPool1d, 2d and 3d share."""

    def __init__(
        self,
        norm_type: float,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        ceil_mode: bool = False,
    ) -> None:
        self.norm_type = float(norm_type)
        self._set_window(kernel_size, stride, 0)
        self.ceil_mode = ceil_mode

    def forward(self, x: Any) -> Any:
        check_array(self, x)
        return self._op(x, self.norm_type, self.kernel_size, self.stride, self.ceil_mode)

    def describe(self) -> str:
        text = f"{self.norm_type}, {super().describe()}"
        return text + (", ceil_mode=True" if self.ceil_mode else "")


class LPPool2d(_LPPool):
    """y[n, c, i, j] = (sum_{u, v} x[n, c, i s + u, j s + v]^p)^(1/p) for x (N, C, H, W), with p the norm_type

    Windows of kernel_size, `stride` s apart, by default side by side. Where the sum is 0, so are y and its gradient;
    the root of a negative sum is nan, as in PyTorch.

    ceil_mode  round Ho up; what is left of a window counts as if it were as large as the others
    """

    axes = 2
    _op = staticmethod(lambda *given: minigrad.lp_pool2d(*given))


class LPPool1d(_LPPool):
    """y[n, c, i] = (sum_u x[n, c, i s + u]^p)^(1/p) for x (N, C, L): `LPPool2d` along one axis, with its options."""

    axes = 1
    _op = staticmethod(lambda *given: minigrad.lp_pool1d(*given))


class LPPool3d(_LPPool):
    """y[n, c, i, j, k] = (sum_{t, u, v} x[n, c, i s + t, j s + u, k s + v]^p)^(1/p) for x (N, C, D, H, W)

    `LPPool2d` over three axes, with its options.
    """

    axes = 3
    _op = staticmethod(lambda *given: minigrad.lp_pool3d(*given))
