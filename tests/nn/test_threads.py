"""What is said of BLAS's threads: only where they have no cores, with the remedy, and once."""

import re

import pytest

from nn import threads


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine with so many cores, a quota, a load, and variables of the environment."""

    def make(cores, quota="max 100000", load=0.0, **environment):
        for name in ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        (tmp_path / "cpu.max").write_text(quota)
        monkeypatch.setattr(threads, "QUOTA", tmp_path / "cpu.max")
        monkeypatch.setattr(threads, "_seen", lambda: cores)
        monkeypatch.setattr(threads, "_load", lambda: load)

    return make


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"cores": 4}, None),
        ({"cores": 4, "quota": "400000 100000"}, None),
        ({"cores": 4, "quota": "200000 100000"}, "4 threads, and 2 cores .*OPENBLAS_NUM_THREADS=2 before"),
        ({"cores": 4, "quota": "50000 100000"}, "4 threads, and 0.5 cores .*OPENBLAS_NUM_THREADS=1 before"),
        ({"cores": 4, "quota": "200000 100000", "OPENBLAS_NUM_THREADS": "2"}, None),
        ({"cores": 2, "OMP_NUM_THREADS": "8"}, "8 threads, and 2 cores"),
        ({"cores": 2, "load": 1.5}, None),
        ({"cores": 2, "load": 2.5}, "other work keeps all 2 cores busy.*OPENBLAS_NUM_THREADS=1 before"),
        ({"cores": 2, "load": 9.0, "OPENBLAS_NUM_THREADS": "1"}, None),
        ({"cores": 4, "quota": "of another kind"}, None),
    ],
)  # fmt: skip
def test_the_advice_names_threads_cores_and_the_remedy(machine, given, said):
    machine(**given)
    text = threads.advice()
    assert bool(text) == bool(said)
    if said:
        assert re.search(said, text)


def test_it_is_said_once(machine, capsys):
    machine(4, "100000 100000")
    threads.say_once.cache_clear()
    threads.say_once()
    threads.say_once()
    assert capsys.readouterr().err.count("OPENBLAS_NUM_THREADS=1") == 1
    threads.say_once.cache_clear()
