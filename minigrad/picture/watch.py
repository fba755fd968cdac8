"""Watching a training: cheap statistics of some steps, and a page of plots."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..core.graph import ON, Node, mode
from ..sight.flow import quiet_norm
from ..sight.recording import observed
from ..sight.scope import current_scope
from .document import document, html_path
from .scopes import names_within
from .symptoms import symptoms_of
from .trace import names_of
from .written import Written, written

RELUS = ("relu", "relu6")
_FAR = 12  # the most ops between a convolution and a relu that still works on its channels


def watch(model: Any, every: int = 20, keep: int = 500) -> Watch:
    """A watch over the training of `model`: with-blocks around its steps, then a page of plots.

        watch = picture.watch(model)
        for x, y in batches:
            with watch:
                loss = cross_entropy(model(x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            watch.note(loss=loss)
        watch.page("training.html")

    model  a module; or a dict of name -> Tensor, or (name, Tensor) pairs, which are watched alike
    every  one step in so many is looked at, starting with the first; the others cost two calls
    keep   the number of samples at which every second one is dropped, and `every` is doubled

    For every parameter, a step that is looked at gives the norm of the gradient, as backward leaves it and before any
    clipping; the norm of the weights before the step; and norm(update) / norm(weights). For every relu of the model
    that runs with gradients, it gives the number of units that are 0 for the whole batch; after a convolution, the
    units are channels. Hooks on the parameters measure the gradients, and relus are measured as they are computed, only
    during such a step. Nothing but these numbers is kept, and the training is not changed.

    Raises TypeError or ValueError for what has no parameters to name, ValueError for numbers that are too small.
    """
    return Watch(model, every, keep)


@dataclass(slots=True)
class Sample:
    """The record of one step.

    step        its number, from 0
    parameters  name -> what was seen of it
    relus       name -> (units that gave 0 for the whole batch, units)
    notes       name -> number, as `note` was given them
    """

    step: int
    parameters: dict[str, Seen] = field(default_factory=dict)
    relus: dict[str, tuple[int, int]] = field(default_factory=dict)
    notes: dict[str, float] = field(default_factory=dict)


class Seen(NamedTuple):
    """Norms of a parameter's gradient, of its weights before the step, and of its update relative to them.

    gradient  None where none came, or the parameter is frozen
    update    None where it is frozen, or its weights were all 0
    """

    gradient: float | None
    weight: float
    update: float | None


class Watch:
    """The object that `watch` makes: `samples` is what was seen, in order, and `steps` the number of steps."""

    def __init__(self, model: Any, every: int, keep: int) -> None:
        for name, number, least in (("every", every, 1), ("keep", keep, 2)):
            if not isinstance(number, int) or number < least:
                raise ValueError(
                    f"watch: {name}={number!r}; it must be a whole number from {least}"
                )
        is_module = hasattr(model, "named_parameters")  # which may change while it is watched
        self.model = model if is_module else {name: t for t, name in names_of(model).items()}
        if not names_of(self.model):
            raise ValueError(f"watch: model is a {type(model).__name__} without parameters")
        self.every = every
        self.keep = keep
        self.steps = 0
        self.samples: list[Sample] = []
        self._seen: dict[str, tuple[tuple[int, ...], bool]] = {}  # shape, whether frozen
        self._is_open = False
        self._look: _Look | None = None
        self._last: Sample | None = None

    def __enter__(self) -> Watch:
        if self._is_open:
            raise RuntimeError(
                "watch: a step is open already; one with-block is one step, and a Watch is one thread's"
            )
        self._last = None
        if self.steps % self.every == 0:
            self._last = Sample(self.steps)
            self._look = _Look(self.model, self._last)
        self._is_open = True
        return self

    def __exit__(self, kind: Any, *exception: object) -> None:
        look, self._look = self._look, None
        self._is_open = False
        if look is not None:
            look.close()
        if kind is not None:  # a step that failed does not count
            self._last = None
            return
        self.steps += 1
        if look is not None:
            look.finish()
            for tensor, name in look.parameters.items():
                self._seen[name] = tuple(tensor.shape), not tensor.requires_grad
            self.samples.append(look.sample)
            if len(self.samples) == self.keep:
                del self.samples[1::2]
                self.every *= 2

    def note(self, **numbers: Any) -> None:
        """Add numbers to plot, such as `loss=loss`, inside the block of a step or after it.

        Each is a number or a Tensor of one element; it is read only if the step is looked at.
        """
        if self._last is not None:
            read = {k: float(v.item() if hasattr(v, "item") else v) for k, v in numbers.items()}
            self._last.notes |= read

    def history(self) -> dict[str, Any]:
        """All samples as plain data: lists with an entry per sample, None where there was nothing.

        steps       the numbers of the steps
        parameters  [{"name", "shape", "frozen", "gradient", "weight", "update"}] in the order of the model
        relus       [{"name", "units", "dead"}]: the share of units that gave 0 for the whole batch
        notes       name -> numbers
        every, count  one step in `every` is looked at, and there were `count` steps
        """
        samples = self.samples
        parameters = [
            {"name": name, "shape": list(shape), "frozen": is_frozen}
            | {
                what: [getattr(s.parameters.get(name), what, None) for s in samples]
                for what in Seen._fields
            }
            for name, (shape, is_frozen) in self._seen.items()
        ]
        relus = []
        for name in dict.fromkeys(name for sample in samples for name in sample.relus):
            found = [sample.relus.get(name) for sample in samples]
            shares = [None if f is None else f[0] / max(1, f[1]) for f in found]
            units = max(f[1] for f in found if f is not None)
            relus.append({"name": name, "units": units, "dead": shares})
        notes = dict.fromkeys(name for sample in samples for name in sample.notes)
        return {
            "steps": [sample.step for sample in samples],
            "parameters": parameters,
            "relus": relus,
            "notes": {name: [sample.notes.get(name) for sample in samples] for name in notes},
            "every": self.every,
            "count": self.steps,
        }

    def page(self, path: str | os.PathLike[str] = "training.html") -> Written:
        """Write a page of plots as one file, which needs no network; returns its path, which a notebook shows.

        It may be written at any time, and is written whole or not at all. Raises ValueError for a suffix other than
        .html, RuntimeError while no step has been looked at.
        """
        path = html_path(path)
        if not self.samples:
            raise RuntimeError(
                "watch: nothing was seen yet; do a training step inside `with watch:`"
            )
        history = self.history()
        data = {"history": _plain(history), "symptoms": symptoms_of(history)}
        styles, scripts = ("look.css", "watch.css"), ("words.js", "plot.js", "watch.js")
        content = document("watch.html", styles, scripts, path.stem, data).encode()
        return written(path, content)


class _Look:
    """One step that is looked at, from its beginning to its end."""

    def __init__(self, model: Any, sample: Sample) -> None:
        self.sample = sample
        self.is_module = hasattr(model, "named_parameters")
        pairs = model.named_parameters() if self.is_module else model.items()
        self.parameters = {tensor: name for name, tensor in pairs}
        self._within = names_within(model) if self.is_module else {}
        self._before = {t: t.data.copy() for t in self.parameters if t.requires_grad}
        self._gradients: dict[Any, float] = {}
        self._hooks = [t.register_hook(partial(self._arrive, t)) for t in self._before]
        self._observing = observed(self._see)
        self._observing.__enter__()

    def close(self) -> None:
        self._observing.__exit__(None, None, None)
        for hook in self._hooks:
            hook.remove()
        self._hooks = []  # the hooks hold this object

    def _arrive(self, tensor: Any, gradient: Any) -> None:
        """Measure what `.grad` will be now: by the end of the block it may be clipped, or cleared."""
        with np.errstate(all="ignore"):
            total = gradient.data if tensor.grad is None else tensor.grad.data + gradient.data
            self._gradients[tensor] = quiet_norm(total)

    def _see(self, op: Any, result: Any) -> None:
        if op.name not in RELUS or not mode.get() & ON:  # a validation under no_grad trains nothing
            return
        within = self._place_of(current_scope())
        if within is None:
            return
        first = name = f"{within}.{op.name}" if within else op.name
        count = 1
        while name in self.sample.relus:
            count += 1
            name = f"{first} ({count})"
        self.sample.relus[name] = _dead_units(result)

    def _place_of(self, scope: tuple[Any, ...]) -> str | None:
        """The name within the model of the innermost module that belongs to it; None in another model."""
        for reference in reversed(scope):
            name = self._within.get(id(reference()))
            if name is not None:
                return name
        return None if scope and self.is_module else ""

    def finish(self) -> None:
        """Read the parameters after the step."""
        with np.errstate(all="ignore"):
            for tensor, name in self.parameters.items():
                before, update = self._before.get(tensor), None
                weight = quiet_norm(tensor.data if before is None else before)
                if before is not None and weight:
                    before -= tensor.data
                    update = quiet_norm(before) / weight
                self.sample.parameters[name] = Seen(self._gradients.get(tensor), weight, update)


def _dead_units(result: Any) -> tuple[int, int]:
    """The number of units that are 0 throughout, and of all: axis 1 of images and after convolutions, else the last."""
    y = result.data
    on_channels = y.ndim > 3 or (y.ndim == 3 and _follows_convolution(result._node))
    axis = 1 if on_channels else y.ndim - 1
    lives = y.any(axis=tuple(i for i in range(y.ndim) if i != axis))
    return int(lives.size - np.count_nonzero(lives)), int(lives.size)


def _follows_convolution(node: Any) -> bool:
    """Return whether an output (N, C, L) has channels on axis 1: those of a convolution a few ops before."""
    for _ in range(_FAR):
        if node is None or node.op.name.startswith("conv"):
            return node is not None
        head = node.shape[:2]
        node = next((p for p in node.parents if isinstance(p, Node) and p.shape[:2] == head), None)
    return False


def _plain(value: Any) -> Any:
    """The same data with numbers to six digits, and with those that JSON does not have as "nan", "inf" and "-inf"."""
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if np.isfinite(value) else str(value)
    return value
