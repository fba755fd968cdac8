"""The value of a piece of mathematics, computed from those of its letters: what a reader would compute by hand."""

import numpy as np
from scipy import special

FUNCTIONS = {
    "exp": np.exp, "log": np.log, "tanh": np.tanh, "cosh": np.cosh, "sin": np.sin, "cos": np.cos, "sign": np.sign,
    "sigmoid": special.expit, "softmax": lambda x: special.softmax(x, 1), "isnan": np.isnan,
}  # fmt: skip
RELATIONS = {
    "<": np.less,
    ">": np.greater,
    "<=": np.less_equal,
    ">=": np.greater_equal,
    "==": np.equal,
}


class NotEvaluated(Exception):
    """Some piece has no value here, such as an index that is a letter."""


def value_of(term, known):
    """known: term -> array"""
    if term in known:
        return np.asarray(known[term], float)
    kind, parts, text = term
    if kind == "number":
        return np.asarray(float(text))
    if kind == "total":
        over = [int(word) for part in parts[1:] for word in part.text.split() if word.isdigit()]
        if len(over) != len(parts[1:]):
            raise NotEvaluated(term)
        return value_of(parts[0], known).sum(tuple(over) or None, keepdims=bool(over))
    if kind == "call" and text in FUNCTIONS:
        return FUNCTIONS[text](*(value_of(part, known) for part in parts))
    if kind == "cases" and len(parts) == 3:
        a, condition, b = (value_of(part, known) for part in parts)
        return np.where(condition, a, b)
    if kind == "relation" and text in RELATIONS:
        return RELATIONS[text](*(value_of(part, known) for part in parts))
    if kind not in ("sum", "product", "fraction", "power", "root", "transpose", "bars"):
        raise NotEvaluated(term)
    return _joined(kind, text, [value_of(part, known) for part in parts])


def _joined(kind, text, values):
    first, *others = values
    if kind == "sum":
        return sum(x if sign == "+" else -x for sign, x in zip(text, values, strict=True))
    if kind == "product":
        for sign, x in zip(text, others, strict=True):
            is_of_elements = sign == "*" or 0 in (first.ndim, x.ndim)
            first = first * x if is_of_elements else first @ x
        return first
    if kind == "transpose":
        return np.swapaxes(first, -1, -2)
    return {
        "fraction": lambda: first / others[0],
        "power": lambda: first ** others[0],
        "root": lambda: np.sqrt(first),
        "bars": lambda: np.abs(first),
    }[kind]()
