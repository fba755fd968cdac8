"""The random Generators of a run: who holds them, which of them are one and the same, and their states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import minigrad

from ..module import Module

if TYPE_CHECKING:
    from ..parallel import Ranks


def generators_of(model: Module, rng: np.random.Generator | None) -> list[tuple[list[str], Any]]:
    """(names, Generator) for each one that a run may use: the default one, `rng`, and those that modules hold."""
    named = [("default", minigrad.generator()), ("rng", rng)]
    for path, module in model.named_modules():
        prefix = f"model.{path}." if path else "model."
        named += [(prefix + name, value) for name, value in vars(module).items()]
    found: dict[int, tuple[list[str], Any]] = {}
    for name, value in named:
        if isinstance(value, np.random.Generator):
            found.setdefault(id(value), ([], value))[0].append(name)
    return list(found.values())


def states_of(generators: list[tuple[list[str], Any]]) -> list[dict[str, Any]]:
    """The states of generators, as plain data."""
    return [
        {"names": names, "state": generator.bit_generator.state} for names, generator in generators
    ]


def problems_with(
    states: list[dict[str, Any]], generators: list[tuple[list[str], Any]]
) -> list[str]:
    """The reasons, if any, why these generators cannot take these states."""
    met, needed = [tuple(s["names"]) for s in states], [tuple(names) for names, _ in generators]
    if sorted(met) != sorted(needed):
        return [
            f"rng: the generators are {_text(met)}, needed {_text(needed)} (= is one and the same)"
        ]
    problems = []
    for state, (names, generator) in _pairs(states, generators):
        kind = type(generator.bit_generator).__name__
        try:
            type(generator.bit_generator)().state = state
        except (KeyError, TypeError, ValueError, OverflowError):
            kept = state.get("bit_generator") if isinstance(state, dict) else state
            problems.append(f"rng: {names[0]} is the state of a {kept}, needed {kind}")
    return problems


def restore(states: list[dict[str, Any]], generators: list[tuple[list[str], Any]]) -> None:
    """Set each generator to its state."""
    for state, (_, generator) in _pairs(states, generators):
        generator.bit_generator.state = state


def _pairs(states: list[dict[str, Any]], generators: list[tuple[list[str], Any]]) -> list[Any]:
    by_names = {tuple(s["names"]): s["state"] for s in states}
    return [(by_names[tuple(names)], (names, generator)) for names, generator in generators]


def _text(groups: list[tuple[str, ...]]) -> str:
    return ", ".join(" = ".join(names) for names in groups)


def separate(model: Module, ranks: Ranks) -> None:
    """Let the Generators of the modules, and the default one, go on with other numbers on each rank."""
    for names, generator in generators_of(model, None):
        bits: Any = generator.bit_generator
        if ranks.size > 1 and not hasattr(bits, "jumped"):
            raise ValueError(
                f"DataParallel: the {type(bits).__name__} of {names[0]} has no streams for several ranks; use PCG64, "
                "as np.random.default_rng does"
            )
        if ranks.rank:
            bits.state = bits.jumped(ranks.rank).state
