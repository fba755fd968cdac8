"""The demo that writes: what it learns, prints and draws, and which texts it refuses."""

import math
import re

import numpy as np
import pytest
from demo_runs import (
    assert_is_one_line_of_error,
    assert_is_whole_png,
    files,
    imported,
    interrupted,
    run,
    run_here,
)
from places import DEMOS

pytest.importorskip("matplotlib")
pytest.importorskip("tqdm")


@pytest.fixture
def text(tmp_path):
    """A file in which a few words follow each other at random."""
    words = np.random.default_rng(0).choice(["to be", "or not", "that is", "ünd «7»"], 400)
    path = tmp_path / "text.txt"
    path.write_text("\n".join(words), encoding="utf-8")
    return path


def test_it_learns_writes_and_draws_into_the_folder_out(workplace, text):
    done = run(
        workplace, "shakespeare.py", "--text", text, "--steps", 12, "--length", 30, "--watch"
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # no bar in a log
    assert files(workplace["cwd"]) == {"out/shakespeare.png", "out/shakespeare_training.html"}
    assert_is_whole_png(workplace["cwd"] / "out/shakespeare.png")
    count = len(text.read_text(encoding="utf-8"))
    assert f"{round(0.9 * count):,} characters to learn from" in done.stdout
    measured = dict(re.findall(r"^step +(\d+) .*held out (\d\.\d{4})", done.stdout, re.M))
    assert list(map(int, measured)) == list(range(13))
    assert float(measured["12"]) < 0.75 * float(measured["0"])
    written = "".join(re.findall(r"^    \| (.*\n)", done.stdout, re.M))
    assert 3 * 30 <= len(written) <= 3 * 31
    assert set(written) <= set(text.read_text(encoding="utf-8")) | {"\n"}


def test_the_bigram_model_counts_pairs_and_adds_one():
    with imported("shakespeare") as (demo, _):
        text = np.array([0, 1, 0, 1, 0, 2])
        held_out = np.array([0, 1] * demo.CONTEXT)[: demo.CONTEXT + 1]
        # after 0 come 1, 1, 2: p(1 | 0) = (2 + 1) / (3 + 3); after 1 come 0, 0: p(0 | 1) = 3 / 5
        expected = -(math.log(3 / 6) + math.log(3 / 5)) / 2
        assert demo.bigram_loss(text, held_out, 3) == pytest.approx(expected, rel=1e-12)


def test_the_model_sees_nothing_of_what_it_predicts():
    with imported("shakespeare") as (demo, _):
        model = demo.Writer(5).eval()
        x = np.random.default_rng(0).integers(0, 5, (2, demo.CONTEXT))
        other = x.copy()
        other[:, 20:] = 0
        before, after = (model(a).detach().numpy()[:, :20] for a in (x, other))
        np.testing.assert_array_equal(before, after)


def test_the_text_it_brings_along_is_one_that_it_can_read():
    with imported("shakespeare") as (demo, _):
        letters = demo.read(DEMOS / "as_you_like_it.txt")
        assert len(letters) > 100_000
        assert "All the world's a stage,\nAnd all the men and women merely players:" in letters


def test_a_text_that_is_missing_not_utf_8_or_too_short_is_named(tmp_path, monkeypatch, capsys):
    (tmp_path / "latin").write_bytes("bürgerlich".encode("latin-1") * 100)
    (tmp_path / "short").write_text("To be, or not to be")
    for name, words in (
        ("absent", ["absent", "No such file"]),
        ("latin", ["latin", "not UTF-8", "byte 1"]),
        ("short", ["short", "19 characters", "650"]),
        (".", [tmp_path, "directory"]),
    ):
        arguments = ["--text", tmp_path / name, "--out", tmp_path / "out"]
        done = run_here("shakespeare", *arguments, monkeypatch=monkeypatch, capsys=capsys)
        assert_is_one_line_of_error(done, *words)


@pytest.mark.parametrize("option", ["--steps", "--length"])
def test_a_bad_argument_ends_with_one_line_that_names_it(option, monkeypatch, capsys):
    done = run_here("shakespeare", option, "0", monkeypatch=monkeypatch, capsys=capsys)
    assert_is_one_line_of_error(done, option, "at least 1")


def test_an_interrupt_ends_the_training_at_once_with_one_line_and_no_file(workplace, text):
    arguments = ("--text", text, "--steps", 10**6, "--length", 20)
    code, stderr, seconds = interrupted(workplace, "step     0", "shakespeare.py", *arguments)
    assert code not in (0, None)
    assert "Traceback" not in stderr
    assert stderr.strip().splitlines()[-1].strip() == "interrupted; what was written is complete"
    assert seconds < 10
    assert files(workplace["cwd"]) == set()


@pytest.mark.slow
def test_it_beats_the_bigram_model_by_far_at_the_default_settings(workplace):
    done = run(workplace, "shakespeare.py", timeout=1800)
    assert done.returncode == 0, done.stderr
    bigram = float(re.search(r"of the bigram model (\d\.\d{4})", done.stdout)[1])
    assert float(re.findall(r"held out (\d\.\d{4})", done.stdout)[-1]) < bigram - 0.6
