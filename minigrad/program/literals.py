"""Arrays that are the same at each run, as Python: written as what makes them, or with all their bytes."""

from __future__ import annotations

from typing import Any

import numpy as np

FEW = 8  # elements that are written out where they are used


def array_text(a: Any) -> tuple[str, bool]:
    """The expression for an array, in its dtype and layout, and whether it is short."""
    kind = f"np.{a.dtype.name}" if a.dtype != bool else "bool"
    if a.ndim == 1 and a.dtype == np.int64 and a.size and _is_same(a, np.arange(a.size)):
        return f"np.arange({a.size})", True
    if a.size and a.flags.forc and _is_same(a, np.full_like(a, a.flat[0])):
        order = "" if a.flags.c_contiguous else ', order="F"'
        if not a.any() and not np.signbit(a.flat[0]):
            return f"np.zeros({a.shape}, {kind}{order})", True
        return f"np.full({a.shape}, {_item(a.flat[0])}, {kind}{order})", True
    if (
        a.ndim == 2
        and a.dtype == bool
        and a.flags.c_contiguous
        and _is_same(a, np.tri(*a.shape, dtype=bool))
    ):
        return f"np.tri({a.shape[0]}, {a.shape[1]}, dtype=bool)", True
    if 0 < a.size <= FEW and a.flags.c_contiguous and np.isfinite(a).all():
        return f"np.array({a.tolist()!r}, {kind})", True
    axes = sorted(range(a.ndim), key=lambda i: -a.strides[i])
    inner = a.transpose(axes)
    data = np.ascontiguousarray(inner).tobytes().hex()
    text = f"np.frombuffer(bytes.fromhex('{data}'), {kind}).reshape({inner.shape})"
    if axes != list(range(a.ndim)):
        text += f".transpose({[axes.index(i) for i in range(a.ndim)]})"
    return text, False


def _is_same(a: Any, b: Any) -> bool:
    return a.tobytes() == b.tobytes()


def _item(value: Any) -> str:
    text = repr(value.item())
    return (
        text
        if text not in ("nan", "inf", "-inf")
        else text.replace("nan", "np.nan").replace("inf", "np.inf")
    )
