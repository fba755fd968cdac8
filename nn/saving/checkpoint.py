"""save and load: a model's weights, and with them what its training needs to go on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..module import Module
from .generators import generators_of, problems_with, restore, separate, states_of

if TYPE_CHECKING:
    from minigrad.files import StrPath

    from ..parallel import Ranks


class Loaded(NamedTuple):
    """The `step` and the `extra` that were saved, or None: `load` returns these, and restores all else itself."""

    step: int | None
    extra: Any


def save(
    path: StrPath,
    model: Module,
    optimizer: Any = None,
    schedule: Any = None,
    step: int | None = None,
    rng: np.random.Generator | None = None,
    extra: Any = None,
    ranks: Ranks | None = None,
) -> None:
    """Write the model's parameters and buffers, and whatever else is given, to one safetensors file.

    optimizer, schedule  anything with a `state_dict()`; the optimizer's parameters must be the model's
    step   the number of steps done, for whoever loads the file
    rng    a Generator that the run uses. Those that modules hold (Dropout) and the package's default one are always
           saved
    extra  plain data: None, bools, numbers, strings, arrays, and lists, tuples and dicts of them
    ranks  `nn.parallel.world()`, if several train the model: all call save, rank 0 writes, with the Generators of all

    The file is replaced in one step: after kill -9 or a loss of power it is the old one or the new one, whole.

    The model's tensors have the names, shapes and dtypes of PyTorch's state_dict, and the names of all others have a
    `/`. So in PyTorch, with `load_file` from `safetensors.torch`, the weights are
    `{name: w for name, w in load_file(path).items() if "/" not in name}`. Needs the package `safetensors`, which
    `minigrad[save]` installs.
    """
    _check_model("save", model)
    arrays = model.state_dict()
    for name in arrays:
        if "/" in name:
            raise ValueError(
                f"save: the name {name!r} holds a '/', which names of parameters cannot"
            )
    parts: dict[str, Any] = {"generators": states_of(generators_of(model, rng))}
    if optimizer is not None:
        names = _names_in(model, optimizer)
        if None in names:
            raise ValueError(
                f"save: the {type(optimizer).__name__} updates a parameter of shape "
                f"{optimizer.params[names.index(None)].shape} that is not one of this {type(model).__name__}'s"
            )
        parts["optimizer"] = {"params": names, **_state_of(optimizer)}
    if schedule is not None:
        parts["schedule"] = _state_of(schedule)
    parts |= {"step": step, "extra": extra}
    _write(path, arrays, parts, ranks)


def _write(
    path: StrPath, arrays: Mapping[str, Any], parts: dict[str, Any], ranks: Ranks | None
) -> None:
    from .file import write_file  # here, because what it needs takes time to import

    if ranks is None or ranks.size == 1:
        return write_file(path, arrays, parts)
    parts["ranks"] = _told_by_all(ranks, arrays, parts["generators"])
    failed = None
    if ranks.rank == 0:
        try:
            write_file(path, arrays, parts)
        except Exception as error:
            failed = error
    if ranks.meet("save", failed is not None).any():  # if not, from here on there is a file
        raise failed or OSError(
            f"save: rank 0 could not write {os.fspath(path)}, and its error says why"
        )
    return None


def _told_by_all(ranks: Ranks, arrays: Mapping[str, Any], states: list[Any]) -> list[str]:
    """The states of each rank's generators, as JSON; RuntimeError if the ranks do not have the same model."""
    import json

    if len({*ranks.meet("save", _checksum(arrays))[:, 0]}) > 1:
        raise RuntimeError(
            "save: the parameters of the ranks have come apart; each step must begin with DataParallel.average"
        )
    text = json.dumps(states, default=lambda array: array.tolist())
    return [told.decode() for told in ranks.gather(text.encode())]


def _checksum(arrays: Mapping[str, Any]) -> int:
    import zlib

    crc = 0
    for array in arrays.values():
        crc = zlib.crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data, crc)
    return crc


def load(
    path: StrPath,
    model: Module,
    optimizer: Any = None,
    schedule: Any = None,
    rng: np.random.Generator | None = None,
    ranks: Ranks | None = None,
) -> Loaded:
    """Restore from what `save` wrote everything that is given.

    With the model alone, only its parameters and buffers are read. With an optimizer, a schedule or an rng, a run is
    resumed, bit for bit: the states of all generators are then read too, including those that modules hold and the
    package's default one. With `ranks` each goes on with its own; from a file of another number of ranks with rank 0's.

    Any safetensors file works for a model: one that PyTorch saved of the same architecture has the same names.

    Everything is checked before anything is written: ValueError names the file and, for each entry that does not fit,
    what was found and what is needed. A missing file is a FileNotFoundError.
    """
    _check_model("load", model)
    arrays, parts = _read(path, ranks)
    state, problems = _fitting(arrays, model)
    generators = generators_of(model, rng)
    owners, states = (("optimizer", optimizer), ("schedule", schedule)), None
    resumed = [(name, owner) for name, owner in owners if owner is not None]
    if resumed or rng is not None:
        if parts is None:
            problems.append(
                "it holds a model's weights alone; load it without optimizer, schedule and rng"
            )
        else:
            problems += [p for name, owner in resumed for p in _unfit(parts, name, owner, model)]
            states = _states_for(ranks, parts)
            problems += problems_with(states, generators)
    if not problems and parts is not None:
        # the optimizer once more: its rates must hold, but loading a schedule sets others
        problems = _load_states([*resumed, *resumed[:1]], parts)
    if problems:
        raise ValueError(f"{os.fspath(path)}: nothing was loaded.\n  " + "\n  ".join(problems))
    model.load_state_dict(state)
    parts = parts or {"step": None, "extra": None}
    if states is not None:
        restore(states, generators)
        if ranks is not None and states is parts["generators"]:
            separate(model, ranks)
    return Loaded(parts["step"], parts["extra"])


def _read(path: StrPath, ranks: Ranks | None) -> tuple[dict[str, Any], dict[str, Any] | None]:
    from .file import read_file

    arrays, parts = read_file(path)
    if parts is not None and not _is_saved(parts):
        raise ValueError(f"{os.fspath(path)}: not what save writes; nothing was loaded")
    if ranks is not None and len({*ranks.meet("load", _checksum(arrays))[:, 0]}) > 1:
        raise ValueError(f"{os.fspath(path)}: the ranks have read different files of this name")
    return arrays, parts


def _states_for(ranks: Ranks | None, parts: dict[str, Any]) -> Any:
    """The states of this rank's generators if as many ranks wrote the file, else rank 0's."""
    told = parts.get("ranks", [])
    if ranks is None or len(told) != ranks.size:
        return parts["generators"]
    import json

    states = json.loads(told[ranks.rank])
    if not _are_states(states):
        raise ValueError("load: the states of the ranks' generators are not what save writes")
    return states


def _check_model(what: str, model: Any) -> None:
    if not isinstance(model, Module):
        raise TypeError(
            f"{what}: the model is a {type(model).__name__}; a Module is needed, as in {what}(path, model)"
        )


def _is_saved(parts: dict[str, Any]) -> bool:
    """True for parts in the form that `save` writes; their owners check the states themselves."""
    if not _has(parts, "generators", "step", "extra"):
        return False
    optimizer, schedule = parts.get("optimizer"), parts.get("schedule")
    return (
        _are_states(parts["generators"])
        and _are_texts(parts.get("ranks", []))
        and (optimizer is None or _has(optimizer, "law", "params", "state"))
        and (optimizer is None or _are_texts(optimizer["params"]))
        and (schedule is None or _has(schedule, "law", "state"))
        and _are_texts([part["law"] for part in (optimizer, schedule) if part is not None])
    )


def _are_states(states: Any) -> bool:
    return isinstance(states, list) and all(
        _has(g, "names", "state") and _are_texts(g["names"]) for g in states
    )


def _has(part: Any, *names: str) -> bool:
    return isinstance(part, dict) and all(name in part for name in names)


def _are_texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _fitting(arrays: Mapping[str, Any], model: Module) -> tuple[dict[str, Any], list[str]]:
    """The arrays under all names of the model's state, and what is wrong with them.

    The file may have a parameter with several names under one of them only, as safetensors.torch.save_model writes it.
    """
    own = dict(model._walk())
    names: dict[int, list[str]] = {}
    for name, value in own.items():
        names.setdefault(id(value), []).append(name)
    state: dict[str, Any] = {}
    problems = []
    for shared in names.values():
        value, there = own[shared[0]], [name for name in shared if name in arrays]
        for name in there:
            met, needed = _kind(arrays[name]), _kind(value)
            if met != needed:
                problems.append(f"{name}: {met}, needed {needed}")
            elif not _same(arrays[name], arrays[there[0]]):
                problems.append(f"{name}: not equal to {there[0]}, and in this model they are one")
        if there:
            state |= dict.fromkeys(shared, arrays[there[0]])
        else:
            problems.append(f"{shared[0]}: missing, needed {_kind(value)}")
    kind = type(model).__name__
    problems += [f"{n}: {_kind(arrays[n])}, not in this {kind}" for n in arrays if n not in own]
    return state, problems


def _kind(array: Any) -> str:
    return f"{array.dtype} {tuple(array.shape)}"


def _same(a: Any, b: Any) -> bool:
    return a is b or a.tobytes() == b.tobytes()


def _names_in(model: Module, optimizer: Any) -> list[str | None]:
    """The names of an optimizer's parameters in the model; None for one that is not in it."""
    names = {id(p): name for name, p in model.named_parameters()}
    return [names.get(id(p)) for p in optimizer.params]


def _state_of(owner: Any) -> dict[str, Any]:
    return {"law": type(owner).__name__, "state": owner.state_dict()}


def _unfit(parts: dict[str, Any], name: str, owner: Any, model: Module) -> list[str]:
    """The reasons, if any, why the saved part is not that of this optimizer or schedule."""
    part = parts.get(name)
    if part is None:
        return [f"{name}: missing; it was saved without"]
    law = type(owner).__name__
    if part["law"] != law:
        return [f"{name}: the state of {part['law']}, needed {law}"]
    if name == "optimizer" and part["params"] != _names_in(model, owner):
        needed = [n or "(not the model's)" for n in _names_in(model, owner)]
        return [
            f"optimizer: its parameters are {', '.join(part['params'])}; needed {', '.join(needed)}"
        ]
    return []


def _load_states(owners: list[tuple[str, Any]], parts: dict[str, Any]) -> list[str]:
    """Let each owner check and take its state; if one refuses, those before it get their old states back."""
    before: list[tuple[Any, Any]] = []
    for name, owner in owners:
        kept = owner.state_dict()
        try:
            owner.load_state_dict(parts[name]["state"])
        except (KeyError, TypeError, ValueError, IndexError) as error:
            for earlier, state in reversed(before):
                earlier.load_state_dict(state)
            return [f"{name}: {error}"]
        before.append((owner, kept))
    return []
