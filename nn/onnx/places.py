"""Translations of ops that only move elements: shapes, joining, splitting, indexing."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from .graph import Step, Translation


def _reshape(step: Step) -> str:
    varying = step.varying_axes()
    if len(varying) == 1 and 0 not in step.shape:
        target = step.integers(*[-1 if i in varying else n for i, n in enumerate(step.shape)])
    else:
        target = step.target_shape()
    return step.add("Reshape", step("x"), target)


def _broadcast_to(step: Step) -> str:
    own = step.shape_of("x")
    lead = len(step.shape) - len(own)
    varying = step.varying_axes()
    # for an axis that x has at full length, a 1 in the target keeps it
    if all(axis >= lead and own[axis - lead] == step.shape[axis] != 1 for axis in varying):
        target = step.integers(*[1 if i in varying else n for i, n in enumerate(step.shape)])
    else:
        target = step.target_shape()
    return step.add("Expand", step("x"), target)


def _transpose(step: Step) -> str:
    axes = step.option("axes")
    perm = range(len(step.shape))[::-1] if axes is None else axes
    return step.add("Transpose", step("x"), perm=list(perm))


def _concatenate(step: Step) -> str:
    return step.add("Concat", *[step(m) for m in step.members], axis=step.option("axis"))


def _stack(step: Step) -> str:
    axis = step.option("axis")
    parts = [step.add("Unsqueeze", step(m), step.integers(axis)) for m in step.members]
    return step.add("Concat", *parts, axis=axis)


def _split(step: Step) -> list[str]:
    bounds = step.option("bounds")
    sizes = step.integers(*[b - a for a, b in pairwise(bounds)])
    return step.graph.add(
        "Split", [step("x"), sizes], step.dtype, len(bounds) - 1, axis=step.option("axis")
    )


def _unstack(step: Step) -> list[str]:
    x, axis = step("x"), step.option("axis")
    if len({len(values) for values in step.values}) > 1:
        raise step.error(
            "how many parts there are changes with the batch; is the batch another axis? Name it"
        )
    places = range(len(step.values[0]))
    return [step.add("Gather", x, step.constant(i, np.int64), axis=axis) for i in places]


def _repeat(step: Step) -> str:
    """Each slice taken several times."""
    axis, times = step.option("axis"), step.option("repeats")
    if axis in step.varying_axes():
        raise step.error(f"axis {axis}, which it repeats, grows with the batch")
    places = np.repeat(np.arange(step.shape_of("x")[axis]), times)
    return step.add("Gather", step("x"), step.integers(*places), axis=axis)


def _pad(step: Step) -> str:
    mode = step.option("mode")
    if mode in ("wrap", "symmetric"):  # not of this opset
        return _padded_by_gathers(step, mode)
    befores, afters = zip(*step.option("pad_width"), strict=True)
    fill = step.constant(step.option("constant_values")) if mode == "constant" else None
    return step.add("Pad", step("x"), step.integers(*befores, *afters), fill, mode=mode)


def _padded_by_gathers(step: Step, mode: Any) -> str:
    x = step("x")
    for axis, width in enumerate(step.option("pad_width")):
        if any(width):
            if axis in step.varying_axes():
                raise step.error(f"mode {mode!r} along the batch has no translation", _MISSING)
            places = np.pad(np.arange(step.shape_of("x")[axis]), width, mode)
            x = step.add("Gather", x, step.integers(*places.tolist()), axis=axis)
    return step.add("Identity", x)


def _flip(step: Step) -> str:
    return _sliced(step, step("x"), {a: slice(None, None, -1) for a in step.option("axis")})


def _roll(step: Step) -> str:
    """The last `shift` slices before all others."""
    x = step("x")
    for shift, axis in zip(step.option("shift"), step.option("axis"), strict=True):
        if axis in step.varying_axes():
            raise step.error(f"axis {axis}, along which it rolls, grows with the batch")
        cut = -shift % (step.shape[axis] or 1)
        ends = _sliced(step, x, {axis: slice(cut, None)}), _sliced(step, x, {axis: slice(0, cut)})
        x = step.add("Concat", *ends, axis=axis)
    return x


def _triangle(upper: int) -> Translation:
    def translate(step: Step) -> str:
        k = step.constant(step.option("k"), np.int64)
        return step.add("Trilu", step("x"), k, upper=upper)

    return translate


# Indexing ------------------------------------------------------------------------------------------------

_FAR = np.iinfo(np.int64).max
_MISSING = NotImplementedError


def _sliced(step: Step, x: str, slices: dict[int, slice]) -> str:
    """x with slices along some of its axes."""
    starts, ends, steps = [], [], []
    for part in slices.values():
        by = 1 if part.step is None else part.step
        starts.append((0 if by > 0 else _FAR) if part.start is None else part.start)
        ends.append((_FAR if by > 0 else -_FAR) if part.stop is None else part.stop)
        steps.append(by)
    if not slices:
        return x
    bounds = [step.integers(*numbers) for numbers in (starts, ends, slices, steps)]
    return step.add("Slice", x, *bounds)


def _getitem(step: Step) -> str:
    """Slices first; then arrays of integers, or numbers, each of which drops its axis, and None, which adds one."""
    index = _without_ellipsis(step.index(), len(step.shape_of("x")))
    own = [(name, part) for name, part in index if part is not None]
    slices = {a: part for a, (_, part) in enumerate(own) if isinstance(part, slice)}
    slices = {a: part for a, part in slices.items() if part != slice(None)}
    x = _sliced(step, step("x"), slices)
    arrays = [axis for axis, (name, _) in enumerate(own) if name]
    numbers = [axis for axis, (_, part) in enumerate(own) if isinstance(part, int)]
    if arrays:
        if numbers or len(own) < len(index):
            raise step.error("arrays beside numbers or None have no translation", _MISSING)
        return _gathered(step, x, arrays, [own[axis][0] for axis in arrays])
    for axis in reversed(numbers):
        x = step.add("Gather", x, step.constant(own[axis][1], np.int64), axis=axis)
    kept = [part for _, part in index if not isinstance(part, int)]
    new = [axis for axis, part in enumerate(kept) if part is None]
    return step.add("Unsqueeze", x, step.integers(*new)) if new else step.add("Identity", x)


def _without_ellipsis(index: list[tuple[str, Any]], ndim: int) -> list[tuple[str, Any]]:
    """The index with one part for each axis of the array."""
    places = [i for i, (_, part) in enumerate(index) if part is Ellipsis] or [len(index)]
    given = sum(part is not None and part is not Ellipsis for _, part in index)
    rest: list[tuple[str, Any]] = [("", slice(None))] * (ndim - given)
    return [*index[: places[0]], *rest, *index[places[0] + 1 :]]


def _gathered(step: Step, x: str, axes: list[int], names: list[str]) -> str:
    """x at arrays of integers along one axis, or along several neighbouring axes, which are made into one."""
    if len(axes) == 1:
        if step.array(names[0]).dtype.kind not in "iu":
            raise step.error("a mask as index has no translation; use where", _MISSING)
        return step.add("Gather", x, step(names[0], np.dtype(np.int64)), axis=axes[0])
    first, sizes = axes[0], [step.shape_of("x")[axis] for axis in axes]
    if axes != list(range(first, first + len(axes))):
        raise step.error("arrays for axes apart have no translation", _MISSING)
    places: Any = 0
    for name, size in zip(names, sizes, strict=True):
        places = places * size + step.fixed(name) % size
    shape = step.shape_of("x")
    if any(axis in axes for axis in _growing_axes(step, "x")):
        raise step.error("arrays along the batch have no translation", _MISSING)
    # 0 leaves an axis as it is
    joined = step.integers(*[0] * first, -1, *shape[first + len(axes) :])
    return step.add(
        "Gather", step.add("Reshape", x, joined), step.constant(places, np.int64), axis=first
    )


def _growing_axes(step: Step, argument: str) -> list[int]:
    shapes = [np.shape(a) for a in step.arrays(argument)]
    return [axis for axis, sizes in enumerate(zip(*shapes, strict=True)) if len(set(sizes)) > 1]


PLACES: dict[str, Translation] = {
    "reshape": _reshape,
    "broadcast_to": _broadcast_to,
    "transpose": _transpose,
    "concatenate": _concatenate,
    "stack": _stack,
    "split": _split,
    "unstack": _unstack,
    "repeat": _repeat,
    "pad": _pad,
    "flip": _flip,
    "roll": _roll,
    "tril": _triangle(0),
    "triu": _triangle(1),
    "getitem": _getitem,
}
