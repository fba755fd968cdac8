"""LRScheduler: everything that schedules have in common; a schedule of your own is one method, `rate`."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from ..optim import Optimizer
from ..optim.blocks import Group
from ..optim.checks import is_number, natural, not_negative


def _nobody() -> None:
    return None


# The schedule that stepped last: two that step in turn would silently undo each other's rates
_stepped: WeakKeyDictionary[Optimizer, Callable[[], LRScheduler | None]] = WeakKeyDictionary()


class LRScheduler:
    """lr = rate(base, t) in every group of an optimiser, base being the group's lr when its first schedule was made.

    Call `step()` after `optimizer.step()`, once per step or once per epoch, whichever the options count. The rate of
    t = 0 holds from the start. Rates are computed from base and t alone, so one that is set by hand lasts until the
    next `step()`; the group holds base as "initial_lr". To combine two schedules of one optimiser, put them into a
    ChainedScheduler or a SequentialLR, and step that. A schedule of your own is one method:

    >>> class InverseRoot(LRScheduler):
    ...     def rate(self, base, t):
    ...         return base / math.sqrt(1 + t)

    Options are PyTorch's, except for last_epoch, which `load_state_dict` replaces. PyTorch computes most rates from the
    one before, and so differs by rounding.
    """

    goes_on: str | None = None  # how, and what to do, where the rates are no function of base and t

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(
                f"{type(self).__name__}: a {type(optimizer).__name__} is no nn.optim.Optimizer"
            )
        self.optimizer = optimizer
        self._set(0)

    def rate(self, base: float, t: int) -> float:
        """The learning rate of step t."""
        raise NotImplementedError

    def apply(self, groups: Sequence[Group], t: int) -> None:
        """Write the options of step t into the groups, whose "lr" is base when this is called."""
        for group in groups:
            group["lr"] = self.rate(group["lr"], t)

    def step(self) -> None:
        """Set the rates of the next step."""
        other = _stepped.get(self.optimizer, _nobody)()
        if self.last_epoch and other not in (None, self):
            raise RuntimeError(
                f"{type(self).__name__}: {type(other).__name__} has set the rates of this optimiser since; "
                "put both into a ChainedScheduler or a SequentialLR, and step that"
            )
        self._set(self.last_epoch + 1)
        _stepped[self.optimizer] = weakref.ref(self)

    def _set(self, t: int) -> None:
        groups = self.optimizer.param_groups
        drafts = [group | {"lr": group.get("initial_lr", group["lr"])} for group in groups]
        for draft in drafts:
            draft["initial_lr"] = draft["lr"]
        self.apply(drafts, t)
        for draft in drafts:
            draft["lr"] = not_negative(draft["lr"], f"{type(self).__name__}: the rate of step {t}")
        for group, draft in zip(groups, drafts, strict=True):
            group.update(draft)
        self.last_epoch = t

    def get_last_lr(self) -> list[float]:
        """The learning rate of each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    # State -------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """The schedule's name and the numbers from which it goes on. Its options are code, like those of a layer."""
        return {"schedule": type(self).__name__, "last_epoch": self.last_epoch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`, and set the rates of its step. Everything is checked before anything is written."""
        self._set(self._checked(state)["last_epoch"])

    def _checked(self, state: Any) -> Mapping[str, Any]:
        where, own = f"{type(self).__name__}.load_state_dict", self.state_dict()
        if not isinstance(state, Mapping):
            raise TypeError(
                f"{where}: a {type(state).__name__} is no dict; pass schedule.state_dict()"
            )
        if state.get("schedule") != own["schedule"]:
            raise ValueError(
                f"{where}: this is the state of {state.get('schedule', 'something else')}; nothing was loaded"
            )
        if state.keys() != own.keys():
            raise ValueError(
                f"{where}: needed {sorted(own)}, not {sorted(state)}; nothing was loaded"
            )
        natural(state["last_epoch"], f"{where}: last_epoch", least=0)
        for name in own.keys() - {"schedule"}:
            if state[name] is not None and not is_number(state[name]):
                raise ValueError(f"{where}: {name} must be a number, not {state[name]!r}")
        return state


def per_group(values: Any, groups: Sequence[Group], name: str) -> list[Any]:
    """One value for each group, from a list of them or from one value for all groups."""
    found = list(values) if isinstance(values, (list, tuple)) else [values] * len(groups)
    if len(found) != len(groups):
        raise ValueError(f"{name} has {len(found)} values, and the optimiser {len(groups)} groups")
    return found
