"""The engine's contract on hooks, recording modes and threads, and clause 16: what the hot path does not do."""

import contextlib
import functools
import operator
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from leaves import leaf

import minigrad as mg
from minigrad import Tensor, elementwise, grad, no_grad, primitive

# Hooks, and threads --------------------------------------------------------------------------------------


def test_hooks_see_the_complete_gradient_once_and_may_replace_it():
    x = leaf(1, 2)
    h = x * 1
    seen = []
    h.register_hook(lambda g: (seen.append(g.tolist()), g * 10)[1])
    h.register_hook(lambda g: seen.append(g.tolist()))
    x.register_hook(lambda g: g.numpy() + 1)
    (h * 2 + h * 3).sum().backward()
    assert seen == [[5, 5], [50, 50]]
    assert np.array_equal(x.grad, [51, 51])


def test_hooks_of_a_leaf_run_per_backward_and_only_for_a_target_of_grad():
    x, w = leaf(1), leaf(2)
    seen = []
    w.register_hook(lambda g: seen.append(g.item()))
    y = (x * w).sum()
    grad(y, x, retain_graph=True)
    assert seen == []
    grad(y, w, retain_graph=True)
    y.backward()
    assert seen == [1, 1]


def test_hooks_of_nodes_off_the_path_do_not_run_even_where_a_joint_rule_serves_both():
    seen = []
    both = primitive(lambda a, b: a * b, joint=(("a", "b"), lambda g, a, b: (g * b, g * a)))
    x, w = leaf(2), leaf(3)
    aside = w * 1
    aside.register_hook(seen.append)
    assert grad(both(x, aside), x).item() == 3
    assert not seen


def test_what_a_hook_returns_is_held_to_shape_and_dtype():
    x = leaf(1, 2)
    handle = x.register_hook(lambda g: np.ones(3))
    with pytest.raises(ValueError, match=r"hook.*\(3,\).*\(2,\)"):
        (x * 1).sum().backward()
    handle.remove()
    x.register_hook(lambda g: g.numpy().astype("float64") * 2)
    (x * 1).sum().backward()
    assert x.grad.dtype == np.float32
    assert np.array_equal(x.grad, [2, 2])


def test_an_array_that_a_hook_returns_stays_the_hooks_own():
    mine = np.ones(2, "float32")
    x = leaf(1, 2)
    h = x * 1
    h.retain_grad()
    for t in (x, h):
        t.register_hook(lambda g: mine)
    for _ in range(2):
        (h * 3 + h * 2 + x).sum().backward(retain_graph=True)
    assert np.array_equal(x.grad, [2, 2])
    assert np.array_equal(h.grad, [2, 2])
    assert np.array_equal(mine, [1, 1])


def test_removing_a_hook_takes_away_that_one_and_no_other():
    x = leaf(1)
    seen = []
    first = x.register_hook(seen.append)
    x.register_hook(seen.append)
    first.remove()
    first.remove()
    (x * 1).backward()
    assert len(seen) == 1


def test_hooks_take_part_in_higher_derivatives():
    x = leaf(3, dtype="float64")
    h = x * x
    h.register_hook(lambda g: g * x)
    first = grad(h.sum(), x, create_graph=True)
    assert first.item() == 18  # 2 x * x
    assert grad(first, x).item() == 12


def test_a_hook_needs_a_tensor_that_requires_grad():
    with pytest.raises(RuntimeError, match="does not require grad"):
        Tensor([1.0]).register_hook(print)


def test_no_grad_in_one_thread_does_not_stop_recording_in_another():
    recorded = []
    with no_grad():
        thread = threading.Thread(target=lambda: recorded.append((leaf(1) * 2).requires_grad))
        thread.start()
        thread.join()
        assert not (leaf(1) * 2).requires_grad
    assert recorded == [True]


def test_one_mode_object_may_be_open_in_two_threads_at_once():
    mode = no_grad()
    turn = threading.Barrier(2, timeout=60)

    def enter(first):
        if not first:
            turn.wait()
        with mode:
            if first:
                turn.wait()
            turn.wait()  # both are inside, and the first to come is the first to go
            inside = (leaf(1) * 2).requires_grad
            if not first:
                turn.wait()
        if first:
            turn.wait()
        return inside, (leaf(1) * 2).requires_grad

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(enter, (True, False))) == [(False, True), (False, True)]


def test_separate_graphs_in_two_threads_give_the_gradients_of_one():
    def work(_):
        xs = [leaf(k, 2, dtype="float64") for k in range(200)]
        return [grad((mg.exp(-x) * x * x).sum(), x).tolist() for x in xs]

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(work, range(2))) == [work(0), work(0)]


def test_recording_modes_nest_decorate_and_end_with_an_exception():
    x = leaf(1)

    @no_grad
    def plain():
        with mg.enable_grad():
            inside = x * 2
        return inside, x * 2

    @no_grad()
    def failing():
        raise KeyError

    inside, outside = plain()
    assert inside.requires_grad
    assert not outside.requires_grad
    with pytest.raises(KeyError):
        failing()
    assert (x * 2).requires_grad


def generator():
    yield


async def coroutine():
    pass


async def asynchronous_generator():
    yield


@pytest.mark.parametrize("function", [generator, coroutine, asynchronous_generator])
@pytest.mark.parametrize("given", [lambda f: f, functools.partial])  # a partial has no name
def test_a_mode_cannot_decorate_a_function_whose_body_runs_later(function, given):
    with pytest.raises(TypeError, match=f"cannot decorate .*{function.__name__}"):
        no_grad(given(function))


class Late:
    def __call__(self):
        yield

    @staticmethod
    def generator():
        yield


@pytest.mark.parametrize(
    "function", [Late(), vars(Late)["generator"], functools.cache(generator), contextlib.contextmanager(generator)]
)  # fmt: skip
def test_a_mode_finds_a_body_that_runs_later_within_what_it_decorates(function):
    with pytest.raises(TypeError, match="before the body of a generator"):
        no_grad(function)


@pytest.mark.parametrize("function", [5, False, Late, leaf(1)])
def test_a_mode_decorates_functions_alone(function):
    with pytest.raises(TypeError, match="decorates a function, not"):
        no_grad(function)


# 16. The hot path ----------------------------------------------------------------------------------------


def refuse(*args):
    raise AssertionError("went through the dispatch of a ufunc")


@pytest.mark.parametrize(
    "use",
    [
        *[lambda t, f=f: f(t, t) for f in (operator.add, operator.sub, operator.mul)],
        *[lambda t, f=f: f(t, 2) for f in (operator.truediv, operator.pow, operator.lt)],
        *[lambda t, f=f: f(2, t) for f in (operator.add, operator.truediv, operator.pow)],
        *[operator.neg, operator.abs, operator.pos],
        *[lambda t, f=f: f(t * 1, 2) for f in (operator.iadd, operator.isub, operator.imul)],
        lambda t: t @ t,
        lambda t: (t.exp() * t.relu()).sum().backward(),
    ],
)
def test_clause_16_operators_and_backward_never_go_through_ufunc_dispatch(use, monkeypatch):
    monkeypatch.setattr("minigrad.numpy_protocols.call_ufunc", refuse)
    monkeypatch.setattr("minigrad.numpy_protocols.call_function", refuse)
    use(leaf(1, 2))


@pytest.mark.parametrize("make", [elementwise, primitive])
def test_clause_16_first_order_rules_run_on_plain_arrays(make):
    kinds = []
    row = make(lambda x: x * 2, x=lambda g, x, y: (kinds.append({*map(type, (g, x, y))}), 2 * g)[1])
    x = leaf(1, 2)
    row(row(x)).sum().backward()
    grad(row(x * 1).sum(), x, create_graph=True)
    assert kinds == [{np.ndarray}, {np.ndarray}, {Tensor}]
