"""After a nan, a watch puts back the weights from before it."""

from __future__ import annotations

import mistakes
import numpy as np
import pytest

import minigrad as mg
import nn
from minigrad import picture


def test_after_a_nan_the_weights_from_before_it_are_put_back_for_debug_to_find_the_op():
    watch = mistakes.recurrent_net_that_explodes().watch
    first = mistakes.Recurrent(1.5, mg.relu).state_dict()
    assert watch.rewind() == 0
    for name, array in watch.model.state_dict().items():
        assert array.tobytes() == first[name].tobytes()
    x, y = mistakes.normal(0, 8, 30, 3), mistakes.normal(1, 8, 1)
    sgd = nn.optim.SGD(watch.model.parameters(), 0.01)

    def run():
        with mg.debug():
            for _ in range(watch.every):
                loss = np.square(watch.model(x) - y).mean()
                sgd.zero_grad()
                loss.backward()
                sgd.step()

    with pytest.raises(FloatingPointError, match=r"at .*(mistakes|test_rewind)\.py:\d+"):
        run()


def test_a_step_that_raises_for_a_nan_while_it_is_looked_at_is_the_one_that_is_kept():
    w = nn.Parameter([2.0])
    watch = picture.watch({"w": w}, every=1)
    for factor in (1.0, np.inf):
        with np.errstate(all="ignore"):
            try:
                with watch:
                    w.grad = None
                    loss = (w * factor - factor).sum()
                    if not np.isfinite(loss.item()):
                        raise FloatingPointError
                    loss.backward()
                    w.assign(w.data - 0.5)
            except FloatingPointError:
                w.assign([np.nan])
    assert (
        "Step 1 raised FloatingPointError: watch.rewind() puts the weights back to those before step 1"
        in str(watch.judge())
    )
    assert (watch.rewind(), w.item()) == (1, 1.5)


def steps_of(watch, w, factors):
    """Steps of w - 0.5, in each of which the gradient is a factor, while NumPy is silent."""
    with np.errstate(all="ignore"):
        for factor in factors:
            with watch:
                w.grad = None
                (w * factor).sum().backward()
                w.assign(w.data - 0.5 * w.grad.data)


def test_a_guard_keeps_the_weights_before_the_very_step_that_made_a_nan():
    w = nn.Parameter([2.0])
    watch = picture.watch({"w": w}, every=4, guard=True)
    steps_of(watch, w, [1.0] * 6 + [np.inf] + [1.0] * 6)
    assert (
        "nan or inf in step 8: watch.rewind() puts the weights back to those before step 6;"
        in str(watch.judge())
    )
    assert (watch.rewind(), w.item()) == (6, -1.0)
    with mg.debug(), pytest.raises(FloatingPointError, match="multiply"):
        steps_of(watch, w, [np.inf])


def test_without_a_guard_the_weights_before_the_last_look_that_began_with_finite_ones_are_kept():
    w = nn.Parameter([2.0])
    watch = picture.watch({"w": w}, every=4)
    steps_of(watch, w, [1.0] * 4 + [np.inf] + [1.0] * 6)
    assert (watch.rewind(), w.item()) == (
        4,
        0.0,
    )  # its gradient is inf: it is the step to be looked into


def test_a_step_that_raises_for_a_nan_is_kept_though_it_is_not_looked_at():
    w = nn.Parameter([2.0])
    watch = picture.watch({"w": w}, every=4)
    steps_of(watch, w, [1.0] * 2)
    with mg.debug(), pytest.raises(FloatingPointError):
        steps_of(watch, w, [np.inf])
    w.assign([np.nan])
    assert "to those before step 2;" in str(watch.judge())
    assert (watch.rewind(), w.item()) == (2, 1.0)


def test_a_nan_after_the_last_look_is_seen_too():
    watch = mistakes.rate_a_hundred_times_too_high().watch
    watch.model[0].weight.assign(np.full((16, 4), np.nan, np.float32))
    assert watch.judge().faults[0].words.startswith("0.weight became nan or inf after step 180")


def test_without_a_finite_step_there_is_nothing_to_go_back_to():
    with pytest.raises(RuntimeError, match="began with finite weights"):
        picture.watch(nn.Linear(2, 1)).rewind()
