"""Indices as NumPy reads them: tuples, lists and ranges within an index, numbers and masks of every kind."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad import Tensor, check_grads, grad, scatter
from minigrad.ops import indexing

X = np.array([[0.3, -1.7, 2.4], [1.6, 0.8, -0.2]])
INDICES = [
    (slice(None), (0, 1)), ((0, 1),), ((1, 1, -1),), [(0, 1)], (((0, 1), (1, 0)), None), (Ellipsis, (0, -1, 0)),
    ((0, 1), (2, 2)), ([0, 1], (2, 2)), ((1,), [[0, 2]]), (slice(None), [(0, 1), (1, 2)]), ((),), (slice(None), ()),
    ([], (0,)), range(2), (range(2), (0, 2)), (slice(None), range(2, -1, -2)), ((True, False),),
    (slice(None), (True, False, True)), ([True, True], (0, 1)), (True, (0, 1)), (np.True_, 0), (False, (0,)),
    (np.array(True), [1]), (slice(None), np.array(1)), (np.array(-1), (0, 0)), (np.int8(1), (0, 0)), (np.uint8(1),),
    (None, (0, 1), None), ((np.int64(0), 1), np.array(2)), (Ellipsis, np.array((0, 0))),
    (slice(0, 0), (1,)), bytearray(2),
]  # fmt: skip


def nested(numbers, kind):
    """Nested lists as nested tuples, as tuples of lists, or as they are; a flat one also as an array or a range."""
    if kind == "array" or not isinstance(numbers, list):
        return np.array(numbers, np.int64)
    if kind == "tuple":
        return tuple([nested(n, kind) if isinstance(n, list) else n for n in numbers])
    return tuple(numbers) if kind == "tuple of lists" else numbers


@st.composite
def indices(draw):
    """(shape, index) with sequences of every kind beside each other, duplicates and negative numbers among them."""
    shape = draw(st.sampled_from([(4,), (3, 4), (2, 3, 4)]))
    common = draw(st.sampled_from([(2,), (2, 1), (1, 3), (0,), (2, 2)]))
    parts = []
    for n in shape[: draw(st.integers(1, len(shape)))]:
        kind = draw(
            st.sampled_from(["tuple", "tuple of lists", "list", "array", "slice", "number", "0-d"])
        )
        count = int(np.prod(common))
        numbers = draw(st.lists(st.integers(-n, n - 1), min_size=count, max_size=count))
        if kind == "slice":
            parts.append(draw(st.slices(n)))
        elif kind in ("number", "0-d"):
            number = draw(st.integers(-n, n - 1))
            parts.append(number if kind == "number" else np.array(number))
        else:
            parts.append(nested(np.array(numbers, np.int64).reshape(common).tolist(), kind))
    for extra in (None, Ellipsis, True):
        if draw(st.booleans()):
            parts.insert(draw(st.integers(0, len(parts))), extra)
    return shape, tuple(parts)


def added(g, index, shape):
    y = np.zeros(shape)
    np.add.at(y, index, g)
    return y


def check(x, index):
    """Value, gradient and the gradient of the gradient of sum s y^2, y = x[index], against NumPy."""
    t = Tensor(x, requires_grad=True)
    y = t[index]
    np.testing.assert_array_equal(y.data, x[index], strict=True)
    s = 1.0 + np.arange(y.size).reshape(y.shape)
    first = grad((y * y * s).sum(), t, create_graph=True)
    np.testing.assert_allclose(first.data, added(2 * s * x[index], index, x.shape))
    v = np.cos(np.arange(x.size)).reshape(x.shape)
    second = grad((first * v).sum(), t)
    np.testing.assert_allclose(second.data, added(2 * s, index, x.shape) * v)
    np.testing.assert_array_equal(scatter(s, index, x.shape), added(s, index, x.shape))
    np.testing.assert_array_equal(
        indexing._scatter_plain(s, index, x.shape), added(s, index, x.shape)
    )


@pytest.mark.parametrize("index", INDICES, ids=repr)
def test_a_sequence_within_an_index_chooses_and_adds_back_as_in_numpy_at_two_orders(index):
    check(X, index)
    if X[index].size:
        check_grads(lambda x: x[index] ** 2, [X], order=2)


@settings(max_examples=150, derandomize=True, database=None, deadline=None)
@given(drawn=indices())
def test_any_mix_of_sequences_chooses_and_adds_back_as_in_numpy_at_two_orders(drawn):
    shape, index = drawn
    x = np.arange(1.0, 1 + np.prod(shape)).reshape(shape)
    try:
        x[index]
    except IndexError:
        with pytest.raises(IndexError):
            Tensor(x)[index]
        return
    check(x, index)


@pytest.mark.parametrize("index", [((0, 5),), (slice(None), (0, -4)), ((0.5,),), (("a",),)])
def test_a_sequence_that_is_no_index_raises_as_in_numpy(index):
    with pytest.raises(IndexError, match="getitem"):
        Tensor(X, requires_grad=True)[index]
