"""The state of an optimiser as plain dicts: copied when it is taken, and checked completely before it is used."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any

import numpy as np

from minigrad import on_host

from .blocks import Group, State, is_array
from .checks import is_number

KEYS = ("optimizer", "parameters", "state", "param_groups")


def copied(state: State) -> State:
    return {name: value.copy() if is_array(value) else copy(value) for name, value in state.items()}


def checked(optimizer: Any, state: Any) -> tuple[list[Group], list[State]]:
    """The options of each group and a copied state for each parameter; an error says what does not fit."""
    law = type(optimizer).__name__
    where = f"{law}.load_state_dict"
    if not isinstance(state, Mapping):
        raise TypeError(
            f"{where}: a {type(state).__name__} is no dict; pass optimizer.state_dict()"
        )
    missing = [key for key in KEYS if key not in state]
    if missing:
        raise ValueError(
            f"{where}: there is no {missing[0]!r}; pass what optimizer.state_dict() gave"
        )
    if state["optimizer"] != law:
        raise ValueError(
            f"{where}: this is the state of {state['optimizer']}, which has another law"
        )
    try:
        _check_parameters(optimizer, state)
        options = _options(optimizer, state["param_groups"])
        return options, _states(optimizer, state["state"], options)
    except ValueError as error:
        raise ValueError(f"{where}: {error}; nothing was loaded") from None
    except (AttributeError, LookupError, TypeError) as error:
        raise ValueError(
            f"{where}: this is not what state_dict() gives ({error!r}); nothing was loaded"
        ) from None


def _check_parameters(optimizer: Any, state: Any) -> None:
    """Check the number of groups and parameters, and the shape and dtype of each."""
    parameters, own = state["parameters"], optimizer.params
    theirs = [len(group["params"]) for group in state["param_groups"]]
    ours = [len(group["params"]) for group in optimizer.param_groups]
    if theirs != ours or len(parameters) != len(own):
        raise ValueError(
            f"this is the state of an optimiser of {_counted(theirs)}, this one has {_counted(ours)}; "
            "is it of another model?"
        )
    places = [i for group in state["param_groups"] for i in group["params"]]
    if list(map(int, places)) != list(range(len(own))):
        raise ValueError(f"the params of the groups are {places}, needed 0, 1, 2, ... in order")
    for i, (found, p) in enumerate(zip(parameters, own, strict=True)):
        shape, dtype = tuple(found["shape"]), found["dtype"]
        if shape != p.shape or dtype != str(p.dtype):
            raise ValueError(
                f"parameter {i} is {p.dtype} of shape {p.shape}, the state is of {dtype} of shape {shape}; "
                "is it of another model?"
            )


def _counted(sizes: list[int]) -> str:
    groups = "" if len(sizes) == 1 else f" in groups of {sizes}"
    return f"{sum(sizes)} parameters{groups}"


def _options(optimizer: Any, groups: Any) -> list[Group]:
    """Every option in the form that the law needs; further numbers, such as a schedule's, are kept."""
    found = []
    for i, group in enumerate(groups):
        options = {name: value for name, value in group.items() if name != "params"}
        if "maximize" in optimizer.defaults:
            options.setdefault("maximize", False)  # some older states have none
        for name, value in options.items():
            if name not in optimizer.defaults and not is_number(value):
                raise ValueError(f"param_groups[{i}]: there is no option {name!r}")
        for name in optimizer.defaults:
            if name not in options:
                raise ValueError(f"param_groups[{i}]: the option {name!r} is missing")
        try:
            optimizer._check(options)
        except ValueError as error:
            raise ValueError(f"param_groups[{i}]: {error}") from None
        found.append(options)
    return found


def _states(optimizer: Any, states: Any, options: list[Group]) -> list[State]:
    """The state for each parameter; the numbers of the parameters may be texts, as in JSON."""
    params = optimizer.params
    groups = zip(optimizer.param_groups, options, strict=True)
    its_options = [loaded for group, loaded in groups for _ in group["params"]]
    found: list[State] = [{} for _ in params]
    for key, state in states.items():
        i, state = int(key), {n: on_host(v) if is_array(v) else v for n, v in state.items()}
        if not 0 <= i < len(params):
            raise ValueError(f"state[{i}]: there are {len(params)} parameters")
        try:
            optimizer._check_state(state, params[i])
            if state and optimizer.elementwise:
                _rehearse(optimizer, state, params[i], its_options[i])
        except ValueError as error:
            raise ValueError(f"state[{i}]: {error}") from None
        found[i] = copied(state)
    return found


def _rehearse(optimizer: Any, state: State, p: Any, options: Group) -> None:
    """Raise a ValueError if the law cannot go on from the state: it is run on a copy, with gradients of 1.

    Run once without a state it shows which of its values are arrays, whole numbers and other numbers.
    """
    fresh: State = {}
    flat = {name: v.reshape(-1) if is_array(v) else v for name, v in state.items()}
    try:
        with np.errstate(all="ignore"):
            w, *room = np.zeros((3, p.size), p.dtype)
            optimizer._update(
                w[:1], np.ones_like(w[:1]), fresh, options, (room[0][:1], room[1][:1])
            )
            for name, value in fresh.items():
                if name in flat:
                    check_kind(name, flat[name], value)
            w[...] = 0
            optimizer._update(w, np.ones_like(w), copied(flat), options, tuple(room))
    except KeyError as error:
        raise ValueError(f"{error} is missing") from None
    except Exception as error:
        raise ValueError(f"the law cannot go on from it ({error})") from None
    known = all(np.isfinite(v).all() for v in flat.values() if is_array(v))
    if known and not np.isfinite(w).all():
        raise ValueError(
            "the law cannot go on from it (a step with gradients of 1 gives nan or inf)"
        )


def check_kind(name: str, found: Any, kept: Any) -> None:
    """Raise a ValueError unless `found` is an array, a whole number or a number, as what the law keeps is."""
    if is_array(kept):
        met = type(found).__name__ + (f" of {found.dtype}" if is_array(found) else f", {found!r},")
        is_whole = is_array(found) and not isinstance(found, np.ma.MaskedArray)
        if not is_whole or found.dtype.kind != kept.dtype.kind:
            raise ValueError(f"{name} is {met} and not an array of {kept.dtype}")
        return
    is_whole = isinstance(kept, int)
    fine = is_number(found) and found == found and not (is_whole and found % 1)
    if is_number(kept) and not fine:
        raise ValueError(f"{name} is {found!r}, needed a {'whole ' * is_whole}number")


def fits(name: str, array: Any, shape: tuple[int, ...], dtype: Any) -> None:
    """Raise a ValueError unless the array has this shape and, if of floats, a dtype no narrower than `dtype`."""
    if tuple(array.shape) != shape:
        raise ValueError(f"{name} has shape {tuple(array.shape)}, needed {shape}")
    if array.dtype.kind == "f" and not np.can_cast(dtype, array.dtype):
        raise ValueError(f"{name} has dtype {array.dtype}, needed {dtype}")
