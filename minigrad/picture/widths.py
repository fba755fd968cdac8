"""The widths of texts as the widest font that a page falls back to would write them, so that boxes hold them in any."""

from __future__ import annotations

import unicodedata

SIZE = 13  # of the letters in a box, in pixels

# The characters from space to ~ in DejaVu Sans: "a" is 1/20 of the size, "b" 2/20, and so on, rounded up.
_PLAIN = "gijqmtpfhhjqghggmmmmmmmmmmggqqqktnnnpmlppffnlropmpnmmontmnnhghqjjmmkmmhmmfflftmmmmikhmlqllkmgmq"
_BOLD = "gjkqnurgjjkqhihhnnnnnnnnnnhhqqqltppoqnnqqhhpmtqrorponqpwpoojhjqjjnoloniooggnguonoojljonsmnlohoq"


_ALIKE = 0.602  # of the size: each letter of a font whose letters are all as wide as each other


def room_for(text: str, size: float = 1) -> float:
    """The width in the widest font that there is, for a picture that may be shown with any: see `width_of`."""
    return max(width_of(text) / SIZE, _ALIKE * len(text)) * size


def width_of(text: str, bold: bool = False) -> float:
    """The width in pixels; Chinese, Japanese and Korean characters are as wide as high, others but a little less."""
    known = _BOLD if bold else _PLAIN
    return sum(map(_twentieths, text, [known] * len(text))) * SIZE / 20


def _twentieths(character: str, known: str) -> int:
    if " " <= character <= "~":
        return ord(known[ord(character) - 32]) - 96
    return 20 if unicodedata.east_asian_width(character) in "WF" else 18
