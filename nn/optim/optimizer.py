"""Optimizer: everything that optimisers have in common; one of your own is one method, its update law."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, dataclass_transform

import numpy as np

from minigrad import Tensor
from minigrad.devices import settle

from ..pytorch_words import no_zeros
from .blocks import Blocks, Group, Pair, State, is_array
from .checks import can_be_listed, not_negative, parameters
from .options import Option, constructor, option, options_of
from .state import checked, copied, fits

if TYPE_CHECKING:  # importing it takes time
    from dataclasses import InitVar

Params: TypeAlias = Iterable[Tensor] | Iterable[Group]


class Optimizer:
    """An optimiser updates parameters from their `.grad`; a parameter whose grad is None stays exactly as it is.

    params   Tensors, such as model.parameters(); or dicts, each a group with options of its own:
             [{"params": features, "lr": 1e-4}, {"params": head}]; a group takes other options from the optimiser

    `param_groups` holds the groups: dicts of "params" and every option, which may be changed between steps.
    `lr` reads and sets the rate of all groups, as long as they have the same one; other options do likewise.

    A new optimiser is a class with an update law. It passes options other than lr to `super().__init__` by name:

    >>> class SignDescent(Optimizer):
    ...     elementwise = True
    ...     def _update(self, w, g, state, group, room):
    ...         w -= group["lr"] * np.sign(g)
    """

    runs_after_programs = True  # see `minigrad.compile`
    elementwise = False
    """True if each element's update depends on that element alone: small parameters are then updated together."""

    lr: float = option(not_negative)

    def __init__(self, params: Params, lr: float, **options: Any) -> None:
        self.defaults: Group = {"lr": lr, **options}
        self._blocks: list[Blocks] = []
        given: Any = list(params) if can_be_listed(params) else params
        if isinstance(given, list) and any(isinstance(p, dict) for p in given):
            for group in given:
                self.add_param_group(group)
        else:
            self._add({"params": given}, type(self).__name__)

    def add_param_group(self, group: Group) -> None:
        """Add parameters to update: {"params": Tensors, and the options that differ from the optimiser's}."""
        where = f"{type(self).__name__}: param_groups[{len(self.param_groups)}]"
        if not isinstance(group, dict) or "params" not in group:
            raise TypeError(
                f"{where} is a {type(group).__name__} without 'params'; "
                "pass dicts such as {'params': model.parameters(), 'lr': 0.1}"
            )
        self._add(group, where)

    def _add(self, group: Group, where: str) -> None:
        params = parameters(group["params"], where)
        if not params:
            raise ValueError(f"{where}: there are no parameters to update")
        own = {id(p) for p in self.params}
        for i, p in enumerate(params):
            if id(p) in own:
                raise ValueError(f"{where}: params[{i}], {p.shape}, is in another group already")
        for name in group:
            if name != "params" and name not in self.defaults:
                raise ValueError(
                    f"{where}: there is no option {name!r}; there are {', '.join(self.defaults)}"
                )
        options = self.defaults | {name: group[name] for name in group if name != "params"}
        try:
            self._check(options)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None
        self._blocks.append(Blocks({"params": params, **options}, self.elementwise))

    def _check(self, options: Group) -> None:
        """Convert each option to the form that the law needs; ValueError, saying what it must be, if it cannot."""
        for name, declared in options_of(type(self)).items():
            options[name] = declared.check(options[name], name)

    @property
    def param_groups(self) -> tuple[Group, ...]:
        """The groups: dicts of "params" and the options, which may be changed."""
        return tuple([blocks.group for blocks in self._blocks])

    @property
    def params(self) -> tuple[Tensor, ...]:
        """All parameters, group after group."""
        return tuple(p for group in self.param_groups for p in group["params"])

    def step(self) -> None:
        """Update every parameter that has a gradient, once."""
        data = self._blocks[0].group["params"][0].data
        if data.__class__ is not np.ndarray:
            later = getattr(data, "later", None)
            if later is not None:  # the array of a function that is compiled
                later(self.step)
                return
            settle()
        for blocks in self._blocks:
            blocks.step(self._update)

    def _update(self, w: Any, g: Any, state: State, group: Group, room: Pair) -> None:
        """Write the next w in place.

        w      one parameter; if the law is `elementwise`, also several in a row, or a part of one.
               Instead of float16 it is of float32, as are g, the state and the room, and is rounded once a step
        g      its gradient, which must not be written; to keep it, copy it
        state  what the law keeps from step to step, empty at first: numbers, and arrays like w
        group  the options for w: group["lr"] and the others of the law
        room   two arrays like w to compute in, of undefined content: a new array costs more than filling it
        """
        raise NotImplementedError

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set the gradients to None, so that the next backward starts anew."""
        if not set_to_none:
            raise no_zeros(type(self).__name__)
        for group in self.param_groups:
            for p in group["params"]:
                p.grad = None

    # State -------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """The state from which a run can go on, as plain dicts: numbers and texts, as in JSON, and copied arrays.

        "optimizer"     the law's name
        "parameters"    {"shape": [3, 4], "dtype": "float32"} of each parameter, group after group
        "state"         what the law keeps for parameter i, in its letters: {i: {"t": 5, "m": array, ...}}; arrays
                        have the parameter's shape, (1,) where it is 0-d
        "param_groups"  the options of each group; its "params" are numbers i, as in PyTorch
        """
        places = iter(range(len(self.params)))
        return {
            "optimizer": type(self).__name__,
            "parameters": [{"shape": list(p.shape), "dtype": str(p.dtype)} for p in self.params],
            "state": {i: copied(state) for i, state in enumerate(self._states()) if state},
            "param_groups": [
                group | {"params": [next(places) for _ in group["params"]]}
                for group in self.param_groups
            ],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on exactly as the optimiser that gave this `state_dict`, with its options.

        Everything is checked before anything is written. ValueError says what does not fit: the law, the number,
        shapes and dtypes of the parameters, an option, or an array of the state.
        """
        options, states = checked(self, state)
        for group, loaded in zip(self.param_groups, options, strict=True):
            group.update(loaded)
        self._load_states(states)

    def _states(self) -> list[State]:
        """The state of the law for each parameter."""
        return [state for blocks in self._blocks for state in blocks.states()]

    def _load_states(self, states: list[State]) -> None:
        rest = iter(states)
        for blocks in self._blocks:
            blocks.load([next(rest) for _ in blocks.states()])

    def _check_state(self, state: State, p: Tensor) -> None:
        """Raise a ValueError if `state` cannot be what the law keeps for p."""
        for name, array in state.items():
            if is_array(array):
                fits(name, array, p.shape or (1,), p.dtype)


@dataclass_transform(field_specifiers=(option,))
class _Declared(Optimizer):
    """The base of classes whose constructor takes the options they declare; type checkers know this too."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        declares = any(isinstance(value, Option) for value in vars(cls).values())
        if declares and "__init__" not in vars(cls):
            cls.__init__ = constructor(cls, _Declared)  # type: ignore[method-assign]


class Law(_Declared):
    """An optimiser whose class declares each option once: `rho: float = option(fraction, default=0.9)`."""

    params: InitVar[Params]
