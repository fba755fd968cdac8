"""A picture that was written: its path, which shows itself in a notebook."""

from __future__ import annotations

import base64
import os
import pathlib
from html import escape
from typing import TYPE_CHECKING

from ..files import whole

if TYPE_CHECKING:
    from pathlib import Path
else:  # before Python 3.12 only the class of the system can be derived from
    Path = type(pathlib.Path())

MOST_SHOWN = 10_000_000  # bytes that a notebook keeps with its cell
_HEIGHT = 640  # pixels of a page
_IMAGES = {".svg": "image/svg+xml", ".png": "image/png"}  # an <img> runs nothing of a file


class Written(Path):
    """The path of a picture or a page; a notebook shows the file in place of the path."""

    def _repr_html_(self) -> str | None:
        """The file as HTML that is whole in itself; None for a format that no browser shows, or a file too large.

        A page is a frame of its own, whose scripts can reach nothing outside it.
        """
        form = self.suffix.lower()
        if not self.is_file() or self.stat().st_size > MOST_SHOWN:
            return None
        if form in (".html", ".htm"):
            return (
                f'<iframe title="{escape(self.name)}" srcdoc="{escape(self.read_text("utf-8"))}" '
                f'sandbox="allow-scripts allow-downloads" style="width:100%;height:{_HEIGHT}px;border:0"></iframe>'
            )
        if form in _IMAGES:
            source = data_url(self.read_bytes(), _IMAGES[form])
            image = f'<img alt="{escape(self.name)}" src="{source}" style="max-width:none">'
            return f'<div style="overflow:auto">{image}</div>'
        return None


def written(path: str | os.PathLike[str], content: bytes) -> Written:
    """Write the file whole or not at all; returns its path."""
    with whole(path) as file:
        file.write(content)
    return Written(path)


def data_url(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
