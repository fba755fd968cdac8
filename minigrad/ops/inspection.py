"""Functions without a gradient, which act on the data: comparisons, rounding, questions about arrays.

Their results are Tensors that require no grad where NumPy gives an array, and plain Python values otherwise. A
function belongs here if it is constant around almost every point. One whose float result varies with x has a row
instead, or is listed in VALUES.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core.dtypes import plain_array
from ..core.graph import ON, TensorBase, mode, onlooker, wrap

# fmt: off
UFUNCS = frozenset((
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
    np.logical_and, np.logical_or, np.logical_xor, np.logical_not,
    np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert, np.bitwise_count,
    np.left_shift, np.right_shift, np.gcd, np.lcm,
    np.isnan, np.isinf, np.isfinite, np.sign, np.signbit,
    np.floor, np.ceil, np.trunc, np.rint,
))

FUNCTIONS = frozenset((
    # what an array is
    np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.common_type, np.min_scalar_type,
    np.iscomplexobj, np.isrealobj, np.may_share_memory, np.shares_memory, np.array_repr, np.array_str, np.array2string,
    # where something is
    np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.argpartition, np.lexsort,
    np.nonzero, np.flatnonzero, np.argwhere, np.searchsorted, np.digitize,
    np.ix_, np.ravel_multi_index, np.unravel_index,
    np.tril_indices_from, np.triu_indices_from, np.diag_indices_from,
    # what is true of it
    np.any, np.all, np.count_nonzero, np.isclose, np.allclose, np.array_equal, np.array_equiv, np.isin,
    np.isneginf, np.isposinf, np.angle, np.einsum_path, np.iscomplex, np.isreal, np.linalg.matrix_rank,
    # rounded, or another of its shape
    np.round, np.around, np.zeros_like, np.ones_like, np.empty_like, np.imag,
)).union(vars(np)[name] for name in ("fix", "in1d") if name in vars(np))  # deprecated

# these give values, counts or bounds that may vary with the arguments: allowed only where none requires grad
VALUES = frozenset((
    np.unique, np.unique_all, np.unique_counts, np.unique_inverse, np.unique_values,
    np.intersect1d, np.union1d, np.setdiff1d, np.setxor1d,
    np.histogramdd, np.histogram_bin_edges,
    np.packbits, np.unpackbits,
))

# these make arrays of the same library as `like=`
MAKERS: frozenset[Any] = frozenset((
    np.arange, np.array, np.asanyarray, np.asarray, np.ascontiguousarray, np.asfortranarray,
    np.empty, np.eye, np.full, np.identity, np.ones, np.tri, np.zeros,
))
# fmt: on


def plain(value: Any, where: str = "minigrad") -> Any:
    """value with the Tensors in it, also inside tuples and lists, replaced by their data; errors begin with `where`."""
    if isinstance(value, TensorBase):
        return value._data
    if value.__class__ in (tuple, list):
        return value.__class__([plain(v, where) for v in value])
    return value if value.__class__ is np.ndarray else plain_array(value, where)


def tensors_in(value: Any) -> Iterator[TensorBase]:
    """The Tensors that a value is or, as a tuple, list or dict, contains."""
    if isinstance(value, TensorBase):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from tensors_in(item)
    elif isinstance(value, dict):
        yield from tensors_in(list(value.values()))


@functools.lru_cache
def name_of(function: Any) -> str:
    """A function of NumPy, or a ufunc of SciPy's, as users write it: np.linalg.inv, scipy.special.psi."""
    name, owner = function.__name__, getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc):
        return f"np.{owner.__name__}.{name}"
    if isinstance(function, np.ufunc) and vars(np).get(name) is not function:  # it knows no module
        for home in ("scipy.special", "scipy.special._ufuncs"):
            if getattr(sys.modules.get(home), name, None) is function:
                return f"{home}.{name}"
    module = getattr(function, "__module__", None) or "numpy"
    return f"{_HOMES.get(module, module).replace('numpy', 'np')}.{name}"


_HOMES = {
    "numpy.lib.scimath": "numpy.emath",
    "numpy.lib._scimath_impl": "numpy.emath",
    "numpy.lib._stride_tricks_impl": "numpy.lib.stride_tricks",
}
"""Where NumPy's versions define a function -> where users find it."""


def asked_by_scipy() -> str | None:
    """The function of SciPy that wants an array of the caller's caller, such as scipy.special.logsumexp; or None."""
    found = None
    frame: Any = sys._getframe(2)
    while frame is not None and (module := frame.f_globals.get("__name__", "")).startswith(
        ("scipy.", "numpy.")  # NumPy's, that SciPy calls
    ):
        package, name = ".".join(module.split(".")[:2]), frame.f_code.co_name
        if (
            "self" in frame.f_locals
        ):  # interp1d(...), or norm.logpdf(...) of an instance of norm_gen
            kind = type(frame.f_locals["self"]).__name__.removesuffix("_gen")
            name = kind if name == "__init__" else f"{kind}.{name}"
        is_scipys = package.startswith("scipy.")
        if is_scipys and callable(getattr(sys.modules[package], name.partition(".")[0], None)):
            found = f"{package}.{name}"
        frame = frame.f_back
    return found


def name_in(error: Exception, function: Any) -> None:
    """Add a note that names the function of NumPy that was called to an error that does not."""
    if not any(function.__name__ in t for t in (str(error), *getattr(error, "__notes__", ()))):
        error.add_note(f"in {name_of(function)}")


def inspect(function: Any, *args: Any, **kwargs: Any) -> Any:
    """`function` on the data; an array it returns becomes a Tensor without history."""
    where = function.__name__
    given = {name: plain(value, where) for name, value in kwargs.items()}
    try:
        result = _wrapped(function(*plain(args, where), **given))
    except Exception as error:
        name_in(error, function)
        raise
    if mode.get() > ON:
        onlooker().asked(function, args, kwargs, result)
    return result


def on_data(function: Any, *args: Any, **kwargs: Any) -> Any:
    """`inspect`, with the plain result of the function where no argument is a Tensor."""
    if next(tensors_in([args, kwargs]), None) is not None:
        return inspect(function, *args, **kwargs)
    return function(*plain(args, function.__name__.strip("_")), **kwargs)


def _wrapped(result: Any) -> Any:
    if isinstance(result, np.generic):
        return wrap(np.asarray(result))
    if isinstance(result, (tuple, list)):
        parts = [_wrapped(part) for part in result]
        # a named tuple takes its fields one by one
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    return wrap(result) if hasattr(result, "__array_function__") else result
