"""Explanations of a gradient, be it None, zero, tiny, huge or nan, from the graph and its notes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import numpy as np

from ..core.graph import Node, TensorBase, creation_order
from .causes import cancelled_at, causes_of_zero, named, shares_open, steepest
from .flow import Flow, key_of, nodes_between, norm
from .mistakes import at_line, mistake_at
from .not_finite import check_backward, check_forward
from .origins import all_before, all_sources_of, ghost_of, is_ghost, origin_of, readings_of

Kind = Literal[
    "needs no gradient", "no history", "cut", "not an ancestor", "freed",
    "nan", "inf", "closed", "saturated", "not chosen", "times zero", "hook", "zero", "cancelled",
    "vanishing", "exploding", "flows",
]  # fmt: skip

TINY = 1e-6  # a gradient vanishes if its norm is below this share of the largest on the way
HUGE = 1e4  # and explodes if it is above this multiple of the smallest
MOST_STEPS = 12  # of a path are named
MOST_CUTS = 3  # are named
OFTEN = 5  # uses of a Tensor: as in a recurrent net

_RECORD = "compute the loss inside `with minigrad.record():` and ask again"


class Explanation(NamedTuple):
    """An answer of `explain`; `str()` gives its text.

    kind       the kind of answer
    sentences  the text, the answer itself first
    numbers    the facts that it rests on: norms, shares, `(op, argument, line)` of the ops that it names
    """

    kind: Kind
    sentences: tuple[str, ...]
    numbers: dict[str, Any]

    def __str__(self) -> str:
        return "\n".join(self.sentences)

    def __repr__(self) -> str:
        return str(self)


def explain(x: Any, loss: Any) -> Explanation:
    """Say in words why the gradient of loss by x is None, zero, tiny, huge or nan, or along which path it comes.

    It runs a backward pass of its own, which changes neither `.grad` nor the graph, and so must be called before a
    backward that frees the graph. If the forward pass ran inside `record()` or `debug()`, it also finds what cut the
    graph, and names your lines.

    x     any Tensor, a leaf or not
    loss  a Tensor with one element

    Raises TypeError for an argument that is no Tensor, ValueError for a loss of several elements, RuntimeError if a
    saved value was written since.
    """
    for name, t in (("x", x), ("loss", loss)):
        if not isinstance(t, TensorBase):
            raise TypeError(f"explain: {name} is a {type(t).__name__}; a Tensor is needed")
    if not x._requires_grad:
        return _needs_none(x)
    if not loss._requires_grad:
        return _no_history(x, loss)
    between = nodes_between(loss, x)
    if not between and x is not loss:
        return _not_reached(x, loss)
    freed = [node for node in between if node.saved is None]
    if freed:
        return Explanation(
            "freed",
            (
                "The graph was freed by an earlier backward, so that nothing can be computed along it: ask before "
                "backward, or pass retain_graph=True to it.",
                f"The gradient does pass from the loss to {_called(x)}, through {len(between)} ops.",
            ),
            {},
        )
    flow = Flow(x, loss)
    answer = _not_finite(x, loss, flow) or _hooked(x, flow) or _small(x, flow) or _flows(x, flow)
    return _with_mistakes(answer, loss, flow)


def _with_mistakes(answer: Explanation, loss: Any, flow: Flow) -> Explanation:
    """The answer, with what strikes in the graph of the loss: mistakes by its form, and a weight that is used often."""
    words, kinds = [], []
    for node in all_before(key_of(loss)):
        mistake = None if is_ghost(node) else mistake_at(node)
        if mistake is None or mistake.kind in kinds:
            continue
        # of what only has no effect, such as a bias, where it is asked for
        if not mistake.is_note or node.parents[0].parents[-1] is flow.end:
            kinds.append(mistake.kind)
            words.append(mistake.words + (f" At {at_line(node.notes.line)}." if node.notes else ""))
    uses = len(flow.into.get(flow.end, ()))
    if answer.kind in ("exploding", "nan", "inf") and uses >= OFTEN:
        words.append(
            f"It is used {uses} times, as in a recurrent net, and each use multiplies the gradient: clip it, by "
            "nn.optim.clip_grad_norm_(model.parameters(), 1.0) between backward() and step()."
        )
    numbers = {**answer.numbers, "mistakes": kinds} if kinds else answer.numbers
    first, *others = answer.sentences
    return Explanation(answer.kind, (first, *words, *others), numbers)


# No gradient: answers from the graph alone ---------------------------------------------------------------


def _needs_none(x: Any) -> Explanation:
    ghost = ghost_of(x)
    first = f"{_called(x)} does not require grad, so it gets None."
    if x.dtype.kind != "f":
        remedy = f"Its dtype is {x.dtype}: only floats can."
    else:
        remedy = "Make it with Tensor(..., requires_grad=True), or call x.requires_grad_() before it is used."
    if ghost is None:
        return Explanation("needs no gradient", (_capital(first), remedy), {})
    cuts = list(_cuts_before(ghost, None))
    made = f"It was made by {named(ghost)}, {_WHY[ghost.notes.cut]}."
    words = _sentences_on([cut for cut in cuts if cut[0] is not ghost])
    return Explanation(
        "needs no gradient", (_capital(first), made, *words), {"cuts": _as_numbers(cuts)}
    )


_WHY = {
    "no_grad": "under no_grad()",
    "detach": "which drops the history",
    "not differentiable": "which has no derivative, or gives integers",
    "constant": "of what needs no gradient",
}


def _no_history(x: Any, loss: Any) -> Explanation:
    origin = origin_of(loss)
    nothing = "nothing it was made from requires grad"
    if not isinstance(origin, Node):
        first = f"The loss has no history: {nothing}, or the graph was cut; to find out, {_RECORD}."
        return Explanation("no history", (first,), {})
    cuts = list(_cuts_before(origin, x)) or list(_cuts_before(origin, None))
    first = f"The loss has no history: {'the graph was cut' if cuts else nothing}."
    return Explanation("no history", (first, *_sentences_on(cuts)), {"cuts": _as_numbers(cuts)})


def _not_reached(x: Any, loss: Any) -> Explanation:
    cuts = list(_cuts_before(key_of(loss), x))
    if cuts:
        first = f"The loss was computed from {_called(x)}, but the graph between them is cut, so the gradient is None."
        return Explanation("cut", (first, *_sentences_on(cuts)), {"cuts": _as_numbers(cuts)})
    first = f"The loss does not depend on {_called(x)}, so the gradient is None."
    readings = readings_of(key_of(x))
    if readings:
        lines = "; ".join(map(at_line, readings[-MOST_CUTS:]))
        word = (
            "The array of what was made from it was taken by .numpy(), and what is computed from that has no history: "
            f"{lines}. Stay with Tensors there, which NumPy's and minigrad's functions take as they are."
        )
        return Explanation(
            "cut", (first, word), {"cuts": [("numpy", "numpy", at) for at in readings]}
        )
    before_x = creation_order(key_of(x))
    if key_of(loss) in before_x:
        return Explanation(
            "not an ancestor", (first, "It is the other way round: it was made from the loss."), {}
        )
    words = []
    shared = _shared(before_x, creation_order(key_of(loss)))
    if shared:
        words.append(f"Both were made from {shared[0]}; after it their ways part.")
    if loss._node is not None and loss._node.notes is not None:
        words.append(
            "No detach, no_grad or integer op on the way cut it. It was not used; or its numbers were taken with "
            ".data, .numpy() or .item(), which leave no trace."
        )
    else:
        words.append(
            f"A detach, no_grad or integer op may have cut the graph; to find out, {_RECORD}."
        )
    return Explanation("not an ancestor", (first, *words), {"shared": shared})


def _shared(before_x: list[Node], before_loss: list[Node]) -> list[str]:
    """The names of what both were made from, the latest first."""
    both = set(before_loss)
    nodes = [named(node) for node in reversed(before_x) if node in both and not node.op.is_part]
    leaves = {id(p) for n in before_loss for p in n.parents if isinstance(p, TensorBase)}
    found = {
        id(p): _kind_of_leaf(p)
        for n in before_x
        for p in n.parents
        if isinstance(p, TensorBase) and id(p) in leaves
    }
    return [*nodes, *found.values()]


# (node, why, argument): an op that passes no gradient on to what its argument came from
FoundCut = tuple[Node, str, str]


def _cuts_before(end: Any, x: Any) -> Iterator[FoundCut]:
    """The cuts on the recorded paths from x to `end`, the latest first; without x, from anything with a gradient."""
    nodes = all_before(end)
    leads: set[Any] = set() if x is None else {key_of(x)}

    def comes_from_x(source: Any) -> bool:
        return _has_gradient(source) if x is None else source in leads

    found: list[FoundCut] = []
    for node in nodes:  # the oldest first
        for argument, source in all_sources_of(node):
            if not comes_from_x(source):
                continue
            leads.add(node)
            cut = _cut_at(node, source)
            if cut is not None:
                found.append((node, cut, argument))
                break
    return reversed(found)


def _cut_at(node: Node, source: Any) -> str | None:
    """The reason why the gradient does not pass from `node` to a source; None if it does, or the source has none."""
    if not _has_gradient(source):
        return None
    if is_ghost(node) and node.notes.cut != "constant":
        return node.notes.cut
    return None if any(parent is source for parent in node.parents) else "frozen"


def _has_gradient(source: Any) -> bool:
    return not is_ghost(source) if isinstance(source, Node) else source._requires_grad


def _sentences_on(cuts: list[FoundCut]) -> list[str]:
    words = [
        f"It is cut by {named(node)}, at its argument `{argument}`: {_CUTS[why]}."
        for node, why, argument in cuts[:MOST_CUTS]
    ]
    rest = len(cuts) - MOST_CUTS
    return [*words, f"And {rest} more cuts before."] if rest > 0 else words


_CUTS = {
    "no_grad": "it ran under no_grad()",
    "detach": "detach drops the history",
    "not differentiable": "it has no derivative, or gives integers",
    "frozen": "what it was given did not require grad at that time",
}


def _as_numbers(cuts: list[FoundCut]) -> list[tuple[str, str, str]]:
    return [(why, node.op.name, node.notes.line if node.notes else "") for node, why, _ in cuts]


# A gradient: answers from a backward pass ----------------------------------------------------------------


def _not_finite(x: Any, loss: Any, flow: Flow) -> Explanation | None:
    """The answer for a nan or inf: the first op that made one in the forward pass, and in the backward pass."""
    if flow.gradient is not None and np.isfinite(flow.gradient).all():
        return None
    faults = map(_forward_fault, all_before(key_of(loss)))
    found = [("forward", fault) for fault in faults if fault][:1]
    numbers: dict[str, Any] = {}
    for edge in flow.edges:
        if not np.isfinite(edge.contribution).all():
            line = edge.node.notes.line if edge.node.notes else None
            numbers = {"op": edge.node.op.name, "argument": edge.argument, "line": line}
            found.append(("backward", _backward_fault(edge, flow)))
            break
    bad = flow.edges[-1].contribution if flow.gradient is None else flow.gradient
    kind: Kind = "nan" if np.isnan(bad).any() else "inf"
    sentences = [f"The gradient of the loss by {_called(x)} is {kind}."]
    sentences += [f"The first in the {phase} pass: {text}." for phase, text in found]
    if not np.isfinite(loss._data).all() and (not found or found[0][0] != "forward"):
        sentences.append(f"The loss itself is {loss._data}; to find where, {_RECORD}.")
    if not found:
        sentences.append("No rule made it: a hook did, or a sum that overflowed.")
    return Explanation(kind, tuple(sentences), {"phase": found[0][0] if found else None, **numbers})


def _forward_fault(node: Node) -> str | None:
    notes = node.notes
    if notes is None or node.op.is_part:
        return None
    try:
        check_forward(node.op.name, notes.line, notes.value, notes.inputs.items())
    except FloatingPointError as error:
        return str(error)
    return None


def _backward_fault(edge: Any, flow: Flow) -> str:
    try:
        check_backward(edge.node, edge.argument, flow.given(edge.node), edge.contribution)
    except FloatingPointError as error:
        return str(error)
    raise AssertionError("a contribution that is not finite passed the check")


def _hooked(x: Any, flow: Flow) -> Explanation | None:
    """The answer for a gradient that a hook on x itself made far smaller or larger than what arrived there."""
    arrived, gradient = norm(flow.given(flow.end)), norm(flow.gradient)
    if not arrived or TINY * arrived <= gradient <= HUGE * arrived:
        return None
    start = f"The gradient of the loss by {_called(x)} is"
    change = "zero" if gradient == 0 else f"of norm {gradient:.3g}, not {arrived:.3g}"
    words = f"{start} {change}: a hook on it made it so."
    return Explanation("hook", (words,), {"norm": gradient, "arrived": arrived})


def _small(x: Any, flow: Flow) -> Explanation | None:
    """The answer for a gradient that is zero, or small because contributions cancel."""
    gradient = norm(flow.gradient)
    start = f"The gradient of the loss by {_called(x)} is"
    if gradient == 0:
        kind, words, numbers = causes_of_zero(flow)
        return Explanation(kind, (f"{start} zero.", *words), {"norm": 0.0, **numbers})
    largest = max([edge.norm for edge in flow.strongest_path()], default=gradient)
    places = [flow.end] if gradient >= TINY * largest else list(flow.into)
    for place in places:
        pair = cancelled_at(flow, place)
        if pair:
            return Explanation(
                "cancelled",
                (f"{start} small, of norm {gradient:.3g}.", pair.words),
                {"norm": gradient, **pair.numbers},
            )
    return None


def _flows(x: Any, flow: Flow) -> Explanation:
    """The answer for any other gradient: its strongest path, and whether it vanishes or explodes there."""
    path, gradient = flow.strongest_path(), norm(flow.gradient)
    norms = [norm(flow.given(flow.start)), *[edge.norm for edge in path]]
    numbers = {
        "norm": gradient,
        "paths": flow.paths(),
        "relus": shares_open(flow),
        "path": [
            (edge.node.op.name, edge.argument, edge.node.notes.line if edge.node.notes else None, edge.norm)
            for edge in path
        ],
    }  # fmt: skip
    start = f"The gradient of the loss by {_called(x)} has norm {gradient:.3g}"
    if gradient < TINY * max(norms):
        kind, words = steepest(flow, path, shrinks=True)
        first = f"{start}: it vanishes on the way, from at most {max(norms):.3g}."
        remedy = len(path) > MOST_STEPS and (
            "Where layer after layer shrinks it, as sigmoid does to a quarter at most, take relu instead, put a "
            "BatchNorm or LayerNorm between the layers, or add each layer's input to its output."
        )
        words = [*words, remedy] if remedy else words
        return Explanation(kind, (first, *words, _path(x, flow, path)), numbers)
    if gradient > HUGE * min(norms):
        _, words = steepest(flow, path, shrinks=False)
        first = f"{start}: it explodes on the way, from as little as {min(norms):.3g}."
        return Explanation("exploding", (first, *words, _path(x, flow, path)), numbers)
    return Explanation("flows", (f"{start}.", _path(x, flow, path)), numbers)


def _path(x: Any, flow: Flow, path: list[Any]) -> str:
    if not path:
        return f"{_capital(_called(x))} is the loss itself: its gradient is the seed."
    steps = [
        f"{edge.node.op.name} ({edge.argument}) {edge.norm:.3g}"
        for edge in path
        if not edge.node.op.is_part
    ]
    if len(steps) > MOST_STEPS:
        half = MOST_STEPS // 2
        steps[half:-half] = [f"... {len(steps) - 2 * half} more ..."]
    count = flow.paths()
    which = "the only path" if count == 1 else f"the strongest of {count:,} paths"
    return f"Norms along {which}, from the loss: {', '.join(steps)}."


# Names ---------------------------------------------------------------------------------------------------


def _called(x: Any) -> str:
    if x._node is None:
        return _kind_of_leaf(x)
    return named(x._node) if x._node.op.is_part else f"the output of {named(x._node)}"


def _kind_of_leaf(x: Any) -> str:
    return f"the {type(x).__name__} of shape {x.shape}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
