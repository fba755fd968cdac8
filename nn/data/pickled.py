"""A reader of the pickles in which CIFAR is published. It imports nothing, calls nothing and executes nothing.

A pickle is a program for a machine with a stack. Python's own loader runs any such program, even one that deletes
files. The machine here knows only the instructions that a dict of numbers, strings, lists and arrays of bytes needs:
those of CIFAR's own files (protocol 2, of Python 2), and those that Python 3 writes for such a dict (protocols 3 and
4). It recognises two calls by name, those by which NumPy rebuilds an array, and replaces them by code of its own.
"""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
import numpy.typing as npt

# byte: (name, argument: a number in a struct format, bytes that such a number counts, or two lines)
OPCODES = {
    0x80: ("PROTO", "<B"),
    0x95: ("FRAME", "<Q"),
    0x4E: ("NONE", ""),
    0x88: ("NEWTRUE", ""),
    0x89: ("NEWFALSE", ""),
    0x4B: ("BININT1", "<B"),
    0x4D: ("BININT2", "<H"),
    0x4A: ("BININT", "<i"),
    0x55: ("SHORT_BINSTRING", "bytes <B"),
    0x54: ("BINSTRING", "bytes <i"),
    0x43: ("SHORT_BINBYTES", "bytes <B"),
    0x42: ("BINBYTES", "bytes <I"),
    0x8C: ("SHORT_BINUNICODE", "bytes <B"),
    0x58: ("BINUNICODE", "bytes <I"),
    0x63: ("GLOBAL", "lines"),
    0x93: ("STACK_GLOBAL", ""),
    0x71: ("BINPUT", "<B"),
    0x72: ("LONG_BINPUT", "<I"),
    0x94: ("MEMOIZE", ""),
    0x68: ("BINGET", "<B"),
    0x6A: ("LONG_BINGET", "<I"),
    0x28: ("MARK", ""),
    0x7D: ("EMPTY_DICT", ""),
    0x5D: ("EMPTY_LIST", ""),
    0x74: ("TUPLE", ""),
    0x85: ("TUPLE1", ""),
    0x86: ("TUPLE2", ""),
    0x87: ("TUPLE3", ""),
    0x61: ("APPEND", ""),
    0x65: ("APPENDS", ""),
    0x73: ("SETITEM", ""),
    0x75: ("SETITEMS", ""),
    0x52: ("REDUCE", ""),
    0x62: ("BUILD", ""),
    0x2E: ("STOP", ""),
}
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
CONTAINERS = 100  # dicts, lists and tuples in one file, of which one byte can make one; CIFAR's have about ten
# the meaning of names in the file: only words, nothing that could be called
GLOBALS = {
    "numpy.core.multiarray _reconstruct": "reconstruct",
    "numpy._core.multiarray _reconstruct": "reconstruct",
    "numpy ndarray": "ndarray",
    "numpy dtype": "dtype",
}


class _Mark:
    """A mark on the stack, where a group of values begins."""


class _Array:
    """An array under construction: NumPy's pickles make an empty one, then fill it."""

    values: npt.NDArray[np.uint8] | None = None


class _Dtype:
    """The dtype of unsigned bytes, the only one here."""


def read_pickled(content: bytes) -> dict[bytes, Any]:
    """The dict in the pickle: keys are bytes; values are ints, bytes, None, lists, tuples and arrays of uint8.

    Strings are bytes, those of Python 3 in UTF-8. Anything else that a pickle can hold or do is a ValueError that names
    the instruction and its position. The memory used is proportional to the length of `content`.
    """
    machine = _Machine(content)
    while True:
        at = machine.at
        try:
            name, argument = machine.fetch()
        except ValueError as error:
            raise ValueError(f"byte {at} of the pickle: {error}") from None
        try:
            if name == "STOP":
                return machine.result()
            machine.step(name, argument)
        except ValueError as error:
            raise ValueError(f"{name} at byte {at} of the pickle: {error}") from None


class _Machine:
    """The state of a running pickle."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = 0
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.containers = 0

    # The program -------------------------------------------------------------------------------------

    def fetch(self) -> tuple[str, Any]:
        """The next instruction: its name and its argument."""
        code = self.take(1)[0]
        if code not in OPCODES:
            raise ValueError(f"the instruction 0x{code:02x} is not one that CIFAR's files use")
        name, form = OPCODES[code]
        if form == "lines":
            return name, f"{self.line()} {self.line()}"
        if not form:
            return name, None
        format = form.removeprefix("bytes ")
        (number,) = struct.unpack(format, self.take(struct.calcsize(format)))
        return name, self.take(number) if form.startswith("bytes") else number

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        if not 0 <= count <= len(self.content) - self.at:
            raise ValueError(f"{count} bytes are needed and {len(self.content) - self.at} are left")
        self.at += count
        return self.content[self.at - count : self.at]

    def line(self) -> str:
        # all known names are shorter
        end = self.content.find(b"\n", self.at, self.at + 100)
        if end < 0:
            raise ValueError("a name does not end")
        return self.take(end + 1 - self.at)[:-1].decode("latin-1")

    # The instructions --------------------------------------------------------------------------------

    def step(self, name: str, argument: Any) -> None:
        match name:
            case "PROTO" if argument not in (2, 3, 4):
                raise ValueError(f"protocol {argument}, expected 2, 3 or 4")
            case "PROTO" | "FRAME":
                pass
            case "GLOBAL":
                self.stack.append(_word(argument))
            case "STACK_GLOBAL":
                self.stack.append(
                    _word(" ".join(str(part, "latin-1") for part in self.pop(2, bytes)))
                )
            case "BINPUT" | "LONG_BINPUT":
                self.memo[argument] = self.top(object)
            case "MEMOIZE":
                self.memo[len(self.memo)] = self.top(object)
            case "BINGET" | "LONG_BINGET":
                if argument not in self.memo:
                    raise ValueError(f"nothing was stored as {argument}")
                self.stack.append(self.memo[argument])
            case "MARK":
                self.stack.append(_Mark)
            case "EMPTY_DICT" | "EMPTY_LIST":
                self.push({} if name == "EMPTY_DICT" else [])
            case "TUPLE":
                self.push(tuple(self.group()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                self.push(tuple(self.pop(int(name[-1]))))
            case "APPEND" | "APPENDS":
                values = self.pop(1) if name == "APPEND" else self.group()
                self.top(list).extend(values)
            case "SETITEM" | "SETITEMS":
                self.set_items(self.pop(2) if name == "SETITEM" else self.group())
            case "REDUCE":
                self.stack.append(_called(*self.pop(2)))
            case "BUILD":
                (state,) = self.pop(1)
                _build(self.top(object), state)
            case _:
                # every other instruction stands for a value
                self.stack.append(CONSTANTS.get(name, argument))

    def push(self, container: Any) -> None:
        self.containers += 1
        if self.containers > CONTAINERS:
            raise ValueError(f"more than {CONTAINERS} dicts, lists and tuples")
        self.stack.append(container)

    def top(self, kind: type) -> Any:
        if not self.stack or self.stack[-1] is _Mark or not isinstance(self.stack[-1], kind):
            raise ValueError(f"expected a value of type {kind.__name__} on the stack")
        return self.stack[-1]

    def pop(self, count: int, kind: type = object) -> list[Any]:
        values = self.stack[-count:]
        if len(values) < count or any(v is _Mark or not isinstance(v, kind) for v in values):
            raise ValueError(f"expected {count} values of type {kind.__name__} on the stack")
        del self.stack[-count:]
        return values

    def group(self) -> list[Any]:
        """The values above the last mark; both are taken from the stack."""
        for i in range(len(self.stack) - 1, -1, -1):
            if self.stack[i] is _Mark:
                values = self.stack[i + 1 :]
                del self.stack[i:]
                return values
        raise ValueError("expected a mark on the stack")

    def set_items(self, values: list[Any]) -> None:
        if len(values) % 2:
            raise ValueError("a key has no value")
        for key, value in zip(values[::2], values[1::2], strict=True):
            if not isinstance(key, bytes):
                raise ValueError(f"a key is a {type(key).__name__}, expected a string")
            self.top(dict)[key] = value

    def result(self) -> dict[bytes, Any]:
        if self.at != len(self.content):
            raise ValueError(f"{len(self.content) - self.at} bytes follow the end")
        found = self.top(dict)
        return {k: v.values if isinstance(v, _Array) else v for k, v in found.items()}


def _word(name: str) -> str:
    """The meaning of the name of a module and a function."""
    if name not in GLOBALS:
        raise ValueError(f"the name {name[:100]!r} is not one that CIFAR's files use")
    return GLOBALS[name]


def _called(function: Any, arguments: Any) -> _Array | _Dtype:
    """The result that NumPy's function with this name would give."""
    if function == "reconstruct" and arguments == ("ndarray", (0,), b"b"):
        return _Array()
    if function == "dtype" and arguments == (b"u1", 0, 1):
        return _Dtype()
    raise ValueError("this call is not one that CIFAR's files make")


def _build(target: Any, state: Any) -> None:
    """Fill what `_called` returned with its state."""
    if isinstance(target, _Dtype) and state == (3, b"|", None, None, None, -1, -1, 0):
        return
    if not isinstance(target, _Array) or not isinstance(state, tuple) or len(state) != 5:
        raise ValueError("this state is not one of an array of bytes")
    version, shape, dtype, fortran, content = state
    if version != 1 or not isinstance(dtype, _Dtype) or not isinstance(content, bytes):
        raise ValueError("this array is not one of bytes")
    if not isinstance(shape, tuple) or not 0 < len(shape) <= 4:
        raise ValueError("this array has no shape")
    if any(type(n) is not int or n < 0 for n in shape) or math.prod(shape) != len(content):
        raise ValueError(f"an array of shape {shape} has {len(content)} bytes")
    target.values = np.frombuffer(content, np.uint8).reshape(shape, order="F" if fortran else "C")
