"""Results as tables in GitHub's Markdown, beside those of another day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import machine
from engines import ENGINES

Report = Mapping[str, Any]  # as JSON has it: about, reference, rounds, records, notes
LESS, MORE = "▼", "▲"
UNITS = {"s": ((1, "s"), (1e-3, "ms"), (1e-6, "us")), "B": ((1e9, "GB"), (1e6, "MB"))}


def table(what: str, report: Report, before: Report | None) -> str:
    """A row for each case, a column for each engine: the median, and after a comma its ratio to the reference."""
    records = {key_of(r): r for r in report["records"]}
    old = comparable(report, before)
    engines = list(dict.fromkeys(engine for _, _, engine in records))
    lines = []
    for name in dict.fromkeys(table for table, _, _ in records):
        rows = [[f"{what}, {name}" if name else what, *(ENGINES[e].title for e in engines)]]
        for case in dict.fromkeys(case for table, case, _ in records if table == name):
            keys = [(name, case, engine) for engine in engines]
            rows.append([case, *(cell(records.get(key), old.get(key)) for key in keys)])
        lines += [*aligned(rows), ""]
    lines.append(f"*{caption(report, before)}*")
    for made in report.get("tables", ()):
        lines += ["", made]
    if report["notes"]:
        lines += ["", *(f"- {note}" for note in report["notes"])]
    return "\n".join(lines)


def key_of(record: Mapping[str, Any]) -> tuple[str, str, str]:
    """Table, case and engine; results that were kept before there were several tables have no table."""
    return record.get("table", ""), record["case"], record["engine"]


def comparable(report: Report, before: Report | None) -> dict[tuple[str, str, str], Any]:
    """The records of `before` by table, case and engine; none if its ratios were to another engine."""
    if before is None or before["reference"] != report["reference"]:
        return {}
    return {key_of(r): r for r in before["records"]}


def cell(record: Mapping[str, Any] | None, old: Mapping[str, Any] | None) -> str:
    if record is None:
        return "-"
    text = quantity(record["value"], record["unit"])
    if record["ratio"] is None:
        return text
    text += f", {record['ratio'][1]:.2f}"
    if old is None or old["ratio"] is None:
        return text
    return f"{text} (was {old['ratio'][1]:.2f}{change(record, old)})"


def change(record: Mapping[str, Any], old: Mapping[str, Any]) -> str:
    """A sign if the ratio moved beyond the spread of the rounds: if the spreads of both do not meet.

    Of a single round no spread is known, and nothing is marked.
    """
    if min(record["pairs"], old["pairs"]) < 2:
        return ""
    (low, _, high), (old_low, _, old_high) = record["ratio"], old["ratio"]
    return f" {LESS}" if high < old_low else f" {MORE}" if low > old_high else ""


def quantity(value: float, unit: str) -> str:
    """Three digits or more, in the largest unit that shows them."""
    scale, name = next((s for s in UNITS[unit] if abs(value) >= s[0]), UNITS[unit][-1])
    scaled = value / scale
    return f"{scaled:.{2 if abs(scaled) < 10 else 1 if abs(scaled) < 100 else 0}f} {name}"


def aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        first, *others = (
            text.ljust(width) if place == 0 else text.rjust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("| " + " | ".join([first, *others]) + " |")
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return [lines[0], "| " + " | ".join(rule) + " |", *lines[1:]]


def caption(report: Report, before: Report | None) -> str:
    reference = report["reference"]
    rounds = "1 round" if report["rounds"] == 1 else f"{report['rounds']} rounds"
    text = f"Medians of {rounds}"
    if reference is not None:
        text += f"; after the comma the ratio to {ENGINES[reference].title}, taken pair by pair"
    if before is not None:
        text += (
            f", and what it was on {before['about']['date']}, with {LESS} or {MORE} if it moved beyond the spread "
            "of the rounds"
        )
    return f"{text}. {machine.line(report['about'])}."


def moved(reports: Mapping[str, Report], before: Mapping[str, Report]) -> Iterable[str]:
    """A line for each ratio that moved beyond the spread of the rounds."""
    for name, report in reports.items():
        old = comparable(report, before.get(name))
        for record in report["records"]:
            other = old.get(key_of(record))
            if other is None or record["ratio"] is None or other["ratio"] is None:
                continue
            if sign := change(record, other):
                was, now = other["ratio"][1], record["ratio"][1]
                where = ", ".join(filter(None, (name, *key_of(record))))
                yield f"{sign.strip()} {where}: {was:.2f} -> {now:.2f}"
