"""One safetensors file: arrays by name, and plain data as JSON in the string map of its header.

Arrays inside the plain data are tensors of the file too. Their names are paths such as `optimizer/state/0/exp_avg`; as
no parameter has a `/` in its name, a reader can tell them from the model's.
"""

from __future__ import annotations

import json
import math
import os
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from minigrad import on_host
from minigrad.devices import is_elsewhere
from minigrad.files import StrPath, whole

LAYOUT = "1"  # the version of the header's map; a file without it is another program's, and holds only weights

_DTYPES = {
    "bool": "BOOL", "uint8": "U8", "int8": "I8", "uint16": "U16", "int16": "I16", "uint32": "U32", "int32": "I32",
    "uint64": "U64", "int64": "I64", "float16": "F16", "float32": "F32", "float64": "F64", "complex64": "C64",
}  # fmt: skip


def write_file(path: StrPath, arrays: Mapping[str, Any], parts: Mapping[str, Any]) -> None:
    """Write arrays, and parts of plain data: None, bools, numbers, strings, arrays; lists, tuples and dicts of them."""
    save = _safetensors().numpy.save
    tensors = {name: _dense(name, array) for name, array in arrays.items()}
    texts = {}
    for name, value in parts.items():
        inner: dict[str, Any] = {}
        # a part that is itself an array needs a "/" in its name, too
        place = f"{name}/" if _is_data(value) else name
        texts[name] = json.dumps(_encoded(value, place, inner), allow_nan=False)
        tensors |= {place: _dense(place, array) for place, array in inner.items()}
    texts["minigrad"] = LAYOUT
    texts["crc32"] = _checksum(tensors, texts)
    content = save(tensors, texts)
    with whole(path) as file:
        file.write(content)


def read_file(path: StrPath) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The arrays, and the parts with their arrays; None for the parts if `write_file` did not write the file.

    Raises ValueError, naming the file, if it is damaged or of another kind.
    """
    tensors, texts = _read_tensors(path)
    layout = texts.get("minigrad")
    if layout is None:
        return tensors, None
    if layout != LAYOUT:
        raise ValueError(
            f"{os.fspath(path)}: written in layout {layout}, and this minigrad reads {LAYOUT}; use a newer one"
        )
    if texts.pop("crc32", None) != _checksum(tensors, texts):
        raise ValueError(f"{os.fspath(path)}: the content is not what was saved; it is damaged")
    del texts["minigrad"]
    try:
        parts = {name: _decoded(json.loads(text), tensors) for name, text in texts.items()}
    except (KeyError, IndexError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(
            f"{os.fspath(path)}: its header is not what save writes ({error!r})"
        ) from None
    return {name: array for name, array in tensors.items() if "/" not in name}, parts


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError:
        raise ImportError(
            'save and load need the package safetensors: pip install "minigrad[save]"'
        ) from None
    return safetensors


def _read_tensors(path: StrPath) -> tuple[dict[str, Any], dict[str, str]]:
    library = _safetensors()
    with open(path, "rb"):
        pass  # a missing file and a folder are errors of the system, which name the path
    try:
        with library.safe_open(path, "numpy") as file:
            tensors = {}
            for name in file.keys():  # noqa: SIM118  it is no dict
                dtype = file.get_slice(name).get_dtype()
                if dtype not in _DTYPES.values():
                    raise ValueError(
                        f"{os.fspath(path)}: {name} is {dtype}, a dtype that NumPy does not have; save it as float32"
                    )
                tensors[name] = file.get_tensor(name)
            return tensors, file.metadata() or {}
    except library.SafetensorError as error:
        raise ValueError(
            f"{os.fspath(path)}: no whole safetensors file ({error}). It is damaged or of another kind; what "
            "torch.save wrote has to be saved again by safetensors.torch.save_file"
        ) from None


def _dense(name: str, array: Any) -> Any:
    """The array in the form of the format, which its library does not check: C order, little-endian."""
    array = on_host(array)
    if array.dtype.name not in _DTYPES:
        raise TypeError(
            f"save: {name} is {array.dtype}, which the safetensors format does not have"
        )
    return array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)


def _checksum(tensors: Mapping[str, Any], texts: Mapping[str, str]) -> str:
    """The CRC-32 of all names and contents: the format itself notices a file cut short, but no other damage."""
    crc = 0
    for name in sorted(texts):
        crc = zlib.crc32(f"{name}={texts[name]}\n".encode(), crc)
    for name in sorted(tensors):
        array = _dense(name, tensors[name])
        crc = zlib.crc32(f"{name} {array.dtype.name} {array.shape}\n".encode(), crc)
        crc = zlib.crc32(array.reshape(-1).view(np.uint8).data if array.size else b"", crc)
    return f"{crc:08x}"


# Plain data as JSON: a kind of value that JSON lacks is an object of one pair, whose key names the kind ----

_WORDS = ("array", "scalar", "tuple", "dict", "float")


def _is_data(value: Any) -> bool:
    return isinstance(value, (np.ndarray, np.generic)) or is_elsewhere(value)


def _encoded(value: Any, place: str, arrays: dict[str, Any]) -> Any:
    """`value` as JSON; the arrays in it are put into `arrays` under their paths."""
    if _is_data(value):
        if place in arrays:
            raise ValueError(f"save: two arrays at {place}; give the keys other names")
        arrays[place] = value
        return {"scalar" if isinstance(value, np.generic) else "array": place}
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, (list, tuple)):
        items = [_encoded(v, f"{place}/{i}", arrays) for i, v in enumerate(value)]
        return items if isinstance(value, list) else {"tuple": items}
    if isinstance(value, Mapping):
        pairs = [(key, _encoded(v, f"{place}/{key}", arrays)) for key, v in value.items()]
        for key, _ in pairs:
            if not isinstance(key, (str, int)):
                raise TypeError(
                    f"save: {place} has the key {key!r}; a string or an integer is needed"
                )
        is_plain = all(isinstance(key, str) for key, _ in pairs) and not any(
            w in value for w in _WORDS
        )
        return dict(pairs) if is_plain else {"dict": pairs}
    raise TypeError(
        f"save: {place} is a {type(value).__name__}; plain data is needed: None, bools, numbers, strings, arrays, and "
        "lists, tuples and dicts of them"
    )


def _decoded(value: Any, arrays: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_decoded(v, arrays) for v in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"array": place}:
            return arrays[place]
        case {"scalar": place}:
            return arrays[place][()]
        case {"float": text}:
            return float(text)
        case {"tuple": items}:
            return tuple([_decoded(v, arrays) for v in items])
        case {"dict": pairs}:
            return {key: _decoded(v, arrays) for key, v in pairs}
    return {key: _decoded(v, arrays) for key, v in value.items()}
