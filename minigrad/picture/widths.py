"""The widths of texts as the widest font that a page falls back to would write them, so that boxes hold them in any."""

from __future__ import annotations

import unicodedata

SIZE = 13  # of the letters in a box, in pixels

# The characters from space to ~ in DejaVu Sans: "a" is 1/20 of the size, "b" 2/20, and so on, rounded up.
_PLAIN = "gijqmtpfhhjqghggmmmmmmmmmmggqqqktnnnpmlppffnlropmpnmmontmnnhghqjjmmkmmhmmfflftmmmmikhmlqllkmgmq"
_BOLD = "gjkqnurgjjkqhihhnnnnnnnnnnhhqqqltppoqnnqqhhpmtqrorponqpwpoojhjqjjnoloniooggnguonoojljonsmnlohoq"


def width_of(text: str, bold: bool = False) -> float:
    """The width in pixels; Chinese, Japanese and Korean characters are as wide as high, others but a little less."""
    known = _BOLD if bold else _PLAIN
    return sum(map(_twentieths, text, [known] * len(text))) * SIZE / 20


def _twentieths(character: str, known: str) -> int:
    if " " <= character <= "~":
        return ord(known[ord(character) - 32]) - 96
    return 20 if unicodedata.east_asian_width(character) in "WF" else 18
