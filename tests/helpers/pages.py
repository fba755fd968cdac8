"""What a page holds, read without a browser."""

from __future__ import annotations

import base64
import json
import re
import zlib
from pathlib import Path
from typing import Any


def data_in(page: Path) -> dict[str, Any]:
    """The data that the script of a page reads."""
    return json.loads(held_as("data", page.read_text(encoding="utf-8")))


def held_as(name: str, text: str) -> str:
    """What a page holds under a name, made small."""
    (held,) = re.findall(rf'<script id="{name}"[^>]*>(.*?)</script>', text, re.DOTALL)
    return zlib.decompress(base64.b64decode(held)).decode()
