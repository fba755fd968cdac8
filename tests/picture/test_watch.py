"""Watching a training: what is seen of a step, how much is kept, and what is said of it."""

from __future__ import annotations

import gc
import math
import re
import threading
import tracemalloc

import numpy as np
import pytest
from pages import data_in

import minigrad as mg
import nn
from minigrad import Tensor, picture


def data(rng, *shape, classes=3):
    return rng.standard_normal(shape).astype(np.float32), rng.integers(0, classes, shape[0])


def train(model, optimizer, watch, steps, batch=16, features=2, rng=None):
    """Steps on random data, whose arrays are given back: what each parameter was, its gradient, what it became."""
    rng = rng or np.random.default_rng(0)
    seen = []
    for _ in range(steps):
        x, y = data(rng, batch, features)
        before = {n: p.data.copy() for n, p in model.named_parameters()}
        with watch:
            loss = mg.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            grads = {
                n: p.grad.numpy().copy() for n, p in model.named_parameters() if p.grad is not None
            }
            optimizer.step()
        watch.note(loss=loss)
        after = {n: p.data.copy() for n, p in model.named_parameters()}
        seen.append((before, grads, after, loss.item()))
    return seen


def small(rng=None):
    model = nn.MLP([2, 5, 3], rng=rng or np.random.default_rng(0))
    return model, nn.optim.SGD(model.parameters(), lr=0.1)


def norm(array):
    return math.sqrt((array.astype(np.float64) ** 2).sum())


# --- what is seen -----------------------------------------------------------------------------


def test_norms_and_updates_are_those_of_the_arrays_themselves():
    model, optimizer = small()
    watch = picture.watch(model, every=3)
    seen = train(model, optimizer, watch, 10)
    history = watch.history()
    assert history["steps"] == [0, 3, 6, 9]
    assert history["count"] == 10
    for parameter in history["parameters"]:
        name = parameter["name"]
        for place, step in enumerate(history["steps"]):
            before, grads, after, _ = seen[step]
            assert parameter["gradient"][place] == pytest.approx(norm(grads[name]))
            assert parameter["weight"][place] == pytest.approx(norm(before[name]))
            ratio = norm(after[name] - before[name]) / norm(before[name])
            assert parameter["update"][place] == pytest.approx(ratio)
    assert history["notes"] == {"loss": [seen[step][3] for step in history["steps"]]}


def test_parameters_come_in_the_order_of_the_layers():
    model, optimizer = small()
    watch = picture.watch(model)
    train(model, optimizer, watch, 1)
    names = [p["name"] for p in watch.history()["parameters"]]
    assert names == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert watch.history()["parameters"][0]["shape"] == [5, 2]


def test_a_gradient_is_seen_before_it_is_clipped_or_forgotten():
    model, optimizer = small()
    watch = picture.watch(model)
    x, y = data(np.random.default_rng(0), 8, 2)
    with watch:
        mg.cross_entropy(model(x), y).backward()
        true = norm(model[0].weight.grad.numpy())
        model[0].weight.grad.data[...] = 0
        optimizer.zero_grad()
    assert watch.samples[0].parameters["0.weight"].gradient == pytest.approx(true)


def test_gradients_that_add_up_over_several_backwards_are_seen_as_their_sum():
    model, optimizer = small()
    watch = picture.watch(model)
    rng = np.random.default_rng(0)
    with watch:
        for _ in range(3):
            x, y = data(rng, 8, 2)
            mg.cross_entropy(model(x), y).backward()
        optimizer.step()
    for name, p in model.named_parameters():
        assert watch.samples[0].parameters[name].gradient == pytest.approx(norm(p.grad.numpy()))


def test_a_dead_relu_is_one_that_gave_zero_for_the_whole_batch():
    model, _ = small()
    model[0].bias.assign(np.array([0, -1e3, 0, -1e3, 1e3], np.float32))
    watch = picture.watch(model, every=1)
    x, y = data(np.random.default_rng(0), 64, 2)
    hidden = mg.relu(model[0](x)).numpy()
    with watch:
        mg.cross_entropy(model[2](mg.relu(model[0](x))), y)
    assert watch.samples[0].relus == {"relu": ((hidden == 0).all(axis=0).sum(), 5)}
    with watch:
        mg.cross_entropy(model(x), y).backward()
    assert watch.samples[1].relus == {"1.relu": (2, 5)}


def test_behind_a_convolution_a_unit_is_a_channel():
    model = nn.CNN((1, 8, 8), channels=[4], hidden=[6], classes=3)
    model[0].bias.assign(np.array([0, -1e3, 0, 0], np.float32))
    watch = picture.watch(model)
    x, y = data(np.random.default_rng(0), 5, 1, 8, 8)
    with watch:
        mg.cross_entropy(model(x), y).backward()
    assert watch.samples[0].relus["1.relu"] == (1, 4)
    assert watch.samples[0].relus["5.relu"][1] == 6


@pytest.mark.parametrize(("convolved", "units"), [(True, 4), (False, 6)])
def test_units_of_a_signal_are_channels_behind_a_convolution_and_features_elsewhere(
    convolved, units
):
    w = Tensor(np.ones((4, 2, 1) if convolved else (6, 6)), requires_grad=True)
    x = np.ones((3, 2, 6))
    watch = picture.watch({"w": w})
    with watch:
        y = mg.conv1d(x, w) if convolved else x @ w
        mg.relu(y + 1.0).sum().backward()
    assert watch.samples[0].relus["relu"] == (0, units)


def test_relus_without_a_module_and_those_called_twice_are_told_apart():
    class Net(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(3, 3)
            self.act = nn.ReLU()

        def forward(self, x):
            return mg.relu(self.act(self.layer(self.act(self.layer(x)))))

    model = Net()
    watch = picture.watch(model)
    with watch:
        model(np.ones((2, 3), np.float32)).sum().backward()
    assert list(watch.samples[0].relus) == ["act.relu", "act.relu (2)", "relu"]


def test_relus_of_a_validation_without_gradient_are_not_counted():
    model, _ = small()
    watch = picture.watch(model)
    with watch, mg.no_grad():
        model(np.ones((2, 2), np.float32))
    assert watch.samples[0].relus == {}


def test_a_checkpoint_that_computes_again_is_seen_once():
    model, _ = small()
    watch = picture.watch(model)
    with watch:
        mg.checkpoint(model)(np.ones((2, 2), np.float32)).sum().backward()
    assert list(watch.samples[0].relus) == ["1.relu"]
    for name, p in model.named_parameters():
        assert watch.samples[0].parameters[name].gradient == pytest.approx(norm(p.grad.numpy()))


def test_relus_of_another_model_are_not_counted():
    (model, _), (other, _) = small(), small()
    watch = picture.watch(model)
    with watch:
        other(np.ones((2, 2), np.float32)).sum().backward()
    assert watch.samples[0].relus == {}


def test_frozen_parameters_and_those_without_gradient_have_none():
    model, optimizer = small()
    model[0].requires_grad_(False)
    model.extra = nn.Parameter([1.0])
    watch = picture.watch(model)
    train(model, optimizer, watch, 1)
    history = watch.history()
    found = {p["name"]: (p["frozen"], p["gradient"], p["update"]) for p in history["parameters"]}
    assert found["0.weight"] == (True, [None], [None])
    assert found["extra"] == (False, [None], [0.0])
    assert found["2.bias"][1][0] > 0


def test_parameters_that_are_thawed_or_replaced_are_seen_from_then_on():
    model, _ = small()
    model[0].requires_grad_(False)
    watch = picture.watch(model, every=1)
    train(model, nn.optim.SGD(model.parameters(), 0.1), watch, 2)
    model[0].requires_grad_(True)
    model[2].weight = nn.Parameter(np.ones((3, 5), np.float32))
    train(model, nn.optim.SGD(model.parameters(), 0.1), watch, 2)
    first, last = watch.history()["parameters"][0], watch.history()["parameters"][2]
    assert [g is None for g in first["gradient"]] == [True, True, False, False]
    assert first["frozen"] is False
    assert None not in last["gradient"]


def test_two_models_are_watched_side_by_side():
    (one, of_one), (two, of_two) = small(), small(np.random.default_rng(1))
    first, second = picture.watch(one, every=1), picture.watch(two, every=2)
    x, y = data(np.random.default_rng(0), 8, 2)
    for _ in range(4):
        with first, second:
            loss = mg.cross_entropy(one(x), y) + mg.cross_entropy(two(x), y)
            for optimizer in (of_one, of_two):
                optimizer.zero_grad()
            loss.backward()
            of_one.step()
            of_two.step()
    assert [len(first.samples), len(second.samples)] == [4, 2]
    for watch, model in ((first, one), (second, two)):
        assert list(watch.samples[0].relus) == ["1.relu"]
        norms = {n: norm(p.grad.numpy()) for n, p in model.named_parameters()}
        if watch is first:
            seen = watch.samples[-1].parameters
            assert {n: seen[n].gradient for n in norms} == pytest.approx(norms)


def test_a_dict_of_tensors_is_watched_like_a_module():
    w = Tensor([3.0, 4.0], requires_grad=True)
    watch = picture.watch(iter([("w", w)]), every=1)
    for _ in range(2):
        with watch:
            (w * w).sum().backward()
            w.grad = None
    assert [s.parameters["w"].gradient for s in watch.samples] == [10.0, 10.0]


def test_numbers_that_are_not_finite_are_seen_without_a_warning():
    w = Tensor(np.array([1e38, 1.0], np.float32), requires_grad=True)
    watch = picture.watch({"w": w}, every=1)
    for value in (np.inf, np.nan, 1.0):
        with watch:
            w.grad = None
            (w + 1.0).backward(np.array([2e38, 2e38], np.float32))
            w.assign(np.array([value, 1.0], np.float32))
    seen = [sample.parameters["w"] for sample in watch.samples]
    assert [s.gradient for s in seen] == [pytest.approx(2e38 * 2**0.5)] * 3
    assert [seen[0].weight, seen[1].weight] == [pytest.approx(1e38), math.inf]
    assert math.isinf(seen[0].update)
    assert math.isnan(seen[1].update)


# --- what it leaves as it was -----------------------------------------------------------------


def test_training_is_the_same_bit_for_bit():
    ends = []
    for every in (1, 10**9, None):
        model, optimizer = small()
        watch = picture.watch(model, every=every or 7)
        train(model, optimizer, watch, 30)
        ends.append({n: a.tobytes() for n, a in model.state_dict().items()})
    assert ends[0] == ends[1] == ends[2]


def test_no_hook_and_no_recording_is_left_behind():
    model, optimizer = small()
    watch = picture.watch(model, every=1)
    train(model, optimizer, watch, 2)
    assert not mg.is_recording()
    assert not any(p._hooks for p in model.parameters())


def test_a_step_that_fails_is_not_counted_and_leaves_nothing_behind():
    model, optimizer = small()
    watch = picture.watch(model, every=2)
    with pytest.raises(ZeroDivisionError), watch:
        raise ZeroDivisionError
    watch.note(loss=1.0)
    assert not mg.is_recording()
    assert not any(p._hooks for p in model.parameters())
    assert (watch.steps, watch.samples) == (0, [])
    train(model, optimizer, watch, 1)
    assert [s.step for s in watch.samples] == [0]


def test_a_step_that_is_not_looked_at_does_not_record():
    model, _ = small()
    watch = picture.watch(model, every=2)
    looked = []
    for _ in range(4):
        with watch:
            looked.append(mg.is_recording())
            watch.note(loss=1.0)
    assert looked == [True, False, True, False]


def test_the_watch_of_another_thread_does_not_see_this_one():
    model, _ = small()
    watch = picture.watch(model)
    x = np.ones((2, 2), np.float32)
    with watch:
        thread = threading.Thread(target=lambda: model(x))
        thread.start()
        thread.join()
    assert watch.samples[0].relus == {}


# --- how much is kept -------------------------------------------------------------------------


def test_a_full_history_is_thinned_and_the_interval_doubled():
    watch = picture.watch({"w": Tensor([1.0], requires_grad=True)}, every=2, keep=4)
    for _ in range(40):
        with watch:
            pass
    assert watch.every == 16
    assert [s.step for s in watch.samples] == [0, 16, 32]


def test_a_hundred_thousand_steps_keep_no_more_than_was_asked():
    w = Tensor([1.0], requires_grad=True)
    watch = picture.watch({"w": w}, every=1, keep=50)
    most = [0, 0]  # bytes in the first half, and in the second
    gc.disable()
    tracemalloc.start()
    try:
        for step in range(100_000):
            with watch:
                pass
            watch.note(loss=step)
            half = step // 50_000
            most[half] = max(most[half], tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
        gc.enable()
    assert 25 <= len(watch.samples) <= 50
    assert watch.history()["notes"]["loss"] == watch.history()["steps"]
    assert most[1] < most[0] + 3_000


# --- what is refused --------------------------------------------------------------------------


def test_what_cannot_be_watched_is_refused_with_its_name():
    with pytest.raises(TypeError, match="a int"):
        picture.watch(3)
    with pytest.raises(ValueError, match="a ReLU without parameters"):
        picture.watch(nn.ReLU())
    for options in ({"every": 0}, {"every": 2.5}, {"keep": 1}):
        ((name, value),) = options.items()
        with pytest.raises(ValueError, match=re.escape(f"{name}={value}")):
            picture.watch(small()[0], **options)


def test_a_step_inside_a_step_is_refused():
    watch = picture.watch(small()[0])
    with watch, pytest.raises(RuntimeError, match="open already"), watch:
        pass
    with watch:  # the outer one ended as it should
        pass
    assert watch.steps == 2


def test_a_page_before_any_step_and_one_that_is_no_html_are_refused(tmp_path):
    watch = picture.watch(small()[0])
    with pytest.raises(RuntimeError, match="nothing was seen yet"):
        watch.page(tmp_path / "training.html")
    with pytest.raises(ValueError, match=r"\.txt"):
        watch.page(tmp_path / "training.txt")
    assert list(tmp_path.iterdir()) == []


# --- the page as a file -----------------------------------------------------------------------


def test_the_page_holds_the_history_and_fetches_nothing(tmp_path):
    model, optimizer = small()
    watch = picture.watch(model, every=1)
    train(model, optimizer, watch, 3)
    watch.note(gain=float("nan"))
    path = watch.page(tmp_path / "new" / "run 1.html")
    text = path.read_text(encoding="utf-8")
    (held,) = data_in(path)["runs"]
    assert held["history"]["steps"] == [0, 1, 2]
    assert held["history"]["notes"]["gain"] == [None, None, "nan"]
    given = watch.history()["parameters"][0]["gradient"]
    assert held["history"]["parameters"][0]["gradient"] == pytest.approx(given, rel=1e-5)
    assert "default-src 'none'" in text
    assert not re.search(r"(src|href)=|url\(|@import", text)
    assert "<title>run 1</title>" in text
