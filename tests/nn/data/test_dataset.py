"""Data sets, their parts and their division; collate, which makes a batch of items."""

from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from squares import Squares, rows

import minigrad
from nn.data import DataLoader, Dataset, Subset, TensorDataset, collate, random_split

# --- Data sets ----------------------------------------------------------------------------------


def test_whole_batches_are_indexed_at_once_where_the_data_set_can():
    class Counting(TensorDataset):
        calls = 0

        def batch(self, indices):
            self.calls += 1
            return super().batch(indices)

        def __getitem__(self, i):
            raise AssertionError("one by one")

    dataset = Counting(np.arange(100), np.ones((100, 3)))
    part = Subset(Subset(dataset, range(0, 100, 2)), [3, 1, 4, 1, 5])
    assert [x.tolist() for x, _ in DataLoader(part, 2)] == [[6, 2], [8, 2], [10]]
    assert dataset.calls == 3


@pytest.mark.parametrize("make", [lambda x: TensorDataset(x, x), lambda x: Squares(len(x))])
def test_a_subset_has_the_items_of_its_indices(make):
    part = Subset(make(np.arange(10)), np.array([7, 2, 5], np.uint8))
    assert len(part) == 3
    assert [part[i][1] for i in range(3)] == [7, 2, 5]
    assert rows(DataLoader(part, 2)) == [[7, 2], [5]]
    assert len(Subset(make(np.arange(10)), [])) == 0


@given(st.integers(0, 50), st.lists(st.integers(0, 20), max_size=4))
def test_a_split_by_numbers_shares_no_item_and_loses_none(seed, lengths):
    total = sum(lengths)
    rng = np.random.default_rng(seed)
    parts = random_split(TensorDataset(np.arange(total)), lengths, rng=rng)
    assert [len(part) for part in parts] == lengths
    assert sorted(int(part[i][0]) for part in parts for i in range(len(part))) == list(range(total))


def test_a_split_by_fractions_hands_out_what_rounding_leaves():
    lengths = [len(part) for part in random_split(Squares(11), [0.5, 0.25, 0.25])]
    assert lengths == [6, 3, 2]
    split = [random_split(Squares(20), [0.3, 0.7], rng=np.random.default_rng(5)) for _ in range(2)]
    assert split[0][0].indices.tolist() == split[1][0].indices.tolist()


def test_a_tensor_goes_into_a_data_set_with_its_values():
    x = minigrad.Tensor([[1.0], [2.0]])
    ((batch,),) = DataLoader(TensorDataset(x), 2)
    assert type(batch) is np.ndarray
    assert batch.tolist() == [[1.0], [2.0]]


def test_a_list_is_a_data_set():
    assert isinstance([1, 2], Dataset)
    assert [batch.tolist() for batch in DataLoader([1, 2, 3], 2)] == [[1, 2], [3]]


# --- collate ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("items", "dtype"),
    [
        ([1, 2], "int64"),
        ([1.5, 2.5], "float32"),
        ([True, False], "bool"),
        ([np.float64(1), np.float64(2)], "float64"),
        ([np.zeros(3, "f4"), np.ones(3, "f4")], "float32"),
        ([minigrad.Tensor([1.0]), minigrad.Tensor([2.0])], "float32"),
        ([np.zeros((2, 0), "u1")] * 2, "uint8"),
    ],
)
def test_numbers_and_arrays_get_one_more_axis(items, dtype):
    batch = collate(items)
    assert type(batch) is np.ndarray
    assert batch.dtype == dtype
    assert batch.shape == (2, *np.shape(items[0]))


def test_containers_are_collated_member_by_member():
    Pair = namedtuple("Pair", "image label")
    items = [{"a": Pair(np.full(2, i), i), "b": [i, (i, 2.0 * i)]} for i in (1, 2, 3)]
    batch = collate(items)
    assert type(batch["a"]) is Pair
    assert batch["a"].image.tolist() == [[1, 1], [2, 2], [3, 3]]
    assert batch["a"].label.tolist() == [1, 2, 3]
    assert type(batch["b"]) is list
    assert batch["b"][1][1].tolist() == [2.0, 4.0, 6.0]


UNEQUAL = {
    "shape": (np.zeros(2), np.zeros(3), r"item 3 is float64 \(2,\) and item 4 is float64 \(3,\)"),
    "inside": (
        (np.zeros(2), 1),
        (np.zeros((2, 1)), 1),
        r"item 3\[0\] is float64 \(2,\) and item 4",
    ),
    "dtype": (np.zeros(2), np.zeros(2, "f4"), r"item 4 is float32 \(2,\)"),
    "kind": (1, 1.5, r"item 3 is int64 \(\) and item 4 is float32 \(\)"),
    "length": ((1, 2), (1,), "item 3 is a tuple of 2 and item 4 is a tuple of 1"),
    "keys": ({"a": 1}, {"b": 1}, "item 3 is a dict of 'a' and item 4 is a dict of 'b'"),
    "deep": ({"a": [1]}, {"a": [1.5]}, r"item 3\['a'\]\[0\] is int64"),
    "container": ([1], (1,), "item 3 is a list of 1 and item 4 is a tuple of 1"),
}


@pytest.mark.parametrize("name", UNEQUAL)
@pytest.mark.parametrize("prefetch", [0, 2])
def test_unequal_items_are_an_error_that_names_them_and_both_shapes(name, prefetch):
    one, other, message = UNEQUAL[name]
    loader = DataLoader([one, one, one, one, other], 3, prefetch=prefetch)
    with pytest.raises(ValueError, match=message):
        list(loader)


@pytest.mark.parametrize("prefetch", [0, 2])
def test_a_tensor_whose_gradient_the_batch_would_lose_is_an_error(prefetch):
    w = minigrad.Tensor(np.ones(3), requires_grad=True)
    items = [(w.detach(), 0), (w * 2, 1)]
    with pytest.raises(ValueError, match=r"item 1\[0\] requires grad, .* its \.detach\(\)"):
        list(DataLoader(items, 2, prefetch=prefetch))


def test_what_is_no_array_is_an_error_that_names_the_item():
    with pytest.raises(TypeError, match=r"item 1\['text'\] is a str; .* pass a collate_fn"):
        collate([{"text": 1}, {"text": "two"}])
    with pytest.raises(ValueError, match="there are no items"):
        collate([])


def test_a_collate_fn_of_ones_own_gets_the_list_of_items():
    words = ["a", "bb", "ccc"]
    loader = DataLoader(words, 2, collate_fn=lambda items: " ".join(items))
    assert list(loader) == ["a bb", "ccc"]
    loader = DataLoader(words, 2, collate_fn=len, transform=lambda n, rng: n * 10, prefetch=1)
    assert list(loader) == [20, 10]
