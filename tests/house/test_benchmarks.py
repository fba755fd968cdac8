"""The benchmarks compare what is equal: every engine makes the same step, and what is measured is said rightly."""

import importlib.metadata
import json
import runpy
import statistics
import subprocess
import sys
import time
import types

import machine
import memory
import numpy as np
import pytest
import tables
from eager import Training
from engines import ENGINES, is_installed
from places import BENCHMARKS, HELPERS
from results import Results
from step_of_engine import after_a_step, small
from turns import turns
from workloads import WORKLOADS, find

import minigrad
import nn


def after_a_step_alone(name, workload, path):
    """The same, of an engine in a process of its own."""
    subprocess.run(
        [sys.executable, HELPERS / "step_of_engine.py", name, workload, path], check=True
    )
    with np.load(path) as found:
        state = {key[6:]: found[key] for key in found.files if key.startswith("state ")}
        return found["loss"].item(), state


@pytest.mark.parametrize("workload", WORKLOADS)
@pytest.mark.parametrize("name", [name for name in ENGINES if name != "numpy"])
def test_every_engine_makes_the_step_that_is_derived_by_hand(name, workload, tmp_path):
    if not is_installed(name):
        pytest.skip(f"{ENGINES[name].title} is not installed")
    begun = small(workload)
    if name == "autograd" and len(begun.input_shape) > 1:
        pytest.skip("HIPS/autograd has no convolution of images")
    if name == "jax":
        loss, state = after_a_step_alone(name, workload, tmp_path / "step.npz")
    else:
        loss, state = after_a_step(name, workload)
    expected_loss, expected = after_a_step("numpy", workload)
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    assert sorted(state) == sorted(expected) == sorted(begun.state())
    for key, initial in begun.state().items():
        assert state[key].dtype == np.float32
        assert not np.array_equal(expected[key], initial)
        moved, expected_move = state[key] - initial, expected[key] - initial
        np.testing.assert_allclose(moved, expected_move, rtol=1e-3, atol=1e-7, err_msg=key)


def test_a_picture_is_measured_in_seconds_and_a_page_in_bytes_too():
    ((round_,), failed) = turns("pictures", ["minigrad"], "9", 1)
    assert not failed
    assert list(round_["minigrad"]) == ["trace", "draw", "page", "page's file"]
    assert all(value > 0 for value in round_["minigrad"].values())


def test_a_perceptron_of_any_size_has_a_name():
    workload = find("dense-7-5*3-4")
    assert workload.batch == 7
    assert [value.shape for value in workload.state().values()] == [
        (5, 5), (5,), (5, 5), (5,), (4, 5), (4,)
    ]  # fmt: skip
    with pytest.raises(ValueError, match="no workload 'spirl'; there are spiral"):
        find("spirl")


def test_the_backward_of_a_layer_is_what_its_own_rules_took(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def lasting(seconds):
        def rule(g):
            now[0] += seconds
            return g

        return minigrad.elementwise(lambda x: x.copy(), x=rule)

    class Slow(nn.Module):
        def __init__(self, seconds):
            self.op = lasting(seconds)

        def forward(self, x):
            now[0] += 0.5
            return self.op(x)

    class SlowSGD(nn.optim.SGD):
        def step(self):
            now[0] += 7.0

    model = nn.Sequential(nn.Linear(3, 3), Slow(20.0), nn.ReLU(), Slow(40.0))
    optimizer = SlowSGD(model.parameters())
    training = Training(
        model, minigrad.cross_entropy, optimizer, np.ones((2, 3), np.float32), np.zeros(2, int)
    )
    seconds = training.seconds_by_layer(["linear", "slow", "relu", "slower"])
    parts = ["0 linear", "1 slow", "2 relu", "3 slower", "cross-entropy"]
    assert set(seconds) == {f"{p}, {way}ward" for p in parts for way in ("for", "back")} | {"SGD"}
    taken = {part: value for part, value in seconds.items() if value}
    assert taken == {
        "1 slow, forward": 0.5,
        "3 slower, forward": 0.5,
        "1 slow, backward": 20.0,
        "3 slower, backward": 40.0,
        "SGD": 7.0,
    }


@pytest.mark.skipif(not memory.STATUS.exists(), reason="needs /proc")
def test_the_memory_of_a_step_counts_what_is_held_for_a_moment():
    class Engine:
        @staticmethod
        def start(workload):
            return lambda: np.ones(16_000_000, np.float32), None

    measured = memory.job(Engine, "spiral")()
    assert 60e6 < measured["above import"] < 100e6
    assert measured["peak"] > measured["above import"]


def test_an_engine_that_fails_is_named_and_the_others_go_on():
    rounds, failed = turns("layers", ["numpy", "minigrad"], "dense-2-3-2", 1)
    assert list(failed) == ["numpy"]
    assert "AttributeError" in failed["numpy"]
    assert [list(taken) for taken in rounds] == [["minigrad"]]


def report(*ratios):
    """A report of one case, in which minigrad's ratios to PyTorch were these."""
    results = Results("torch", len(ratios))
    results.add("spiral", [{"minigrad": 3e-4 * r, "torch": 3e-4} for r in ratios])
    return {"about": {"date": "2000-01-01", "cores": "2"}, **results.plain()}


def test_ratios_are_taken_pair_by_pair():
    results = Results("torch", 3)
    results.add("x", [{"minigrad": m, "torch": t} for m, t in ((1, 2), (10, 20), (90, 100))])
    assert [(r.engine, r.value, r.ratio and r.ratio[1]) for r in results.records] == [
        ("minigrad", 10, 0.5),
        ("torch", 20, None),
    ]


NINE = [1.0 + 0.01 * i for i in range(9)]


@pytest.mark.parametrize(
    ("before", "now", "sign"),
    [
        ([1.0, 1.1, 1.2], [0.8, 0.85, 0.9], tables.LESS),
        ([1.0, 1.1, 1.2], [1.3, 1.4, 1.5], tables.MORE),
        ([1.0, 1.1, 1.2], [0.8, 0.9, 1.05], ""),
        ([1.0, 1.1, 1.2], [1.15, 1.3, 1.4], ""),
        ([0.7, *NINE], [r - 0.2 for r in NINE] + [1.3], tables.LESS),
    ],
)
def test_a_change_is_marked_if_it_is_beyond_the_spread_of_the_rounds(before, now, sign):
    text = tables.table("steps", report(*now), report(*before))
    row = next(line for line in text.splitlines() if "spiral" in line)
    new, old = statistics.median(now), statistics.median(before)
    assert f"{new:.2f} (was {old:.2f}{sign and ' ' + sign})" in row
    lines = list(tables.moved({"steps": report(*now)}, {"steps": report(*before)}))
    assert [line[0] for line in lines] == [sign] * bool(sign)


def test_a_table_has_as_many_cells_in_every_row_and_a_dash_for_what_is_missing():
    results = Results("torch", 1)
    results.add("a", [{"torch": 2.0, "minigrad": 0.001}])
    results.add("b", [{"torch": 2e-5}])
    text = tables.table("steps", {"about": {}, **results.plain()}, None)
    rows = [[c.strip() for c in r.split("|")] for r in text.splitlines() if r.startswith("|")]
    assert {len(row) for row in rows} == {5}
    assert rows[2:] == [["", "a", "2.00 s", "1.00 ms, 0.00", ""], ["", "b", "20.0 us", "-", ""]]


def test_ratios_to_another_engine_are_not_compared():
    before = {**report(1.0, 1.1, 1.2), "reference": "numpy"}
    assert "(was" not in tables.table("steps", report(2.0, 2.1, 2.2), before)


def test_of_a_single_round_no_change_is_marked():
    text = tables.table("steps", report(2.0), report(1.0))
    assert "2.00 (was 1.00)" in text


def command(*arguments):
    whole = [sys.executable, str(BENCHMARKS), *map(str, arguments)]
    return subprocess.run(whole, capture_output=True, text=True)


def test_the_command_prints_a_table_and_writes_numbers_for_machines(tmp_path):
    path = tmp_path / "numbers.json"
    told = ["--only", "imports", "--rounds", 1, "--engines", "minigrad", "--json", path]
    text = command(*told).stdout
    assert "| import " in text
    assert f"NumPy {np.__version__}" in text
    numbers = json.loads(path.read_text(encoding="utf-8"))["imports"]
    assert {record["engine"] for record in numbers["records"]} == {"numpy", "minigrad"}
    assert list(tmp_path.iterdir()) == [path]  # and no unfinished file
    assert "(was " in command(*told[:-1], "-", "--compare", path).stderr


def begun(monkeypatch, path, *arguments):
    """The command in this process, with reports that take no time, as `python tests/benchmarks` runs it."""
    main = runpy.run_path(str(BENCHMARKS / "__main__.py"))["main"]
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--json", str(path), *arguments])
    return main


def quick(*ratios, error=None):
    """A module of a report: it measures these ratios, or raises."""

    def measure(chosen):
        if error:
            raise error
        results = Results("torch", len(ratios))
        results.add("spiral", [{"minigrad": r, "torch": 1.0} for r in ratios])
        return results

    return types.SimpleNamespace(__doc__="Quick.", ROUNDS=1, measure=measure)


def test_an_interrupted_run_leaves_the_reports_that_were_done(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "steps", quick(1.0))
    monkeypatch.setitem(sys.modules, "memory", quick(error=KeyboardInterrupt()))
    path = tmp_path / "numbers.json"
    main = begun(monkeypatch, path, "--only", "steps", "memory")
    with pytest.raises(KeyboardInterrupt):
        main()
    assert list(json.loads(path.read_text(encoding="utf-8"))) == ["steps"]


def test_a_report_that_cannot_be_made_is_named_before_another_is_measured(
    tmp_path, monkeypatch, capsys
):
    def missing():
        raise FileNotFoundError("no digits here")

    train = quick(1.0)
    train.ask = missing
    steps = quick(1.0)
    steps.measure = lambda chosen: print("measuring") or quick(1.0).measure(chosen)
    monkeypatch.setitem(sys.modules, "steps", steps)
    monkeypatch.setitem(sys.modules, "train", train)
    begun(monkeypatch, tmp_path / "numbers.json", "--only", "steps", "train")()
    text = capsys.readouterr().out
    assert text.index("train left out: no digits here") < text.index("measuring")
    assert "## steps" in text


def test_a_package_without_a_known_version_ends_no_run(monkeypatch):
    def unknown(package):
        raise importlib.metadata.PackageNotFoundError(package)

    monkeypatch.setattr(importlib.metadata, "version", unknown)
    assert machine.about(["numpy", "minigrad"])["minigrad"].endswith("(not installed)")


def test_the_line_says_how_loaded_the_machine_was_before_and_after():
    about = machine.about(["numpy"]) | machine.loads(0.5, 2.25)
    assert "load 0.50 before, 2.25 after" in machine.line(about)
    assert machine.loads(None, 1.0) == {}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--compare", "{tmp}/none.json"], "none.json"),
        (["--compare", "{tmp}/other.json"], "other.json is no file that --json or --baseline"),
        (["--json", "{tmp}/none/x.json"], "there is no folder"),
        (["--json", "{tmp}"], "is one itself"),
        (["--baseline", "--workloads", "spiral"], "leave out --workloads and --engines"),
        (["--rounds", "0"], "must be at least 1, not 0"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_measured(tmp_path, arguments, words):
    (tmp_path / "other.json").write_text("[1]")
    done = command(*(argument.format(tmp=tmp_path) for argument in arguments))
    assert done.returncode != 0
    assert words in done.stderr
    assert "Traceback" not in done.stderr
