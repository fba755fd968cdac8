"""fit does what the loop in its docstring does, with every option, and stops at a loss that is no number."""

import inspect
import math
import re
import sys
import textwrap

import numpy as np
import pytest
from fitted import accuracy, bits, data, fitted, halving, setting

import minigrad
import nn
from minigrad import cross_entropy
from nn.data import DataLoader, TensorDataset


def test_fit_learns_and_tells_epoch_by_epoch():
    model, loader, optimizer = setting()
    validation = DataLoader(TensorDataset(*data(seed=2)), 16)
    history = fitted(
        model, loader, optimizer, epochs=15, validation=validation, metrics={"accuracy": accuracy}
    )
    assert [record["epoch"] for record in history] == [*range(1, 16)]
    assert history[-1]["step"] == 15 * 5
    assert history[-1].keys() == {"epoch", "step", "lr", "loss", "validation_loss", "accuracy"}
    assert history[-1]["loss"] < history[0]["loss"]
    assert history[-1]["accuracy"] > 0.75
    assert all(type(value) in (int, float) for record in history for value in record.values())


def test_fit_is_the_loop_that_its_docstring_shows(path):
    (block,) = [
        b for b in inspect.getdoc(nn.fit).split("\n\n") if b.lstrip().startswith("history = []")
    ]
    assert len(block.splitlines()) <= 20

    def run(body):
        model, loader, optimizer = setting()
        schedule = halving(optimizer)
        validation = DataLoader(TensorDataset(*data(seed=2)), 16)
        return body(model, loader, optimizer, schedule, validation), bits(model)

    def by_hand(model, loader, optimizer, schedule, validation):
        names = {
            "model": model, "loader": loader, "optimizer": optimizer, "schedule": schedule, "validation": validation,
            "epochs": 3, "loss": cross_entropy, "clip_norm": 0.5, "checkpoint": path, "rng": loader.rng,
            "nn": nn, "np": np, "math": math, "minigrad": minigrad,
        }  # fmt: skip
        exec(textwrap.dedent(block), names)
        return names["history"]

    def by_fit(model, loader, optimizer, schedule, validation):
        return fitted(
            model, loader, optimizer, epochs=3, schedule=schedule, validation=validation, clip_norm=0.5,
            metrics={"accuracy": accuracy},
        )  # fmt: skip

    (shown, shown_bits), (history, fit_bits) = run(by_hand), run(by_fit)
    assert shown_bits == fit_bits
    assert [r["loss"] for r in shown] == [r["loss"] for r in history]
    assert [r["accuracy"] for r in shown] == pytest.approx([r["accuracy"] for r in history])


# A loss that is no number --------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_and_keeps_the_checkpoint(path, bad):
    model, loader, optimizer = setting()
    fitted(model, loader, optimizer, epochs=2, checkpoint=path)
    good, weights = path.read_bytes(), bits(model)
    calls = []

    def breaks(output, y):
        calls.append(0)
        loss = cross_entropy(output, y)
        return loss if len(calls) < 3 else loss * bad

    message = rf"the loss is {bad} at step 13 \(epoch 3, batch 3\); the checkpoint .* is that after step 10"
    with pytest.raises(FloatingPointError, match=message):
        fitted(model, loader, optimizer, breaks, 4, checkpoint=path, resume=True)
    assert path.read_bytes() == good
    assert bits(model) != weights
    assert all(np.isfinite(p.data).all() for p in model.parameters())


def test_an_update_that_makes_weights_no_numbers_is_not_saved(path):
    x = np.full((4, 3), 1e30, np.float32)
    model = nn.Linear(3, 2)
    optimizer = nn.optim.SGD(model.parameters(), lr=1e30)
    with (
        np.errstate(all="ignore"),
        pytest.raises(
            FloatingPointError,
            match=r"is not finite after step 1 \(epoch 1\); there is no checkpoint yet",
        ),
    ):
        fitted(model, [(x, np.array([0, 1, 0, 1]))], optimizer, checkpoint=path)
    assert not path.exists()


# Options -------------------------------------------------------------------------------------------------


def test_accumulated_batches_make_the_update_of_one_large_batch():
    x, y = data(22)

    def run(batch_size, accumulate):
        model = nn.Linear(3, 2, dtype=np.float64, rng=np.random.default_rng(0))
        loader = [
            (x[i : i + batch_size].astype(float), y[i : i + batch_size])
            for i in range(0, 22, batch_size)
        ]
        optimizer = nn.optim.SGD(model.parameters(), 0.5)
        history = fitted(model, loader, optimizer, epochs=2, accumulate=accumulate)
        return history, model.weight.data

    (large, w), (small, v) = run(12, 1), run(4, 3)
    assert [r["step"] for r in large] == [r["step"] for r in small] == [2, 4]
    np.testing.assert_allclose(v, w, rtol=1e-12)
    assert small[-1]["loss"] == pytest.approx(large[-1]["loss"], rel=1e-12)


@pytest.mark.parametrize("of", [tuple, lambda parts: dict(enumerate(parts))], ids=["tuple", "dict"])
def test_batches_of_several_arrays_are_weighted_by_their_rows(of):
    def run(targets, loss):
        layer = nn.Linear(3, 2, rng=np.random.default_rng(1))
        pairs = [(x, targets(y)) for x, y in DataLoader(TensorDataset(*data()), 16)]
        optimizer = nn.optim.SGD(layer.parameters(), lr=0.1)
        options = {"accumulate": 2, "validation": pairs, "epochs": 3}
        return fitted(layer, pairs, optimizer, loss, **options)

    several = run(lambda y: of((y, y, y)), lambda output, y: cross_entropy(output, y[0]))
    assert several == run(lambda y: y, cross_entropy)
    pairs = [(of((x, x)), of((x, x))) for x in (np.ones(1), np.zeros(3))]
    means = nn.fitting.evaluate(nn.Identity(), pairs, {"mean": lambda o, y: o[0].mean()})
    assert means == {"mean": 0.25}


def test_patience_ends_a_training_that_becomes_no_better():
    model, loader, _ = setting()
    frozen = nn.optim.SGD(model.parameters(), lr=0.0)
    validation = DataLoader(TensorDataset(*data(seed=2)), 40)
    model[1].momentum = 0.0
    history = fitted(model, loader, frozen, epochs=50, validation=validation, patience=3)
    losses = [r["validation_loss"] for r in history]
    assert len(history) < 50
    assert min(losses[-3:]) >= min(losses[:-3])


def test_callbacks_see_every_record_and_may_end_the_training():
    seen = []
    history = fitted(
        *setting(), epochs=9, callbacks=[seen.append, lambda record: record["epoch"] == 3]
    )
    assert seen == history
    assert len(history) == 3


def test_what_callbacks_change_is_what_a_run_goes_on_from(path):
    def run(epochs, **options):
        model, loader, optimizer = setting()

        def halve(record):
            optimizer.lr /= 2
            record["next"] = optimizer.lr

        options["callbacks"] = [halve]
        return fitted(model, loader, optimizer, epochs=epochs, **options), bits(model)

    run(2, checkpoint=path)
    assert run(4, checkpoint=path, resume=True) == run(4)


def test_an_error_in_a_callback_costs_no_epoch(path):
    options = {"checkpoint": path, "resume": True, "epochs": 2}
    with pytest.raises(ZeroDivisionError):
        fitted(*setting(), callbacks=[lambda record: 1 / 0], **options)
    assert [record["step"] for record in fitted(*setting(), **options)] == [5, 10]


def test_a_schedule_that_asks_for_a_loss_gets_it():
    model, loader, optimizer = setting()
    schedule = nn.schedule.ReduceLROnPlateau(optimizer)
    history = fitted(model, loader, optimizer, schedule=schedule)
    assert schedule.best == history[0]["loss"]
    validation = DataLoader(TensorDataset(data()[0][:4], data()[1][:4]), 4)
    schedule = nn.schedule.ReduceLROnPlateau(optimizer)
    history = fitted(model, loader, optimizer, schedule=schedule, validation=validation)
    assert schedule.best == history[0]["validation_loss"]


def test_validation_leaves_every_module_in_its_mode():
    model, loader, _ = setting()
    model[3].eval()
    modes = []
    nn.fitting.evaluate(
        model, loader, {"loss": lambda output, y: modes.append(model[1].training) or 0.0}
    )
    assert modes == [False] * 5
    assert [m.training for m in model] == [True, True, True, False, True, True]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"accumulate": 0}, "accumulate must be an integer >= 1, not 0"),
        ({"patience": 0}, "patience must be an integer >= 1, not 0"),
        ({"epochs": 1.5}, "epochs must be an integer >= 0, not 1.5"),
        ({"metrics": {"accuracy": accuracy}}, "metrics are measured on validation"),
        ({"resume": True}, "to resume, pass the path as checkpoint="),
        ({"schedule_each": "batch"}, 'schedule_each must be "epoch" or "step", not \'batch\''),
        ({"validation": []}, "there is no batch to evaluate on"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        fitted(*setting(), **options)


def test_loaders_that_give_something_else_and_laws_that_need_a_closure_are_refused():
    model, loader, optimizer = setting()
    with pytest.raises(TypeError, match=r"LBFGS asks for .* optimizer\.step\(closure\)"):
        fitted(model, loader, nn.optim.LBFGS(model.parameters()))
    with pytest.raises(TypeError, match=r"the loader gave a ndarray; a pair \(x, y\) is needed"):
        fitted(model, [np.zeros((2, 3))], optimizer)
    with pytest.raises(
        ValueError, match="the loader gave no batch in epoch 2; it must be iterable anew"
    ):
        fitted(model, iter(loader), optimizer, epochs=2)


def test_a_bar_counts_the_updates_on_a_terminal(capsys, monkeypatch):
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    nn.fit(*setting(), accumulate=2)
    seen = capsys.readouterr().err
    assert "epoch 1: 100%" in seen
    assert "epoch 1/1" not in seen
    fitted(*setting())
    assert capsys.readouterr().err == ""


LINE = r"epoch {}/3  loss \d\.\d{{4}}  validation_loss \d\.\d{{4}}  accuracy \d\.\d{{4}}  \d+\.\d s"


@pytest.mark.parametrize("is_terminal", [False, True], ids=["a log", "a terminal without tqdm"])
def test_a_line_tells_of_each_epoch_where_no_bar_is_shown(capsys, monkeypatch, is_terminal):
    if is_terminal:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(nn.threads, "say_once", lambda: None)
    validation = DataLoader(TensorDataset(*data(seed=2)), 16)
    measured = {"validation": validation, "metrics": {"accuracy": accuracy}}
    history = nn.fit(*setting(), epochs=3, **measured)
    out, err = capsys.readouterr()
    assert out == ""
    assert "\r" not in err
    lines = err.splitlines()
    assert len(lines) == 3
    for i, line in enumerate(lines, 1):
        assert re.fullmatch(LINE.format(i), line)
    assert f"loss {history[1]['loss']:.4f}" in lines[1]
    fitted(*setting(), **measured)
    assert capsys.readouterr() == ("", "")
