"""Symptoms: the problems that the history of a training shows, in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

FAR = 1e4  # the ratio of the gradients per element of two layers
GROWN = 100.0  # the ratio of the gradient now to that of the first steps
DEAD = 0.5  # the share of a relu's units
UPDATE = 1e-3  # a usual step, relative to the norm of the weight, according to Stanford's CS231n
FACTOR = 30.0  # a step this many times smaller or larger is unusual
_FEW = 3  # names in one sentence


def symptoms_of(history: dict[str, Any]) -> list[str]:
    """Sentences on gradients that are nan, missing, vanishing or exploding, on dead relus, on unusual updates.

    history  as `Watch.history` gives it
    """
    learned = [p for p in history["parameters"] if not p["frozen"]]
    weights = [p for p in learned if len(p["shape"]) > 1] or learned
    parts: tuple[Iterator[str], ...] = (
        _not_finite(learned, history["steps"]),
        _missing(learned),
        _unmoved(learned),
        _far_from_the_last(weights),
        _grown(learned),
        _dead(history["relus"]),
        _far_from_usual(weights),
    )
    return [sentence for part in parts for sentence in part]


def _numbers(values: list[Any]) -> list[float]:
    return [v for v in values if v is not None and math.isfinite(v)]


def _middle(values: list[Any]) -> float | None:
    found = _numbers(values)
    return float(np.median(found)) if found else None


def _recent(values: list[Any]) -> list[Any]:
    """The last quarter, five at least."""
    return values[-max(5, len(values) // 4) :]


def _per_element(parameter: dict[str, Any]) -> float | None:
    found = _middle(_recent(parameter["gradient"]))
    return None if found is None else found / math.sqrt(max(1, math.prod(parameter["shape"])))


def _names(parameters: list[dict[str, Any]]) -> str:
    names = [p["name"] for p in parameters]
    rest = len(names) - _FEW
    return ", ".join(names[:_FEW]) + (f" and {rest} more" if rest > 0 else "")


def _not_finite(learned: list[dict[str, Any]], steps: list[int]) -> Iterator[str]:
    for what, noun in (("gradient", "gradient"), ("weight", "value")):
        bad: dict[int, list[dict[str, Any]]] = {}
        for p in learned:
            places = [i for i, v in enumerate(p[what]) if v is not None and not math.isfinite(v)]
            if places:
                bad.setdefault(places[0], []).append(p)
        if bad:
            first = min(bad)
            yield (
                f"The {noun} of {_names(bad[first])} is nan or inf in step {steps[first]}: run that step inside "
                "minigrad.debug(), which names the op."
            )


def _missing(learned: list[dict[str, Any]]) -> Iterator[str]:
    without = [p for p in learned if all(g is None for g in p["gradient"])]
    if without:
        yield (
            f"No gradient came to {_names(without)}: minigrad.explain(parameter, loss) says why. If no parameter has "
            "one, backward() ran outside of the block."
        )


def _unmoved(learned: list[dict[str, Any]]) -> Iterator[str]:
    still = [p for p in learned if _middle(p["gradient"]) and _middle(p["update"]) == 0]
    if still:
        yield (
            f"{_names(still)} got a gradient, but did not move: is it among the optimiser's parameters, and its "
            "step() inside the block?"
        )


def _far_from_the_last(weights: list[dict[str, Any]]) -> Iterator[str]:
    """Sentences on layers whose gradient is 0, or far from that of the last layer, where backward begins."""
    known = [(p, size) for p in weights if (size := _per_element(p)) is not None]
    zero = [p for p, size in known if size == 0]
    if zero:
        yield f"The gradient of {_names(zero)} is zero: nothing arrives there."
    *others, (last, usual) = [(p, size) for p, size in known if size > 0] or [({}, 0.0)]
    is_far: tuple[tuple[str, Callable[[float], bool]], ...] = (
        ("vanishes", lambda size: size * FAR < usual),
        ("explodes", lambda size: size > usual * FAR),
    )
    for verb, is_so in is_far:
        found = [(p, size) for p, size in others if is_so(size)]
        if found:
            names = _names([p for p, _ in found])
            yield (
                f"The gradient {verb} on its way to {names}: per element it is {found[0][1]:.1g} at "
                f"{found[0][0]['name']}, {usual:.1g} at {last['name']}."
            )


def _grown(learned: list[dict[str, Any]]) -> Iterator[str]:
    found = []
    for p in learned:
        early = _middle(p["gradient"][: max(1, len(p["gradient"]) // 4)])
        late = _middle(_recent(p["gradient"]))
        if early and late is not None and late > GROWN * early:
            found.append((p, late / early))
    if found:
        names = _names([p for p, _ in found])
        yield (
            f"The gradient of {names} has grown {found[0][1]:.0f} times since the first steps: it explodes. A lower "
            "learning rate, or clipping, holds it."
        )


def _dead(relus: list[dict[str, Any]]) -> Iterator[str]:
    for relu in relus:
        share = _middle(_recent(relu["dead"]))
        if share is None or share < DEAD:
            continue
        verb = "dead" if share == 1 else "dying"
        yield (
            f"{relu['name']} is {verb}: {share:.0%} of its units (of {relu['units']}) gave 0 for the whole batch. No "
            "gradient passes them, and what is before them does not learn; a lower learning rate or leaky_relu keeps "
            "units alive."
        )


def _far_from_usual(weights: list[dict[str, Any]]) -> Iterator[str]:
    known = [(p, size) for p in weights if (size := _middle(p["update"]))]
    slow = [(p, size) for p, size in known if size < UPDATE / FACTOR]
    fast = [(p, size) for p, size in known if size > UPDATE * FACTOR]
    for found, verb, remedy in ((slow, "hardly moves", "too low"), (fast, "jumps", "too high")):
        if found:
            names = _names([p for p, _ in found])
            yield (
                f"{names} {verb}: a step changes it by {found[0][1]:.1g} of its norm, where about {UPDATE:g} is "
                f"usual. The learning rate may be {remedy}."
            )
