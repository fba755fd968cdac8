"""Schedules: their rates beside PyTorch's, put together, and beside an optimiser that changes."""

import inspect
import math
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
from schedules import SCHEDULES, STEPS, name_of, optimizer, path, rates

import nn
from nn import schedule
from nn.schedule import (
    ChainedScheduler,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
)


def pytorchs(law, lr=0.1, **options):
    torch = pytest.importorskip("torch")
    groups = [{"params": [torch.nn.Parameter(torch.ones(n))]} for n in (2, 3)]
    groups[1]["lr"] = 2 * lr
    module = SimpleNamespace(**(vars(torch.optim.swa_utils) | vars(torch.optim.lr_scheduler)))
    return module, getattr(torch.optim, law)(groups, lr=lr, **options)


# --- Beside PyTorch -----------------------------------------------------------------------------


def test_every_schedule_has_a_case_beside_pytorch_for_each_of_its_options():
    own_tests = {"LRScheduler", "ReduceLROnPlateau", "SequentialLR", "ChainedScheduler"}
    assert set(schedule.__all__) == {name for name, _ in SCHEDULES} | own_tests
    for law in {name for name, _ in SCHEDULES}:
        given = {option for name, options in SCHEDULES if name == law for option in options}
        assert given >= {*inspect.signature(getattr(schedule, law)).parameters} - {"optimizer"}, law


@pytest.mark.parametrize("law", ["SGD", "Adam"])
@pytest.mark.parametrize(("name", "options"), SCHEDULES, ids=name_of)
def test_the_rates_are_pytorchs(name, options, law):
    module, theirs = pytorchs(law)
    ours = optimizer(getattr(nn.optim, law))
    mine, other = getattr(schedule, name)(ours, **options), getattr(module, name)(theirs, **options)
    for _ in range(STEPS):
        for group, same in zip(ours.param_groups, theirs.param_groups, strict=True):
            assert group["lr"] == pytest.approx(same["lr"], rel=1e-12, abs=1e-14)
            for momentum in {"momentum", "betas"} & group.keys():
                assert group[momentum] == pytest.approx(same[momentum], rel=1e-12)
        theirs.step()
        mine.step()
        other.step()


@pytest.mark.parametrize("cooldown", [0, 2])
@pytest.mark.parametrize("patience", [0, 2])
@pytest.mark.parametrize("options", [
    {"mode": "min"},
    {"mode": "max", "threshold": 0.1},
    {"mode": "min", "threshold": 0.2, "threshold_mode": "abs"},
    {"mode": "max", "threshold_mode": "abs", "min_lr": [0.01, 0.05], "factor": 0.5},
    {"eps": 0.05, "factor": 0.7},
], ids=name_of)  # fmt: skip
def test_a_plateau_is_pytorchs(options, patience, cooldown):
    module, theirs = pytorchs("SGD")
    ours = optimizer()
    options = options | {"patience": patience, "cooldown": cooldown}
    mine, other = ReduceLROnPlateau(ours, **options), module.ReduceLROnPlateau(theirs, **options)
    for metric in [
        *np.random.default_rng(0).standard_normal(40),
        math.nan,
        math.inf,
        -math.inf,
        0.0,
    ]:
        mine.step(metric)
        other.step(metric)
        np.testing.assert_allclose(mine.get_last_lr(), other.get_last_lr(), rtol=1e-12)
        assert (mine.num_bad_epochs, mine.cooldown_counter) == (
            other.num_bad_epochs,
            other.cooldown_counter,
        )


def test_a_warm_up_followed_by_a_cosine_is_pytorchs():
    module, theirs = pytorchs("SGD")

    def both(module, optimizer):
        warm = module.LinearLR(optimizer, start_factor=0.1, total_iters=4)
        cosine = module.CosineAnnealingLR(optimizer, T_max=6)
        steps = module.StepLR(optimizer, 3, gamma=0.5)
        return module.SequentialLR(optimizer, [warm, cosine, steps], milestones=[4, 10])

    mine, other = both(schedule, optimizer()), both(module, theirs)
    for _ in range(20):
        np.testing.assert_allclose(mine.get_last_lr(), rates(theirs), rtol=1e-12, atol=1e-14)
        theirs.step()
        mine.step()
        other.step()


@pytest.mark.parametrize("how", ["cos", "linear"])
def test_averaging_goes_on_from_the_rate_of_the_schedule_before_it_as_pytorchs(how):
    module, theirs = pytorchs("SGD")
    mine, other = (
        [m.CosineAnnealingLR(o, 20), m.SWALR(o, 0.07, 6, how)]
        for m, o in ((schedule, optimizer()), (module, theirs))
    )
    for epoch in range(18):
        theirs.step()
        for first, second in (mine, other):
            (second if epoch > 8 else first).step()
        np.testing.assert_allclose(mine[1].get_last_lr(), rates(theirs), rtol=1e-12)
    with pytest.raises(RuntimeError, match="CosineAnnealingLR: SWALR has set the rates"):
        mine[0].step()


def test_factors_are_chained_as_pytorchs():
    module, theirs = pytorchs("SGD")

    def chained(module, optimizer):
        warm = module.LinearLR(optimizer, start_factor=0.1, total_iters=4)
        return module.ChainedScheduler(
            [warm, module.ExponentialLR(optimizer, 0.9), module.MultiStepLR(optimizer, [3, 8])]
        )

    mine, other = chained(schedule, optimizer()), chained(module, theirs)
    for _ in range(12):
        np.testing.assert_allclose(mine.get_last_lr(), rates(theirs), rtol=1e-12)
        theirs.step()
        mine.step()
        other.step()


# --- Ours ---------------------------------------------------------------------------------------


def test_a_schedule_of_ones_own_is_one_method():
    class InverseRoot(LRScheduler):
        def rate(self, base, t):
            return base / math.sqrt(1 + t)

    expected = np.outer(1 / np.sqrt(1 + np.arange(6)), [0.1, 0.2])
    np.testing.assert_allclose(path(InverseRoot(optimizer()), 5), expected, rtol=1e-15)


def test_schedules_are_composed_and_nested():
    ours = optimizer()
    warm = LinearLR(ours, start_factor=0.5, total_iters=2)
    cosine = CosineAnnealingLR(ours, T_max=4, eta_min=0.01)
    late = SequentialLR(ours, [warm, cosine], milestones=[3])
    both = ChainedScheduler([late, LambdaLR(ours, lambda t: 0.5)], ours)
    first = path(both, 7)[:, 0]
    cosines = 0.01 + 0.09 * (1 + np.cos(np.pi * np.arange(5) / 4)) / 2
    np.testing.assert_allclose(first, [0.025, 0.0375, 0.05, *(0.5 * cosines)], rtol=1e-14)


def test_a_rate_set_by_hand_lasts_until_the_next_step():
    ours = optimizer()
    decay = ExponentialLR(ours, 0.5)
    decay.step()
    ours.param_groups[0]["lr"] = 7.0
    assert decay.get_last_lr() == [7.0, 0.1]
    decay.step()
    assert decay.get_last_lr() == [0.025, 0.05]


def test_schedules_that_step_in_turn_are_told_of_each_other():
    """In PyTorch their factors are multiplied; here the last would have its way."""
    ours = optimizer()
    warm, decay, plateau = LinearLR(ours), ExponentialLR(ours, 0.5), ReduceLROnPlateau(ours)
    warm.step()
    plateau.step(1.0)
    warm.step()
    decay.step()  # the next phase, maybe
    decay.step()
    with pytest.raises(RuntimeError, match=r"LinearLR: ExponentialLR has set .* ChainedScheduler"):
        warm.step()
    assert (warm.last_epoch, rates(ours)) == (2, [0.025, 0.05])


def test_schedules_and_optimisers_are_freed_together():
    ours = optimizer()
    decay = ExponentialLR(ours, 0.5)
    decay.step()
    gone = [weakref.ref(ours), weakref.ref(decay)]
    del ours, decay
    assert [ref() for ref in gone] == [None, None]


def test_a_group_that_is_added_later_is_scheduled_from_its_own_rate():
    ours = optimizer()
    decay = ExponentialLR(ours, 0.5)
    decay.step()
    ours.add_param_group({"params": [nn.Parameter(np.ones(2))], "lr": 8.0})
    decay.step()
    assert rates(ours) == [0.025, 0.05, 2.0]
    one_each = LambdaLR(ours, [abs, abs, abs])
    ours.add_param_group({"params": [nn.Parameter(np.ones(2))]})
    with pytest.raises(ValueError, match=r"LambdaLR: lr_lambda has 3 values, .* 4 groups"):
        one_each.step()


def test_a_plateau_goes_together_with_a_schedule_of_time():
    ours = optimizer()
    decay, plateau = ExponentialLR(ours, 0.5), ReduceLROnPlateau(ours, factor=0.1, patience=0)
    for metric in (1.0, 2.0):  # the second is worse
        decay.step()
        plateau.step(metric)
    np.testing.assert_allclose(rates(ours), [0.0025, 0.005], rtol=1e-15)
    decay.step()
    np.testing.assert_allclose(rates(ours), [0.00125, 0.0025], rtol=1e-15)


def test_a_metric_may_be_a_tensor():
    plateau = ReduceLROnPlateau(optimizer(), patience=0)
    loss = (nn.Parameter([1.0]) * 2).sum()
    plateau.step(loss)
    assert plateau.best == 2.0
    assert type(plateau.best) is float


def test_a_step_that_raises_changes_nothing():
    ours = optimizer(momentum=0.9)
    broken = LambdaLR(ours, [lambda t: 0.5**t, lambda t: 1.0 if t < 2 else -1.0])
    broken.step()
    before = [dict(group) for group in ours.param_groups]
    with pytest.raises(
        ValueError, match=r"LambdaLR: the rate of step 2 must be a number >= 0, not -0\.2"
    ):
        broken.step()
    assert [dict(group) for group in ours.param_groups] == before
    assert broken.last_epoch == 1


def test_a_cycle_ends():
    cycle = OneCycleLR(optimizer(), max_lr=1.0, total_steps=5)
    last = path(cycle, 5)
    np.testing.assert_array_equal(last[5], last[4])  # the step behind the last optimizer.step()
    np.testing.assert_allclose(last[4], 1.0 / 25 / 1e4, rtol=1e-14)
    with pytest.raises(ValueError, match="OneCycleLR: the cycle of 5 steps is over"):
        cycle.step()


def test_pytorchs_place_of_schedules_is_answered_with_ours():
    with pytest.raises(AttributeError, match=r"'lr_scheduler'; .* nn\.schedule\.StepLR$"):
        nn.optim.lr_scheduler  # noqa: B018
    with pytest.raises(AttributeError, match=r"nn\.optim has no attribute 'nonsense'$"):
        nn.optim.nonsense  # noqa: B018
