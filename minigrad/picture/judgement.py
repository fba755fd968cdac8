"""The judgement on a training: its symptoms in order, what is wrong and what is worth knowing, in words."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any, NamedTuple


class Symptom(NamedTuple):
    """A sentence on a training, and the lines of its page that show it: `parameter 0.weight` in the plot `gradient`."""

    words: str
    lines: tuple[str, ...] = ()
    plot: str = ""


class Judgement(NamedTuple):
    """The sentences of a watch on a training; `str()` gives its text.

    faults  the symptoms of what is wrong, the likeliest cause of the others first
    notes   what a training that goes well may show, too
    """

    faults: tuple[Symptom, ...]
    notes: tuple[Symptom, ...]

    def __str__(self) -> str:
        return "\n".join(self._sentences())

    def __repr__(self) -> str:
        return str(self)

    def _sentences(self) -> Iterator[str]:
        if not self.faults:
            yield FINE
        yield from (symptom.words for symptom in self.faults)
        yield from (f"Note: {symptom.words}" for symptom in self.notes)

    def plain(self) -> dict[str, Any]:
        """The same as lists and dicts, for JSON."""
        return {
            "faults": [symptom._asdict() for symptom in self.faults],
            "notes": [symptom._asdict() for symptom in self.notes],
            "fine": FINE,
        }

    def _repr_html_(self) -> str:
        return "".join(f"<p>{escape(sentence)}</p>" for sentence in self._sentences())


FINE = (
    "Nothing strikes: every gradient arrives, no relu has lost half of its units, and the weights move "
    "at a usual pace."
)
