"""Names for inputs and labels: given, or those of the variables around the call that draws."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..sight import naming
from ..sight.naming import Named, among, arrays_around, arrays_in, is_same

_OURS = ("minigrad", "nn", "numpy")
_LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


class Inputs:
    """Names of arrays: those given first, then the variables of the caller and of those that called it.

    given  a dict of name -> array or Tensor
    """

    def __init__(self, given: Any = None) -> None:
        if given is not None and not isinstance(given, Mapping):
            raise TypeError(
                f"picture: inputs is a {type(given).__name__}; a dict of name -> array or Tensor is needed"
            )
        self._given = arrays_in((given or {}).items())
        self._around = [named for frame in _frames() for named in arrays_around(frame)]
        self._bearers: dict[str, Any] = dict(self._given)

    def name_of(self, array: Any, there: str = "") -> str:
        """The name of an array, or else `there`, what it was called where it was computed with; "" for none.

        A variable of one function may bear the name of another's: the next array that would be called x is x₂.
        """
        found = naming.name_of(array, self._around, self._given) or there
        name, count = found, 1
        while found and not is_same(self._bearers.setdefault(name, array), array):
            count += 1
            name = found + str(count).translate(_LOWERED)
        return name


def variable_of(thing: Any) -> str:
    """The name of a variable around this call that holds a thing, "" for none."""

    def holding(variables: Iterable[Named]) -> list[Named]:
        return [(name, v) for name, v in variables if v is thing and not name.startswith("_")]

    return next((name for frame in _frames() for name, _ in among(frame, holding)), "")


def _frames() -> Iterator[Any]:
    """The frames around this call that are not ours, up to that of a module."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__", "").split(".")[0] not in _OURS:
            yield frame
            if frame.f_code.co_name == "<module>":
                return
        frame = frame.f_back
