"""Symptoms: the problems that the history of a training shows, each a small function with its words beside it.

Those of single layers are here, those of the whole training in `symptoms_of_runs`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from .judgement import Symptom

FAR = 1e4  # the ratio of the gradients per element of two layers
GROWN = 100.0  # the ratio of the gradient now to that of the first steps
DEAD = 0.5  # the share of a relu's units
UPDATE = 1e-3  # a usual step, relative to the norm of the weight, according to Stanford's CS231n
FACTOR = 30.0  # a step this many times smaller or larger is unusual
THROWN = 1.0  # a step of a weight's own size leaves nothing of what it was
_FEW = 3  # names in one sentence
_OFTEN = 5  # uses of a weight in one step: as in a recurrent net

Parameter = dict[str, Any]

# Numbers of a parameter over the steps -------------------------------------------------------------------


def numbers(values: list[Any]) -> list[float]:
    return [v for v in values if v is not None and math.isfinite(v)]


def middle(values: list[Any]) -> float | None:
    found = numbers(values)
    return float(np.median(found)) if found else None


def recent(values: list[Any]) -> list[Any]:
    """The last quarter, five at least."""
    return values[-max(5, len(values) // 4) :]


def early(values: list[Any]) -> list[Any]:
    """The first quarter, three at least."""
    return values[: max(3, len(values) // 4)]


def _per_element(parameter: Parameter, window: Any) -> float | None:
    found = middle(window(parameter["gradient"]))
    return None if found is None else found / math.sqrt(max(1, math.prod(parameter["shape"])))


def names_of(parameters: list[Parameter]) -> str:
    names = [p["name"] for p in parameters]
    rest = len(names) - _FEW
    return ", ".join(names[:_FEW]) + (f" and {rest} more" if rest > 0 else "")


def lines_of(parameters: list[Parameter]) -> tuple[str, ...]:
    return tuple(f"parameter {p['name']}" for p in parameters)


def is_recurrent(parameter: Parameter) -> bool:
    return parameter.get("uses", 0) >= _OFTEN


# Gradients that do not arrive ----------------------------------------------------------------------------


def missing(learned: list[Parameter], history: dict[str, Any]) -> Iterator[Symptom]:
    without = [p for p in learned if all(g is None for g in p["gradient"])]
    if len(without) < len(learned):  # those that move learn in steps that are not looked at
        without = [p for p in without if _stays(p)]
    if not without:
        return
    start = f"No gradient came to {names_of(without)}: "
    cuts = [f for f in history.get("found", ()) if f["kind"] in _CUTS]
    if len(without) == len(learned) and all(p.get("uses") for p in without) and not cuts:
        yield Symptom(f"{start}backward() ran outside of the block.", lines_of(without))
        return
    unused = [p for p in without if p.get("uses") == 0 and not cuts]
    if unused:
        yield Symptom(
            f"{start}no op of these steps used it. Does forward call its layer, and the loss use the result? A "
            "parameter that is not needed is best deleted.",
            lines_of(without),
        )
        return
    words = " ".join(f"{_CUTS[f['kind']]} at {f['line']}." for f in cuts[:_FEW])
    remedy = (
        f"{words} What is computed from that has no history: stay with Tensors, which NumPy's and minigrad's "
        "functions take as they are."
    )
    yield Symptom(
        start + (remedy if cuts else "minigrad.explain(parameter, loss) says why."),
        lines_of(without),
    )


_CUTS = {
    "numpy": "the array of a Tensor was taken by .numpy()",
    "detach": "a Tensor was cut off by .detach()",
    "no_grad": "a layer ran under no_grad()",
}


def zero(weights: list[Parameter]) -> Iterator[Symptom]:
    found = [p for p in weights if _per_element(p, recent) == 0]
    if found:
        yield Symptom(
            f"The gradient of {names_of(found)} is zero: nothing arrives there.",
            lines_of(found),
            "gradient",
        )


def _stays(parameter: Parameter) -> bool:
    """True if the weights have one norm in all steps that were looked at."""
    return len({*numbers(parameter["weight"])}) < 2


def all_zero(weights: list[Parameter]) -> Iterator[Symptom]:
    """Neighbouring layers of zeros, which keep each other's gradient at 0."""
    found = [p for p in weights if numbers(p["weight"]) and not any(p["weight"])]
    if len(found) > 1 and all(_per_element(p, recent) == 0 for p in found):
        yield Symptom(
            f"{names_of(found)} are all 0, and stay so: each multiplies the gradient of the other by 0. Start from "
            "random weights, as nn.init's are; biases may start from 0.",
            lines_of(found),
            "weight",
        )


def unmoved(learned: list[Parameter], vanishing: list[Parameter]) -> Iterator[Symptom]:
    still = [
        p
        for p in learned
        if middle(p["gradient"]) and p not in vanishing
        # a step may lie between the blocks, or between those that are looked at
        and max(numbers(p["update"]), default=1) == 0 and _stays(p) and len(p["weight"]) > 1
    ]  # fmt: skip
    if len(still) == len(learned) > 1:
        yield Symptom(
            "Every parameter got a gradient, and none moved: call optimizer.step() inside the block, after backward(), "
            "and zero_grad() before backward() or after step(), not between them. The optimiser is to be made with "
            "model.parameters().",
            lines_of(still),
            "update",
        )
    elif still:
        yield Symptom(
            f"{names_of(still)} got a gradient, but did not move: is it among the optimiser's parameters, and its "
            "step() inside the block? Give the optimiser model.parameters() once all layers are there; what is to "
            "stay as it is gets requires_grad_(False).",
            lines_of(still),
            "update",
        )


# Gradients of layers that are far apart ------------------------------------------------------------------


def far_from_last(
    parameters: list[Parameter], is_far: Any
) -> list[tuple[Parameter, float, str, float]]:
    """(parameter, its gradient per element, the last one, that of it) of layers far from the last, at first or lately.

    Backward begins at the last layer.
    """
    found: dict[str, tuple[Parameter, float, str, float]] = {}
    for window in (early, recent):
        known = [(p, size) for p in parameters if (size := _per_element(p, window))]
        *others, (last, usual) = known or [({"name": ""}, 0.0)]
        for p, size in others:
            if is_far(size, usual):
                found.setdefault(p["name"], (p, size, last["name"], usual))
    return [*found.values()]


def vanishes(size: float, usual: float) -> bool:
    return size * FAR < usual


def explodes(size: float, usual: float) -> bool:
    return size > usual * FAR


def far_apart(weights: list[Parameter]) -> Iterator[Symptom]:
    for verb, is_far, remedy in (
        ("vanishes", vanishes, _AGAINST_VANISHING),
        ("explodes", explodes, _AGAINST_EXPLODING),
    ):
        found = far_from_last(weights, is_far)
        if found:
            parameters = [p for p, *_ in found]
            _, size, last, usual = found[0]
            yield Symptom(
                f"The gradient {verb} on its way to {names_of(parameters)}: per element it is {size:.1g} at "
                f"{parameters[0]['name']}, {usual:.1g} at {last}. {remedy}",
                lines_of(parameters),
                "gradient",
            )


_AGAINST_VANISHING = (
    "Layer after layer shrinks it, as sigmoid does to a quarter at most: take relu instead, or put a BatchNorm or "
    "LayerNorm between the layers, or add each layer's input to its output."
)
_AGAINST_EXPLODING = (
    "Layer after layer multiplies it: start from smaller weights, as nn.init's do, or put a BatchNorm or LayerNorm "
    "between the layers."
)


def grown(learned: list[Parameter]) -> Iterator[Symptom]:
    found = []
    for p in learned:
        # a step alone may be out of the usual
        before = middle(p["gradient"][: max(1, len(p["gradient"]) // 4)])
        late = middle(recent(p["gradient"]))
        if before and late is not None and late > GROWN * before:
            found.append((p, late / before))
    if found:
        parameters = [p for p, _ in found]
        yield Symptom(
            f"The gradient of {names_of(parameters)} has grown {found[0][1]:.0f} times since the first steps: it "
            f"explodes. A lower learning rate, or clipping, holds it.{clipping(parameters)}",
            lines_of(parameters),
            "gradient",
        )


def clipping(parameters: list[Parameter]) -> str:
    """The remedy for a recurrent net, if one of the parameters is of one."""
    found = next((p for p in parameters if is_recurrent(p)), None)
    if found is None:
        return ""
    return (
        f" {found['name']} is used {found['uses']} times in a step, as in a recurrent net, and each use multiplies the "
        "gradient: clip it, by nn.optim.clip_grad_norm_(model.parameters(), 1.0) between backward() and step(), or "
        "clip_norm=1.0 of fit."
    )


# Units and steps -----------------------------------------------------------------------------------------


def dead(relus: list[dict[str, Any]]) -> Iterator[Symptom]:
    for relu in relus:
        share = middle(recent(relu["dead"]))
        if share is None or share < DEAD:
            continue
        verb = "dead" if share == 1 else "dying"
        yield Symptom(
            f"{relu['name']} is {verb}: {share:.0%} of its units (of {relu['units']}) gave 0 for the whole batch. No "
            "gradient passes them, and what is before them does not learn; a lower learning rate or leaky_relu keeps "
            "units alive.",
            (f"relu {relu['name']}",),
            "relus",
        )


def training_loss(history: dict[str, Any]) -> list[Any]:
    """The numbers that `note` was given as the loss; none without."""
    notes = history["notes"]
    return next((notes[k] for k in ("loss", "train_loss", "training_loss") if k in notes), [])


def _steps(parameter: Parameter) -> list[float]:
    """The updates of a weight relative to its norm, or to the one that layers start with if that is larger.

    Weights that start close to 0, as the textbooks' do, must become several times as large.
    """
    usual = math.sqrt(parameter["shape"][0] / 3) if parameter["shape"] else 0.0  # as nn.Linear's
    pairs = zip(parameter["update"], parameter["weight"], strict=True)
    return numbers([u * w / max(w, usual) for u, w in pairs if u is not None and w])


def far_from_usual(
    weights: list[Parameter], vanishing: list[Parameter], history: dict[str, Any]
) -> Iterator[Symptom]:
    """Steps that are far too small or too large; where the gradient vanishes, the rate is not what is too low."""
    known = [(p, size) for p in weights if (size := middle(p["update"]))]
    slow = [(p, size) for p, size in known if size < UPDATE / FACTOR and not vanishing]
    fast = [(p, size) for p, size in known if (middle(_steps(p)) or 0) > UPDATE * FACTOR]
    loss = numbers(training_loss(history))
    if loss and (middle(recent(loss)) or 0) >= loss[0]:  # then one step may have thrown them away
        thrown = [(p, max(_steps(p), default=0.0)) for p in weights]
        fast = fast or [(p, size) for p, size in thrown if size > THROWN]
    if history.get("searches"):
        fast = []
    for found, verb, remedy in ((slow, "hardly moves", "too low"), (fast, "jumps", "too high")):
        if found:
            parameters = [p for p, _ in found]
            yield Symptom(
                f"{names_of(parameters)} {verb}: a step changes it by {found[0][1]:.1g} of its norm, where about "
                f"{UPDATE:g} is usual. The learning rate may be {remedy}.",
                lines_of(parameters),
                "update",
            )
