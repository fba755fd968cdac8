"""One step of a training that is looked at: what is measured of it, and what else is met."""

from __future__ import annotations

import math
import weakref
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..core.graph import ON, Node, TensorBase, mode
from ..sight.causes import named_values
from ..sight.flow import quiet_norm
from ..sight.mistakes import at_line, mistake_at
from ..sight.recording import node_of, observed, user_line
from ..sight.scope import current_scope
from .scopes import names_within

RELUS = ("relu", "relu6")
WEIGHING = {"linear", "matmul", "conv1d", "conv2d", "conv3d", "rnn", "lstm", "gru"}
RECURRENT = ("rnn", "lstm", "gru")
LEAVING = ("detach", "numpy")
_FAR = 12  # the most ops between a convolution and a relu that still works on its channels
_ROWS = 8  # of an input are measured; of an output, are asked first
_SAME = 1e-5  # rows that differ by no more of their size are one and the same


Weights = dict[Any, Any]  # of a parameter: an array


class Seen(NamedTuple):
    """Norms of a parameter's gradient, of its weights before the step, and of its update relative to them.

    gradient  None where none came, or the parameter is frozen
    update    None where it is frozen, or its weights were all 0
    """

    gradient: float | None
    weight: float
    update: float | None


@dataclass(slots=True)
class Sample:
    """The record of one step.

    step         its number, from 0
    parameters   name -> what was seen of it
    relus        name -> (units that gave 0 for the whole batch, units)
    notes        name -> number, as `note` was given them
    inputs       name of a weight -> (least, largest) of the data that it is multiplied by
    is_constant  True if all rows of the model's output are equal; None where there were no rows
    carried      how many parameters have moved by a gradient that also holds those of steps before
    searches     True if the weights moved between two gradients of one step, as LBFGS moves them
    """

    step: int
    parameters: dict[str, Seen] = field(default_factory=dict)
    relus: dict[str, tuple[int, int]] = field(default_factory=dict)
    notes: dict[str, float] = field(default_factory=dict)
    inputs: dict[str, tuple[float, float]] = field(default_factory=dict)
    is_constant: bool | None = None
    carried: int = 0
    searches: bool = False


class Found(NamedTuple):
    """A thing met at a line of the user's.

    kind       tells symptoms what to say, with `words` of its own or none
    parameter  the name of the one that it is about, or ""
    """

    kind: str
    line: str
    words: str = ""
    is_note: bool = False
    parameter: str = ""


class Look:
    """One step that is looked at, from its beginning to its end.

    uses       parameter -> how often ops took it
    before     parameter -> its weights before the step
    is_finite  True if all of these are finite numbers
    left       parameter -> a weak reference to the `.grad` that it moved by, which is still there
    """

    def __init__(self, model: Any, sample: Sample, found: dict[Found, None], room: Weights) -> None:
        """Begin the look; `room` are arrays for finite weights to be copied into."""
        self.sample = sample
        self.model = model
        self.is_module = hasattr(model, "named_parameters")
        pairs = model.named_parameters() if self.is_module else model.items()
        self.parameters = {tensor: name for name, tensor in pairs}
        self.uses: Counter[Any] = Counter()
        trained = [t for t in self.parameters if t.requires_grad]
        self._weights = norms_of(self.parameters)
        self.is_finite = all(math.isfinite(self._weights[t]) for t in trained)
        self.before = copied(trained, room if self.is_finite else {})
        self.left: dict[Any, weakref.ref[Any]] = {}
        self._found = found
        self._within = names_within(model) if self.is_module else {}
        self._output: Any = None
        self._scope: tuple[Any, ...] = ()
        self._is_inside = False
        self._gradients: dict[Any, float] = {}
        self._added: set[Any] = set()  # whose first gradient was added to one that was not 0
        self._hooks = [t.register_hook(partial(self._arrive, t)) for t in self.before]
        self._observing = observed(self._see)
        self._observing.__enter__()

    def close(self) -> None:
        self._observing.__exit__(None, None, None)
        for hook in self._hooks:
            hook.remove()
        self._hooks = []  # the hooks hold this object

    # During the step -------------------------------------------------------------------------------------

    def _arrive(self, tensor: Any, gradient: Any) -> None:
        """Measure what `.grad` will be now: by the end of the block it may be clipped, or cleared."""
        old = None if tensor.grad is None else tensor.grad.data
        if tensor in self._gradients:
            if not self.sample.searches:
                self.sample.searches = not np.array_equal(tensor.data, self.before[tensor])
        elif old is not None and old.any():
            self._added.add(tensor)
        with np.errstate(all="ignore"):
            total = gradient.data if old is None else old + gradient.data
            self._gradients[tensor] = quiet_norm(total)

    def _see(self, op: Any, result: Any) -> None:
        if op.name in LEAVING:
            self._find(op.name)
            return
        if not mode.get() & ON:  # a validation under no_grad trains nothing
            if self._place_of(current_scope()) is not None:
                self._find("no_grad")
            return
        node = node_of(result)
        if node is None:
            return
        for parent in node.parents:
            if isinstance(parent, TensorBase):
                self._take(node, parent)
        mistake = mistake_at(node)
        if mistake is not None:
            name = self.parameters.get(mistake.leaf, "")
            self._find(mistake.kind, mistake.words, mistake.is_note, name)
        if op.name in RELUS:
            self._see_relu(op, result)
        if result.__class__ is not tuple and result.ndim and self._is_in_model():
            self._output = result

    def _take(self, node: Node, leaf: Any) -> None:
        """Note that an op takes a leaf: a parameter, or one that should be."""
        if leaf in self.parameters:
            self.uses[leaf] += _uses_by(node)
            if node.op.name in WEIGHING and node.parents[0] is None and node.parents[1] is leaf:
                self._measure_input(node, leaf)
        elif self.is_module and _is_parameter(leaf) and self._place_of(current_scope()) is not None:
            self._find("hidden", f"{tuple(leaf.shape)}")

    def _measure_input(self, node: Node, leaf: Any) -> None:
        values = named_values(node, node.op.argument_name(1))
        x: Any = values.get("x", values.get("a"))
        if getattr(x, "ndim", 0) > 1 and x.size and x.dtype.kind in "fiu":
            rows = x[:_ROWS]
            name = self.parameters[leaf]
            self.sample.inputs.setdefault(name, (float(rows.min()), float(rows.max())))

    def _see_relu(self, op: Any, result: Any) -> None:
        within = self._place_of(current_scope())
        if within is None:
            return
        first = name = f"{within}.{op.name}" if within else op.name
        count = 1
        while name in self.sample.relus:
            count += 1
            name = f"{first} ({count})"
        self.sample.relus[name] = _dead_units(result)

    def _is_in_model(self) -> bool:
        scope = current_scope()
        if scope is not self._scope:  # one tuple for all ops of a call
            self._scope = scope
            self._is_inside = self.is_module and any(r() is self.model for r in scope)
        return self._is_inside

    def _place_of(self, scope: tuple[Any, ...]) -> str | None:
        """The name within the model of the innermost module that belongs to it; None in another model."""
        for reference in reversed(scope):
            name = self._within.get(id(reference()))
            if name is not None:
                return name
        return None if scope and self.is_module else ""

    def _find(self, kind: str, words: str = "", is_note: bool = False, parameter: str = "") -> None:
        if (kind, words, parameter) not in {(f.kind, f.words, f.parameter) for f in self._found}:
            self._found[Found(kind, at_line(user_line()), words, is_note, parameter)] = None

    # After it --------------------------------------------------------------------------------------------

    def finish(self, left: dict[Any, weakref.ref[Any]]) -> None:
        """Read the parameters after the step; `left` is that of the look before."""
        with np.errstate(all="ignore"):
            for tensor, name in self.parameters.items():
                before, update, weight = self.before.get(tensor), None, self._weights[tensor]
                if before is not None and weight:
                    update = quiet_norm(before - tensor.data) / weight
                self.sample.parameters[name] = Seen(self._gradients.get(tensor), weight, update)
                if update and tensor.grad is not None:
                    # the same object: no step in between has cleared it
                    is_same = tensor in left and left[tensor]() is tensor.grad
                    self.sample.carried += is_same and tensor in self._added
                    self.left[tensor] = weakref.ref(tensor.grad)
            if self._output is not None:
                self.sample.is_constant = _is_constant(self._output.data)


def norms_of(tensors: Iterable[Any]) -> dict[Any, float]:
    """Tensor -> the norm of its data."""
    with np.errstate(all="ignore"):
        return {t: quiet_norm(t.data) for t in tensors}


def copied(tensors: Iterable[Any], room: Weights) -> Weights:
    """Tensor -> a copy of its data, in the array that `room` has for it if that fits."""
    return {t: _copy(t.data, room.get(t)) for t in tensors}


def _copy(data: Any, into: Any) -> Any:
    fits = into.__class__ is data.__class__ and into.shape == data.shape
    if not fits or into.dtype != data.dtype:
        return data.copy()
    np.copyto(into, data)  # into memory that is there already
    return into


def _is_parameter(leaf: Any) -> bool:
    """Return whether a leaf is an `nn.Parameter`, a class that this package cannot import."""
    return any(kind.__name__ == "Parameter" for kind in type(leaf).__mro__)


def _uses_by(node: Node) -> int:
    """The number of times that an op uses a weight: once, or a recurrent one at each of its steps."""
    if node.op.name not in RECURRENT:
        return 1
    outputs = node.shape[0]
    return int(outputs[1 if len(outputs) > 2 and dict(node.options).get("batch_first") else 0])


def _is_constant(y: Any) -> bool | None:
    """True if all rows are equal, but for rounding; None if there is one row."""
    if len(y) < 2:
        return None
    size = abs(y[0]).max(initial=0)
    if abs(y[0] - y[-1]).max(initial=0) > _SAME * size:
        return False  # mostly, so that the others need not be compared
    return bool(abs(y - y[0]).max(initial=0) <= _SAME * size)


def _dead_units(result: Any) -> tuple[int, int]:
    """The number of units that are 0 throughout, and of all: axis 1 of images and after convolutions, else the last."""
    y = result.data
    on_channels = y.ndim > 3 or (y.ndim == 3 and _follows_convolution(result._node))
    axis = 1 if on_channels else y.ndim - 1
    others = tuple(i for i in range(y.ndim) if i != axis)
    lives = y[:_ROWS].any(axis=others)
    if not lives.all():  # mostly, a few rows show that every unit lives
        lives = y.any(axis=others)
    return int(lives.size - np.count_nonzero(lives)), int(lives.size)


def _follows_convolution(node: Any) -> bool:
    """Return whether an output (N, C, L) has channels on axis 1: those of a convolution a few ops before."""
    for _ in range(_FAR):
        if node is None or node.op.name.startswith("conv"):
            return node is not None
        head = node.shape[:2]
        node = next((p for p in node.parents if isinstance(p, Node) and p.shape[:2] == head), None)
    return False
