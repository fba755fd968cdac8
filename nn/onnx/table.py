"""The table of translations: the name of an op -> a function that makes its ONNX nodes.

A translation gets a `Step`: `step("x")` is the ONNX name of the argument x, `step.add(op, ...)` a node.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .graph import Step, Translation, onnx_type
from .places import PLACES
from .windows import WINDOWS


def _unary(op: str) -> Translation:
    return lambda step: step.add(op, step("x"))


def _binary(op: str) -> Translation:
    return lambda step: step.add(op, step("a"), step("b"))


def _compared(step: Step, op: str) -> str:
    dtype = step.common_dtype("a", "b")
    return step.add(op, step("a", dtype), step("b", dtype))


def _comparison(op: str) -> Translation:
    return lambda step: _compared(step, op)


def _question(op: str) -> Translation:
    return lambda step: step.add(op, step.raw("x"))


def _scaled(op: str, factor: float) -> Translation:
    """factor op(x)"""
    return lambda step: step.add("Mul", step.add(op, step("x")), step.constant(factor))


def _not_equal(step: Step) -> str:
    return step.add("Not", _compared(step, "Equal"))


def _logical(op: str) -> Translation:
    def translate(step: Step) -> str:
        if step.dtype != bool:
            raise step.error("only that of bools has a translation", NotImplementedError)
        return step.add(op, step("a"), step("b"))

    return translate


def _invert(step: Step) -> str:
    if step.dtype != bool:
        raise step.error("only that of bools has a translation", NotImplementedError)
    return step.add("Not", step("x"))


def _clip(step: Step) -> str:
    y = step("x")
    for bound, op in (("low", "Max"), ("high", "Min")):
        if bound in step.inputs:
            y = step.add(op, y, step(bound))
        elif step.option(bound) is not None:
            y = step.add(op, y, step.constant(step.option(bound)))
    return y


def _where(step: Step) -> str:
    a, b = step("a"), step("b")
    if a == b:  # as in embedding, whose branches differ only in their gradients
        return step.add("Identity", a)
    return step.add("Where", step("condition", np.dtype(bool)), a, b)


def _astype(step: Step) -> str:
    return step.add("Cast", step.raw("x"), to=onnx_type(step.dtype))


def _identity(step: Step) -> str:
    return step.add("Identity", step.raw("x"))


def _expm1(step: Step) -> str:
    return step.add("Sub", step.add("Exp", step("x")), step.constant(1))


def _log1p(step: Step) -> str:
    return step.add("Log", step.add("Add", step("x"), step.constant(1)))


def _erfc(step: Step) -> str:
    return step.add("Sub", step.constant(1), step.add("Erf", step("x")))


def _square(step: Step) -> str:
    x = step("x")
    return step.add("Mul", x, x)


def _exp2(step: Step) -> str:
    return step.add("Pow", step.constant(2), step("x"))


def _hypot(step: Step) -> str:
    a, b = step("a"), step("b")
    return step.add("Sqrt", step.add("Add", step.add("Mul", a, a), step.add("Mul", b, b)))


def _logaddexp(step: Step) -> str:
    """max(a, b) + log(1 + exp(min(a, b) - max(a, b)))"""
    largest, least = (step.add(op, step("a"), step("b")) for op in ("Max", "Min"))
    apart = step.add("Sub", least, _finite(step, largest))
    return step.add("Add", largest, step.add("Softplus", apart))


def _finite(step: Step, x: str) -> str:
    """x with the largest number in place of inf: inf - inf would be nan."""
    far = np.finfo(step.dtype).max
    return step.add("Clip", x, step.constant(-far), step.constant(far))


# Products ------------------------------------------------------------------------------------------------


def _linear(step: Step) -> str:
    x, w, b = step("x"), step("w"), step("b")
    if len(step.shape) == 2:
        return step.add("Gemm", x, w, b, transB=1)
    y = step.add("MatMul", x, step.add("Transpose", w, perm=[1, 0]))
    return y if b is None else step.add("Add", y, b)


def _einsum(step: Step) -> str:
    return step.add("Einsum", step("a"), step("b"), equation=step.option("subscripts"))


# Reductions ----------------------------------------------------------------------------------------------


def _axes(axis: Any) -> list[int] | None:
    return None if axis is None else list(axis) if isinstance(axis, tuple) else [axis]


def _reduction(op: str) -> Translation:
    return lambda step: _reduced(step, op, step("x"), step.option("axis"), step.option("keepdims"))


def _reduced(step: Step, op: str, x: str, axis: Any, keepdims: bool) -> str:
    axes = _axes(axis)
    if axes == []:
        return step.add("Identity", x)
    names = [x] if axes is None else [x, step.integers(*axes)]
    return step.add(op, *names, keepdims=int(keepdims))


def _extreme(op: str) -> Translation:
    def translate(step: Step) -> str:
        if step.dtype == bool:
            raise step.error(
                "that of bools has no translation; use any or all", NotImplementedError
            )
        return _reduced(step, op, step("x"), step.option("axis"), step.option("keepdims"))

    return translate


def _prod(step: Step) -> str:
    return _reduced(step, "ReduceProd", step("x"), 0, False)


def _logsumexp(step: Step) -> str:
    """m + log(sum(exp(x - m))) with m = max(x)"""
    x, axis, keepdims = step("x"), step.option("axis"), step.option("keepdims")
    largest = _reduced(step, "ReduceMax", x, axis, True)
    powers = step.add("Exp", step.add("Sub", x, _finite(step, largest)))
    total = step.add("Log", _reduced(step, "ReduceSum", powers, axis, keepdims))
    return step.add("Add", total, _reduced(step, "ReduceMax", x, axis, keepdims))


def _norm(step: Step) -> str:
    x, p, axis, keepdims = (step("x"), *map(step.option, ("p", "axis", "keepdims")))
    if p == 2:
        return _reduced(step, "ReduceL2", x, axis, keepdims)
    powers = step.add("Pow", step.add("Abs", x), step.constant(p))
    total = _reduced(step, "ReduceSum", powers, axis, keepdims)
    return step.add("Pow", total, step.constant(1 / p))


def _softmax(step: Step) -> str:
    """exp(x - m) / sum(exp(x - m)) with m = max(x), where the axes are not the one that Softmax takes"""
    x, axis = step("x"), step.option("axis")
    if isinstance(axis, int):
        return step.add("Softmax", x, axis=axis)
    powers = step.add("Exp", step.add("Sub", x, _reduced(step, "ReduceMax", x, axis, True)))
    return step.add("Div", powers, _reduced(step, "ReduceSum", powers, axis, True))


def _log_softmax(step: Step) -> str:
    x, axis = step("x"), step.option("axis")
    if isinstance(axis, int):
        return step.add("LogSoftmax", x, axis=axis)
    return step.add("Sub", x, _reduced(step, "ReduceLogSumExp", x, axis, True))


def _cumsum(step: Step) -> str:
    return step.add("CumSum", step("x"), step.constant(0, np.int64))


def _arg(op: str) -> Translation:
    """The index of an extreme along an axis; over all elements, the index in row-major order."""

    def translate(step: Step) -> str:
        options = dict(step.node.options)
        x, axis = step.raw("a" if "a" in options else "x"), options.get("axis")
        if axis is None:
            x, axis = (
                step.add("Reshape", x, step.integers(-1), dtype=step.graph.dtype_of(str(x))),
                0,
            )
        return step.add(op, x, axis=axis, keepdims=int(options.get("keepdims") or False))

    return translate


# fmt: off
TRANSLATIONS: dict[str, Translation] = {
    "add": _binary("Add"), "subtract": _binary("Sub"), "multiply": _binary("Mul"), "divide": _binary("Div"),
    "power": _binary("Pow"), "maximum": _binary("Max"), "minimum": _binary("Min"),
    "negative": _unary("Neg"), "absolute": _unary("Abs"), "square": _square, "sqrt": _unary("Sqrt"),
    "hypot": _hypot, "clip": _clip, "where": _where, "astype": _astype, "detach": _identity,

    "exp": _unary("Exp"), "exp2": _exp2, "expm1": _expm1, "log": _unary("Log"), "log1p": _log1p,
    "log2": _scaled("Log", 1 / math.log(2)), "log10": _scaled("Log", 1 / math.log(10)), "logaddexp": _logaddexp,
    "sin": _unary("Sin"), "cos": _unary("Cos"), "tan": _unary("Tan"),
    "arcsin": _unary("Asin"), "arccos": _unary("Acos"), "arctan": _unary("Atan"),
    "sinh": _unary("Sinh"), "cosh": _unary("Cosh"), "tanh": _unary("Tanh"),
    "arcsinh": _unary("Asinh"), "arccosh": _unary("Acosh"), "arctanh": _unary("Atanh"),
    "erf": _unary("Erf"), "erfc": _erfc,

    "relu": _unary("Relu"), "sigmoid": _unary("Sigmoid"), "softplus": _unary("Softplus"),
    "softsign": _unary("Softsign"), "softmax": _softmax, "log_softmax": _log_softmax,

    "linear": _linear, "matmul": _binary("MatMul"), "einsum": _einsum,

    "sum": _reduction("ReduceSum"), "max": _extreme("ReduceMax"), "min": _extreme("ReduceMin"), "prod": _prod,
    "logsumexp": _logsumexp, "norm": _norm, "cumsum": _cumsum, "argmax": _arg("ArgMax"), "argmin": _arg("ArgMin"),

    "equal": _comparison("Equal"), "not_equal": _not_equal,
    "less": _comparison("Less"), "less_equal": _comparison("LessOrEqual"),
    "greater": _comparison("Greater"), "greater_equal": _comparison("GreaterOrEqual"),
    "logical_and": _logical("And"), "bitwise_and": _logical("And"), "logical_or": _logical("Or"),
    "bitwise_or": _logical("Or"), "logical_xor": _logical("Xor"), "bitwise_xor": _logical("Xor"),
    "logical_not": _invert, "invert": _invert, "isnan": _question("IsNaN"), "isinf": _question("IsInf"),
    "sign": _unary("Sign"), "floor": _unary("Floor"), "ceil": _unary("Ceil"), "rint": _unary("Round"),

    **PLACES, **WINDOWS,
}
# fmt: on
