"""The ops that are methods of Tensor, and what it asks of NumPy.

Those of np.ndarray are, and each function of the table, or of NumPy's without gradient that no operator spells, that
torch.Tensor has as a method with the same result. A function in a class body is a method, so an op of the table can
become one as it is: `Tensor.sum` has the docstring and the options of `minigrad.sum`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import update_wrapper
from importlib import import_module
from types import FunctionType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

import numpy as np

from .operators import Operators
from .ops import (
    activations,
    conv,
    cumulative,
    elementwise,
    indexing,
    joining,
    norms,
    pooling,
    powers,
    products,
    rearrange,
    reductions,
    shapes,
    softmax,
    sorting,
    special,
    statistics,
)
from .ops.inspection import inspect, plain
from .ops.pytorch_words import says_our_words

if TYPE_CHECKING:
    from .tensor import Tensor

P = ParamSpec("P")


def method(
    op: Callable[Concatenate[Any, P], Any], name: str = ""
) -> Callable[Concatenate[Any, P], Tensor]:
    """An op as a method: the Tensor before the dot is its first argument. `name` is the method's, if not the op's."""
    if isinstance(op, (FunctionType, Later)):
        return op

    def call(*args: Any, **options: Any) -> Any:
        return op(*args, **options)

    return _named(update_wrapper(call, op, updated=()), name or call.__name__)


class Later:
    """A method whose op is in a file of `ops.LATER`, which is read when the method is first named."""

    def __init__(self, file: str, name: str) -> None:
        self.file, self.name = file, name

    def __get__(self, t: Any, owner: type) -> Any:
        op = method(getattr(import_module(f"{__package__}.ops.{self.file}"), self.name))
        setattr(Methods, self.name, op)  # found at once from now on
        return op.__get__(t, owner)


class _File:
    """A file of `ops.LATER`, by whose name the class below speaks of its functions."""

    def __init__(self, file: str) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Later:
        return Later(self._file, name)


if TYPE_CHECKING:
    from .ops import (
        bessel,
        binning,
        building,
        covariance,
        differences,
        linalg,
        matrix_functions,
        number_parts,
        quantiles,
        running,
        scipy_special,
        selection,
    )
else:
    bessel, binning, building = map(_File, ("bessel", "binning", "building"))
    covariance, differences, linalg = map(_File, ("covariance", "differences", "linalg"))
    matrix_functions, number_parts = map(_File, ("matrix_functions", "number_parts"))
    quantiles, running = map(_File, ("quantiles", "running"))
    scipy_special, selection = map(_File, ("scipy_special", "selection"))


def asks(function: Any, formula: str) -> Callable[..., Tensor]:
    """A method that calls a NumPy function without gradient, which acts on the data."""

    def call(self: Any, *others: Any, **options: Any) -> Any:
        return function(self, *others, **options)

    call.__doc__ = formula
    return _named(call, function.__name__)


def question(function: Any, formula: str) -> Callable[..., Tensor]:
    """A method that calls a NumPy function without gradient on the data, along an axis."""

    def call(self: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return inspect(function, self, axis=axis, keepdims=keepdims)

    return _asked(call, function, formula)


def question_of_some(function: Any, formula: str) -> Callable[..., Tensor]:
    """A `question` that takes a mask of the elements it is about, too."""

    def call(self: Any, axis: Any = None, keepdims: bool = False, *, where: Any = True) -> Any:
        return inspect(function, self, axis=axis, keepdims=keepdims, where=where)

    return _asked(call, function, formula)


def _asked(call: Any, function: Any, formula: str) -> Any:
    call.__doc__ = formula
    return says_our_words(_named(call, function.__name__))


def _named(call: Any, name: str) -> Any:
    """A function by the name under which errors and pickle find it among the methods."""
    call.__name__, call.__qualname__, call.__module__ = name, f"Methods.{name}", __name__
    return call


class Methods(Operators):
    """The methods of a Tensor that are ops, or questions."""

    __slots__ = ()

    # Elementwise -------------------------------------------------------------------------------------

    abs = method(elementwise.absolute, name="abs")
    add = method(elementwise.add)
    arccos = method(elementwise.arccos)
    arccosh = method(elementwise.arccosh)
    arcsin = method(elementwise.arcsin)
    arcsinh = method(elementwise.arcsinh)
    arctan = method(elementwise.arctan)
    arctan2 = method(elementwise.arctan2)
    arctanh = method(elementwise.arctanh)
    astype = method(elementwise.astype)
    clip = method(elementwise.clip)
    copysign = method(number_parts.copysign)
    cos = method(elementwise.cos)
    cosh = method(elementwise.cosh)
    deg2rad = method(elementwise.deg2rad)
    digamma = method(scipy_special.digamma)
    divide = method(elementwise.divide)
    erf = method(special.erf)
    erfc = method(special.erfc)
    erfinv = method(scipy_special.erfinv)
    exp = method(elementwise.exp)
    exp2 = method(elementwise.exp2)
    expm1 = method(elementwise.expm1)
    floor_divide = method(elementwise.floor_divide)
    fmax = method(elementwise.fmax)
    fmin = method(elementwise.fmin)
    fmod = method(number_parts.fmod)
    frexp = number_parts.frexp  # returns two
    hardshrink = method(activations.hardshrink)
    heaviside = method(number_parts.heaviside)
    hypot = method(powers.hypot)
    i0 = method(bessel.i0)
    ldexp = method(number_parts.ldexp)
    log = method(elementwise.log)
    log10 = method(elementwise.log10)
    log1p = method(elementwise.log1p)
    log2 = method(elementwise.log2)
    logaddexp = method(elementwise.logaddexp)
    logaddexp2 = method(elementwise.logaddexp2)
    logit = method(scipy_special.logit)
    maximum = method(elementwise.maximum)
    minimum = method(elementwise.minimum)
    multiply = method(elementwise.multiply)
    nan_to_num = method(elementwise.nan_to_num)
    negative = method(elementwise.negative)
    prelu = method(activations.prelu)
    rad2deg = method(elementwise.rad2deg)
    reciprocal = method(elementwise.reciprocal)
    relu = method(activations.relu)
    remainder = method(elementwise.remainder)
    sigmoid = method(elementwise.sigmoid)
    sin = method(elementwise.sin)
    sinc = method(special.sinc)
    sinh = method(elementwise.sinh)
    sqrt = method(powers.sqrt)
    square = method(elementwise.square)
    subtract = method(elementwise.subtract)
    tan = method(elementwise.tan)
    tanh = method(elementwise.tanh)
    xlogy = method(scipy_special.xlogy)

    # Along axes --------------------------------------------------------------------------------------

    argsort = method(sorting.argsort)
    bincount = method(binning.bincount)
    choose = method(selection.choose)
    corrcoef = method(covariance.corrcoef)
    cov = method(covariance.cov)
    cumprod = method(cumulative.cumprod)
    cumsum = method(cumulative.cumsum)
    diff = method(differences.diff)
    log_softmax = method(softmax.log_softmax)
    logcumsumexp = method(running.logcumsumexp)
    logsumexp = method(reductions.logsumexp)
    max = method(reductions.max)
    mean = method(reductions.mean)
    median = method(statistics.median)
    min = method(reductions.min)
    nanmean = method(reductions.nanmean)
    nanmedian = method(quantiles.nanmedian)
    nanquantile = method(quantiles.nanquantile)
    nansum = method(reductions.nansum)
    norm = method(norms.norm)
    partition = method(quantiles.partition)
    prod = method(reductions.prod)
    quantile = method(quantiles.quantile)
    softmax = method(softmax.softmax)
    sort = method(sorting.sort)
    std = method(statistics.std)
    sum = method(reductions.sum)
    take = method(indexing.take)
    topk = sorting.topk  # returns two
    trace = method(reductions.trace)
    var = method(statistics.var)

    # Shapes ------------------------------------------------------------------------------------------

    broadcast_to = method(shapes.broadcast_to)
    diag = method(rearrange.diag)
    diagflat = method(building.diagflat)
    diagonal = method(rearrange.diagonal)
    dsplit = joining.dsplit  # returns several
    expand_dims = method(shapes.expand_dims)
    flatten = method(shapes.flatten)
    flip = method(rearrange.flip)
    fliplr = method(rearrange.fliplr)
    flipud = method(rearrange.flipud)
    hsplit = joining.hsplit  # returns several
    moveaxis = method(shapes.moveaxis)
    ravel = method(shapes.ravel)
    roll = method(rearrange.roll)
    rot90 = method(rearrange.rot90)
    squeeze = method(shapes.squeeze)
    swapaxes = method(shapes.swapaxes)
    tile = method(rearrange.tile)
    tril = method(rearrange.tril)
    triu = method(rearrange.triu)
    vsplit = joining.vsplit  # returns several

    def copy(self) -> Tensor:
        """y = x in memory of its own; the gradient flows through, as through PyTorch's clone."""
        return elementwise.astype(self, self.dtype)

    def repeat(self, repeats: Any, *place: Any, axis: int | None = None) -> Tensor:
        """y[i] = x[i // repeats] along an axis, or each slice as often as a list says; of x flattened if axis is None.

        This is NumPy's repeat; PyTorch's, which lays whole arrays side by side, is `tile`. An axis from 1 on that is
        not named warns, as both have t.repeat(2, 1).
        """
        if not place:
            return rearrange.repeat(self, repeats, axis)
        times = (repeats, *place)
        if len(place) > 1 or axis is not None:
            raise TypeError(f"repeat takes one axis; PyTorch's t.repeat{times} is t.tile({times})")
        # PyTorch takes no -1, and nobody asks it for 0 copies
        if type(repeats) is type(place[0]) is int and place[0] > 0:
            warnings.warn(
                f"t.repeat{times} repeats each element along an axis, as NumPy does: write t.repeat({repeats}, "
                f"axis={place[0]}). PyTorch's, which lays whole arrays side by side, is t.tile({times})",
                stacklevel=2,
            )
        return rearrange.repeat(self, repeats, place[0])

    def reshape(self, *shape: Any, order: str = "C") -> Tensor:
        """y = x in another shape, given as numbers or as a tuple; one of them may be -1 and follows from the others."""
        return shapes.reshape(self, shape[0] if len(shape) == 1 else shape, order)

    def transpose(self, *axes: Any) -> Tensor:
        """y = x with its axes in the order given as numbers or as a tuple, by default reversed.

        PyTorch's, which exchanges two axes, is `swapaxes`; where both have the call, t.transpose(0, 1), it warns.
        """
        if len(axes) == 1 and not isinstance(axes[0], int):
            axes = axes[0]
        elif len(axes) == self.ndim == 2 and axes[0] in (0, -2) and axes[1] in (1, -1):
            warnings.warn(
                f"t.transpose{axes} leaves a matrix as it is, as in NumPy: write t.transpose({axes}). PyTorch's, which "
                f"exchanges the two axes, is t.swapaxes{axes}",
                stacklevel=2,
            )
        return shapes.transpose(self, axes or None)

    @property
    def T(self) -> Tensor:
        """All axes reversed."""
        return shapes.transpose(self)

    @property
    def mT(self) -> Tensor:
        """The last two axes exchanged."""
        return shapes.matrix_transpose(self)

    # Products, windows -------------------------------------------------------------------------------

    cholesky_solve = method(matrix_functions.cholesky_solve)
    conv2d = method(conv.conv2d)
    det = method(linalg.det)
    dot = method(products.dot)
    inner = method(products.inner)
    kron = method(products.kron)
    matmul = method(products.matmul)
    matrix_power = method(linalg.matrix_power)
    max_pool2d = pooling.max_pool2d  # may return two
    outer = method(products.outer)
    slogdet = linalg.slogdet  # returns two
    vdot = method(products.vdot)

    # Without gradient --------------------------------------------------------------------------------

    all = question_of_some(np.all, "y = whether all elements are true, over axes")
    any = question_of_some(np.any, "y = whether any element is true, over axes")
    argmax = question(np.argmax, "y = the place of the maximum along an axis, the first of several")
    argmin = question(np.argmin, "y = the place of the minimum along an axis, the first of several")
    argpartition = asks(np.argpartition, "y = the places that put the k-th in order along an axis")
    argwhere = asks(np.argwhere, "(n, x.ndim) places of the elements that are not 0")
    ceil = asks(np.ceil, "y = the least integer >= x")
    count_nonzero = question(np.count_nonzero, "y = how many elements are not 0, over axes")
    floor = asks(np.floor, "y = the greatest integer <= x")
    gcd = asks(np.gcd, "y = the greatest common divisor of x and another")
    isclose = asks(np.isclose, "|x - b| <= atol + rtol |b|")
    isfinite = asks(np.isfinite, "y = whether x is neither infinite nor nan")
    isinf = asks(np.isinf, "y = whether x is infinite")
    isnan = asks(np.isnan, "y = whether x is nan")
    isneginf = asks(np.isneginf, "y = whether x is -inf")
    isposinf = asks(np.isposinf, "y = whether x is inf")
    lcm = asks(np.lcm, "y = the least common multiple of x and another")
    logical_and = asks(np.logical_and, "y = whether x and another are both true")
    logical_not = asks(np.logical_not, "y = whether x is 0 or False")
    logical_or = asks(np.logical_or, "y = whether x or another is true")
    logical_xor = asks(np.logical_xor, "y = whether one of x and another is true")
    round = asks(np.round, "y = x to a number of decimals, halves to the even neighbour")
    searchsorted = asks(np.searchsorted, "y = the places where values keep x, ascending, in order")
    sign = asks(np.sign, "y = -1, 0 or 1: the sign of x")
    signbit = asks(np.signbit, "y = whether the sign of x is -, that of -0.0 too")
    trunc = asks(np.trunc, "y = x without its decimals")

    def allclose(
        self: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
    ) -> bool:
        """|x - b| <= atol + rtol |b| everywhere."""
        return np.allclose(self, b, rtol, atol, equal_nan)

    def compress(self, condition: Any, axis: int | None = None) -> Tensor:
        """y = the slices of x along an axis where the condition is true; of x flattened if it is None."""
        return indexing.take(self, np.flatnonzero(plain(condition)), axis)

    def nonzero(self) -> tuple[Tensor, ...]:
        """The places of the elements that are not 0, one Tensor for each axis; PyTorch's is `argwhere`."""
        return inspect(np.nonzero, self)
