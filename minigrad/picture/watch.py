"""Watching a training: cheap statistics of some steps, and a page of plots."""

from __future__ import annotations

import math
import os
import weakref
from typing import Any

import numpy as np

from ..core.graph import ON, TensorBase, mode
from ..sight.mistakes import at_line
from ..sight.recording import user_line
from .document import document, html_path
from .judgement import Judgement
from .looking import Found, Look, Sample, Seen, Weights, copied, norms_of
from .naming import variable_of
from .symptoms_of_runs import judgement_of
from .trace import names_of
from .written import Written, written


def watch(model: Any, every: int = 20, keep: int = 500, guard: bool = False) -> Watch:
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
    guard  keep the finite weights before each step, not only before one that is looked at, so that `rewind` finds the
           very step that made a nan; this costs a copy of them a step

    For every parameter, a step that is looked at gives the norm of the gradient, as backward leaves it and before any
    clipping; the norm of the weights before the step; and norm(update) / norm(weights). For every relu of the model
    that runs with gradients, it gives the number of units that are 0 for the whole batch; after a convolution, the
    units are channels. Hooks on the parameters measure the gradients, and relus are measured as they are computed, only
    during such a step. `judge` says what is wrong, in words, and `rewind` goes back to before a nan: for this the last
    weights that were finite before a step that was looked at are kept. The training is not changed.

    A module gets a forward hook, as long as the watch exists: it finds an evaluation in training mode by the modules'
    modes. The watch never runs the model itself.

    Raises TypeError or ValueError for what has no parameters to name, ValueError for numbers that are too small.
    """
    return Watch(model, every, keep, guard)


class Watch:
    """The object that `watch` makes: `samples` is what was seen, in order, and `steps` the number of steps."""

    def __init__(self, model: Any, every: int, keep: int, guard: bool) -> None:
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
        self.guard = guard
        self.steps = 0
        self.samples: list[Sample] = []
        self._seen: dict[str, dict[str, Any]] = {}  # of a parameter: shape, whether frozen, uses
        self._found: dict[Found, None] = {}
        self._failed: int | None = None
        self._kept: tuple[int, Weights] | None = None
        self._left: dict[Any, weakref.ref[Any]] = {}
        self._pending: dict[str, Any] = {}  # notes that came after the last look
        self._own: set[str] = set()  # the names of those that the last look has of its own
        self._is_open = False
        self._look: Look | None = None
        self._last: Sample | None = None
        self._asks = True  # whether an evaluation would be looked at
        if hasattr(model, "register_forward_pre_hook"):
            weakref.finalize(self, model.register_forward_pre_hook(_Evaluations(self)).remove)

    def __enter__(self) -> Watch:
        if self._is_open:
            raise RuntimeError(
                "watch: a step is open already; one with-block is one step, and a Watch is one thread's"
            )
        self._last = None
        if self.steps % self.every == 0:
            self._last = Sample(self.steps, notes=self._read(self._pending))
            self._pending, self._own = {}, set()
            self._look = Look(self.model, self._last, self._found, self._room())
            self._asks = True
            if self._look.is_finite:
                self._kept = self.steps, self._look.before
        elif self.guard:
            self._keep()
        self._is_open = True
        return self

    def __exit__(self, kind: Any, *exception: object) -> None:
        look, self._look = self._look, None
        self._is_open = False
        if look is not None:
            look.close()
        if kind is not None:  # a step that failed does not count
            self._last = None
            if issubclass(kind, FloatingPointError):
                self._failed = self.steps
                if look is None and not self.guard:
                    self._keep()  # it has hardly updated them
            return
        self.steps += 1
        if look is not None:
            look.finish(self._left)
            self._left = look.left
            for tensor, name in look.parameters.items():
                uses = max(look.uses[tensor], self._seen.get(name, {}).get("uses", 0))
                frozen = not tensor.requires_grad
                self._seen[name] = {"shape": list(tensor.shape), "frozen": frozen, "uses": uses}
            self.samples.append(look.sample)
            if len(self.samples) == self.keep:
                del self.samples[1::2]
                self.every *= 2

    def _keep(self) -> None:
        """Keep the weights as they are now, before this step, if they are finite."""
        trained = [t for _, t in self._pairs() if t.requires_grad]
        if all(map(math.isfinite, norms_of(trained).values())):
            self._kept = self.steps, copied(trained, self._room())

    def _room(self) -> Weights:
        """The arrays of the weights that are kept, for newer ones to take their place."""
        return {} if self._kept is None else self._kept[1]

    def note(self, **numbers: Any) -> None:
        """Add numbers to plot, such as `loss=loss`, inside the block of a step or after it.

        Each is a number or a Tensor of one element. A step that is looked at has its own; those that come between two
        such steps, as a validation after an epoch does, go to the later one, the newest of each name.
        """
        if self._last is not None:
            self._last.notes |= self._read(numbers)
            self._own |= {*numbers}
        else:
            self._pending |= {
                # its array, and not the graph; the `data` of a number of NumPy's is a memoryview
                name: v._data if isinstance(v, TensorBase) else v
                for name, v in numbers.items()
            }

    @staticmethod
    def _read(numbers: dict[str, Any]) -> dict[str, float]:
        return {k: float(v.item() if hasattr(v, "item") else v) for k, v in numbers.items()}

    def rewind(self) -> int:
        """Put the weights back to the last finite ones that are kept; returns the number of the step that follows them.

        They are those before the last step that was looked at and began with finite weights; with `guard`, before the
        last of all such steps; and those of a step that raised FloatingPointError, if they are finite. After a nan, run
        the steps from there in `with minigrad.debug():`, which raises at the op that makes it. With `guard` that is the
        first of these steps, on the same batch; else it is one of `every`. Buffers and the optimiser's state stay as
        they are: make a new optimiser.
        """
        if self._kept is None:
            raise RuntimeError("watch: no step was seen that began with finite weights")
        step, weights = self._kept
        for tensor, array in weights.items():
            tensor.assign(array)
        return step

    def judge(self) -> Judgement:
        """The faults of the training so far and notes on it, in words; `print` shows them all."""
        return judgement_of(self.history())

    def _repr_html_(self) -> str:
        return self.judge()._repr_html_()

    def _evaluated(self) -> None:
        """Look at the modes in a forward without gradients that is no part of a step."""
        self._asks = False
        model: Any = self.model
        noisy = [
            (name, m)
            for name, m in model.named_modules()
            if (_is(m, "_Dropout") and m.p) or (_is(m, "_BatchNorm") and m.running_mean is not None)
            if m.training
        ]
        if any(getattr(m, "momentum", 1) is None for _, m in noisy):
            return  # update_bn averages over all batches
        names = [f"{type(m).__name__} {name}".strip() for name, m in noisy]
        if names and all(found.kind != "evaluated" for found in self._found):
            self._found[Found("evaluated", at_line(user_line()), ", ".join(names[:3]))] = None

    def history(self) -> dict[str, Any]:
        """All samples as plain data: lists with an entry per sample, None where there was nothing.

        steps       the numbers of the steps
        parameters  [{"name", "shape", "frozen", "uses", "gradient", "weight", "update"}] in the order of the model
        relus       [{"name", "units", "dead"}]: the share of units that gave 0 for the whole batch
        notes       name -> numbers
        inputs      [{"name", "least", "largest"}]: of the data that a weight is multiplied by
        constant    whether all rows of the model's output are equal
        carried     how many parameters moved by a gradient that also holds those of steps before
        searches    whether the optimiser takes several gradients for a step, as LBFGS does
        found       [{"kind", "line", "words", "is_note", "parameter"}]: what was met at a line of yours
        every, count  one step in `every` is looked at, and there were `count` steps
        broken      names of parameters that are not finite now
        failed, kept  the step that raised FloatingPointError, and that to which `rewind` goes back; or None
        """
        samples = self.samples
        parameters = [
            {"name": name, **known}
            | {
                what: [getattr(s.parameters.get(name), what, None) for s in samples]
                for what in Seen._fields
            }
            for name, known in self._seen.items()
        ]
        return {
            "steps": [sample.step for sample in samples],
            "parameters": parameters,
            "relus": self._relus(),
            "notes": self._notes(),
            "inputs": self._inputs(),
            "constant": [sample.is_constant for sample in samples],
            "carried": [sample.carried for sample in samples],
            "searches": any(sample.searches for sample in samples),
            "found": [found._asdict() for found in self._found],
            "every": self.every,
            "count": self.steps,
            "broken": [n for n, t in self._pairs() if not np.isfinite(t.data).all()],
            "failed": self._failed,
            "kept": None if self._kept is None else self._kept[0],
        }

    def _pairs(self) -> Any:
        return self.model.items() if isinstance(self.model, dict) else self.model.named_parameters()

    def _relus(self) -> list[dict[str, Any]]:
        relus = []
        for name in dict.fromkeys(name for sample in self.samples for name in sample.relus):
            found = [sample.relus.get(name) for sample in self.samples]
            shares = [None if f is None else f[0] / max(1, f[1]) for f in found]
            units = max(f[1] for f in found if f is not None)
            relus.append({"name": name, "units": units, "dead": shares})
        return relus

    def _inputs(self) -> list[dict[str, Any]]:
        inputs = []
        for name in dict.fromkeys(name for sample in self.samples for name in sample.inputs):
            ends = [sample.inputs.get(name, (None, None)) for sample in self.samples]
            least, largest = zip(*ends, strict=True)
            inputs.append({"name": name, "least": [*least], "largest": [*largest]})
        return inputs

    def _notes(self) -> dict[str, list[float | None]]:
        """Name -> numbers; what came after the last look goes to it, if that has no number of its own."""
        all_of_them = [sample.notes for sample in self.samples]
        if all_of_them:
            later = {k: v for k, v in self._read(self._pending).items() if k not in self._own}
            all_of_them[-1] = all_of_them[-1] | later
        names = dict.fromkeys(name for notes in all_of_them for name in notes)
        return {name: [notes.get(name) for notes in all_of_them] for name in names}

    def page(
        self, path: str | os.PathLike[str] = "training.html", beside: Watch | None = None
    ) -> Written:
        """Write a page of plots as one file, which needs no network; returns its path, which a notebook shows.

        beside  a watch over another training, of any length, which is shown in the same plots in a second colour; each
                has the name of the variable that holds it

        It may be written at any time, and is written whole or not at all. Raises ValueError for a suffix other than
        .html, TypeError for a `beside` that is no Watch, RuntimeError while no step has been looked at.
        """
        path = html_path(path)
        if not isinstance(beside, Watch | None):
            raise TypeError(f"watch: beside is a {type(beside).__name__}; another Watch is needed")
        told = [self._told("this run")]
        if beside is not None:
            ours, theirs = variable_of(self) or "this run", variable_of(beside)
            other = theirs if theirs not in ("", ours) else "the other run"
            told = [self._told(ours), beside._told(other)]
        styles, scripts = (
            ("look.css", "watch.css"),
            ("words.js", "labels.js", "plot.js", "watch.js"),
        )
        content = document("watch.html", styles, scripts, path.stem, {"runs": told}).encode()
        return written(path, content)

    def _told(self, name: str) -> dict[str, Any]:
        """The part of a page's data that is this watch's."""
        if not self.samples:
            raise RuntimeError(
                f"watch: nothing was seen yet of {name}; do a training step inside `with watch:`"
            )
        history = self.history()
        judgement = judgement_of(history).plain()
        return {"name": name, "history": _plain(history), "judgement": judgement}


class _Evaluations:
    """A hook on a model that tells its watch of a forward without gradients outside of the steps; a copy tells none."""

    def __init__(self, watch: Watch | None = None) -> None:
        self._watch = (lambda: None) if watch is None else weakref.ref(watch)

    def __call__(self, module: Any, args: Any) -> None:
        if mode.get() & ON:
            return
        watch = self._watch()
        if watch is not None and watch._asks and not watch._is_open:
            watch._evaluated()

    def __reduce__(self) -> Any:
        return type(self), ()


def _is(module: Any, kind: str) -> bool:
    """Return whether a module is of a class of `nn` with this name, which this package cannot import."""
    return any(c.__name__ == kind for c in type(module).__mro__)


def _plain(value: Any) -> Any:
    """The same data with numbers to six digits, and with those that JSON does not have as "nan", "inf" and "-inf"."""
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if np.isfinite(value) else str(value)
    return value
