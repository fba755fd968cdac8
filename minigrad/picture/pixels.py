"""A heat map as a PNG file of one pixel per cell."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

import numpy as np

# from the lowest level over 0 to the highest; the pages' script has the same (panel.js)
BLUE_TO_RED = [(33, 102, 172), (146, 197, 222), (247, 247, 247), (244, 165, 130), (178, 24, 43)]


def pixels(heat: dict[str, Any]) -> bytes:
    """The cells of `heat_of` as a PNG in 256 colours: blue below zero, white at zero, red above, black if not finite.

    Its law is the PNG specification (ISO/IEC 15948): chunks of length, kind, content and checksum.
    """
    rows, columns = heat["rows"], heat["columns"]
    levels = np.frombuffer(base64.b64decode(heat["cells"]), np.int8).reshape(rows, columns)
    lines = np.zeros(
        (rows, columns + 1), np.uint8
    )  # each begins with the number of its filter: none
    lines[:, 1:] = levels.astype(np.int16) + 128
    header = struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)  # 8 bits, which number a colour
    chunks = [
        _chunk(b"IHDR", header),
        _chunk(b"PLTE", _colours().tobytes()),
        _chunk(b"IDAT", zlib.compress(lines.tobytes())),
        _chunk(b"IEND", b""),
    ]
    return b"".join([b"\x89PNG\r\n\x1a\n", *chunks])


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def _colours() -> Any:
    """The colour of each level from -128 on, (256, 3)."""
    stops = np.linspace(-127, 127, len(BLUE_TO_RED))
    mixed = [
        np.interp(np.arange(-127, 128), stops, part) for part in zip(*BLUE_TO_RED, strict=True)
    ]
    return np.concatenate([[[0, 0, 0]], np.rint(np.transpose(mixed))]).astype(np.uint8)
