"""How the tests run: on which cores, with how many threads, and where helpers and fixtures are."""

import gc
import os
import signal
from importlib.util import find_spec
from pathlib import Path

import hypothesis
import pytest

MOST_WORKERS = 4  # each imports PyTorch and collects every test before it runs one
HELPERS = Path(__file__).parent / "helpers"
PACKAGES = Path(find_spec("minigrad").origin).parents[1]

# A thread of BLAS in each process, as there is a process per core. NumPy reads this when it is imported: the fixtures
# are the first to do so, in the process that distributes the tests, in those that run them, and in what these start.
for library in ("OPENBLAS", "OMP", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

# What tests start in a process of its own imports the minigrad that they import, also where another is installed.
found = os.environ.get("PYTHONPATH", "").split(os.pathsep)
os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([str(PACKAGES), *filter(None, found)]))

# A shell that starts a command in the background lets it ignore Ctrl-C, which tests send, to themselves and to others.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples in every run and worker, and however long they take: a machine may be busy.
hypothesis.settings.register_profile(
    "repeatable",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("repeatable")

# An assert that fails in a helper tells its values, as one in a test does.
pytest.register_assert_rewrite(*sorted({path.stem for path in HELPERS.iterdir()}))
pytest_plugins = ["shared_fixtures"]


def pytest_xdist_auto_num_workers(config):
    """For `-n auto`: a worker per core that this process may use, where the system tells them from the machine's."""
    of_process = getattr(os, "sched_getaffinity", None)
    cores = len(of_process(0)) if of_process else os.cpu_count() or 1
    return min(cores, MOST_WORKERS)


def pytest_collection(session):
    """Nearly all that is made from here to the first test stays: to look for garbage in it takes seconds."""
    gc.disable()


def pytest_collection_finish(session):
    """All that is alive now stays: where a test calls the garbage collector, it need not look at 66,000 tests."""
    gc.collect()
    gc.freeze()
    gc.enable()
