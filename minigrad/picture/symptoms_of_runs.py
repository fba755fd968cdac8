"""Symptoms of a training as a whole, and the judgement that puts all symptoms in order."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from .judgement import Judgement, Symptom
from .symptoms import (
    Parameter,
    all_zero,
    clipping,
    dead,
    far_apart,
    far_from_last,
    far_from_usual,
    grown,
    lines_of,
    middle,
    missing,
    names_of,
    recent,
    training_loss,
    unmoved,
    vanishes,
    zero,
)

PIXELS = (100.0, 255.0)  # the largest number of a batch of images that were not scaled
LARGE = 100.0  # an input of this size is far from 1
RISEN = 1.05  # the validation loss at the end, relative to its least


def judgement_of(history: dict[str, Any]) -> Judgement:
    """The faults that a training shows, and notes on it; `history` as `Watch.history` gives it.

    What explains others comes first, and they are left out where there is a better name for them.
    """
    learned = [p for p in history["parameters"] if not p["frozen"]]
    weights = [p for p in learned if len(p["shape"]) > 1] or learned
    vanishing = [p for p, *_ in far_from_last(learned, vanishes)]
    added = [*_carried(history)]
    broken, met = [*_not_finite(learned, history)], [*_met(history, is_note=False)]
    zeros = [*all_zero(weights)]
    faults: tuple[Iterator[Symptom] | list[Symptom], ...] = (
        broken,
        met,
        _hidden(history),
        missing(learned, history),
        unmoved(learned, vanishing),
        added,
        _pixels(history),
        _evaluated(history),
        zeros,
        [] if zeros else dead(history["relus"]),
        far_apart(weights),
        [] if broken or met or zeros else zero(weights),
        [] if added else grown([p for p in learned if p not in vanishing]),
        far_from_usual(weights, vanishing, history),
    )
    notes: tuple[Iterator[Symptom], ...] = (
        _met(history, is_note=True),
        _large(history),
        _constant(history),
        _rising(history),
    )
    return Judgement(*(tuple(s for part in parts for s in part) for parts in (faults, notes)))


def _found(history: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [found for found in history.get("found", ()) if found["kind"] == kind]


_WITHOUT_WORDS = ("hidden", "evaluated", "numpy", "detach", "no_grad")


def _met(history: dict[str, Any], is_note: bool) -> Iterator[Symptom]:
    """The mistakes that graphs have shown by their form, the first of each kind with the line."""
    kinds: dict[str, list[dict[str, Any]]] = {}
    for found in history.get("found", ()):
        if found["kind"] not in _WITHOUT_WORDS and found["is_note"] is is_note:
            kinds.setdefault(found["kind"], []).append(found)
    for each in kinds.values():
        first, more = each[0], f" And {len(each) - 1} more like it." if len(each) > 1 else ""
        lines = tuple(f"parameter {f['parameter']}" for f in each if f["parameter"])
        yield Symptom(
            f"{first['words']} At {first['line']}.{more}", lines, "gradient" * bool(lines)
        )


def _not_finite(learned: list[Parameter], history: dict[str, Any]) -> Iterator[Symptom]:
    met: dict[int, list[Parameter]] = {}
    for what in ("gradient", "weight"):
        for p in learned:
            bad = [i for i, v in enumerate(p[what]) if v is not None and not math.isfinite(v)]
            if bad:
                met.setdefault(bad[0], []).append({**p, "what": what})
    failed, kept = history.get("failed"), history.get("kept")
    if met:
        first = met[min(met)]
        first = [p for p in first if p["what"] == first[0]["what"]]
        noun = "gradient" if first[0]["what"] == "gradient" else "value"
        step = history["steps"][min(met)]
        start = f"The {noun} of {names_of(first)} is nan or inf in step {step}"
    elif failed is not None:
        first, start = learned, f"Step {failed} raised FloatingPointError"
    elif history.get("broken"):
        first = [p for p in learned if p["name"] in history["broken"]]
        start = f"{names_of(first)} became nan or inf after step {history['steps'][-1]}"
    else:
        return
    back = ""
    if kept is not None:
        back = f"watch.rewind() puts the weights back to those before step {kept}; from there "
    yield Symptom(
        f"{start}: {back}run that step inside minigrad.debug(), which names the op."
        + (clipping(first) or clipping(learned)),
        lines_of(first),
        "gradient",
    )


def _carried(history: dict[str, Any]) -> Iterator[Symptom]:
    """Gradients that no step has cleared."""
    counts = history.get("carried", ())
    if len(counts) > 1 and middle(list(counts[1:])):
        yield Symptom(
            "Gradients add up from step to step: each update also takes those of all steps before. Call "
            "optimizer.zero_grad() once in each step, before backward().",
            lines_of(history["parameters"]),
            "gradient",
        )


def _hidden(history: dict[str, Any]) -> Iterator[Symptom]:
    found = _found(history, "hidden")
    if found:
        shapes = ", ".join(f["words"] for f in found[:3]) + ", ..." * (len(found) > 3)
        yield Symptom(
            f"The model uses parameters of shape {shapes} that model.parameters() does not give, at "
            f"{found[0]['line']}: they are not trained and not saved, and eval() does not reach their layers. Keep "
            "layers as attributes of a Module, or in nn.ModuleList or nn.ModuleDict."
        )


def _evaluated(history: dict[str, Any]) -> Iterator[Symptom]:
    for found in _found(history, "evaluated"):
        yield Symptom(
            f"The model was evaluated in training mode, in which {found['words']} drop units or use the statistics of "
            f"the batch, at {found['line']}: call model.eval() before, and model.train() after."
        )


def _inputs(history: dict[str, Any]) -> Iterator[tuple[str, float, float]]:
    for data in history.get("inputs", ()):
        least, largest = middle(data["least"]), middle(data["largest"])
        if least is not None and largest is not None:
            yield data["name"], least, largest


def _is_pixels(least: float, largest: float) -> bool:
    return 0 <= least < PIXELS[0] < largest <= PIXELS[1]


def _pixels(history: dict[str, Any]) -> Iterator[Symptom]:
    for name, least, largest in _inputs(history):
        if _is_pixels(least, largest):
            yield Symptom(
                f"The inputs that {name} is multiplied by go from {least:.3g} to {largest:.3g}, as pixels do: divide "
                "them by 255, or subtract their mean and divide by their standard deviation. Layers start from inputs "
                "of about 1."
            )


def _large(history: dict[str, Any]) -> Iterator[Symptom]:
    for name, least, largest in _inputs(history):
        if max(-least, largest) > LARGE and not _is_pixels(least, largest):
            yield Symptom(
                f"The inputs that {name} is multiplied by go from {least:.3g} to {largest:.3g}. Layers start from "
                "inputs of about 1: subtract their mean, and divide by their standard deviation."
            )


def _constant(history: dict[str, Any]) -> Iterator[Symptom]:
    known = [value for value in history.get("constant", ()) if value is not None]
    if len(known) > 1 and all(recent(known)):
        yield Symptom(
            "The output of the model is the same for every row of a batch: it does not depend on the input. Look for "
            "a dead relu, a layer of zeros, or an input that is not used."
        )


def _rising(history: dict[str, Any]) -> Iterator[Symptom]:
    """A validation loss that was least before the last third, while the training loss still falls."""
    steps, notes = history["steps"], history["notes"]
    trained = training_loss(history)
    for name, values in notes.items():
        known = [(i, v) for i, v in enumerate(values) if v is not None and math.isfinite(v)]
        if not trained or "val" not in name.lower() or "loss" not in name.lower() or len(known) < 6:
            continue
        best, least = min(known, key=lambda pair: pair[1])
        last = [v for i, v in known if 3 * steps[i] >= 2 * steps[-1]]
        falls = (middle(recent(trained)) or 0) < (middle(trained[max(0, best - 2) : best + 3]) or 0)
        if 3 * steps[best] <= 2 * steps[-1] and last and min(last[-2:]) > RISEN * least and falls:
            yield Symptom(
                f"{name} was least at step {steps[best]:,} and has risen since, while the training loss falls: the "
                "model learns its training data by heart. Keep the weights of that step (patience and checkpoint of "
                "fit), take more data or augment it, or add dropout or weight_decay.",
                (f"note {name}",),
                "notes",
            )
