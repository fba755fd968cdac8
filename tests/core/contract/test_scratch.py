"""The engine's contract, clause 15: memory that is lent to kernels."""

import threading
import weakref

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

import minigrad as mg
from minigrad import Tensor, grad
from minigrad.ops.kernels.scratch import LIMIT, release_scratch, scratch, scratch_bytes


@pytest.fixture
def no_scratch():
    release_scratch()
    yield
    release_scratch()


def test_clause_15_nothing_that_outlives_a_kernel_lies_in_scratch(no_scratch, monkeypatch):
    lent = []

    def remember(*key):
        lent.append(scratch(*key))
        return lent[-1]

    monkeypatch.setattr("minigrad.ops.kernels.conv.scratch", remember)
    x = Tensor(np.arange(50.0).reshape(1, 2, 5, 5), requires_grad=True)
    w = Tensor(np.arange(36.0).reshape(2, 2, 3, 3), requires_grad=True)
    y = mg.conv2d(x, w, padding=1)
    z = (y * y).sum()
    saved = [array for node in (y._node, z._node) for _, array in node.saved_arrays()]
    grads = grad(z, (x, w), create_graph=True)
    assert lent
    for survivor in (y.data, *saved, *[g.data for g in grads]):
        assert not any(np.shares_memory(survivor, array) for array in lent)


def test_clause_15_scratch_is_kept_by_role_shape_and_dtype(no_scratch):
    array = scratch("a", (2, 3), np.dtype("float32"))
    assert (array.shape, array.dtype) == ((2, 3), np.float32)
    known = weakref.ref(array)
    for other in (
        ("b", (2, 3), np.dtype("float32")),
        ("a", (3, 2), np.dtype("float32")),
        ("a", (2, 3), np.dtype("float64")),
    ):
        assert not np.shares_memory(scratch(*other), array)
    del array
    assert scratch("a", (2, 3), np.dtype("float32")) is known()


@pytest.mark.parametrize("use", [lambda a: a, lambda a: a[1:], lambda a: as_strided(a, (2,), (4,))])
def test_clause_15_scratch_in_use_is_not_lent_again(no_scratch, use):
    key = ("a", (2, 3), np.dtype("float32"))
    used = use(scratch(*key))
    others = [scratch(*key) for _ in range(3)]
    for other in others:
        assert not np.shares_memory(other, used)
    assert scratch_bytes() == 24
    known = weakref.ref(others.pop())
    del other
    assert scratch(*key) is known()


def test_clause_15_scratch_is_per_thread(no_scratch):
    key = ("a", (4,), np.dtype("float64"))
    others = []
    thread = threading.Thread(target=lambda: others.append((scratch(*key), scratch_bytes())))
    mine = scratch(*key)
    scratch("mine alone", (100,), np.dtype("float64"))
    thread.start()
    thread.join()
    ((array, kept),) = others
    assert not np.shares_memory(array, mine)
    assert kept == array.nbytes


def test_clause_15_scratch_is_counted_and_bounded_and_the_longest_unused_goes_first(no_scratch):
    quarter = (LIMIT // 4,)
    known = {role: weakref.ref(scratch(role, quarter, np.dtype("int8"))) for role in "abcd"}
    assert scratch_bytes() == LIMIT
    scratch("a", quarter, np.dtype("int8"))
    scratch("e", quarter, np.dtype("int8"))
    assert scratch_bytes() == LIMIT
    assert scratch("a", quarter, np.dtype("int8")) is known["a"]()
    assert known["b"]() is None
    assert scratch("huge", (LIMIT + 1,), np.dtype("int8")).nbytes == LIMIT + 1
    assert scratch_bytes() == LIMIT
    release_scratch()
    assert scratch_bytes() == 0
