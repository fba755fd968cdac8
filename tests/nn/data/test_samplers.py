"""Samplers: their laws, and that a loader's random numbers are all of its `rng`."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from squares import Squares, rows

import minigrad
from nn.data import (
    BucketBatchSampler,
    ConcatDataset,
    DataLoader,
    RandomSampler,
    Sampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)


def generator(seed=0):
    return np.random.default_rng(seed)


SAMPLERS = {
    "random": RandomSampler(range(10)),
    "random, replaced": RandomSampler(range(10), replacement=True, num_samples=25),
    "subset": SubsetRandomSampler([7, 2, 5]),
    "weighted": WeightedRandomSampler([0.0, 1, 2, 3, 0, 0, 0, 0, 0, 1], 12),
    "buckets": BucketBatchSampler([5, 1, 4, 4, 1, 9, 9, 9, 2, 5], 3),
}


# A loader and its sampler --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_state_of_the_loaders_generator_decides_what_a_sampler_draws(name):
    def epochs(rng, count):
        sampler = SAMPLERS[name]
        way = "batch_sampler" if name == "buckets" else "sampler"
        loader = DataLoader(Squares(10), **{way: sampler}, rng=rng)
        found = [rows(loader) for _ in range(count)]
        assert [len(loader)] * count == list(map(len, found))
        return found

    rng = generator(3)
    first = epochs(rng, 1)
    resumed = generator()
    resumed.bit_generator.state = rng.bit_generator.state
    later = epochs(rng, 3)
    assert epochs(resumed, 3) == later
    assert len(set(map(str, first + later))) > 1
    minigrad.seed(3)
    alone = [list(SAMPLERS[name]) for _ in range(2)]
    minigrad.seed(3)
    assert [list(SAMPLERS[name]) for _ in range(2)] == alone
    assert len(alone[0]) == len(SAMPLERS[name])


def test_shuffling_is_sampling_at_random():
    shuffled = DataLoader(Squares(11), 4, shuffle=True, rng=generator())
    sampled = DataLoader(Squares(11), 4, sampler=RandomSampler(range(11)), rng=generator())
    assert rows(shuffled) == rows(sampled)


def test_any_iterable_with_a_length_is_a_sampler_asked_anew_for_each_epoch():
    class Falling:
        asked = 0

        def __len__(self):
            return 5

        def __iter__(self):
            self.asked += 1
            return iter(range(4, -1, -1))

    sampler = Falling()
    loader = DataLoader(Squares(9), 2, sampler=sampler)
    assert rows(loader) == rows(loader) == [[4, 3], [2, 1], [0]]
    assert (len(loader), sampler.asked) == (3, 2)
    assert rows(DataLoader(Squares(9), 2, sampler=sampler, drop_last=True)) == [[4, 3], [2, 1]]
    assert rows(DataLoader(Squares(9), batch_sampler=[[3, 1], [2]])) == [[3, 1], [2]]


def test_a_sampler_of_ones_own_draws_with_the_loaders_generator():
    class Coin(Sampler):
        def __len__(self):
            return 4

        def draw(self, rng):
            return rng.integers(0, 2, 4)

    loader = DataLoader(Squares(2), 4, sampler=Coin(), rng=generator(1))
    assert rows(loader) == [generator(1).integers(0, 2, 4).tolist()]


# Laws ----------------------------------------------------------------------------------------------------


@given(st.integers(1, 20), st.integers(1, 50), st.integers(0, 5))
def test_without_replacement_an_item_comes_again_when_all_others_have_come(total, count, seed):
    drawn = RandomSampler(range(total), num_samples=count).draw(generator(seed)).tolist()
    assert len(drawn) == count
    for start in range(0, count, total):
        assert len(set(drawn[start : start + total])) == len(drawn[start : start + total])
    assert set(drawn) <= set(range(total))


def test_weights_are_the_frequencies_of_items():
    drawn = WeightedRandomSampler([1, 0, 2, 5], 40_000).draw(generator())
    counts = np.bincount(drawn, minlength=4) / 40_000
    # four standard deviations of a frequency near a half
    np.testing.assert_allclose(counts, np.array([1, 0, 2, 5]) / 8, atol=4 * 0.5 / 200)
    assert counts[1] == 0


def test_weights_without_replacement_are_those_of_the_items_that_are_left():
    sampler = WeightedRandomSampler([1, 2, 5], 2, replacement=False)
    rng = generator()
    pairs = [tuple(sampler.draw(rng)) for _ in range(10_000)]
    p = np.array([1, 2, 5]) / 8
    for i, j in [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]:
        expected = p[i] * p[j] / (1 - p[i])
        assert pairs.count((i, j)) / 10_000 == pytest.approx(expected, abs=4 * 0.5 / 100)
    assert all(i != j for i, j in pairs)


@given(st.lists(st.integers(0, 9), max_size=30), st.integers(1, 7), st.booleans())
def test_buckets_hold_every_item_once_and_lengths_that_no_other_bucket_mixes(
    lengths, size, drop_last
):
    sampler = BucketBatchSampler(lengths, size, drop_last)
    batches = [batch.tolist() for batch in sampler.draw(generator())]
    assert len(batches) == len(sampler)
    kept = len(lengths) // size * size if drop_last else len(lengths)
    items = [i for batch in batches for i in batch]
    assert len(set(items)) == len(items) == kept
    # laid in a row by their lengths, batches are the items sorted by length: no other division pads less
    by_length = sorted([lengths[i] for i in batch] for batch in batches)
    assert [n for batch in by_length for n in batch] == sorted(lengths)[:kept]


def test_buckets_come_in_random_order_with_random_neighbours_among_items_of_one_length():
    sampler = BucketBatchSampler([1] * 20 + [2] * 20, 4)
    rng = generator()
    epochs = [[batch.tolist() for batch in sampler.draw(rng)] for _ in range(3)]
    assert len({str(sorted(map(sorted, epoch))) for epoch in epochs}) == 3
    firsts = [[batch[0] < 20 for batch in epoch] for epoch in epochs]
    assert firsts[0] != firsts[1]


def test_several_data_sets_are_one():
    parts = [TensorDataset(np.arange(3)), Squares(0), TensorDataset(np.arange(10, 12))]
    whole = ConcatDataset(parts)
    assert len(whole) == 5
    assert whole.cumulative_sizes == [3, 3, 5]
    assert [int(whole[i][0]) for i in range(5)] == [0, 1, 2, 10, 11]
    assert rows(DataLoader(whole, 4)) == [[0, 1, 2, 10], [11]]
    for i in (5, -1):
        with pytest.raises(IndexError, match=f"index {i} is not one of 5 items"):
            whole[i]


# What is refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: DataLoader([1], shuffle=True, sampler=[0]), ValueError, "leave out shuffle"),
        (lambda: DataLoader([1], 2, batch_sampler=[[0]]), ValueError, "leave out batch_size"),
        (lambda: DataLoader([1], sampler=[0], batch_sampler=[[0]]), ValueError, "leave out"),
        (lambda: DataLoader([1], sampler=iter([0])), TypeError, "a list_iterator, which lacks"),
        (lambda: DataLoader([1], sampler=lambda rng: [0]), TypeError, r"from nn\.data\.Sampler"),
        (lambda: list(DataLoader([1], sampler=[1])), IndexError, "sampler: index 1 is not one of"),
        (lambda: list(DataLoader([1], sampler=[0.0])), TypeError, "integers in one row"),
        (lambda: list(DataLoader([1], batch_sampler=[0])), TypeError, "batch_sampler: .* one row"),
        (lambda: list(Sampler()), NotImplementedError, r"Sampler lacks draw\(rng\)"),
        (lambda: RandomSampler([1], num_samples=0), ValueError, "num_samples must be an integer"),
        (lambda: RandomSampler([], replacement=True), ValueError, "the data source is empty"),
        (lambda: SubsetRandomSampler([0.5]), TypeError, "SubsetRandomSampler: indices must be"),
        (lambda: WeightedRandomSampler([1, -1], 2), ValueError, "none below 0 and one above"),
        (lambda: WeightedRandomSampler([0, 0], 2), ValueError, "none below 0 and one above"),
        (lambda: WeightedRandomSampler([np.nan, 1], 2), ValueError, "finite numbers"),
        (lambda: WeightedRandomSampler([[1.0]], 2), ValueError, "in one row"),
        (lambda: WeightedRandomSampler([1, 0], 2, False), ValueError, "2 items .* as 1 have"),
        (lambda: BucketBatchSampler([[1]], 2), ValueError, r"for each item, not \(1, 1\)"),
        (lambda: BucketBatchSampler([1], 0), ValueError, "batch_size must be an integer >= 1"),
        (lambda: ConcatDataset([]), ValueError, "there are no data sets"),
    ],
)
def test_bad_arguments_are_errors_that_say_what_is_needed(make, error, message):
    with pytest.raises(error, match=message):
        make()
