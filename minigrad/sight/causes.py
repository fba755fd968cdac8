"""Causes of a lost gradient, in words: a closed relu, a factor 0, contributions that cancel."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np

from ..core.graph import Node
from .flow import Edge, Flow, norm

CANCELS = 1e-3  # contributions cancel if their sum is at most this share of the largest
SATURATES = 1e-2  # a bounded function is saturated if it passes on less than this share

_BOUNDED = frozenset(("clip", "sigmoid", "tanh", "erf", "erfc", "arctan", "softplus"))
_CHOOSING = frozenset((
    "fmax", "fmin", "getitem", "max", "maximum", "min", "minimum", "pool_gather", "max_pool2d", "take",
    "take_along_axis", "where",
))  # fmt: skip

Cause = Literal["closed", "saturated", "not chosen", "times zero", "hook", "zero", "cancelled"]


def named(node: Node) -> str:
    """The name of the op; if it has notes, also the user's line and the module."""
    if node.op.is_part:
        return f"output {node.constants[0]} of {named(node.parents[0])}"
    if node.notes is None:
        return node.op.name
    return f"{node.op.name} at {node.notes.line}{_module(node.notes.scope)}"


def _module(scope: tuple[Any, ...]) -> str:
    """The innermost module, named by the attributes that lead to it from the outermost, as in a state_dict."""
    modules = [reference() for reference in scope]
    if not modules or modules[-1] is None:
        return ""
    names = []
    for outer, inner in pairwise(modules):
        attributes = getattr(outer, "__dict__", {})
        names += [name for name, value in attributes.items() if value is inner][:1]
    kind = type(modules[-1]).__name__
    return f" in {'.'.join(names)} ({kind})" if names else f" in {kind}"


# Sums ----------------------------------------------------------------------------------------------------


class Cancellation(NamedTuple):
    words: str
    numbers: dict[str, Any]


def cancelled_at(flow: Flow, place: Any) -> Cancellation | None:
    """The two largest contributions to a node or leaf, if the sum of all is next to nothing."""
    edges = sorted(flow.into.get(place, ()), key=lambda edge: edge.norm, reverse=True)
    if len(edges) < 2 or edges[0].node.op.is_part:
        return None
    rest = norm(flow.given(place))
    if rest > CANCELS * edges[0].norm or edges[0].norm == 0:
        return None
    a, b = edges[:2]
    where = "" if place is flow.end else f" at the output of {named(place)}"
    return Cancellation(
        f"Contributions cancel{where}: {_number(a)} by {named(a.node)} and {_number(b)} by {named(b.node)} leave "
        f"{rest:.3g}.",
        {"contributions": (_value(a), _value(b)), "rest": rest},
    )


def _value(edge: Edge) -> float:
    """The contribution itself if it is a single number, otherwise its norm."""
    return float(edge.contribution.reshape(-1)[0]) if edge.contribution.size == 1 else edge.norm


def _number(edge: Edge) -> str:
    return f"{_value(edge):.6g}" if edge.contribution.size == 1 else f"norm {edge.norm:.6g}"


# Zeros ---------------------------------------------------------------------------------------------------


def causes_of_zero(flow: Flow) -> tuple[Cause, list[str], dict[str, Any]]:
    """The ops that were given a gradient and passed on only zeros, those nearest to the loss first."""
    kinds: list[Cause] = []
    words: list[str] = []
    lost: list[tuple[str, str, str | None]] = []
    numbers: dict[str, Any] = {}
    for edge in flow.edges:
        if edge.norm == 0 and norm(flow.given(edge.node)) > 0:
            kind, text = _cause(edge)
            kinds.append(kind)
            words.append(text)
            line = edge.node.notes.line if edge.node.notes else None
            lost.append((edge.node.op.name, edge.argument, line))
    for place in flow.into:
        pair = cancelled_at(flow, place)
        if pair:
            kinds.append("cancelled")
            words.append(pair.words)
            numbers.update(pair.numbers)
    numbers |= {"lost": lost, "relus": shares_open(flow)}
    words = words[:3]
    if len(numbers["relus"]) > 1:
        shares = ", ".join(f"{where} {share:.0%}" for where, share in numbers["relus"])
        words.append(
            f"The relus on the way, from the loss, and the share of them that is open: {shares}."
        )
    return kinds[0] if kinds else "zero", words, numbers


def _cause(edge: Edge) -> tuple[Cause, str]:
    """The reason why a rule gave zeros for a gradient that is not zero."""
    node, argument = edge.node, edge.argument
    where = named(node)
    if node.hooks:
        return "hook", f"A hook on the output of {where} made it zero."
    values = named_values(node, argument)
    if node.op.name == "relu" and "y" in values:  # a row of the user's may have that name too
        y = values["y"]
        count = int((y > 0).sum())
        if not count:
            return "closed", (
                f"{where} is closed: none of its {y.size} elements is positive. A lower learning rate, or leaky_relu, "
                "keeps units open."
            )
        return "closed", (
            f"{where} is closed wherever a gradient comes: {count} of {y.size} elements are open, and those get 0."
        )
    if node.op.name in _BOUNDED:
        return "saturated", (
            f"{where} is saturated: its argument is so far out that its slope is 0 wherever a gradient comes."
        )
    if node.op.name in _CHOOSING:
        return "not chosen", f"{where} chose nothing of its argument `{argument}`."
    for name, value in values.items():
        if name != "y" and _is_number(value) and np.size(value) and not np.any(value):
            if name == argument:
                return (
                    "zero",
                    f"The derivative of {where} is 0 where `{name}` is 0, and that is everywhere.",
                )
            return "times zero", f"{where} multiplies by `{name}`, which is 0 everywhere."
    return "zero", f"The derivative of {where} by `{argument}` is 0 there."


def named_values(node: Node, argument: str) -> dict[str, Any]:
    """The values that the rule for an argument was called with, by their names in the rule."""
    place = next(i for i in range(len(node.parents)) if node.op.argument_name(i) == argument)
    for at, rule, values in node.saved or ():
        if at == place or (isinstance(at, tuple) and place in at):
            return dict(zip(rule.names, values, strict=True))
    return {}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) or hasattr(value, "nbytes")


def shares_open(flow: Flow) -> list[tuple[str, float]]:
    """(name, share of positive elements) of every relu on the way, beginning at the loss."""
    found = {}
    for edge in flow.edges:
        if edge.node.op.name == "relu" and edge.node not in found:
            y = named_values(edge.node, edge.argument).get("y")
            if y is not None and y.size:
                found[edge.node] = (named(edge.node), float((y > 0).mean()))
    return list(found.values())


# Slopes --------------------------------------------------------------------------------------------------


def steepest(
    flow: Flow, path: list[Edge], shrinks: bool
) -> tuple[Literal["saturated", "vanishing"], list[str]]:
    """The steps of a path that shrink (or grow) the gradient most, and whether a saturated op is the first."""
    steps = []
    for edge in path:
        given = norm(flow.given(edge.node))
        if given and edge.norm:
            steps.append((edge.norm / given, edge))
    steps.sort(key=lambda step: step[0], reverse=not shrinks)
    taken = [step for step in steps if (step[0] < 1 if shrinks else step[0] > 1)]
    factors = [f"{named(edge.node)} ({edge.argument}) by {ratio:.3g}" for ratio, edge in taken]
    strongest = ", ".join([*dict.fromkeys(factors)][:3])  # without repetitions
    verb = "shrink" if shrinks else "grow"
    words = f"{len(taken)} of {len(path)} steps {verb} it; the strongest multiply its norm: {strongest}."
    ratio, edge = steps[0]
    if shrinks and edge.node.op.name in _BOUNDED and ratio < SATURATES:
        return "saturated", [f"{named(edge.node)} is saturated: its slope is next to 0.", words]
    return "vanishing", [words]
