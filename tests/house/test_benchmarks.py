"""The benchmarks compare what is equal: every engine makes the same step, and what is measured is said rightly."""

import importlib
import importlib.metadata
import json
import os
import runpy
import statistics
import subprocess
import sys
import time
import types

import machine
import memory
import numpy as np
import paper
import pytest
import tables
from eager import Training
from engines import ENGINES, is_installed
from places import BENCHMARKS, HELPERS
from results import Results
from step_of_engine import after_steps, small
from turns import ONE_THREAD, turns
from workloads import ON_REQUEST, WORKLOADS, find

import minigrad
import nn
from nn.parallel.exchange import Exchange


def after_steps_alone(name, workload, path):
    """The same, of an engine in a process of its own."""
    subprocess.run(
        [sys.executable, HELPERS / "step_of_engine.py", name, workload, path], check=True
    )
    with np.load(path) as found:
        states = [{k[2:]: found[k] for k in found.files if k.startswith(f"{i} ")} for i in (0, 1)]
        return found["losses"].tolist(), *states


def reference_of(workload):
    """Backpropagation by hand, or for workloads that it leaves out PyTorch."""
    try:
        return "numpy", after_steps("numpy", workload)
    except NotImplementedError:
        pytest.importorskip("torch", reason=f"{workload} is compared with PyTorch")
        return "torch", after_steps("torch", workload)


@pytest.mark.parametrize("workload", [*WORKLOADS, *ON_REQUEST])
@pytest.mark.parametrize(
    "name",
    [  # that of JAX compiles for a second or two
        pytest.param(name, marks=[pytest.mark.slow] if name == "jax" else [])
        for name in ENGINES
        if name != "numpy"
    ],
)
def test_every_engine_makes_the_same_steps(name, workload, tmp_path):
    if not is_installed(name):
        pytest.skip(f"{ENGINES[name].title} is not installed")
    if name in ("mygrad", "autograd"):
        try:
            importlib.import_module(ENGINES[name].module).start(small(workload))
        except NotImplementedError:
            pytest.skip(f"{workload} is not written for {ENGINES[name].title}")
    reference, (losses, first, last) = reference_of(workload)
    if name == reference:
        pytest.skip("the others are compared with it")
    alone = name == "jax"
    more = (tmp_path / "steps.npz",) if alone else ()
    found = (after_steps_alone if alone else after_steps)(name, workload, *more)
    begun = small(workload).state()
    assert sorted(found[1]) == sorted(first) == sorted(begun)
    assert found[0] == pytest.approx(losses, rel=1e-5)
    for key, initial in begun.items():
        assert found[1][key].dtype.kind == initial.dtype.kind
        assert found[1][key].dtype.itemsize == 4 or initial.dtype.kind == "i"
        assert not np.array_equal(first[key], initial)
        # the first step number by number; numbers of size 1, of norms and tables, are rounded to 1e-7 of it
        near = max(1e-7, 3 * np.spacing(np.abs(initial).max())) if initial.dtype.kind == "f" else 0
        moved, expected = found[1][key] - initial, first[key] - initial
        np.testing.assert_allclose(moved, expected, rtol=1e-3, atol=near, err_msg=key)
        # then as a whole: where the input of a relu is 0 but for rounding, one of thousands, it turns either way
        moved, expected = found[2][key] - initial, last[key] - initial
        apart = np.linalg.norm(moved - expected)
        assert apart <= 0.02 * np.linalg.norm(expected) + near * initial.size**0.5, key


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
    assert set(seconds) == {f"{p}, {way}ward" for p in parts for way in ("for", "back")} | {
        "update"
    }
    taken = {part: value for part, value in seconds.items() if value}
    assert taken == {
        "1 slow, forward": 0.5,
        "3 slower, forward": 0.5,
        "1 slow, backward": 20.0,
        "3 slower, backward": 40.0,
        "update": 7.0,
    }


@pytest.mark.skipif(not memory.STATUS.exists(), reason="needs /proc")
def test_the_memory_of_a_step_counts_what_is_held_for_a_moment():
    # in a process of its own, as the benchmark has it: here other tests' memory may become free meanwhile
    code = """if True:
        import memory, numpy as np
        class Engine:
            start = staticmethod(lambda workload: (lambda: np.ones(16_000_000, np.float32), None))
        measured = memory.job(Engine, "spiral")()
        assert 60e6 < measured["above import"] < 100e6, measured
        assert measured["peak"] > measured["above import"]
    """
    subprocess.run([sys.executable, "-c", code], check=True, cwd=BENCHMARKS)


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


def test_a_report_of_several_tables_prints_each_with_its_own_rows():
    results = Results("torch", 1)
    for table, seconds in (("", 1.0), ("alone", 3.0)):
        results.add("a", [{"torch": 2.0, "minigrad": seconds}], table=table)
    before, now = ({"about": {"date": "", "cores": "2"}, **results.plain()} for _ in range(2))
    rows = [line for line in tables.table("steps", now, before).splitlines() if "|" in line]
    assert [row.split("|")[1].strip() for row in rows[::3]] == ["steps", "steps, alone"]
    assert "0.50 (was 0.50)" in rows[2]
    assert "1.50 (was 1.50)" in rows[5]


def test_on_paper_the_messages_are_those_that_are_sent():
    class Recording:
        def __init__(self):
            self.sent = []

        def sum(self, array):
            self.sent.append(array.nbytes)

    assert sum(paper.resnet18()) == 4 * 11_689_512
    for sizes in paper.NETS.values():
        ranks = Recording()
        Exchange(ranks).mean([np.zeros(size // 4, np.float32) for size in sizes], 0.5)
        assert paper.messages(sizes) == ranks.sent


def test_on_paper_an_exchange_of_two_ranks_is_two_latencies_and_its_bytes_once():
    assert paper.seconds([1000], 2, bits=8e6, alpha=0.5) == pytest.approx(0.5 + 2 * 0.5 + 1e-3)


def test_an_engine_left_out_of_several_cases_for_one_reason_is_named_once():
    results = Results("torch", 1)
    for case in ("a", "b"):
        results.left_out(case, {"mygrad": "not written here"})
    assert results.plain()["notes"] == ["MyGrad left out of a, b: not written here"]


def test_an_engine_asked_for_one_thread_computes_in_one(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    (tmp_path / "threads.py").write_text(
        "import torch\ndef job(engine, what): return lambda: {'count': torch.get_num_threads()}\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    for name in ONE_THREAD:
        monkeypatch.setenv(name, "2")
    for one_thread, count in ((False, 2), (True, 1)):
        ((round_,), failed) = turns("threads", ["torch"], "", 1, one_thread=one_thread)
        assert not failed
        assert round_["torch"]["count"] == count


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
