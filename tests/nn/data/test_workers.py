"""The DataLoader's workers: the same batches in the same order, and processes and memory that always end."""

import multiprocessing
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from multiprocessing.shared_memory import SharedMemory

import numpy as np
import pytest
from squares import Squares, rows
from worked import Failing, Half, Kinds, Nested, Stuck, infinite, noisy

from nn.data import DataLoader, TensorDataset, shared, workers
from nn.data.loader import Recipe

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows frees shared memory at once")
GUARD = 100  # seconds after which a test that hangs is given up
BATCHES = 500  # in an epoch, at most


@pytest.fixture(autouse=True)
def token(monkeypatch):
    """What the names of a test's shared memory, and of no other's, have in common; nothing and no process is left."""
    token = secrets.token_hex(5)
    monkeypatch.setattr(workers.secrets, "token_hex", lambda n: token)
    yield token
    assert multiprocessing.active_children() == []
    assert_is_free(token)


def assert_is_free(token):
    for k in range(BATCHES):
        with pytest.raises(FileNotFoundError):
            SharedMemory(f"mg_{token}_{k}")


def wait_for(path):
    deadline = time.monotonic() + GUARD
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.001)


# The same batches ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "prefetch"), [(1, 1), (3, 0), (3, 5)])
def test_any_number_of_workers_gives_the_batches_that_no_worker_gives(count, prefetch):
    def epochs(count, prefetch):
        rng = np.random.default_rng(4)
        x = np.arange(23.0)
        options = {"shuffle": True, "transform": noisy, "num_workers": count, "prefetch": prefetch}
        loader = DataLoader(TensorDataset(x, x), 3, **options, rng=rng)
        return [[(a.tolist(), b.tolist()) for a, b in loader] for _ in range(2)]

    assert epochs(count, prefetch) == epochs(0, 0)


def test_a_transform_draws_for_a_batch_the_same_whichever_batches_came_before():
    def epoch(drop):
        loader = DataLoader(Squares(9), 3, transform=drop, rng=np.random.default_rng(0))
        return [batch[0].tolist() for batch in loader]

    def greedy(batch, rng):
        made = noisy(batch, rng)
        rng.random(batch[1][0])  # more numbers for one batch than for another
        return made

    assert epoch(greedy) == epoch(noisy)


def test_arrays_of_every_layout_and_whatever_is_around_them_arrive_as_they_were():
    def flat(value):
        if isinstance(value, dict):
            value = list(value.items())
        if isinstance(value, (tuple, list)):
            return [type(value), *map(flat, value)]
        if isinstance(value, (np.ndarray, np.generic)):
            return [type(value), value.dtype, value.shape, value.tolist()]
        return value

    here, there = (list(DataLoader(Kinds(), 2, num_workers=n)) for n in (0, 2))
    assert flat(here) == flat(there)
    arrays = [a for batch in there for a in (batch["gaps"], batch["turned"], *batch["pair"])]
    for a in arrays:
        assert a.flags.writeable
        a[...] = 1
    assert not any(np.shares_memory(a, b) for a in arrays for b in arrays if a is not b)


def test_the_contents_of_arrays_are_in_no_pickle(token):
    image = np.ones((100, 100))
    batch = (image, {"gaps": image[::2, ::-1]}, [image.T])
    head, sizes = shared.put(batch, f"mg_{token}_0")
    assert len(head) < 1000
    assert sizes == [80000, 40000, 80000]
    np.testing.assert_array_equal(shared.taken(f"mg_{token}_0", head, sizes)[1]["gaps"], image[::2])


def test_workers_do_about_a_division_by_zero_what_is_set_where_the_loop_is():
    loader = DataLoader(Squares(2), transform=infinite, num_workers=1)
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError, match="divide by zero"):
        list(loader)


def test_two_epochs_at_the_same_time_have_workers_and_memory_of_their_own(monkeypatch, token):
    tokens = [token, token[::-1]]
    monkeypatch.setattr(workers.secrets, "token_hex", lambda n: tokens.pop())
    loader = DataLoader(Squares(4), 2, num_workers=1)
    pairs = [(a.tolist(), b.tolist()) for (_, a), (_, b) in zip(loader, loader, strict=True)]
    assert pairs == [([0, 1], [0, 1]), ([2, 3], [2, 3])]
    assert tokens == []
    assert_is_free(token[::-1])


def test_an_epoch_without_batches_starts_no_worker():
    assert list(DataLoader(Squares(0), 2, num_workers=2)) == []


# Errors --------------------------------------------------------------------------------------------------


def test_an_error_in_a_worker_comes_after_the_good_batches_with_its_traceback():
    batches = iter(DataLoader(Failing(30, "error"), 3, num_workers=2))
    assert [next(batches)[1].tolist() for _ in range(2)] == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(KeyError, match="the file of item seven") as caught:
        next(batches)
    assert caught.value.__notes__[0] == "in item 7 of the Failing"
    assert "The traceback in worker 0:" in caught.value.__notes__[1]
    assert 'raise KeyError("the file of item seven")' in caught.value.__notes__[1]
    assert multiprocessing.active_children() == []


def test_an_error_that_no_pickle_brings_back_is_told_with_its_name():
    with pytest.raises(RuntimeError, match="TwoWords: no way") as caught:
        list(DataLoader(Failing(8, "two words"), 8, num_workers=1))
    assert 'raise TwoWords("no", "way")' in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("how", "message"), [("killed", r"was killed \(-9\) .* by SIGKILL"), ("exit", r"ended \(3\)")]
)
def test_a_worker_that_is_gone_is_an_error_that_says_so(how, message):
    batches = iter(DataLoader(Failing(30, how), 3, num_workers=2))
    assert [next(batches)[1].tolist() for _ in range(2)] == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(RuntimeError, match=rf"worker 0 {message}"):
        next(batches)


def test_the_batches_before_that_of_a_worker_that_is_gone_are_given_first():
    """Also where it has ended before more is asked of it."""
    recipe = Recipe(Failing(30, "killed"), None, (), 0)
    crew = workers._Crew(recipe, np.arange(30).reshape(10, 3), 2)
    crew.start()
    crew.ask(3)
    crew.processes[0].join(GUARD)
    crew.ask(10)
    assert [crew.take(k)[1].tolist() for k in range(2)] == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(RuntimeError, match="worker 0 was killed"):
        crew.take(2)
    crew.close()


def test_a_worker_that_is_killed_while_it_makes_memory_leaves_none():
    """The fixture looks."""
    with pytest.raises(RuntimeError, match="worker 0 was killed"):
        list(DataLoader(Half(4), 2, num_workers=1))


def test_a_worker_that_raised_ends_quietly_whatever_else_it_was_asked_for(capfd):
    recipe = Recipe(Failing(8, "error"), None, (), 0)
    crew = workers._Crew(recipe, np.arange(7, 10)[:, None], 1)
    crew.start()
    crew.ask(3)
    crew.processes[0].join(GUARD)  # it ends by itself: no race with the end that `close` makes
    assert crew.processes[0].exitcode == 0
    with pytest.raises(KeyError, match="the file of item seven"):
        crew.take(0)
    crew.close()
    assert capfd.readouterr().err == ""


def test_an_error_that_is_kept_keeps_no_file_open():
    def kept():
        try:
            list(DataLoader(Failing(8, "error"), 4, num_workers=2))
        except KeyError as error:
            return error

    errors = [kept()]  # the first starts multiprocessing's own tracker
    before = len(os.listdir("/dev/fd"))
    errors += [kept() for _ in range(2)]
    assert len(os.listdir("/dev/fd")) == before


def test_a_loader_in_a_worker_has_no_workers_of_its_own():
    assert len(list(DataLoader(Nested(2, 0), num_workers=1))) == 2
    with pytest.raises(
        RuntimeError, match=r"a worker starts no workers of its own; .* num_workers=0"
    ):
        list(DataLoader(Nested(2, 1), num_workers=1))


def test_what_no_pickle_can_carry_is_refused_before_a_worker_starts():
    with pytest.raises(
        TypeError, match=r"go to the workers as pickles, but: .*lambda.* at the top"
    ):
        list(DataLoader(Squares(3), transform=lambda batch, rng: batch, num_workers=1))


SCRIPT = """
import os, secrets, signal, sys
sys.path[:0] = PATHS
import numpy as np
import nn
from nn.data import DataLoader, TensorDataset
from worked import Stuck

secrets.token_hex = lambda n: TOKEN

def main():
    loader = DataLoader(Stuck(1000, 8, FILE), 2, num_workers=2)
    for x, y in loader:
        print(y, flush=True)

def fitting():
    loader = DataLoader(Stuck(1000, 8, FILE, stays=False), 2, num_workers=2)
    net = nn.Linear(2, 1000)
    nn.fit(net, loader, nn.optim.SGD(net.parameters(), lr=1e-9), epochs=10**6)
"""
GUARDED = "\nif __name__ == '__main__':\n    signal.signal(signal.SIGUSR1, lambda *_: None)\n    START()\n"


def started(tmp_path, token, text):
    script, helpers = tmp_path / "script.py", os.path.dirname(sys.modules["worked"].__file__)
    text = text.replace("PATHS", repr([helpers])).replace("TOKEN", repr(token))
    script.write_text(text.replace("FILE", repr(str(tmp_path / "stuck"))))
    # what Python's helper for shared memory has to say is no error, which it would swallow
    warnings = ("-W", "error", "-W", "default:resource_tracker")
    return subprocess.Popen(
        [sys.executable, *warnings, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def ended(process):
    """What it wrote; it, its workers and their helper have ended then, as all of them can write."""
    try:
        return process.communicate(timeout=GUARD)
    finally:
        process.kill()


def wait_until_stuck(process, tmp_path):
    """Until the epoch has given the four batches before the one that never comes, and can but wait for that."""
    assert [process.stdout.readline() for _ in range(4)][-1] == "[6 7]\n"
    wait_for(tmp_path / "stuck")


@pytest.mark.parametrize("start", ["main", "fitting"])
def test_an_interrupt_of_all_processes_leaves_one_traceback_and_nothing_else(
    tmp_path, token, start
):
    process = started(tmp_path, token, SCRIPT + GUARDED.replace("START", start))
    if start == "main":
        wait_until_stuck(process, tmp_path)
    else:
        wait_for(tmp_path / "stuck")  # the handler of `fit` is there: the moment does not matter
    os.killpg(process.pid, signal.SIGUSR1)  # by which mpiexec asks the parent alone to stop
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = ended(process)
    assert stderr.count("Traceback") == 1, stderr
    assert stderr.strip().splitlines()[-1].startswith("KeyboardInterrupt")
    assert "leaked" not in stderr
    assert process.returncode == -signal.SIGINT


@pytest.mark.parametrize("stuck", [False, True])
def test_workers_end_with_a_parent_that_is_killed_and_leave_no_memory(tmp_path, token, stuck):
    text = SCRIPT if stuck else SCRIPT.replace(", 8,", ", -1,")
    process = started(tmp_path, token, text + GUARDED.replace("START", "main"))
    if stuck:
        wait_until_stuck(process, tmp_path)
    else:
        assert process.stdout.readline() == "[0 1]\n"
    process.kill()
    _, stderr = ended(process)
    assert "Traceback" not in stderr


def test_a_script_that_does_its_work_when_it_is_imported_is_told_what_to_write(tmp_path, token):
    process = started(tmp_path, token, SCRIPT + "\nmain()\n")
    _, stderr = ended(process)
    assert process.returncode == 1
    assert 'a script that uses workers does its work below `if __name__ == "__main__":`' in stderr
    assert "bootstrapping" not in stderr


def test_an_interrupt_while_a_worker_starts_ends_that_one_too(monkeypatch):
    start = workers.SPAWN.Process.start

    def interrupted(process):
        start(process)
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    monkeypatch.setattr(workers.SPAWN.Process, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(DataLoader(Squares(4), num_workers=2))
    assert multiprocessing.active_children() == []


# Leaving early -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["close", "drop", "error"])
def test_an_epoch_left_early_ends_workers_in_the_midst_of_a_batch_and_frees_what_they_made(
    tmp_path, token, end
):
    batches = iter(DataLoader(Stuck(20, 6, tmp_path / "stuck"), 2, num_workers=1, prefetch=5))
    next(batches)
    wait_for(tmp_path / "stuck")  # batches 1 and 2 are in shared memory, 3 never comes
    memory = SharedMemory(f"mg_{token}_2")
    memory.close()
    if end == "close":
        batches.close()
    elif end == "error":
        with pytest.raises(ZeroDivisionError):
            batches.throw(ZeroDivisionError)
    else:
        del batches


def test_an_epoch_left_before_its_first_batch_has_started_nothing():
    batches = iter(DataLoader(Squares(20), 2, num_workers=2))
    assert multiprocessing.active_children() == []
    del batches


def test_a_data_set_stays_as_it_was_in_the_parent():
    dataset = Squares(6)
    assert rows(DataLoader(dataset, 3, num_workers=1)) == [[0, 1, 2], [3, 4, 5]]
    assert vars(dataset) == {"length": 6}
