"""The first nan or inf, for `debug()` and `explain`: the op, the user's line, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

import numpy as np

from ..core.graph import Node, describe

_ALL_MASKED = (
    "every logit of a row is -inf (all masked), or one is inf: leave at least one, or drop the row"
)
# op -> what happened and what to write instead, where the pattern is known
_FORWARD = {
    "log": "the logarithm of 0 is -inf and of a negative number nan; for probabilities use log_softmax, logsumexp or "
    "log1p, or keep the argument away from 0 with np.maximum(x, 1e-12)",
    "divide": "a division by 0; add a small number to the divisor, or choose with minigrad.where_safe",
    "exp": "exp overflowed; subtract the maximum first, as softmax, log_softmax and logsumexp do",
    "sqrt": "the root of a negative number; is it a sum of squares minus rounding errors? Use np.maximum(x, 0)",
    "power": "a negative base with a fractional exponent, or 0 with a negative one",
    "multiply": "0 * inf; choose with minigrad.where before the product instead of multiplying by a mask",
    "log_softmax": _ALL_MASKED,
    "softmax": _ALL_MASKED,
    "softmax_cross_entropy": "every logit of a row is -inf (all masked), or the label's own is: its loss is infinite",
    "subtract": "inf - inf; subtract the maximum before exp and log, as logsumexp does",
}
_NOT_TAKEN = (
    "0 * inf: a branch that minigrad.where did not take has an infinite derivative; use minigrad.where_safe, "
    "which evaluates it elsewhere"
)
_BACKWARD = {
    "sqrt": "the derivative of sqrt at 0 is inf; for a norm use minigrad.norm, whose gradient at 0 is 0, or add a "
    "small number under the root",
    "power": "the derivative of x**p at 0 is inf for p < 1; add a small number to x",
    "log": "the derivative of log at 0 is inf; keep the argument away from 0 with np.maximum(x, 1e-12)",
    "divide": "the divisor is 0 or so small that its square is; add a small number to it",
    "multiply": _NOT_TAKEN,
    "where": _NOT_TAKEN,
}


def check_forward(op: str, line: str, y: Any, arguments: Iterable[tuple[str, Any]]) -> None:
    """Raise FloatingPointError if an op produced a nan or inf, or is the first to pass on a nan from outside."""
    where = f"{op} at {line}"
    for part in y if isinstance(y, tuple) else (y,):
        has_nan = _has(np.isnan, part)
        if not has_nan and not _has(np.isinf, part):
            continue
        inputs = list(arguments)
        sources = [name for name, a in inputs if _has(np.isnan, a)]
        if has_nan and sources:
            _fail(where, part, f"it passed on the nan of its argument `{sources[0]}`")
        infinite = [name for name, a in inputs if _has(np.isinf, a)]
        if has_nan or not infinite:
            _fail(where, part, _because("it made that", _FORWARD.get(op)))


def check_backward(node: Node, argument: str, g: Any, contribution: Any) -> None:
    """Raise FloatingPointError if a gradient rule made a nan or inf, or passed one on."""
    c = getattr(contribution, "_data", contribution)
    if not _has(np.isnan, c) and not _has(np.isinf, c):
        return
    given = getattr(g, "_data", g)
    where = f"the gradient of {describe(node)} for {argument}"
    if not isinstance(given, tuple) and (_has(np.isnan, given) or _has(np.isinf, given)):
        zero_times_inf = _has(np.isinf, given) and not _has(np.isnan, given) and _has(np.isnan, c)
        met = _because("the gradient it was given is infinite", _NOT_TAKEN)
        _fail(where, c, met if zero_times_inf else "it passed on what it was given")
    masked = _has(np.isnan, c) and not isinstance(given, tuple) and bool((given == 0).any())
    hint = _BACKWARD.get(node.op.name)
    _fail(where, c, _because("it made that", _NOT_TAKEN if masked and hint else hint))


def _has(question: Any, array: Any) -> bool:
    if isinstance(array, float):
        return bool(question(array))
    dtype = getattr(array, "dtype", None)
    return dtype is not None and dtype.kind == "f" and bool(question(array).any())


def _because(what: str, hint: str | None) -> str:
    return f"{what} ({hint})" if hint else what


def _fail(where: str, array: Any, how: str) -> NoReturn:
    bad = ~np.isfinite(array)
    first = tuple(int(i) for i in np.unravel_index(int(bad.argmax()), array.shape))
    kind = "nan" if _has(np.isnan, array) else "inf"
    count = int(bad.sum())
    raise FloatingPointError(
        f"{where}: {kind} in {count} of {array.size} elements, the first at {first}; {how}"
    )
