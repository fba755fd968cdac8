"""What a report measures: records of a number and of its ratio to the reference's, pair by pair."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from engines import ENGINES


class Chosen(NamedTuple):
    """What the command line asked for."""

    workloads: list[str]
    engines: list[str]
    rounds: int

    def among(self, *engines: str) -> list[str]:
        return [engine for engine in engines if engine in self.engines]

    @property
    def reference(self) -> str | None:
        """The engine that ratios are taken to: PyTorch, or where it takes no part NumPy by hand."""
        return next(iter(self.among("torch", "numpy")), None)


class Record(NamedTuple):
    case: str
    engine: str
    value: float  # the median over the rounds
    unit: str  # "s" or "B"
    ratio: list[float] | None  # to the reference: lower end of the spread, median, upper end
    pairs: int  # how many rounds the ratio is of
    table: str = ""  # the one that it stands in, if the report prints several


class Results:
    """The records of one report, and notes on what is missing."""

    def __init__(self, reference: str | None, rounds: int) -> None:
        self.reference = reference
        self.rounds = rounds
        self.records: list[Record] = []
        self.notes: list[str] = []
        self.tables: list[str] = []  # of what is made of the records
        self._missing: dict[tuple[str, str], list[str]] = {}  # (engine, why) -> cases

    def add(
        self, case: str, taken: Sequence[Mapping[str, float]], unit: str = "s", table: str = ""
    ) -> None:
        """One record for each engine of `taken`, which has for each round what each engine took."""
        for engine in dict.fromkeys(name for round_ in taken for name in round_):
            mine = [r for r in taken if engine in r]
            pairs = [r for r in mine if self.reference in r]
            ratios = [r[engine] / r[self.reference] for r in pairs if r[self.reference] > 0]
            ratio = spread(ratios) if ratios and engine != self.reference else None
            median = statistics.median(r[engine] for r in mine)
            self.records.append(Record(case, engine, median, unit, ratio, len(ratios), table))

    def left_out(self, case: str, failed: Mapping[str, str]) -> None:
        for engine, why in failed.items():
            self._missing.setdefault((engine, why), []).append(case)

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        missing = [
            f"{ENGINES[engine].title} left out of {', '.join(cases)}: {why}"
            for (engine, why), cases in self._missing.items()
        ]
        return {
            "reference": self.reference,
            "rounds": self.rounds,
            "records": [record._asdict() for record in self.records],
            "tables": self.tables,
            "notes": self.notes + missing,
        }


def spread(values: Sequence[float]) -> list[float]:
    """The median between the ends of the middle half; of fewer than eight values between the ends of all."""
    if len(values) < 8:
        return [min(values), statistics.median(values), max(values)]
    return statistics.quantiles(values, n=4, method="inclusive")
