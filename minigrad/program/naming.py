"""Names in a script: of parameters by their paths, of arrays by what made them."""

from __future__ import annotations

import builtins
import keyword
import re
from collections import Counter
from typing import Any

import numpy as np

from .recorded import Call, Input, Method

LETTERS: dict[Any, str] = {
    np.exp: "e", np.maximum: "h", np.tanh: "h", np.log: "l", Method("sum"): "s", Method("mean"): "m",
    Method("random"): "u", Method("standard_normal"): "u", np.sqrt: "r", Method("max"): "m",
}  # fmt: skip
RESERVED = {*keyword.kwlist, *dir(builtins), "np"}


def letter_of(call: Call, is_mask: bool) -> str:
    """The letter for what a step makes: on the way back g, a gradient."""
    if is_mask:
        return "mask"
    return "g" if call.is_back else LETTERS.get(call.function, "a")


def short_paths(paths: list[str], keeps: int = 1) -> dict[str, str]:
    """Each path without the first names that all have; `keeps` names are left of each."""
    split = [p.split(".") for p in paths]
    while any(split) and min(map(len, split)) >= keeps + (keeps > 0) and _is_one(split):
        split = [p[1:] for p in split]
    return dict(zip(paths, [".".join(p) for p in split], strict=True))


def _is_one(split: list[list[str]]) -> bool:
    return len({p[0] for p in split if p}) == 1


def names_of_inputs(inputs: list[Input]) -> dict[int, str]:
    """Number of a value -> name: `layers.0.weight` is W0, or as much more of its path as tells it from others."""
    names: dict[int, str] = {}
    for i in inputs:
        if i.kind in ("argument", "generator"):
            names[i.at] = free(_word(i.name), names.values())
    paths = short_paths([i.name for i in inputs if i.at not in names])
    rest = {i.at: paths[i.name].split(".") for i in inputs if i.at not in names}
    depth = {at: int(path[-1] in ("weight", "bias")) for at, path in rest.items()}
    for _ in range(10):
        found = {at: _name(path, depth[at]) for at, path in rest.items()}
        counts = Counter([*names.values(), *found.values()])
        twice = [at for at, name in found.items() if counts[name] > 1 and depth[at] < len(rest[at])]
        if not twice:
            break
        for at in twice:
            depth[at] += 1
    taken = set(names.values())
    for at, name in found.items() if rest else ():
        names[at] = free(name, taken)
        taken.add(names[at])
    return names


def _name(path: list[str], depth: int) -> str:
    *above, last = path
    for word, letter in (("weight", "W"), ("bias", "b")):
        if last == word or last.startswith(f"{word}_"):
            last = letter + last[len(word) :]
        elif last.endswith(f"_{word}"):
            last = f"{letter}_{last[: -len(word) - 1]}"
    where = "_".join(above[len(above) - depth :] if depth <= len(above) else above)
    joint = "" if len(last) == 1 and where[:1].isdigit() else "_"
    return _word(f"{last}{joint}{where}" if where else last)


def _word(text: str) -> str:
    word = re.sub(r"\W", "_", text) or "x"
    return f"_{word}" if word[0].isdigit() else f"{word}_" if word in RESERVED else word


def free(name: str, taken: Any) -> str:
    """The name, or with a number if it is taken."""
    n, found = 1, name
    while found in taken or found in RESERVED:
        n += 1
        found = f"{name}_{n}"
    return found
