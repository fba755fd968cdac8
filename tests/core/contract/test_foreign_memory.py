"""The engine's contract, clause 9: memory that an array does not own is known by its addresses."""

import gc

import numpy as np
import pytest
from leaves import leaf

import minigrad as mg
from minigrad import Tensor, touch
from minigrad.core import writes


class Interface:
    """An object of another library, which shares the memory of an array."""

    def __init__(self, array):
        self.kept, self.__array_interface__ = array, array.__array_interface__


def by_dlpack():
    a = np.ones(4, "float32")
    return a, np.from_dlpack(a)


def by_dlpack_twice():
    a = np.ones(4, "float32")
    return np.from_dlpack(a), np.from_dlpack(a)


def by_array_interface():
    a = np.ones(4, "float32")
    return a, np.asarray(Interface(a))


def by_array_interface_twice():
    a = np.ones(4, "float32")
    return np.asarray(Interface(a)), np.asarray(Interface(a))


def by_torch():
    torch = pytest.importorskip("torch")
    t = torch.ones(4)
    return t.numpy(), t.view(4).numpy()


def by_one_buffer():
    buffer = bytearray(np.ones(4, "float32").tobytes())
    return np.frombuffer(buffer, "float32"), np.frombuffer(memoryview(buffer), "float32")


def by_two_maps_of_one_file(tmp_path):
    path = tmp_path / "numbers"
    path.write_bytes(np.ones(8, "float32").tobytes())
    whole = np.memmap(path, "float32", "r+")
    return whole[4:], np.memmap(str(path), "float32", "r+", offset=16)


ALIASES = [
    by_dlpack,
    by_dlpack_twice,
    by_array_interface,
    by_array_interface_twice,
    by_torch,
    by_one_buffer,
    by_two_maps_of_one_file,
]


@pytest.fixture
def two(request, tmp_path):
    make = request.param
    return make(tmp_path) if make is by_two_maps_of_one_file else make()


@pytest.mark.parametrize("two", ALIASES, indirect=True)
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("part", [slice(None), slice(1, 3), slice(None, None, -2)])
def test_a_write_through_another_alias_is_found(two, turned, part):
    saved, written = two[::-1] if turned else two
    x = leaf(1, 2, 3, 4)
    y = (x * saved).sum()
    Tensor(written[part]).assign(np.full(4, 5)[part])
    del written
    gc.collect()
    assert 5 in saved.tolist()
    with pytest.raises(RuntimeError, match="written after the forward pass"):
        y.backward()
    assert mg.grad((x * saved).sum(), x).numpy().tolist() == saved.tolist()


@pytest.mark.parametrize("two", ALIASES, indirect=True)
@pytest.mark.parametrize("turned", [False, True])
def test_a_write_beside_what_was_saved_does_no_harm(two, turned):
    saved, written = two[::-1] if turned else two
    if isinstance(writes.owner(saved), np.ndarray) or isinstance(writes.owner(written), np.ndarray):
        other = np.from_dlpack(np.ones(4, "float32"))  # an ndarray's own memory is one block
    else:
        saved, other = saved[:2], written[2:]
    x = leaf(*[1] * len(saved))
    y = (x * saved).sum()
    touch(Tensor(other), Tensor(np.ones(3)))
    y.backward()
    assert x.grad.numpy().tolist() == saved.tolist()


def test_private_maps_of_one_file_are_memory_of_their_own(tmp_path):
    path = tmp_path / "numbers"
    path.write_bytes(np.ones(4, "float32").tobytes())
    saved, written = (np.memmap(path, "float32", "c") for _ in range(2))
    x = leaf(1, 2, 3, 4)
    y = (x * saved).sum()
    Tensor(written).assign(np.zeros(4))
    y.backward()
    assert x.grad.numpy().tolist() == [1, 1, 1, 1]


def test_foreign_memory_that_was_written_is_known_up_to_a_limit_and_all_older_graphs_are_refused():
    x, own = leaf(1, 2), np.ones(2, "float32")
    y = (x * own).sum()
    for _ in range(3):
        buffers = [bytearray(8) for _ in range(writes.MOST)]  # they have no weak references
        for buffer in buffers:
            touch(Tensor(np.frombuffer(buffer, "float32")))
        assert len(writes._foreign) <= writes.MOST
    with pytest.raises(RuntimeError, match="written after the forward pass"):
        y.backward()
    assert mg.grad((x * own).sum(), x).numpy().tolist() == [1, 1]


def test_writing_one_foreign_array_again_and_again_takes_one_entry():
    array = np.frombuffer(bytearray(8), "float32")
    touch(Tensor(array))
    before = len(writes._foreign)
    for _ in range(10):
        touch(Tensor(array))
    assert len(writes._foreign) == before
