"""What a page holds, read without a browser."""

from __future__ import annotations

import base64
import json
import re
import zlib
from pathlib import Path
from typing import Any


def program_in(text: str) -> str:
    """The program of a page, which it runs."""
    (held,) = re.findall(r'<script id="program"[^>]*>(.*?)</script>', text, re.DOTALL)
    return zlib.decompress(base64.b64decode(held)).decode()


def data_in(page: Path) -> dict[str, Any]:
    """The data that the script of a page reads."""
    text = page.read_text(encoding="utf-8")
    (held,) = re.findall(r'<script id="data"[^>]*>(.*?)</script>', text, re.DOTALL)
    return json.loads(zlib.decompress(base64.b64decode(held)))
