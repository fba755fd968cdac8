"""The place in a model where an error arose: its message begins with the layer's path, `encoder.0.conv: ...`."""

from __future__ import annotations

from typing import Any, NamedTuple

_KEY = "nn_place"  # the attribute in which an error carries its _Place


class _Place(NamedTuple):
    """The path from the module that an error has just left to the layer in which it arose.

    It holds no module, so that the error can outlive the model and be sent to another process.
    """

    module: int  # id
    kind: str
    path: str  # "" in that layer itself
    layer: str  # as its repr has it

    @property
    def prefix(self) -> str:
        return f"{self.path}: " if self.path else ""

    @property
    def note(self) -> str:
        return f"in {self.prefix}{self.layer}"


def locate(error: Exception, module: Any) -> None:
    """Add to an error that leaves `module` the place in it where the error arose; the innermost module does so first.

    A note gives the path and the layer. The message begins with the path if it is plain text, unlike that of a
    KeyError or OSError. The error keeps its type and traceback.
    """
    before: _Place | None = vars(error).get(_KEY)
    if before is None:
        now = _Place(id(module), type(module).__name__, "", _label(module))
    elif before.module == id(module):  # it called itself
        return
    else:
        name = _name_within(module, before.module) or before.kind
        path = f"{name}.{before.path}" if before.path else name
        now = before._replace(module=id(module), kind=type(module).__name__, path=path)
    vars(error)[_KEY] = now
    _rewrite_note(error, before.note if before else None, now.note)
    _rewrite_message(error, before.prefix if before else "", now.prefix)


def _rewrite_note(error: Exception, before: str | None, now: str) -> None:
    notes = getattr(error, "__notes__", [])
    if before in notes:
        notes[notes.index(before)] = now
    else:
        error.add_note(now)


def _rewrite_message(error: Exception, before: str, now: str) -> None:
    args = error.args
    if len(args) == 1 and isinstance(args[0], str):
        error.args = (text := now + args[0].removeprefix(before),)
        if str(error) != text:  # this error makes its message in another way
            error.args = args


def _label(module: Any) -> str:
    try:
        described = module.describe()
    except Exception:  # in a user's class; the error to report is the one at hand
        described = "..."
    return f"{type(module).__name__}({described})"


def _name_within(outer: Any, inner: int) -> str:
    """The shortest name that leads from `outer` to the module with this id; all of several such names; "" for none."""
    level, seen = [("", outer)], {id(outer)}
    while level:
        level = [(f"{above}{name}", m) for above, of in level for name, m in of._below()]
        if names := [name for name, m in level if id(m) == inner]:
            return names[0] if len(names) == 1 else f"({' or '.join(names)})"
        level = [(f"{name}.", m) for name, m in level if id(m) not in seen]
        seen.update(id(m) for _, m in level)
    return ""
