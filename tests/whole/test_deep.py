"""Depth, width and time: nothing recurses, nothing grows quadratically, nothing stays behind."""

import contextlib
import copy
import gc
import itertools
import pickle
import sys
import tracemalloc

import numpy as np
import pytest
from accounting import nodes, settled, without_collector
from chains import LINKS, chain
from leaves import leaf64 as leaf

import minigrad as mg
from minigrad import Tensor, grad, no_grad
from minigrad.core.graph import creation_order

pytestmark = pytest.mark.untraced

DEEP = 200_000


@contextlib.contextmanager
def few_frames():
    """Little room on the stack, so that whatever calls itself per node fails at once."""
    before = sys.getrecursionlimit()
    depth = 0
    frame = sys._getframe()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back
    sys.setrecursionlimit(depth + 60)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


# Depth ---------------------------------------------------------------------------------------------------


def test_a_chain_of_200000_nodes_goes_forward_and_back_and_is_freed_by_counting_references_alone():
    x = leaf(1)
    before = settled()
    with without_collector(), few_frames():
        y = chain(x, DEEP)
        assert nodes() - before == DEEP
        y.backward()
        assert x.grad.item() == 1
        del y
        assert nodes() == before


@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
def test_no_link_of_a_chain_makes_the_walk_recurse(link):
    x = leaf(1)
    before = settled()
    with without_collector(), few_frames():
        y = chain(x, 20_000, link)
        y.backward(retain_graph=True)
        (g,) = grad(y, [x])
        assert np.array_equal(g, x.grad)
        del y
        assert nodes() == before


@pytest.mark.parametrize("kept", ["backward", "nothing", "a failed backward"])
def test_a_deep_graph_is_freed_whatever_became_of_it(kept):
    x = leaf(1)
    before = settled()
    with without_collector(), few_frames():
        y = chain(x, 50_000, LINKS["multiply by a saved value"])
        if kept == "backward":
            y.backward()
        elif kept == "a failed backward":
            handle = x.register_hook(lambda g: 1 / 0)
            with contextlib.suppress(ZeroDivisionError):
                y.backward()
            handle.remove()
        del y
        assert nodes() == before


@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
def test_a_chain_of_10000_is_differentiated_twice_and_freed(link):
    x = leaf(1)
    before = settled()
    with without_collector(), few_frames():
        y = chain(x, 10_000, link)
        first = grad((y * y).sum(), x, create_graph=True)
        second = grad(first.sum(), x)
        slope = 10_001 if link is LINKS["multiply by a saved value"] else 1
        assert first.item() == 2 * slope
        # (x**n)**2 has the second derivative 2 n (2 n - 1), and n == 1 for all the others
        assert second.item() == 2 * slope * (2 * slope - 1)
        del y, first
        assert nodes() == before


def test_a_chain_of_1000_is_differentiated_three_times():
    x = leaf(1)
    with few_frames():
        y = chain(x, 1000, LINKS["multiply by a saved value"])
        found = [y]
        for _ in range(3):
            found.append(grad(found[-1].sum(), x, create_graph=True))
    assert [g.item() for g in found[1:]] == [1001, 1001 * 1000, 1001 * 1000 * 999]


def test_what_looks_at_a_deep_graph_does_not_recurse():
    x = leaf(1)
    y = chain(x, DEEP)
    with few_frames():
        order = creation_order(y._node)
        assert len(order) == DEEP
        assert all(n.tick < m.tick for n, m in itertools.pairwise(order))
        assert repr(y) == "Tensor([1.], dtype=float64, op=add)"
        assert y.detach().item() == 1


def test_leaves_of_a_deep_graph_are_copied_and_pickled_without_it():
    x = leaf(1)
    y = chain(x, DEEP)
    y.backward()
    with few_frames():
        twin = copy.deepcopy(x)
    assert len(pickle.dumps(x)) < 2000
    assert (twin.item(), twin.grad.item(), twin.requires_grad) == (1, 1, True)
    (twin * 2).sum().backward()
    assert (twin.grad.item(), x.grad.item()) == (3, 1)


@pytest.mark.slow
def test_a_million_nodes_take_memory_in_proportion_to_their_number():
    def peak(length):
        x = leaf(1)
        tracemalloc.start()
        chain(x, length).backward()
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(1_000_000) < 12 * peak(100_000)


# Width ---------------------------------------------------------------------------------------------------


def test_a_value_that_10000_ops_use_gathers_all_their_gradients():
    x = leaf(1, 2)
    with few_frames():
        h = x * 1
        branches = [h * k for k in range(10_000)]
        y = mg.sum(mg.stack(branches))
        y.backward()
    assert np.array_equal(x.grad, [49_995_000, 49_995_000])


def test_one_tensor_that_is_every_argument_of_an_op_counts_each_time():
    x = leaf(1, 2)
    y = mg.stack([x] * 10_000)
    y.sum().backward()
    assert np.array_equal(x.grad, [10_000, 10_000])
    y = mg.concatenate([x] * 500)
    first = grad((y * y).sum(), x, create_graph=True)
    assert np.array_equal(first.detach(), [1000, 2000])
    assert np.array_equal(grad(first.sum(), x), [1000, 1000])


def test_a_sum_of_10000_uses_of_one_tensor_is_exact_at_the_second_order():
    x = leaf(0.5, 2)
    y = 0
    for _ in range(10_000):
        y = y + x * x
    first = grad(y.sum(), x, create_graph=True)
    np.testing.assert_allclose(first.detach(), [10_000, 40_000], rtol=1e-12)
    np.testing.assert_allclose(grad(first.sum(), x), [20_000, 20_000], rtol=1e-12)


def test_a_graph_with_more_paths_than_can_be_counted_is_walked_once_per_node():
    x = leaf(1)
    y = x
    with few_frames():
        for _ in range(500):  # 2**500 paths
            y = (y + y) * 0.5
        ran = []
        first = grad(y, x, create_graph=True, tap=lambda node, *_: ran.append(node))
    assert first.item() == 1
    assert len(ran) == 1500  # two edges into each sum, one into each product
    assert len(set(ran)) == 1000


def test_10000_leaves_get_their_gradients_and_unused_ones_none():
    xs = [leaf(k) for k in range(10_000)]
    y = mg.stack(xs[::2])
    found = grad((y * y).sum(), xs)
    assert [g.item() for g in found[::2]] == [2 * k for k in range(0, 10_000, 2)]
    assert set(found[1::2]) == {None}


def test_branches_that_nobody_uses_are_freed_at_once():
    x = leaf(1)
    before = settled()
    with without_collector():
        for _ in range(1000):
            chain(x, 10)
        assert nodes() == before


# Time ----------------------------------------------------------------------------------------------------


def plain_step(w, b, x, t):
    return (mg.tanh(x @ w + b) - t).square().mean()


def step_with_penalty(w, b, x, t):
    """A loss with a gradient in it, so that every step is of second order."""
    loss = plain_step(w, b, x, t)
    slope = grad(loss, w, create_graph=True)
    return loss + 0.01 * (slope * slope).sum()


def step_with_hooks(w, b, x, t):
    h = x @ w
    h.retain_grad()
    h.register_hook(lambda g: g * 0.5)
    return (mg.tanh(h + b) - t).square().mean()


def step_in_debug_mode(w, b, x, t):
    with mg.debug():
        return plain_step(w, b, x, t)


@pytest.mark.parametrize(
    "loss_of",
    [
        *(plain_step, step_with_penalty, step_in_debug_mode),
        step_with_hooks,
    ],
)
def test_a_thousand_training_steps_leave_memory_flat(loss_of):
    rng = np.random.default_rng(0)
    w, b = (Tensor(rng.standard_normal(s), requires_grad=True) for s in ((5, 3), 3))
    x, t = rng.standard_normal((20, 5)), rng.standard_normal((20, 3))

    def train(steps):
        for _ in range(steps):
            loss = loss_of(w, b, x, t)
            loss.backward()
            with no_grad():
                for p in (w, b):
                    p -= 0.1 * p.grad
                    p.grad = None

    def traced():
        gc.collect()  # also empties the interpreter's lists of memory to reuse
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    train(300)
    memory = traced()
    with without_collector():
        objects = len(gc.get_objects())
        train(1000)
        assert len(gc.get_objects()) - objects < 50
    grown = traced() - memory
    tracemalloc.stop()
    # one array kept per step would be 200 000; tuples that the interpreter keeps to use again are 20 000 in all
    assert grown < 60_000


# Hooks, kept gradients and accumulation, at every order --------------------------------------------------


def test_backward_again_and_again_adds_up_at_leaves_and_kept_tensors():
    x = leaf(1, 2)
    h = x * x
    h.retain_grad()
    y = (h * 3).sum()
    for n in range(1, 101):
        y.backward(retain_graph=True)
        assert np.array_equal(h.grad, [3 * n, 3 * n])
        assert np.array_equal(x.grad, [6 * n, 12 * n])


@pytest.mark.parametrize("order", [1, 2, 3])
def test_derivatives_of_any_order_add_into_grad_with_backward(order):
    x = leaf(2)
    y = (x**4).sum()
    for _ in range(order - 1):
        y = grad(y, x, create_graph=True).sum()
    expected = {1: 32, 2: 48, 3: 48}[order]
    for n in (1, 2, 3):
        y.backward(retain_graph=True)
        assert x.grad.item() == n * expected
    assert not x.grad.requires_grad


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_hook_sees_and_replaces_the_gradient_of_a_tensor_of_any_order(order):
    x, w = leaf(2), leaf(3)
    d = (x * x * x * x).sum() * w
    for _ in range(order - 1):
        d = grad(d.sum(), x, create_graph=True)
    seen = []
    d.register_hook(lambda g: seen.append(g.item()))
    d.register_hook(lambda g: 10 * g)
    slope = grad((5 * d).sum(), w)
    value = {1: 16, 2: 32, 3: 48}[order]  # d is value * w
    assert seen == [5]
    assert slope.item() == 50 * value


@pytest.mark.parametrize("order", [2, 3])
def test_a_tensor_made_by_differentiation_keeps_its_gradient_if_asked(order):
    x = leaf(2)
    d = (x**4).sum()
    for _ in range(order - 1):
        d = grad(d.sum(), x, create_graph=True)
    d.retain_grad()
    (d * d).sum().backward(retain_graph=True)
    (d * d).sum().backward(retain_graph=True)
    np.testing.assert_allclose(d.grad, 4 * d.detach())


def test_a_hook_that_computes_is_differentiated_itself():
    x = leaf(2)
    h = x * x
    h.register_hook(lambda g: g * h)  # not 1 but x**2 arrives: d/dx is 2 x**3
    first = grad(h.sum(), x, create_graph=True)
    second = grad(first.sum(), x, create_graph=True)
    assert first.item() == 2 * 2**3
    # 2 x h by x alone is 2 h; by h it is 2 x, and the hook scales by h what goes back through h
    assert second.item() == 2 * 2**2 + 2 * 2 * 2**2 * (2 * 2)
    assert second.requires_grad
