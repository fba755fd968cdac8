"""The engine's contract, clause 9: memory that is written under another name than the one it was saved under."""

import array
import ctypes
import gc
import mmap
import sys

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, grad, touch
from minigrad.core import writes

X = np.arange(1.0, 5)


class Lent:
    """An object that lends the memory of an array, and that no `.base` chain leads through."""

    def __init__(self, a):
        self.kept = a
        self.__array_interface__ = a.__array_interface__


def dlpack():
    a = X.copy()
    return a, np.from_dlpack(a)


def dlpack_twice():
    a = X.copy()
    return np.from_dlpack(a), np.from_dlpack(a)


def array_interface():
    a = X.copy()
    return a, np.asarray(Lent(a))


def array_interface_twice():
    a = X.copy()
    return np.asarray(Lent(a)), np.asarray(Lent(a))


def torch_twice():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    t = torch.tensor(X)
    return t.numpy(), t.numpy()


def torch_of_numpy():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    a = X.copy()
    return a, torch.from_numpy(a).numpy()


def torch_by_dlpack():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    t = torch.tensor(X)
    return t.numpy(), np.from_dlpack(t)


def bytearrays():
    buffer = bytearray(X.tobytes())
    return np.frombuffer(buffer), np.frombuffer(memoryview(buffer)[:])


def arrays_of_python():
    buffer = array.array("d", X)
    return np.frombuffer(buffer), np.asarray(buffer)


def ctypes_arrays():
    buffer = (ctypes.c_double * 4)(*X)
    return np.ctypeslib.as_array(buffer), np.frombuffer(buffer)


def mappings():
    mapped = mmap.mmap(-1, X.nbytes)
    mapped[:] = X.tobytes()
    return np.frombuffer(mapped), np.ndarray(4, buffer=mapped)


def views():
    a = X.copy()
    return a, a[::-1][::-1]


def views_of_a_buffer_of_numpy():
    a = X.copy()
    return np.frombuffer(a), np.frombuffer(memoryview(a))


KINDS = [
    dlpack, dlpack_twice, array_interface, array_interface_twice, torch_twice, torch_of_numpy, torch_by_dlpack,
    bytearrays, arrays_of_python, ctypes_arrays, mappings, views, views_of_a_buffer_of_numpy,
]  # fmt: skip
kinds = pytest.mark.parametrize("kind", KINDS)
either = pytest.mark.parametrize("saved", [0, 1])


def by_hand_and_touch(a):
    np.copyto(a, 0)
    touch(Tensor(a))


def by_assign(a):
    Tensor(a).assign(np.zeros(a.shape))


def by_out(a):
    np.multiply(Tensor(a), 0, out=a)


WRITES = [by_hand_and_touch, by_assign, by_out]


def writeable(pair):
    """The two arrays, writeable even where NumPy hands out a name for reading only."""
    for a in pair:
        if not a.flags.writeable:
            pytest.skip("this NumPy shows such memory for reading only")
    return pair


@kinds
@either
@pytest.mark.parametrize("write", WRITES)
def test_clause_09_a_write_is_found_under_any_name_of_the_memory(kind, saved, write):
    pair = writeable(kind())
    w = Tensor(pair[saved]).requires_grad_()
    y = (w * w).sum()
    write(pair[1 - saved])
    assert np.array_equal(w.data, np.zeros(4))  # or it was no alias
    with pytest.raises(RuntimeError, match="written after the forward pass"):
        y.backward()


@kinds
@either
def test_clause_09_a_part_that_overlaps_counts_and_a_write_before_does_no_harm(kind, saved):
    pair = writeable(kind())
    w = Tensor(pair[saved][1:]).requires_grad_()
    by_assign(pair[1 - saved])
    y = (w * w).sum()
    by_assign(X.copy())
    assert np.array_equal(grad(y, w, retain_graph=True), [0, 0, 0])
    by_assign(pair[1 - saved][2:3])
    with pytest.raises(RuntimeError, match="written after the forward pass"):
        y.backward()


@pytest.mark.parametrize("kind", [bytearrays, arrays_of_python, ctypes_arrays, mappings])
@either
def test_clause_09_other_parts_of_a_buffer_that_is_no_array_may_be_written(kind, saved):
    pair = kind()
    w = Tensor(pair[saved][1:3]).requires_grad_()
    y = (w * w).sum()
    by_assign(pair[1 - saved][:1])
    by_assign(pair[1 - saved][3:])
    y.backward()
    assert np.array_equal(w.grad, [4, 6])


def test_clause_09_memory_that_is_used_again_was_not_written_since():
    for _ in range(3 * writes.MOST_ELSEWHERE):
        a = np.frombuffer(bytearray(32))  # often where the last one was
        w = Tensor(a).requires_grad_()
        w.assign(X)
        assert np.array_equal(grad((w * w).sum(), w), 2 * X)


def test_clause_09_addresses_that_were_written_are_bounded_and_none_is_lost(monkeypatch):
    monkeypatch.setattr(writes, "MOST_ELSEWHERE", 20)
    monkeypatch.setattr(writes, "_elsewhere", {})
    pairs = [bytearrays() for _ in range(100)]
    leaves = [Tensor(a).requires_grad_() for a, _ in pairs]
    losses = [(w * w).sum() for w in leaves]
    for _, b in pairs:
        by_assign(b)
        assert len(writes._elsewhere) <= 20
    later = [(w * w).sum() for w in leaves]
    by_assign(X.copy())
    for w, y, z in zip(leaves, losses, later, strict=True):
        with pytest.raises(RuntimeError, match="written after the forward pass"):
            y.backward()
        assert np.array_equal(grad(z, w), np.zeros(4))


class Slotted:
    """An array of another library to which no weak reference can be made."""

    __slots__ = ("a",)
    __array_function__ = None
    base = None

    def __init__(self):
        self.a = X.copy()


def test_clause_09_an_array_of_another_library_is_known_by_its_owner(monkeypatch):
    class Other(Slotted):
        """One that can be weakly referenced, as CuPy's."""

        __slots__ = ("__weakref__",)

    monkeypatch.setattr(writes, "_elsewhere", {})
    gc.collect()
    before = len(writes._written)
    for kind in (Slotted, Other):
        a, b = kind(), kind()
        tick = writes.next_tick()
        writes.mark_written(a)
        assert writes.written_since(a, tick)
        assert not writes.written_since(a, writes.last_write)
        assert not writes.written_since(b, tick)
        del a, b
    assert len(writes._written) == before


@pytest.mark.skipif(sys.platform == "win32", reason="a file that is open twice")
def test_clause_09_the_map_of_a_file_counts_as_one_memory(tmp_path):
    first = np.memmap(tmp_path / "w.bin", "float64", "w+", shape=4)
    first[:] = X
    w = Tensor(first).requires_grad_()
    y = (w * w).sum()
    by_out(np.frombuffer(first._mmap))
    with pytest.raises(RuntimeError, match="written after the forward pass"):
        y.backward()


def test_clause_09_a_graph_that_was_made_of_shared_memory_trains():
    buffer = bytearray(X.tobytes())
    w, shown = Tensor(np.frombuffer(buffer)).requires_grad_(), np.frombuffer(buffer)
    for _ in range(3):
        (w * w).sum().backward()
        with mg.no_grad():
            w -= 0.1 * w.grad
        w.grad = None
    np.testing.assert_allclose(shown, X * 0.8**3)
