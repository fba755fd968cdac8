"""Optimisers take parameters together, and each step is to the last bit what it would be one by one."""

import copy
import pickle
import weakref

import numpy as np
import pytest
from optimisers import EVERY, law_id

import minigrad
import nn
from minigrad import Tensor
from minigrad.trust.other_library import Opaque
from nn.optim import SGD, Adam, Optimizer
from nn.optim.blocks import BLOCK, SMALL

LAWS = [
    *EVERY,
    (SGD, {"weight_decay": 0.1}),
    (SGD, {"momentum": 0.9, "dampening": 0.3}),
    (Adam, {}),
]
laws = pytest.mark.parametrize(("law", "options"), LAWS, ids=law_id)

FEW_SMALL = [(4, 3), (), (5,), (1, 6), (6, 1), (0, 2), (2, 3, 4), (1,), (7,), (3,), (8, 2)]
MEDIUM = [(60, 50), (3000,)]
LARGE = [(70, 2000), (2, 90000)]
assert max(4 * np.prod(s) for s in FEW_SMALL) <= SMALL < min(4 * np.prod(s) for s in MEDIUM)
assert max(8 * np.prod(s) for s in MEDIUM) <= BLOCK < min(4 * np.prod(s) for s in LARGE)


def drawn(rng, shape, dtype="float32"):
    """Normal numbers in row- or column-major order."""
    array = np.array(rng.standard_normal(shape), dtype)
    return array if rng.random() < 0.5 else np.asfortranarray(array).reshape(shape, order="A")


def parameters(shapes, dtype="float32", seed=0):
    rng = np.random.default_rng(seed)
    params = [nn.Parameter(drawn(rng, shape, dtype)) for shape in shapes]
    for p, shape in zip(params, shapes, strict=True):
        assert p.shape == shape
    return params


def one_by_one(law, params, **options):
    """An optimiser of the same law whose step is the plain loop over the parameters."""

    class Plain(law):
        def step(self):
            states = vars(self).setdefault("states", [{} for _ in self.params])
            (group,) = self.param_groups
            for p, state in zip(self.params, states, strict=True):
                if p.grad is not None:
                    w, g = (a if a.ndim else a.reshape(1) for a in (p.data, p.grad.data))
                    self._update(w, g, state, group, (np.empty_like(w), np.empty_like(w)))
                    minigrad.touch(p)

    return Plain(params, **options)


def give(rng, *twins, chance=1.0):
    """The same gradients to every parameter and its twins; with chance < 1 not to all."""
    for same in zip(*twins, strict=True):
        g = drawn(rng, same[0].shape, same[0].dtype) if rng.random() < chance else None
        for p in same:
            p.grad = None
            if g is not None:
                p.grad = g
                p.grad.data = g.copy(order="K")  # in its own memory order


def assert_equal(ours, theirs):
    for p, q in zip(ours, theirs, strict=True):
        assert p.dtype == q.dtype
        np.testing.assert_array_equal(p.data, q.data, strict=True)


def assert_five_steps_are_equal(rng, *runs):
    """(optimiser, its parameters) twice, given the same gradients."""
    ours, theirs = [params for _, params in runs]
    for _ in range(5):
        give(rng, ours, theirs)
        for optimizer, _ in runs:
            optimizer.step()
        assert_equal(ours, theirs)


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
