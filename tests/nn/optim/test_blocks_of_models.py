"""Optimisers that take parameters together: models copied, loaded and frozen, and laws and arrays of others."""

import copy
import pickle

import numpy as np
import pytest
from twins import (
    FEW_SMALL,
    LARGE,
    assert_equal,
    drawn,
    give,
    laws,
    one_by_one,
    parameters,
)

import minigrad
import nn
from minigrad import Tensor
from minigrad.trust.other_library import Opaque
from nn.optim import SGD, Optimizer

# --- Models -------------------------------------------------------------------------------------


def trained(net, optimizer, steps, seed=0):
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = nn.CrossEntropyLoss()(net(drawn(rng, (5, 4))), rng.integers(0, 3, 5))
        loss.backward()
        optimizer.step()
    return [p.data.copy() for p in net.parameters()]


def model():
    minigrad.seed(0)
    return nn.MLP([4, *[6] * 10, 3])


@laws
@pytest.mark.parametrize("twin_of", [copy.deepcopy, lambda both: pickle.loads(pickle.dumps(both))])
def test_a_copy_of_model_and_optimiser_goes_on_as_the_original_does(law, options, twin_of):
    net = model()
    optimizer = law(net.parameters(), 0.1, **options)
    trained(net, optimizer, 4)
    twin, its_optimizer = twin_of((net, optimizer))
    start = [p.data.copy() for p in net.parameters()]
    ends = trained(twin, its_optimizer, 4, seed=1)
    np.testing.assert_equal([p.data for p in net.parameters()], start)  # the original stood still
    np.testing.assert_equal(trained(net, optimizer, 4, seed=1), ends)
    undisturbed = model()
    optimizer = law(undisturbed.parameters(), 0.1, **options)
    trained(undisturbed, optimizer, 4)
    np.testing.assert_equal(trained(undisturbed, optimizer, 4, seed=1), ends)


@laws
def test_a_loaded_state_is_what_the_next_step_starts_from(law, options):
    ends = []
    for make in (law, lambda *a, **o: one_by_one(law, *a, **o)):
        net = model()
        optimizer = make(net.parameters(), lr=0.1, **options)
        saved = net.state_dict()
        trained(net, optimizer, 4)
        net.load_state_dict(saved)
        ends.append(trained(net, optimizer, 4))
    np.testing.assert_equal(*ends)


@laws
def test_a_frozen_layer_stays_and_goes_on_when_thawed(law, options):
    ends = []
    for make in (law, lambda *a, **o: one_by_one(law, *a, **o)):
        net = model()
        optimizer = make(net.parameters(), lr=0.1, **options)
        trained(net, optimizer, 4)
        net[4].requires_grad_(False)
        before = [p.data.copy() for p in net[4].parameters()]
        trained(net, optimizer, 4)
        np.testing.assert_equal([p.data for p in net[4].parameters()], before)
        net[4].requires_grad_()
        ends.append(trained(net, optimizer, 4))
    np.testing.assert_equal(*ends)


@laws
def test_a_step_over_many_parameters_makes_every_older_graph_raise(law, options):
    params = parameters([(3,)] * 12 + [(60, 50), (70, 1000)])
    optimizer = law(params, 0.1, **options)
    give(np.random.default_rng(0), params)
    for _ in range(3):
        losses = [(p * p).sum() for p in params]
        optimizer.step()
        for loss in losses:
            with pytest.raises(RuntimeError, match="written after the forward pass"):
                loss.backward()


# --- Laws and arrays of others ------------------------------------------------------------------


def test_a_law_sees_each_parameter_by_itself_unless_it_says_that_it_is_elementwise():
    class Normalised(Optimizer):
        def _update(self, w, g, state, group, room):
            shapes.append(w.shape)
            w -= group["lr"] * g / np.linalg.norm(g)

    shapes = []
    params = parameters([(3, 2)] * 12)
    optimizer = Normalised(params, 1.0)
    for _ in range(3):
        before = [p.data.copy() for p in params]
        give(np.random.default_rng(0), params)
        optimizer.step()
        for p, w in zip(params, before, strict=True):
            assert np.linalg.norm(p.data - w) == pytest.approx(1, rel=1e-5)
    assert set(shapes) == {(3, 2)}


def test_an_elementwise_law_of_ones_own_may_keep_numbers_and_arrays():
    class Averaged(Optimizer):
        elementwise = True

        def _update(self, w, g, state, group, room):
            t = state.setdefault("t", np.zeros(()))  # one that can be written, too
            t += 1
            state["mean"] = state.get("mean", 0) + (g - state.get("mean", 0)) / t.item()
            w -= group["lr"] * state["mean"]

    rng = np.random.default_rng(0)
    ours, theirs = parameters(FEW_SMALL + LARGE), parameters(FEW_SMALL + LARGE)
    together, alone = Averaged(ours, 0.1), one_by_one(Averaged, theirs, lr=0.1)
    for _ in range(15):
        give(rng, ours, theirs, chance=rng.choice([0.7, 1.0, 1.0]))
        together.step()
        alone.step()
        assert_equal(ours, theirs)


def test_many_small_parameters_are_one_run_of_the_law():
    class Counted(SGD):
        def _update(self, w, g, state, group, room):
            sizes.append(w.size)
            super()._update(w, g, state, group, room)

    params = parameters([(10, 10), (10,)] * 50)
    optimizer = Counted(params, 0.1)
    give(np.random.default_rng(0), params)
    for runs in (100, 1, 1):
        sizes = []
        optimizer.step()
        assert len(sizes) == runs
        assert sum(sizes) == 5500


@laws
def test_arrays_of_another_library_take_the_same_path(law, options):
    def foreign(array):
        tensor = Tensor(Opaque(array.copy()))
        tensor._requires_grad = True
        return tensor

    shapes = [(4, 3), (5,), ()] * 4
    ours = parameters(shapes, "float64")
    theirs = [foreign(p.data) for p in ours]
    mixed = ours[:6] + theirs[6:]
    reference = parameters(shapes, "float64")
    alone = one_by_one(law, reference, lr=0.1, **options)
    optimizer = law(mixed, 0.1, **options)
    for step in range(4):
        for p in (*mixed, *reference):
            p.grad = None
            (p * p * (step + 1.0)).sum().backward()
        optimizer.step()
        alone.step()
    for p, q in zip(mixed, reference, strict=True):
        found = p.data.array if isinstance(p.data, Opaque) else p.data
        np.testing.assert_array_equal(found, q.data)
