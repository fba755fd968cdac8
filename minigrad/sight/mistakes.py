"""Mistakes that a graph shows by its form, in words: each is a small function of one node, found by the name of its op.

A watch asks for each op of a step that it looks at, `explain` for each op before the loss.
"""

from __future__ import annotations

import linecache
import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from ..core.graph import Node, Sketch, TensorBase

MistakeKind = Literal[
    "normalised twice", "one class", "column minus row", "bias before normalisation"
]
_FAR = 8  # the most ops between a difference and the mean of it


class Mistake(NamedTuple):
    """A mistake at one node.

    words    what it is, and what to write instead
    is_note  True if it is no fault, only of no use
    leaf     the parameter that it is about, if there is one
    """

    kind: MistakeKind
    words: str
    is_note: bool = False
    leaf: Any = None


def mistake_at(node: Node) -> Mistake | None:
    """The mistake that ends in this node, if any."""
    ask = _ASKED.get(node.op.name)
    return None if ask is None else ask(node)


def at_line(place: str) -> str:
    """`file:line`, and the text of that line where it can be read."""
    name, _, line = place.rpartition(":")
    text = linecache.getline(name, int(line)).strip() if line.isdigit() else ""
    return f"{place}, `{text}`" if text else place


def _made_by(node: Node) -> str:
    """The name of the op that made a node's first argument, before it was moved about; "softmax" of one by hand."""
    parent = node.parents[0]
    while isinstance(parent, Node) and parent.op.name in _MOVES:
        parent = parent.parents[0]
    if not isinstance(parent, Node):
        return ""
    return "softmax" if _is_softmax(parent) else parent.op.name


def _is_softmax(node: Node) -> bool:
    """Return whether a node is e / e.sum(axis) of an e = exp(...)."""
    if node.op.name != "divide":
        return False
    above, below = node.parents[0], node.parents[1]
    while isinstance(below, Node) and below.op.name in ("sum", *_MOVES) and below is not above:
        below = below.parents[0]
    return isinstance(above, Node) and above.op.name == "exp" and below is above


_MOVES = frozenset(
    ("reshape", "transpose", "swapaxes", "getitem", "expand_dims", "squeeze", "negative")
)


def _normalised_twice(node: Node) -> Mistake | None:
    """A softmax or sigmoid whose result goes to a loss that takes logits, and has one of its own."""
    name = _made_by(node)
    if name not in ("softmax", "sigmoid"):
        return None
    if node.op.name == "softplus":
        loss, own, floor = "binary_cross_entropy_with_logits", "sigmoid", ""
    else:
        classes = node.parents[0].shape[-1]
        least = math.log(1 + (classes - 1) / math.e)
        loss, own = "cross_entropy", "softmax"
        floor = f", and with {classes} classes the loss cannot fall below {least:.3g}"
    return Mistake(
        "normalised twice",
        f"{loss} is given the output of {name}, but takes logits and has a {own} of its own: what it compares lies "
        f"between 0 and 1{floor}. Leave the {name} out, and give it what goes into that.",
    )


def _one_class(node: Node) -> Mistake | None:
    if node.parents[0] is None or node.parents[0].shape[-1] != 1:
        return None
    return Mistake(
        "one class",
        "cross_entropy is given one output per row: of a single class the loss is always 0, and nothing is learned. "
        "Give the last layer as many outputs as there are classes; for yes or no, keep one output and take "
        "binary_cross_entropy_with_logits; for a number, mse_loss.",
    )


def _class_loss(node: Node) -> Mistake | None:
    return _one_class(node) or _normalised_twice(node)


def _column_minus_row(node: Node) -> Mistake | None:
    """A mean over all pairs (N, N) of an output and a target, one of them (N, 1) and the other (N,)."""
    at: Any = node if node.shape == () else None
    for _ in range(_FAR):
        wide = [p for p in at.parents if isinstance(p, Node)] if isinstance(at, Node) else []
        at = next((p for p in wide if len(p.shape) == 2), None)
        if at is not None and at.op.name == "subtract":
            break
    else:
        return None
    shapes = [
        v.shape for v in (*at.parents, *at.constants) if isinstance(v, (Node, TensorBase, Sketch))
    ]
    n = at.shape[0]
    # an output, so a Node, less an array of targets: pairs of two Tensors are mostly meant
    is_pair = sorted(map(tuple, shapes)) == [(n,), (n, 1)] and n > 1 and at.shape == (n, n)
    if not is_pair or sum(isinstance(p, Node) for p in at.parents) != 1 or not _has_target(at):
        return None
    return Mistake(
        "column minus row",
        f"The loss subtracts shapes {shapes[0]} and {shapes[1]}, which gives {at.shape}: each output is compared with "
        f"the targets of all {n} rows, and the best it can learn is their mean. Give both one shape, by "
        "target[:, None] or output[:, 0]; nn's losses, such as mse_loss, raise for it.",
    )


def _has_target(node: Node) -> bool:
    return any(isinstance(value, Sketch) for value in node.constants)


def _bias_before(node: Node) -> Mistake | None:
    """A bias that the mean which a BatchNorm or InstanceNorm subtracts takes away again."""
    options, layer = dict(node.options), node.parents[0]
    over = options["over"]
    # by a channel's own statistics, in x's own shape: neither LayerNorm nor GroupNorm
    if len(node.shape) < 2 or 1 in over or not options["centred"] or not isinstance(layer, Node):
        return None
    if tuple(options["shape"]) != tuple(node.shape) or layer.op.name not in _WITH_BIAS:
        return None
    bias = layer.parents[2] if len(layer.parents) > 2 else None
    if not isinstance(bias, TensorBase):
        return None
    return Mistake(
        "bias before normalisation",
        f"The bias of shape {bias.shape} of a {layer.op.name} has no effect: the normalisation behind it subtracts the "
        "mean, and has a bias of its own. Make the layer with bias=False.",
        is_note=True,
        leaf=bias,
    )


_WITH_BIAS = ("linear", "conv1d", "conv2d", "conv3d")
_ASKED: dict[str, Callable[[Node], Mistake | None]] = {
    "softmax_cross_entropy": _class_loss,
    "log_softmax": _normalised_twice,
    "softplus": _normalised_twice,
    "sum": _column_minus_row,
    "mean": _column_minus_row,
    "standardise": _bias_before,
}
