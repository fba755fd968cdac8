"""A page as one file with its style, script and data, which forbids the browser to run or fetch anything else."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
import zlib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

_COMMENT = r"^[ \t]*(//.*|/\*(.|\n)*?\*/)?\n"  # or an empty line
_REMARK = r"[ \t]+// [^\"'`\n]*$"  # behind code, and not within a text


def html_path(path: str | os.PathLike[str]) -> Path:
    """The path of a page; ValueError if its suffix is not that of HTML."""
    path = Path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"page: {path.name!r} ends in {path.suffix!r}; a page is an .html file")
    return path


def document(
    body: str, styles: Sequence[str], scripts: Sequence[str], title: str, data: dict[str, Any]
) -> str:
    """The page as HTML: files of the folder `web`, with `data` for its program to read; zlib makes both small."""
    script = _bare("\n".join(map(_web, ("inflate.js", "boot.js"))))
    program = _bare("\n".join(['"use strict";', *map(_web, scripts)]))
    style = _bare("\n".join(map(_web, styles)))
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    title = html.escape(title)
    return Template(_web("document.html")).substitute(
        title=title,
        body=Template(_web(body)).substitute(title=title),
        style=style,
        style_hash=_hash(style),
        script=script,
        script_hash=_hash(script),
        program=_small(program),
        program_hash=_hash(program),
        data=_small(text),
    )


def _web(name: str) -> str:
    return (files(__package__) / "web" / name).read_text(encoding="utf-8")


def _bare(source: str) -> str:
    """A script or style without comments, and without indents, which are a tenth of a page."""
    for left_out in (_COMMENT, _REMARK, r"^[ \t]+"):
        source = re.sub(left_out, "", source, flags=re.M)
    return source


def _small(text: str) -> str:
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def _hash(text: str) -> str:
    """A source of a Content-Security-Policy that allows exactly this text."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
