"""Optimisers take parameters together, and each step is to the last bit what it would be one by one."""

import weakref

import numpy as np
import pytest
from twins import (
    FEW_SMALL,
    LARGE,
    MEDIUM,
    assert_equal,
    assert_five_steps_are_equal,
    drawn,
    give,
    laws,
    one_by_one,
    parameters,
)

import nn
from nn.optim import SGD, Adam

# --- The same to the last bit -------------------------------------------------------------------


@laws
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shapes", [FEW_SMALL, FEW_SMALL + MEDIUM + LARGE], ids=["small", "all"])
def test_taken_together_parameters_end_where_each_by_itself_would(law, options, dtype, shapes):
    rng = np.random.default_rng(1)
    ours, theirs = parameters(shapes, dtype), parameters(shapes, dtype)
    together, alone = law(ours, 0.1, **options), one_by_one(law, theirs, lr=0.1, **options)
    assert_five_steps_are_equal(rng, (together, ours), (alone, theirs))


def replace(rng, p, q):
    new = drawn(rng, p.shape, p.dtype)
    p.data, q.data = new, new.copy(order="K")


def spread(rng, p, q):
    """Data with gaps between its elements."""
    if p.ndim:
        for w in (p, q):
            w.data = np.repeat(w.data, 2, axis=0)[::2]


def reverse(rng, p, q):
    """The same values from the last in memory to the first."""
    for w in (p, q):
        w.data = np.flip(np.flip(w.data).copy())


def write(rng, p, q):
    p.data[...] = q.data[...] = drawn(rng, p.shape, p.dtype)


def assign(rng, p, q):
    new = drawn(rng, p.shape, p.dtype)
    p.assign(new)
    q.assign(new)


def turn(rng, p, q):
    """The same values in the other memory order."""
    p.data = np.array(p.data, order="F" if p.data.flags.c_contiguous else "C")
    q.data = q.data.copy()


EVENTS = [replace, spread, reverse, write, assign, turn]


@laws
@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_between_steps_changes_nothing_but_itself(law, options, seed):
    """Random runs: gradients that come and go, data replaced, written, laid out anew, a learning rate that decays."""
    rng = np.random.default_rng(seed)
    shapes = FEW_SMALL + MEDIUM + [(70, 1000)]
    ours = parameters(shapes) + parameters(FEW_SMALL, "float64")
    theirs = parameters(shapes) + parameters(FEW_SMALL, "float64")
    together, alone = law(ours, 0.1, **options), one_by_one(law, theirs, lr=0.1, **options)
    for step in range(25):
        if rng.random() < 0.5:
            give(rng, ours, theirs, chance=rng.choice([0.5, 0.9, 1.0]))
        if rng.random() < 0.4:
            i = rng.integers(len(ours))
            rng.choice(EVENTS)(rng, ours[i], theirs[i])
        together.lr = alone.lr = 0.1 * 0.95**step
        together.step()
        alone.step()
        assert_equal(ours, theirs)


def test_parameters_that_were_frozen_for_a_while_keep_their_own_count_of_steps():
    """Adam's bias correction depends on how often a parameter was updated, not on how often step() was called."""
    ours, theirs = parameters([(3,)] * 12), parameters([(3,)] * 12)
    together, alone = Adam(ours, 0.1), [Adam([p], 0.1) for p in theirs]
    rng = np.random.default_rng(0)
    for step in range(12):
        give(rng, ours, theirs)
        for p in ours[: len(ours) // 2] if 2 <= step < 6 else []:
            p.grad = None
        together.step()
        for p, optimizer in zip(ours, alone, strict=True):
            if p.grad is not None:
                optimizer.step()
        assert_equal(ours, theirs)


# --- Where parameters and gradients are ---------------------------------------------------------


@laws
def test_arrays_taken_from_a_parameter_see_every_update(law, options):
    params = parameters(FEW_SMALL + MEDIUM + LARGE)
    optimizer = law(params, 0.1, **options)
    taken = [(p.data, p.numpy(), p.data.T, p.detach()) for p in params]
    for _ in range(4):
        give(np.random.default_rng(0), params)
        optimizer.step()
        for p, (data, view, turned, detached) in zip(params, taken, strict=True):
            assert p.data is data
            np.testing.assert_array_equal(p.data, view)
            np.testing.assert_array_equal(p.data, turned.T)
            np.testing.assert_array_equal(p.data, detached.data)


@laws
def test_gradients_are_only_read(law, options):
    params = parameters(FEW_SMALL + MEDIUM + LARGE)
    optimizer = law(params, 0.1, **options)
    give(np.random.default_rng(0), params)
    before = [p.grad.data.copy() for p in params]
    for p in params:
        p.grad.data.flags.writeable = False
    for _ in range(4):
        optimizer.step()
    for p, g in zip(params, before, strict=True):
        np.testing.assert_array_equal(p.grad.data, g)


@laws
def test_a_gradient_that_nobody_else_holds_is_freed_after_the_step(law, options):
    params = parameters(FEW_SMALL)
    optimizer = law(params, 0.1, **options)
    for _ in range(4):
        give(np.random.default_rng(0), params)
        optimizer.step()
    gone = [weakref.ref(p.grad.data) for p in params]
    optimizer.zero_grad()
    assert [ref() for ref in gone] == [None] * len(params)


def test_a_locked_array_is_not_written():
    for shape in ((3,), (60, 50), (70, 1000)):
        params = parameters([shape] * 12)
        give(np.random.default_rng(0), params)
        optimizer = SGD(params, 0.1)
        for _ in range(3):
            optimizer.step()
        params[4].data.flags.writeable = False
        before = params[4].data.copy()
        with pytest.raises(ValueError, match="read-only"):
            optimizer.step()
        np.testing.assert_array_equal(params[4].data, before)


# --- Shared memory ------------------------------------------------------------------------------


@laws
def test_parameters_over_the_same_memory_are_updated_one_after_the_other(law, options):
    def shared():
        params = parameters([(4, 4)] * 12)
        params[5].data = params[2].data
        params[9].data = params[3].data.T
        whole = np.ones((4, 8), "float32")
        params[6].data, params[7].data = whole[:, :4], whole[:, 2:6]
        line = np.ones(20, "float32")
        params[0].data, params[1].data = line[:16].reshape(4, 4), line[4:].reshape(4, 4)
        return params

    rng = np.random.default_rng(0)
    ours, theirs = shared(), shared()
    together, alone = law(ours, 0.1, **options), one_by_one(law, theirs, lr=0.1, **options)
    assert_five_steps_are_equal(rng, (together, ours), (alone, theirs))


def test_a_tied_parameter_is_updated_once_among_many():
    net = nn.Sequential(*[nn.Linear(4, 4) for _ in range(12)])
    net[3].weight = net[7].weight = net[0].weight
    params = list(net.parameters())
    optimizer = SGD(params + params, 1.0)
    for _ in range(3):
        before = net[0].weight.data.copy()
        for p in params:
            p.grad = np.ones(p.shape)
        optimizer.step()
        np.testing.assert_array_equal(net[7].weight.data, before - 1)


@laws
def test_two_optimisers_over_the_same_parameters_do_not_disturb_each_other(law, options):
    rng = np.random.default_rng(0)
    ours, theirs = parameters(FEW_SMALL), parameters(FEW_SMALL)
    first, second = law(ours, 0.1, **options), SGD(ours[::-1], 0.3, momentum=0.5)
    third = one_by_one(law, theirs, lr=0.1, **options)
    fourth = one_by_one(SGD, theirs[::-1], lr=0.3, momentum=0.5)
    for _ in range(5):
        give(rng, ours, theirs)
        for optimizer in (first, second, third, fourth):
            optimizer.step()
        assert_equal(ours, theirs)
