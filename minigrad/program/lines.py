"""Lines of Python that fit a page."""

from __future__ import annotations


def wrapped(line: str, width: int = 100) -> list[str]:
    """A line as several that are not longer, broken at spaces that are in brackets and in no text."""
    lines: list[str] = []
    places, start, indent = _places(line), 0, ""
    while len(line) - start > width - len(indent):
        left = [place for place in places if place > start]
        near = [place for place in left if place - start < width - len(indent)]
        if not left:
            break
        end = near[-1] if near else left[0]
        lines.append(indent + line[start:end])
        start, indent = end + 1, " " * 8
    return [*lines, indent + line[start:]]


def _places(line: str) -> list[int]:
    """The places of spaces within brackets; those of the first word and in texts aside."""
    found, depth, quote, before = [], 0, "", ""
    for i, letter in enumerate(line):
        if letter in "\"'" and before != "\\":
            quote = "" if letter == quote else quote or letter
        elif not quote:
            depth += (letter in "([{") - (letter in ")]}")
            if letter == " " and depth and i > 12:
                found.append(i)
        before = letter
    return found
