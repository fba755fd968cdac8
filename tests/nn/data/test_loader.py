"""The DataLoader: every item once, in a repeatable order, with or without a thread."""

import gc
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
import traceback

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from squares import Squares, rows

import minigrad
from nn.data import DataLoader, Subset, TensorDataset, random_split


def threads():
    return {thread.name for thread in threading.enumerate()}


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = threads()
    yield
    assert threads() == before


sizes = st.fixed_dictionaries(
    {
        "batch_size": st.integers(1, 12),
        "shuffle": st.booleans(),
        "drop_last": st.booleans(),
        "prefetch": st.integers(0, 3),
    }
)


# --- What an epoch is ---------------------------------------------------------------------------


@given(st.integers(0, 30), sizes, st.booleans())
@settings(deadline=None)
def test_an_epoch_holds_every_item_once(length, options, at_once):
    x = np.arange(length)
    dataset = TensorDataset(x, x) if at_once else Squares(length)
    loader = DataLoader(dataset, **options, rng=np.random.default_rng(0))
    for _ in range(2):
        batches = rows(loader)
        assert len(batches) == len(loader)
        seen = [i for batch in batches for i in batch]
        assert len(set(seen)) == len(seen)
        whole = [options["batch_size"]] * (length // options["batch_size"])
        rest = length % options["batch_size"]
        assert [len(b) for b in batches] == whole + [rest] * (rest > 0 and not options["drop_last"])
        if not options["shuffle"]:
            assert seen == sorted(seen)


@given(st.integers(0, 30), sizes, st.integers(0, 5))
@settings(deadline=None)
def test_the_state_of_the_generator_decides_the_epochs(length, options, seed):
    def noisy(batch, rng):
        return batch[0] + rng.random(batch[0].shape), batch[1]

    def epochs(rng, count):
        loader = DataLoader(TensorDataset(x, x), **options, transform=noisy, rng=rng)
        return [[(a.tolist(), b.tolist()) for a, b in loader] for _ in range(count)]

    x = np.arange(length, dtype=np.float64)
    rng = np.random.default_rng(seed)
    first = epochs(rng, 1)
    state = rng.bit_generator.state
    later = epochs(rng, 2)
    resumed = np.random.default_rng()
    resumed.bit_generator.state = state
    assert epochs(resumed, 2) == later
    assert epochs(np.random.default_rng(seed), 3) == first + later
    options["prefetch"] = 0
    assert epochs(np.random.default_rng(seed), 3) == first + later


def test_epochs_differ_when_shuffled():
    loader = DataLoader(TensorDataset(np.arange(50)), 50, shuffle=True)
    assert rows(loader) != rows(loader)


def test_the_default_generator_is_the_one_that_is_seeded():
    loader = DataLoader(TensorDataset(np.arange(50)), 7, shuffle=True)
    minigrad.seed(3)
    first = rows(loader)
    minigrad.seed(3)
    assert rows(loader) == first
    assert first != rows(loader)
    # the order is NumPy's own permutation, so that a loop by hand can be compared
    minigrad.seed(3)
    assert list(itertools.chain(*first)) == minigrad.generator().permutation(50).tolist()


def test_what_is_drawn_during_an_epoch_does_not_change_it():
    def epoch(draws, prefetch):
        rng = np.random.default_rng(0)
        loader = DataLoader(
            TensorDataset(np.zeros(20)),
            4,
            shuffle=True,
            prefetch=prefetch,
            transform=lambda batch, r: batch[0] + r.random(len(batch[0])),
            rng=rng,
        )
        found = []
        for batch in loader:
            found += batch.tolist()
            rng.random(draws)
        return found

    assert epoch(0, 0) == epoch(3, 0) == epoch(5, 2)


def test_a_transform_draws_other_numbers_for_each_batch_of_each_epoch():
    loader = DataLoader(Squares(9), 3, transform=lambda batch, rng: rng.random())
    drawn = [*loader, *loader]
    assert len(set(drawn)) == 6


def test_nothing_is_drawn_for_an_epoch_in_order():
    rng = np.random.default_rng(0)
    state = rng.bit_generator.state
    list(DataLoader(TensorDataset(np.arange(5)), rng=rng))
    assert rng.bit_generator.state == state


def test_two_epochs_at_the_same_time_do_not_disturb_each_other():
    loader = DataLoader(TensorDataset(np.arange(6)), 2, prefetch=2)
    pairs = [(a.tolist(), b.tolist()) for (a,), (b,) in itertools.product(loader, loader)]
    assert len(pairs) == 9
    assert pairs[1] == ([0, 1], [2, 3])


# --- The thread ---------------------------------------------------------------------------------


class Failing(Squares):
    def __getitem__(self, i):
        if i == 7:
            raise KeyError("the file of item seven")
        return super().__getitem__(i)


@pytest.mark.parametrize("prefetch", [0, 1, 5])
def test_an_error_comes_after_the_good_batches_with_its_traceback(prefetch):
    batches = iter(DataLoader(Failing(20), 3, prefetch=prefetch))
    assert [next(batches)[1].tolist() for _ in range(2)] == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(KeyError, match="the file of item seven") as caught:
        next(batches)
    assert caught.value.__notes__ == ["in item 7 of the Failing"]
    lines = [frame.line for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert 'raise KeyError("the file of item seven")' in lines


def test_an_error_of_the_transform_reaches_the_user():
    def transform(batch, rng):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        list(DataLoader(Squares(3), transform=transform, prefetch=2))


@pytest.mark.parametrize("prefetch", [0, 2])
def test_what_numpy_does_about_a_division_by_zero_is_as_set_where_the_loop_is(prefetch):
    def transform(batch, rng):
        return np.ones(2) / np.zeros(2)

    loader = DataLoader(Squares(3), transform=transform, prefetch=prefetch)
    with np.errstate(divide="ignore"):
        assert np.isinf(list(loader)).all()
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError, match="divide by zero"):
        list(loader)


def test_no_more_is_prepared_than_prefetch_says():
    made = []

    class Watched(Squares):
        def __getitem__(self, i):
            made.append(i)
            return i

    batches = iter(DataLoader(Watched(50), prefetch=3))
    assert made == []
    for taken in range(1, 4):
        next(batches)
        wait_until(lambda taken=taken: len(made) == taken + 3)
        time.sleep(0.02)
        assert len(made) == taken + 3
    batches.close()


def wait_until(true):
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.mark.parametrize("taken", [0, 1, 3])
@pytest.mark.parametrize("end", ["break", "close", "drop", "error", "cycle"])
def test_a_loader_abandoned_in_an_epoch_leaves_no_thread(taken, end):
    before = threads()
    batches = iter(DataLoader(Squares(1000), 2, prefetch=2))
    for _ in range(taken):
        next(batches)
    assert ("nn.data.DataLoader" in threads()) == (taken > 0)
    if end == "break":
        for _ in batches:
            break
        del batches
    elif end == "close":
        batches.close()
    elif end == "drop":
        del batches
    elif end == "error":
        with pytest.raises(RuntimeError):
            batches.throw(RuntimeError("in the training step"))
    else:
        batches = [batches]
        batches.append(batches)
        del batches
        gc.collect()
    assert threads() == before


SCRIPT = """
import time
from nn.data import DataLoader

class Slow:
    def __len__(self):
        return 1000
    def __getitem__(self, i):
        time.sleep(0.1 if i < 3 else WAIT)
        return i

for batch in DataLoader(Slow(), prefetch=2):
    print(batch, flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send")
@pytest.mark.parametrize("wait", [0.1, 1.0], ids=["between batches", "while waiting for one"])
def test_an_interrupt_ends_the_epoch_at_once(wait):
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.replace("WAIT", str(wait))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        for line in process.stdout:
            if line.startswith("[2]"):
                break
        time.sleep(0.05)
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert time.monotonic() - start < 5
    assert stderr.strip().endswith("KeyboardInterrupt")
    assert process.returncode == -signal.SIGINT


# --- What is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: DataLoader([1], 0), ValueError, "batch_size must be an integer >= 1, not 0"),
        (lambda: DataLoader([1], 2.0), ValueError, r"batch_size must be an integer >= 1, not 2\.0"),
        (lambda: DataLoader([1], prefetch=-1), ValueError, "prefetch must be an integer >= 0"),
        (lambda: DataLoader(iter([1])), TypeError, "the data set is a list_iterator, which lacks"),
        (lambda: TensorDataset(), ValueError, "there are no arrays"),
        (lambda: TensorDataset(np.zeros(2), np.zeros(3)), ValueError, "2 and 3 items"),
        (lambda: TensorDataset([1, 2]), TypeError, "argument 0 is a list; an array with one axis"),
        (lambda: TensorDataset(np.float32(1)), TypeError, "an array with one axis or more"),
        (
            lambda: TensorDataset(minigrad.Tensor([1.0], requires_grad=True)),
            ValueError,
            r"array 0 requires grad, .* \.detach\(\)",
        ),
        (lambda: Subset([1, 2], [0, 2]), IndexError, "index 2 is not one of 2 items"),
        (lambda: Subset([1, 2], [-1]), IndexError, "index -1 is not one of 2 items"),
        (lambda: Subset([1, 2], [0.5]), TypeError, r"integers in one row, not float64 \(1,\)"),
        (lambda: Subset([1, 2], [True, False]), TypeError, "not bool"),
        (lambda: random_split([1, 2], [1, 2]), ValueError, r"lengths \[1, 2\] do not divide 2"),
        (lambda: random_split([1, 2], [3, -1]), ValueError, "do not divide 2 items"),
        (lambda: random_split([1, 2], [0.5, 0.4]), ValueError, "do not add up to 1"),
        (
            lambda: random_split([1, 2], [1, 1], rng=3),
            TypeError,
            r"np\.random\.default_rng\(0\), not 3",
        ),
    ],
)
def test_bad_arguments_are_errors_that_say_what_is_needed(make, error, message):
    with pytest.raises(error, match=message):
        make()
