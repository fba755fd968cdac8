"""Elementwise kernels of NumPy's own arrays, run over blocks that stay in cache, pass after pass.

A kernel is f(x, *outs) on one block. It writes its results into `outs`, and what it needs between into `between(...)`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from . import BITS
from .scratch import scratch

BLOCK = (
    2**14
)  # elements: five arrays of so many float32 fill 320 kB, and the calls cost less than the passes
LINE = 64  # bytes of a line of the cache


def in_blocks(kernel: Callable[..., None], x: Any, count: int = 1) -> tuple[Any, ...]:
    """The `count` arrays that kernel(x, *outs) fills, of the layout of x; float16 is computed in float32.

    The first has the dtype of x, the others, which are for the way back, that in which it is computed.
    """
    wide = np.result_type(x, np.float32)
    pieces = np.nditer(  # type: ignore[call-overload]  # of nested lists
        [x, *[None] * count],
        ["external_loop", "buffered"],
        [["readonly"], *[["writeonly", "allocate"]] * count],
        [wide, x.dtype, *[wide] * (count - 1)],
        casting="same_kind",
        buffersize=BLOCK,
    )
    with pieces:
        for arrays in pieces:
            kernel(*arrays)
        return pieces.operands[1:]


def between(count: int, x: Any) -> Any:
    """The scratch of a kernel: `count` arrays like the block x.

    They begin at lines of the cache. NumPy's own arrays need not, and then the passes take up to a sixth longer.
    """
    spare = LINE // x.itemsize
    memory = scratch("block", (count * BLOCK + spare,), x.dtype)
    start = -memory.ctypes.data % LINE // x.itemsize
    return memory[start : start + count * BLOCK].reshape(count, BLOCK)[:, : x.size]


@cache
def _filled(value: float, code: str) -> Any:
    array = np.full(BLOCK, value, code)
    array.flags.writeable = False
    return array


def filled(value: float, x: Any) -> Any:
    """An array like the block x, full of one number: NumPy's minimum of two arrays is four times as fast."""
    return _filled(value, x.dtype.char)[: x.size]


@cache
def _numbers(values: tuple[float, ...], code: str) -> list[Any]:
    return [np.array(v, code) for v in values]


def numbers(values: tuple[float, ...], x: Any) -> list[Any]:
    """Numbers of the dtype of x as 0-d arrays, which a ufunc takes without converting them at each call."""
    return _numbers(values, x.dtype.char)


@cache
def _bits(code: str) -> tuple[Any, Any, Any]:
    """The integers of the size of a float, and in them the bits of -0.0 and of 1.0."""
    kind = BITS[code]
    return kind, np.array(-0.0, code).view(kind), np.array(1.0, code).view(kind)


def signs(x: Any, out: Any) -> Any:
    """1 or -1 with the sign of x, by its bits: NumPy's sign and copysign are four times as slow."""
    kind, minus, one = _bits(x.dtype.char)
    bits = out.view(kind)
    np.bitwise_and(x.view(kind), minus, out=bits)
    np.bitwise_or(bits, one, out=bits)
    return out


def decays(x: Any, out: Any) -> Any:
    """exp(-|x|)"""
    kind, minus, _ = _bits(x.dtype.char)
    np.bitwise_or(x.view(kind), minus, out=out.view(kind))
    return np.exp(out, out=out)


def either_side(left: Any, x: Any, out: Any, other: Any) -> None:
    """out = left where x < 0 and 1 - left elsewhere; `left` is overwritten."""
    side = signs(x, other)
    left *= side
    np.maximum(side, filled(0, x), out=side)
    np.subtract(side, left, out=out)
