"""Blocks: the stretches of memory on which an elementwise update law runs, one after the other.

The time to update a small parameter is that of the calls, for a large one that of moving memory. So small parameters
are gathered into one array, updated by one run of the law and written back, and large ones are cut into pieces that
stay in cache. Parameters and gradients keep their memory: whoever holds an array of one sees every update.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from itertools import accumulate
from operator import is_, itemgetter
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.array_utils import byte_bounds

import minigrad
from minigrad import Tensor, placed
from minigrad.devices import check_in_place

from ..float16 import FLOAT16, wide_dtype, widened

# Bytes of an array that fits a second-level cache together with the others of the law: w, g, moments, temporaries.
BLOCK = 2**18

# Gathering and writing back cost calls and copies too. Measured on arrays of 10 x 10 to 128 x 128, they pay off for
# parameters of up to SMALL bytes, from LEAST of them on. Plain SGD, which is two calls, has limits of its own.
SMALL, SMALL_WITHOUT_STATE = 2**14, 2**13
LEAST, LEAST_WITHOUT_STATE = 3, 8

State: TypeAlias = dict[str, Any]
Group: TypeAlias = dict[str, Any]
Pair: TypeAlias = tuple[Any, Any]
Update: TypeAlias = Callable[[Any, Any, State, Group, Pair], None]


class Blocks:
    """The parameters of a group in blocks, kept from step to step as long as the same ones have a gradient."""

    def __init__(self, group: Group, elementwise: bool) -> None:
        self.group = group
        self._params: Sequence[Tensor] = group["params"]
        self._elementwise = elementwise
        self._members = [Member(at) for at in range(len(self._params))]
        self._blocks: list[Member | Cut | Gathered] = []
        self._disband()

    def step(self, update: Update) -> None:
        """Update every parameter that has a gradient, and no other."""
        group = self.group
        if group["params"] is not self._params:
            raise ValueError(
                'the "params" of a group were replaced, but the state is that of those before; use add_param_group, or '
                "make a new optimiser"
            )
        grads = [p.grad for p in self._params]
        seen = [None if g is None else p.data for p, g in zip(self._params, grads, strict=True)]
        if not all(map(is_, seen, self._seen)):
            self._disband()
            self._follow(seen)
        elif self._elementwise and not self._arranged:
            self._arrange()  # only when two steps are alike: else it might be in vain
        if group.get("maximize"):
            update = _uphill(update)
        for block in self._blocks:
            block.step(update, grads, group)
        minigrad.touch(*self._written)

    def states(self) -> list[State]:
        """The state of the law for each parameter: numbers, and arrays of its shape, (1,) where it is 0-d."""
        self._disband()
        return [member.state for member in self._members]

    def load(self, states: Sequence[State]) -> None:
        """Go on from what `states` gave."""
        self._disband()
        for member, state in zip(self._members, states, strict=True):
            member.state = _changed(state, widened)  # some older states of float16 are in float16

    def _disband(self) -> None:
        """Give every parameter its own state back, and have no blocks."""
        for block in self._blocks:
            block.hand_back()
        self._seen: list[Any] = [None] * len(self._params)  # the data of each that has a gradient
        self._written: list[Tensor] = []
        self._blocks = []
        self._arranged = False

    def _follow(self, seen: list[Any]) -> None:
        """Take the arrays that the parameters have now, each as a block by itself."""
        for member, data in zip(self._members, seen, strict=True):
            if data is not None:
                member.follow(data)
                self._blocks.append(member)
                self._written.append(self._params[member.at])
        self._seen = seen

    def _arrange(self) -> None:
        """Gather the small parameters that have the same numbers in their states, cut the large ones."""
        members = [self._members[at] for at, data in enumerate(self._seen) if data is not None]
        overlapping = _overlapping(members)
        room = Room()
        blocks: list[Member | Cut | Gathered] = []
        small = []
        for member in members:
            if member.order is None or member in overlapping:
                blocks.append(member)
            elif member.w.nbytes > BLOCK and member.w.dtype != FLOAT16:
                blocks.append(Cut(member, room))
            elif member.w.nbytes > (SMALL if member.state else SMALL_WITHOUT_STATE):
                blocks.append(member.alone(room))
            else:
                small.append(member)
        for group in _alike(small):
            if len(group) >= (LEAST if group[0].state else LEAST_WITHOUT_STATE):
                blocks.append(Gathered(group, room))
            else:
                blocks += [member.alone(room) for member in group]
        self._blocks, self._arranged = blocks, True

    def __getstate__(self) -> dict[str, Any]:
        self._disband()  # the blocks of a copy would still use the memory of the original
        return vars(self)


class Member:
    """A parameter and what the law keeps for it; a block by itself, unless it is part of another."""

    def __init__(self, at: int) -> None:
        self.at = at  # its place in the list of all parameters
        self.state: State = {}
        self._room: Any = None

    def follow(self, data: Any) -> None:
        """Update this array from now on; the state goes where it lies."""
        check_in_place("an optimiser's step", data)
        self.w = data if data.ndim else data.reshape(1)  # a 0-d array cannot be updated in place
        self.order = _memory_order(data)
        dtype = wide_dtype(data)  # another one after `Module.astype`
        self.state = _changed(self.state, lambda a: placed(a, data).astype(dtype, copy=False))

    def flat(self, array: Any) -> Any:
        """An array of w's shape with a single axis, in w's memory order; a view if it has the same order."""
        return array.ravel(self.order)

    def shaped(self, flat: Any) -> Any:
        """The inverse of `flat`: a view."""
        return flat.reshape(self.w.shape, order=self.order)

    def alone(self, room: Room) -> Member:
        """The member, prepared for many steps as a block by itself."""
        self.state = _changed(_changed(self.state, self.flat), self.shaped)
        self._room = tuple(map(self.shaped, room.pair(wide_dtype(self.w), self.w.size)))
        return self

    def step(self, update: Update, grads: list[Any], group: Group) -> None:
        w, g = self.w, grads[self.at].data
        g = g if g.ndim else g.reshape(1)
        if (
            w.dtype == FLOAT16
        ):  # g^2 leaves its range from |g| = 256 on, and small steps of a mean are lost in it
            w, g = widened(w), widened(g)
        room = self._room or (np.empty_like(w), np.empty_like(w))
        update(w, g, self.state, group, room)
        if w is not self.w:
            self.w[...] = w

    def hand_back(self) -> None:
        """Leave every member its state, in arrays of its shape."""
        self._room = None

    def __getstate__(self) -> dict[str, Any]:
        return {"at": self.at, "state": self.state, "_room": None}


class Cut:
    """A parameter in pieces that stay in cache from the first call of the law to the last."""

    def __init__(self, member: Member, room: Room) -> None:
        self._member = member
        size, most = member.w.size, BLOCK // member.w.itemsize
        state = _changed(member.state, member.flat)
        self._pieces = []
        for start in range(0, size, most):
            place = slice(start, min(start + most, size))
            pair = room.pair(member.w.dtype, place.stop - start)
            self._pieces.append((place, _changed(state, itemgetter(place)), pair))

    def step(self, update: Update, grads: list[Any], group: Group) -> None:
        w, g = self._member.flat(self._member.w), self._member.flat(grads[self._member.at].data)
        for place, state, room in self._pieces:
            update(w[place], g[place], state, group, room)

    def hand_back(self) -> None:
        whole = _joined([state for _, state, _ in self._pieces])
        self._member.state = _changed(whole, self._member.shaped)


class Gathered:
    """Small parameters, one behind the other in one array."""

    def __init__(self, members: list[Member], room: Room) -> None:
        self._members = members
        self._sources = [(m.at, m.order == "C") for m in members]
        self._views = [m.flat(m.w) for m in members]
        ends = list(accumulate(m.w.size for m in members))
        self._places = [slice(end - m.w.size, end) for m, end in zip(members, ends, strict=True)]
        self._w, self._g = np.empty((2, ends[-1]), wide_dtype(members[0].w))
        self._room = room.pair(self._w.dtype, ends[-1])
        parts = map(self._w.__getitem__, self._places)
        self._targets = [(m.w, m.shaped(part)) for m, part in zip(members, parts, strict=True)]
        self._state = _joined([_changed(m.state, m.flat) for m in members])

    def step(self, update: Update, grads: list[Any], group: Group) -> None:
        found = [grads[at].data if c_order else grads[at].data.T for at, c_order in self._sources]
        np.concatenate(found, axis=None, out=self._g)  # which flattens them sooner than `ravel`
        np.concatenate(self._views, out=self._w)
        update(self._w, self._g, self._state, group, self._room)
        for w, part in self._targets:
            w[...] = part

    def hand_back(self) -> None:
        for member, place in zip(self._members, self._places, strict=True):
            part = _changed(self._state, itemgetter(place))
            member.state = _changed(part, member.shaped)


class Room:
    """Arrays to compute in, of undefined content, kept because making one costs more than filling it."""

    def __init__(self) -> None:
        self._arrays: dict[Any, Any] = {}

    def pair(self, dtype: Any, size: int) -> Any:
        """Two arrays of that size, in the same memory for every block, as only one at a time is updated."""
        if dtype not in self._arrays or self._arrays[dtype].shape[1] < size:
            self._arrays[dtype] = np.empty((2, size), dtype)
        first, second = self._arrays[dtype][:, :size]
        return first, second


def _uphill(update: Update) -> Update:
    """The update that makes the loss grow: the law is given -g."""
    return lambda w, g, state, group, room: update(w, -g, state, group, room)


def _alike(members: list[Member]) -> list[list[Member]]:
    """Groups that one run of the law can update: of one dtype, with equal numbers in their states."""
    groups: list[Any] = []  # [what is alike, bytes, members]
    for member in members:
        kind, size = (member.w.dtype, _numbers(member.state)), member.w.nbytes
        group = next((g for g in groups if g[0] == kind and g[1] + size <= BLOCK), None)
        if group is None:
            groups.append(group := [kind, 0, []])
        group[1] += size
        group[2].append(member)
    return [group[2] for group in groups]


def _memory_order(data: Any) -> Any:
    """The order, "C" or "F", of NumPy's own array without gaps, else None."""
    if type(data) is not np.ndarray:
        return None
    return "C" if data.flags.c_contiguous else "F" if data.flags.f_contiguous else None


def _overlapping(members: Sequence[Member]) -> set[Member]:
    """The members that share memory with another: if both were gathered, one update would be lost."""
    arrays = [m for m in members if type(m.w) is np.ndarray and m.w.size]
    found: set[Member] = set()
    reach, farthest = 0, 0
    for start, end, i in sorted((*byte_bounds(m.w), i) for i, m in enumerate(arrays)):
        if start < reach:
            found |= {arrays[i], arrays[farthest]}
        if end > reach:
            reach, farthest = end, i
    return found


def is_array(value: Any) -> bool:
    return getattr(value, "ndim", 0) > 0


def _numbers(state: State) -> State:
    """A state without its arrays: this must be equal for parameters that one run of the law updates."""
    return {name: None if is_array(value) else value for name, value in state.items()}


def _changed(state: State, f: Callable[[Any], Any]) -> State:
    """A state with f applied to each array."""
    return {name: f(value) if is_array(value) else copy(value) for name, value in state.items()}


def _joined(states: list[State]) -> State:
    """The states of several stretches, joined into one."""
    return {
        name: np.concatenate([s[name] for s in states]) if is_array(value) else value
        for name, value in states[0].items()
    }
