"""PyTorch's layers, optimisers and what goes with them, by name, with their arguments: stored, and read from PyTorch.

`torch_names.txt` holds them, a line each, so that nn's page is made and checked where PyTorch is not installed.
"""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from typing import Any

from places import HELPERS

STORED = HELPERS / "torch_names.txt"
ROOMS = (
    "torch.nn", "torch.nn.utils", "torch.nn.utils.parametrizations", "torch.nn.utils.rnn", "torch.nn.init",
    "torch.optim", "torch.optim.lr_scheduler", "torch.optim.swa_utils",
)  # fmt: skip
REQUIRED = "required"  # in the place of a default
RAISES = {
    ("RNN", "proj_size"),
    ("GRU", "proj_size"),
}  # LSTM alone takes what RNNBase has for all of them

# Stored --------------------------------------------------------------------------------------------------


def stored() -> tuple[str, dict[str, dict[str, Any]]]:
    """The version of PyTorch, and name -> argument -> default, REQUIRED where there is none."""
    first, *lines = STORED.read_text(encoding="utf-8").splitlines()
    return first.removeprefix("PyTorch "), dict(map(_read, lines))


def _read(line: str) -> tuple[str, dict[str, Any]]:
    name, _, rest = line.partition("(")
    call = ast.parse(f"lambda {rest.removesuffix(')')}: 0", mode="eval").body
    of = call.args  # type: ignore[attr-defined]
    values = [None] * (len(of.args) - len(of.defaults)) + of.defaults + of.kw_defaults
    pairs = zip([*of.args, *of.kwonlyargs], values, strict=True)
    return name, {a.arg: REQUIRED if v is None else ast.literal_eval(v) for a, v in pairs}


# Read from PyTorch ---------------------------------------------------------------------------------------


def installed() -> list[str]:
    """The lines of the file, as the installed PyTorch has them."""
    import torch

    lines = [f"PyTorch {version_of(torch)}"]
    for room in ROOMS:
        for name, thing in _of(importlib.import_module(room)):
            lines.append(f"{room}.{name}({', '.join(_arguments(thing))})")
    return lines


def version_of(torch: Any) -> str:
    return torch.__version__.partition("+")[0]


def _of(room: Any) -> Iterator[tuple[str, Any]]:
    """The classes and functions of a room, by name, without those that only old programs call."""
    names = set(getattr(room, "__all__", vars(room)))
    for name in sorted(names):
        thing = getattr(room, name)
        if inspect.isclass(thing):
            is_its_own = thing.__module__.startswith("torch.")
        else:
            is_its_own = inspect.isfunction(thing) and hasattr(room, "__all__")
        if is_its_own and name[0] != "_" and f"{name}_" not in names:
            yield name, thing


def _arguments(thing: Any) -> Iterator[str]:
    """`x`, `x=1` or `*` for each argument."""
    starred = False
    for parameter in _parameters(thing):
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            starred = True
            yield "*"
        required = parameter.default is parameter.empty
        yield parameter.name if required else f"{parameter.name}={_text(parameter.default)}"


def _parameters(thing: Any) -> list[inspect.Parameter]:
    """Those that have names: a class's, or of the one it passes all on to, without what it fixes for that one."""
    kinds = (
        [kind for kind in thing.__mro__ if "__init__" in vars(kind)]
        if inspect.isclass(thing)
        else []
    )
    for function in [kind.__init__ for kind in kinds] or [thing]:
        taken = list(inspect.signature(function).parameters.values())[bool(kinds) :]
        named = [p for p in taken if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        if named:
            named = [p for p in named if (p.name, p.default) != ("mode", p.empty)]  # RNNBase: which
            return [p for p in named if (thing.__name__, p.name) not in RAISES]
    return []


def _text(default: Any) -> str:
    try:
        ast.literal_eval(repr(default))
    except (SyntaxError, ValueError):
        return "..."  # a function or an object
    return repr(default)
