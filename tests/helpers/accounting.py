"""What a training step costs in numbers that are the same on every machine; and small steps to count them on."""

import ctypes
import gc
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy._core import multiarray

import minigrad as mg
import nn
from minigrad.core.graph import Node


@contextmanager
def without_collector():
    """The garbage collector waits, so that a cycle is as bad as a leak."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def nodes():
    # not isinstance, which asks objects for their class: PyTorch has one that warns
    return sum(issubclass(type(o), Node) for o in gc.get_objects())


def settled():
    """The number of nodes when what earlier tests left for the collector is gone."""
    gc.collect()
    return nodes()


# Steps: forward, backward, update --------------------------------------------------------------------


def training(model, x, y):
    """One step of SGD on a classifier, as the function that does it."""
    optimizer = nn.optim.SGD(model.parameters(), lr=0.01)

    def step():
        loss = mg.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    step.loss = lambda: mg.cross_entropy(model(x), y)
    return step


def dense(batch=32):
    """Batch x 16, 8 relu, 4."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch, 16)).astype(np.float32)
    return training(nn.MLP([16, 8, 4], rng=rng), x, rng.integers(0, 4, batch))


def cnn():
    """8 x 2 x 8 x 8, conv 3 x 3 x 4, relu, pool, conv 3 x 3 x 4, relu, pool, 4."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((8, 2, 8, 8)).astype(np.float32)
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, rng=rng), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 3, padding=1, rng=rng), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(16, 4, rng=rng),
    )  # fmt: skip
    return training(model, x, rng.integers(0, 4, 8))


def chain():
    """h = h + 1 a hundred times, of 64 numbers: there is nothing to compute, so this is the engine itself."""
    x = mg.Tensor(np.ones(64, np.float32), requires_grad=True)

    def loss():
        h = x
        for _ in range(100):
            h = h + 1
        return h.sum()

    def step():
        x.grad = None
        loss().backward()

    step.loss = loss
    return step


STEPS = {"dense": dense, "cnn": cnn, "chain": chain}

# What is alive -------------------------------------------------------------------------------------------


def living_arrays() -> tuple[int, int]:
    """How many arrays made since tracemalloc started own memory now, and how many bytes."""
    of_numpy = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
    sizes = [trace.size for trace in tracemalloc.take_snapshot().filter_traces([of_numpy]).traces]
    return len(sizes), sum(sizes)


# What is called ------------------------------------------------------------------------------------------

OURS = tuple(str(Path(package.__file__).parent) for package in (mg, nn))


def calls_of(step) -> int:
    """How many functions of minigrad and nn are called, without comprehensions: some Pythons call them, some not."""
    count = 0

    def see(frame, event, _):
        nonlocal count
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(OURS):
            count += not (code.co_name.startswith("<") and code.co_name != "<lambda>")

    with without_collector():
        sys.setprofile(see)
        try:
            step()
        finally:
            sys.setprofile(None)
    return count


# What is made --------------------------------------------------------------------------------------------


class _Handler(ctypes.Structure):
    """NumPy's PyDataMem_Handler: the functions that it gets and returns the memory of arrays by (NEP 49)."""

    _fields_ = [
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        ("context", ctypes.c_void_p),
        ("malloc", ctypes.c_void_p),
        ("calloc", ctypes.c_void_p),
        ("realloc", ctypes.c_void_p),
        ("free", ctypes.c_void_p),
    ]


_MALLOC = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
_CALLOC = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t)
_open = ctypes.pythonapi.PyCapsule_GetPointer
_open.restype, _open.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
_close = ctypes.pythonapi.PyCapsule_New
_close.restype, _close.argtypes = (
    ctypes.py_object,
    [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p],
)
_api = ctypes.cast(_open(multiarray._ARRAY_API, None), ctypes.POINTER(ctypes.c_void_p))
_set_handler = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(_api[304])
_get_handler = ctypes.PYFUNCTYPE(ctypes.py_object)(_api[305])


class _Counting:
    """NumPy's own handler, which also writes down the size of every array that it makes.

    Returning memory is left to NumPy's function alone, as an array may outlive this module.
    """

    def __init__(self) -> None:
        self.sizes: list[int] = []
        pointer = _open(_get_handler(), b"mem_handler")
        own = ctypes.cast(pointer, ctypes.POINTER(_Handler)).contents
        malloc, calloc = _MALLOC(own.malloc), _CALLOC(own.calloc)

        def counting_malloc(context, size):
            self.sizes.append(size)
            return malloc(context, size)

        def counting_calloc(context, count, size):
            self.sizes.append(count * size)
            return calloc(context, count, size)

        self._functions = _MALLOC(counting_malloc), _CALLOC(counting_calloc)
        pointers = [ctypes.cast(function, ctypes.c_void_p) for function in self._functions]
        self._handler = _Handler(b"counting", 1, own.context, *pointers, own.realloc, own.free)
        self.capsule = _close(ctypes.addressof(self._handler), b"mem_handler", None)
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._handler))  # for arrays that outlive it


_counting = _Counting()


@contextmanager
def arrays_made() -> Iterator[list[int]]:
    """The sizes in bytes of all arrays that NumPy makes memory for in the with-block, in their order."""
    _counting.sizes = sizes = []
    before = _set_handler(_counting.capsule)
    try:
        yield sizes
    finally:
        _set_handler(before)
