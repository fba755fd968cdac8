"""The IDX format, in which MNIST is published: one array of numbers to a file."""

import math
import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from minigrad.files import StrPath

from .files import BLOCK, GZIP_ERRORS, bad_file, open_unzipped

# bytes that are read, and not kept, to find out whether a bad file is a damaged one
DAMAGE = 1 << 26
DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: StrPath) -> npt.NDArray[Any]:
    """The array in an IDX file, gzipped or plain, writable and in native byte order.

    The format, by Yann LeCun: two zero bytes, a byte that codes the dtype (see DTYPES), a byte that
    counts the axes; the length of each axis as a big-endian uint32; the elements, big-endian, the
    last axis running fastest. ValueError, naming the file, if it has another form, or another
    length than its header says.
    """
    with open_unzipped(path) as file:
        try:
            try:
                dtype, shape, content = _content(path, file)
            except ValueError:
                for _ in range(
                    DAMAGE // BLOCK
                ):  # the reason may be damage, which the end of a gzip file tells
                    if not file.read(BLOCK):
                        break
                raise
        except GZIP_ERRORS as error:
            raise bad_file(path, f"damaged gzip ({error})", "a whole gzip file") from None
    start = 4 + 4 * len(shape)
    try:
        array = np.ndarray(shape, dtype, buffer=content, offset=start)
    except ValueError as error:  # more axes than NumPy has, or lengths that overflow beside a 0
        raise bad_file(path, f"the shape {shape} ({error})", "one that NumPy can hold") from None
    return array.astype(dtype.newbyteorder("="))


def _content(path: StrPath, file: Any) -> tuple[np.dtype[Any], tuple[int, ...], bytearray]:
    """The dtype and the shape of an IDX file, and all its bytes: as many as its header promises."""
    content = _read(file, 4)
    content += _read(file, 4 * content[3] if len(content) == 4 else 0)
    dtype, shape = _header(path, content)
    expected = len(content) + math.prod(shape) * dtype.itemsize
    # one more, if there is one, is one too many
    content += _read(file, expected - len(content) + 1)
    if len(content) != expected:
        is_short = len(content) < expected
        met = "a truncated file (" if is_short else "trailing bytes ("
        raise bad_file(
            path,
            f"{met}{len(content)} bytes{'' if is_short else ' or more'}, unzipped)",
            f"{expected} bytes for the shape {shape} of {dtype.name} that its header gives",
        )
    return dtype, shape, content


def _read(file: Any, count: int) -> bytearray:
    """Up to `count` bytes; memory is taken for what is there, whatever was promised."""
    content = bytearray()
    while block := file.read(min(count - len(content), BLOCK)):
        content += block
    return content


def _header(path: StrPath, content: bytearray) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """The dtype and the shape that the header of an IDX file gives."""
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in DTYPES or content[3] == 0:
        raise bad_file(
            path,
            f"the first bytes {content[:4].hex(' ') or '(none: it is empty)'}",
            f"00 00, one of {', '.join(f'{code:02x}' for code in DTYPES)} for the dtype, "
            "and the number of axes, at least 01",
        )
    ndim = content[3]
    if len(content) < 4 + 4 * ndim:
        raise bad_file(
            path,
            f"a truncated header ({len(content)} bytes, unzipped)",
            f"{4 + 4 * ndim} bytes for the lengths of {ndim} axes",
        )
    return np.dtype(DTYPES[content[2]]), struct.unpack_from(f">{ndim}I", content, 4)
