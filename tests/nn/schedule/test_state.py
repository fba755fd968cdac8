"""Schedules resumed in the middle, and what they refuse."""

import json

import numpy as np
import pytest
from schedules import SCHEDULES, STEPS, name_of, optimizer, path, rates

from nn import schedule
from nn.optim import Adagrad, Adam
from nn.schedule import (
    ChainedScheduler,
    CosineAnnealingLR,
    LambdaLR,
    LinearLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)

# --- Resumed in the middle ----------------------------------------------------------------------


@pytest.mark.parametrize("optimizer_first", [False, True])
@pytest.mark.parametrize(("name", "options"), SCHEDULES, ids=name_of)
def test_a_schedule_goes_on_from_its_state(name, options, optimizer_first):
    made = getattr(schedule, name)(optimizer(Adam), **options)
    whole = path(made)
    first = getattr(schedule, name)(optimizer(Adam), **options)
    path(first, 9)
    states = [json.loads(json.dumps(x.state_dict())) for x in (first.optimizer, first)]
    ours = optimizer(Adam)
    if optimizer_first:
        ours.load_state_dict(states[0])
    second = getattr(schedule, name)(ours, **options)
    second.load_state_dict(states[1])
    if not optimizer_first:
        ours.load_state_dict(states[0])
    np.testing.assert_array_equal(path(second, STEPS - 9), whole[9:])
    ends = [[{**g, "params": 0} for g in s.optimizer.param_groups] for s in (made, second)]
    assert ends[0] == ends[1]


def test_composed_schedules_and_plateaus_go_on_from_their_state():
    def made():
        ours = optimizer()
        parts = [LinearLR(ours, total_iters=4), CosineAnnealingLR(ours, 9)]
        return SequentialLR(ours, [ChainedScheduler(parts), StepLR(ours, 2)], milestones=[6])

    whole = path(made(), 12)
    first, second = made(), made()
    path(first, 5)
    second.load_state_dict(json.loads(json.dumps(first.state_dict(), allow_nan=False)))
    np.testing.assert_array_equal(path(second, 7), whole[5:])

    metrics = np.random.default_rng(0).standard_normal(30)
    options = {"patience": 1, "cooldown": 1, "factor": 0.5}
    first = ReduceLROnPlateau(optimizer(), **options)
    json.dumps(first.state_dict(), allow_nan=False)
    for metric in metrics[:15]:
        first.step(metric)
    second = ReduceLROnPlateau(optimizer(), **options)
    for old, new in ((first.optimizer, second.optimizer), (first, second)):
        new.load_state_dict(json.loads(json.dumps(old.state_dict(), allow_nan=False)))
    for metric in metrics[15:]:
        first.step(metric)
        second.step(metric)
        assert first.get_last_lr() == second.get_last_lr()
    assert first.state_dict() == second.state_dict()


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (None, "a NoneType is no dict"),
        ({}, "this is the state of something else"),
        ({"schedule": "ExponentialLR", "last_epoch": 3}, "this is the state of ExponentialLR"),
        ({"schedule": "StepLR", "last_epoch": -1}, "last_epoch must be an integer >= 0, not -1"),
        ({"schedule": "StepLR", "last_epoch": 1.5}, "last_epoch must be an integer"),
        (
            {"schedule": "StepLR", "last_epoch": 1, "gamma": 3},
            r"needed \['last_epoch', 'schedule'\]",
        ),
    ],
)
def test_a_state_that_does_not_fit_is_refused(state, words):
    made = StepLR(optimizer(), 2)
    with pytest.raises((TypeError, ValueError), match=rf"StepLR\.load_state_dict: .*{words}"):
        made.load_state_dict(state)
    assert made.last_epoch == 0
    plateau = ReduceLROnPlateau(optimizer())
    with pytest.raises(
        ValueError, match=r"ReduceLROnPlateau\.load_state_dict: best must be a number"
    ):
        plateau.load_state_dict(plateau.state_dict() | {"best": "good"})


# --- What is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda o: schedule.StepLR(None, 3), "StepLR: a NoneType is no nn.optim.Optimizer"),
        (lambda o: schedule.StepLR(o, 0), "StepLR: step_size must be an integer >= 1, not 0"),
        (lambda o: schedule.StepLR(o, 3, gamma=-1), "StepLR: gamma .*-1"),
        (lambda o: schedule.MultiStepLR(o, [3, 2.5]), r"MultiStepLR: milestones .*2\.5"),
        (lambda o: schedule.ExponentialLR(o, "0.9"), "ExponentialLR: gamma .*'0.9'"),
        (lambda o: schedule.LinearLR(o, total_iters=0), "LinearLR: total_iters .*0"),
        (lambda o: schedule.LinearLR(o, start_factor=-0.1), r"LinearLR: start_factor .*-0\.1"),
        (lambda o: schedule.CosineAnnealingLR(o, 0), "CosineAnnealingLR: T_max .*0"),
        (lambda o: schedule.CosineAnnealingLR(o, 5, eta_min=-1), "CosineAnnealingLR: eta_min .*-1"),
        (lambda o: schedule.CosineAnnealingWarmRestarts(o, 2, 0.5), r"WarmRestarts: T_mult .*0\.5"),
        (
            lambda o: OneCycleLR(o, 0.1),
            "OneCycleLR: pass total_steps, or epochs and steps_per_epoch",
        ),
        (lambda o: OneCycleLR(o, 0.1, epochs=3), "OneCycleLR: pass total_steps"),
        (lambda o: OneCycleLR(o, 0.1, total_steps=0), "OneCycleLR: total_steps .*0"),
        (lambda o: OneCycleLR(o, 0, 9), "OneCycleLR: max_lr must be a number > 0, not 0"),
        (lambda o: OneCycleLR(o, [0.1], 9), "OneCycleLR: max_lr has 1 values, .* 2 groups"),
        (
            lambda o: OneCycleLR(o, 0.1, 9, pct_start=30),
            r"OneCycleLR: pct_start .*\[0, 1\], not 30",
        ),
        (lambda o: OneCycleLR(o, 0.1, 9, div_factor=0), "OneCycleLR: div_factor .*0"),
        (lambda o: OneCycleLR(o, 0.1, 9, max_momentum=1.5), r"OneCycleLR: the momentum .*1\.5"),
        (lambda o: OneCycleLR(o, 0.1, 9, anneal_strategy="exp"), "'cos' or 'linear', not 'exp'"),
        (
            lambda o: OneCycleLR(optimizer(Adagrad), 0.1, 9),
            "Adagrad has neither .*cycle_momentum=False",
        ),
        (
            lambda o: ReduceLROnPlateau(o, mode="up"),
            "ReduceLROnPlateau: mode .*'min' or 'max', not 'up'",
        ),
        (lambda o: ReduceLROnPlateau(o, factor=1.0), r"ReduceLROnPlateau: factor .*1\.0"),
        (lambda o: ReduceLROnPlateau(o, patience=-1), "ReduceLROnPlateau: patience .*-1"),
        (lambda o: ReduceLROnPlateau(o, min_lr=[0.1]), "min_lr has 1 values, .* 2 groups"),
        (lambda o: ChainedScheduler([]), "ChainedScheduler: there are no schedules"),
        (lambda o: ChainedScheduler([StepLR(o, 1), abs]), r"schedulers\[1\] is a builtin_function"),
        (
            lambda o: ChainedScheduler([ReduceLROnPlateau(o)]),
            "ReduceLROnPlateau, which goes by a metric",
        ),
        (
            lambda o: SequentialLR(o, [StepLR(o, 1), schedule.SWALR(o, 0.1)], [3]),
            r"schedulers\[1\] is a SWALR, which goes on from the rate that it meets",
        ),
        (lambda o: schedule.SWALR(o, [0.1]), "SWALR: swa_lr has 1 values, .* 2 groups"),
        (lambda o: schedule.SWALR(o, -0.1), r"SWALR: swa_lr must be a number >= 0, not -0\.1"),
        (lambda o: schedule.SWALR(o, 0.1, 2.5), r"SWALR: anneal_epochs .*2\.5"),
        (lambda o: schedule.SWALR(o, 0.1, 2, "exp"), "'cos' or 'linear', not 'exp'"),
        (lambda o: schedule.ConstantLR(o, -1), "ConstantLR: factor .*-1"),
        (lambda o: schedule.ConstantLR(o, total_iters=-1), "ConstantLR: total_iters .*-1"),
        (lambda o: schedule.PolynomialLR(o, 0), "PolynomialLR: total_iters .*0"),
        (lambda o: schedule.PolynomialLR(o, 5, -2), "PolynomialLR: power .*-2"),
        (lambda o: schedule.MultiplicativeLR(o, [abs]), "MultiplicativeLR: lr_lambda has 1 values"),
        (
            lambda o: ChainedScheduler([StepLR(o, 1), StepLR(optimizer(), 1)]),
            r"\[1\] is of another opt",
        ),
        (
            lambda o: SequentialLR(o, [StepLR(o, 1)] * 2, [3, 5]),
            "2 schedules need 1 milestones, not 2",
        ),
        (
            lambda o: SequentialLR(o, [StepLR(o, 1)] * 3, [5, 5]),
            r"milestones must rise, not \[5, 5\]",
        ),
        (lambda o: LambdaLR(o, [abs]), "LambdaLR: lr_lambda has 1 values, .* 2 groups"),
    ],
)
def test_a_bad_option_raises_and_names_the_schedule_and_the_value(make, words):
    ours = optimizer()
    with pytest.raises((TypeError, ValueError), match=words):
        make(ours)
    assert rates(ours) == [0.1, 0.2]
