"""An array as a few plain numbers: what a picture says of a value or a gradient."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..devices import on_host

SMALL = 64  # the most elements of an array that is shown whole
_BINS = 20
_DIGITS = {
    2: (4, 5),
    4: (7, 9),
}  # bytes of a float -> digits that mostly identify it, that always do


def statistics_of(array: Any) -> dict[str, Any] | None:
    """min, max, mean, std and norm of the finite elements, counts of the others, a histogram; ready for JSON.

    min, max, mean, std  None where no element is finite
    norm          the square root of the sum of squares, without overflow
    zeros, nans, infs, size  counts of elements
    histogram     counts between evenly spaced edges, one more edge than counts; None where no element is finite
    values        all elements as nested lists if there are at most 64, else None; numbers that JSON does not have are
                  "nan", "inf" and "-inf"

    Longer floats are read as float64, as JSON's are: what is beyond its range is inf. None for what NumPy cannot read
    as numbers.
    """
    try:
        array = in_64_bits(on_host(array))
    except (TypeError, ValueError):  # an array of a library that refuses the conversion
        return None
    if array.dtype.kind not in "biuf":
        return None
    if array.dtype.kind == "b":
        array = array.astype(np.int8)
    flat = array.ravel()
    low, high = (flat.min(), flat.max()) if flat.size else (0, 0)
    finite, nans = flat, 0
    if not (math.isfinite(low) and math.isfinite(high)):
        finite = flat[np.isfinite(flat)]
        nans = int(np.isnan(flat).sum())
        low, high = (finite.min(), finite.max()) if finite.size else (0, 0)
    return {
        **_moments(finite, low, high),
        "zeros": int(flat.size - np.count_nonzero(flat)),
        "nans": nans,
        "infs": int(flat.size - finite.size - nans),
        "size": int(flat.size),
        "histogram": _histogram(finite, float(low), float(high)),
        "values": values_of(array) if array.size <= SMALL else None,
    }


def in_64_bits(array: Any) -> Any:
    """The array, with float64 in place of longer floats."""
    if array.dtype.kind != "f" or array.dtype.itemsize <= 8:
        return array
    with np.errstate(over="ignore", under="ignore"):
        return array.astype(np.float64)


def _moments(x: Any, low: Any, high: Any) -> dict[str, Any]:
    if not x.size:
        return {"min": None, "max": None, "mean": None, "std": None, "norm": 0.0}
    # scaled by a power of two the sums cannot overflow, and nothing is rounded
    scale = math.ldexp(1.0, min(math.frexp(max(abs(float(low)), abs(float(high))))[1], 1023))
    scaled = x.astype(np.float64) / scale
    mean = float(scaled.sum()) / x.size
    apart = scaled - mean
    return {
        "min": _decimal(low),
        "max": _decimal(high),
        "mean": _rounded(mean * scale),
        "std": _rounded(math.sqrt(float(apart @ apart) / x.size) * scale),
        "norm": _rounded(math.sqrt(float(scaled @ scaled)) * scale),
    }


def _histogram(x: Any, low: float, high: float) -> dict[str, list[Any]] | None:
    if not x.size:
        return None
    if not low < high or not math.isfinite(high - low):
        return {"edges": [low, high], "counts": [int(x.size)]}
    bins = _BINS if x.dtype.kind == "f" else min(_BINS, int(high - low) + 1)
    width = (high - low) / bins
    places = ((x.astype(np.float64) - low) / (high - low) * bins).astype(np.intp)
    counts = np.bincount(np.minimum(places, bins - 1), minlength=bins)
    edges = [*(_rounded(low + i * width) for i in range(bins)), high]
    return {"edges": edges, "counts": counts.tolist()}


def _rounded(x: float) -> float | None:
    """x to nine digits, which tell any two float32 numbers apart; None for inf and nan, which JSON does not have."""
    return float(f"{x:.9g}") if math.isfinite(x) else None


def values_of(array: Any) -> Any:
    """An array as nested lists, with short decimals for short floats: 0.1, not 0.10000000149011612."""
    flat = in_64_bits(array).ravel()
    numbers = flat.tolist()
    if array.dtype.kind == "f":
        if array.dtype.itemsize in _DIGITS:
            numbers = _shortened(flat, numbers)
        numbers = [v if math.isfinite(v) else str(v) for v in numbers]
    nested = np.empty(flat.size, object)
    nested[:] = numbers
    return nested.reshape(array.shape).tolist()


def _shortened(flat: Any, numbers: list[float]) -> list[float]:
    few, enough = _DIGITS[flat.dtype.itemsize]
    short = [float(f"{v:.{few}g}") for v in numbers]
    with np.errstate(
        over="ignore"
    ):  # rounded up, the largest float becomes inf, and is not the same
        is_same = (np.array(short).astype(flat.dtype) == flat).tolist()
    pairs = zip(is_same, short, numbers, strict=True)
    return [s if same else float(f"{v:.{enough}g}") for same, s, v in pairs]


def _decimal(x: Any) -> float | str:
    text = str(x)
    return float(text) if math.isfinite(x) else text
