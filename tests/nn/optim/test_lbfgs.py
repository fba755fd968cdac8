"""LBFGS: its path is PyTorch's, evaluation by evaluation."""

import math
from contextlib import suppress

import numpy as np
import pytest

import minigrad
import nn
from minigrad import Tensor
from nn.optim import LBFGS


def rosenbrock(x):
    return ((1 - x[:-1]) ** 2 + 100 * (x[1:] - x[:-1] ** 2) ** 2).sum()


def closure_of(optimizer, loss_of, seen):
    def closure():
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        seen.append(loss.item())
        return loss

    return closure


OPTIONS = [
    {"line_search_fn": "strong_wolfe"},
    {"line_search_fn": "strong_wolfe", "history_size": 3, "max_iter": 5},
    {"line_search_fn": "strong_wolfe", "lr": 0.5, "max_iter": 4, "max_eval": 3},
    {"line_search_fn": "strong_wolfe", "lr": 20.0, "max_iter": 3},
    {"line_search_fn": "strong_wolfe", "max_eval": 1},
    {"lr": 1e-3, "max_iter": 5},
    {"lr": 0.1, "history_size": 1, "max_iter": 4},
    {"lr": 0.1, "max_iter": 20, "max_eval": 6},
    {"line_search_fn": "strong_wolfe", "tolerance_grad": 10.0},
    {"line_search_fn": "strong_wolfe", "tolerance_change": 0.1},
]


@pytest.mark.parametrize("size", [2, 6])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_path_on_rosenbrocks_function_is_pytorchs(options, size):
    """The same losses in the same order. The valley magnifies rounding, so later steps agree to fewer digits."""
    torch = pytest.importorskip("torch")
    start = np.linspace(-1.5, 2.0, size)
    ours = [nn.Parameter(start[:1].copy()), nn.Parameter(start[1:].copy())]
    theirs = [
        torch.nn.Parameter(torch.tensor(start[:1])),
        torch.nn.Parameter(torch.tensor(start[1:])),
    ]
    mine, other = LBFGS(ours, **options), torch.optim.LBFGS(theirs, **options)
    seen, seen_there = [], []
    closure = closure_of(mine, lambda: rosenbrock(minigrad.concatenate(ours)), seen)
    their_closure = closure_of(other, lambda: rosenbrock(torch.cat(theirs)), seen_there)
    for step in range(3):
        loss = mine.step(closure)
        assert loss.item() == pytest.approx(other.step(their_closure).item(), rel=1e-9)
        assert len(seen) == len(seen_there)
        rtol = 1e-12 if step == 0 else 1e-9
        for p, q in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(p.data, q.detach(), rtol=rtol, atol=rtol)
    np.testing.assert_allclose(seen, seen_there, rtol=1e-7)


@pytest.mark.parametrize("lr", [0.05, 0.3, 1.0, 30.0, 100.0])
def test_a_line_search_over_hills_is_pytorchs(lr):
    """Many starts, so that brackets are widened and shrunk in every way; one search magnifies rounding little."""
    torch = pytest.importorskip("torch")
    options = {"lr": lr, "max_iter": 1, "max_eval": 60, "line_search_fn": "strong_wolfe"}

    def hills(m, w):
        return (m.cos(3 * w) + m.sin(7 * w) / 2 + w * w / 20).sum()

    for start in np.random.default_rng(0).uniform(-8, 8, (60, 1)):
        ours, theirs = nn.Parameter(start.copy()), torch.nn.Parameter(torch.tensor(start))
        mine, other = LBFGS([ours], **options), torch.optim.LBFGS([theirs], **options)
        seen, seen_there = [], []
        mine.step(closure_of(mine, lambda w=ours: hills(minigrad, w), seen))
        other.step(closure_of(other, lambda w=theirs: hills(torch, w), seen_there))
        np.testing.assert_allclose(seen, seen_there, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(ours.data, theirs.detach(), rtol=1e-6)


def test_rosenbrocks_minimum_is_found():
    x = nn.Parameter(np.linspace(-1.5, 2.0, 6))
    optimizer = LBFGS([x], max_iter=200, line_search_fn="strong_wolfe")
    optimizer.step(closure_of(optimizer, lambda: rosenbrock(x), seen := []))
    np.testing.assert_allclose(x.data, np.ones(6), atol=1e-5)
    assert len(seen) < 100


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_a_net_is_trained_as_in_pytorch(search):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((20, 3)), rng.integers(0, 2, 20)
    weights = [rng.standard_normal(s) for s in ((5, 3), (5,), (2, 5), ())]
    ours = [nn.Parameter(w.copy()) for w in weights]
    theirs = [torch.nn.Parameter(torch.tensor(w)) for w in weights]
    x_there, y_there = torch.tensor(x), torch.tensor(y)
    options = {"lr": 0.3, "max_iter": 4, "line_search_fn": search}
    mine, other = LBFGS(ours, **options), torch.optim.LBFGS(theirs, **options)

    def loss_of(m, x, y, loss, w):
        return loss(m.tanh(x @ w[0].T + w[1]) @ w[2].T + w[3], y)

    for _ in range(5):
        mine.step(
            closure_of(mine, lambda: loss_of(minigrad, x, y, minigrad.cross_entropy, ours), [])
        )
        other.step(
            closure_of(
                other,
                lambda: loss_of(torch, x_there, y_there, torch.nn.functional.cross_entropy, theirs),
                [],
            )
        )
        for p, q in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(p.detach().numpy(), q.detach(), rtol=1e-10, atol=1e-10)


def test_float32_stays_float32_and_arrays_in_place():
    p = nn.Parameter(np.ones((2, 3), np.float32))
    taken = p.data
    optimizer = LBFGS([p], line_search_fn="strong_wolfe")
    for _ in range(3):
        optimizer.step(closure_of(optimizer, lambda: ((p - 3) ** 4).sum(), []))
    assert p.data is taken
    assert p.dtype == np.float32
    np.testing.assert_allclose(taken, 3, atol=0.05)


def test_a_parameter_without_gradient_stays_where_it_is():
    p, still = nn.Parameter([1.0]), nn.Parameter([5.0])
    optimizer = LBFGS([p, still])
    optimizer.step(closure_of(optimizer, lambda: ((p - 3) ** 2).sum(), []))
    assert p.item() == pytest.approx(3)
    assert still.item() == 5


def test_every_move_makes_older_graphs_raise():
    p = nn.Parameter([1.0])
    optimizer = LBFGS([p], max_iter=1)
    old = (p * p).sum()
    optimizer.step(closure_of(optimizer, lambda: ((p - 3) ** 2).sum(), []))
    with pytest.raises(RuntimeError, match="written after the forward pass"):
        old.backward()


def test_the_step_at_a_minimum_asks_once_and_moves_nothing():
    p = nn.Parameter([3.0])
    optimizer = LBFGS([p])
    loss = optimizer.step(closure_of(optimizer, lambda: ((p - 3) ** 2).sum(), seen := []))
    assert isinstance(loss, Tensor)
    assert (len(seen), p.item()) == (1, 3.0)


@pytest.mark.parametrize("at", range(6, 26, 3))
def test_an_interrupt_leaves_everything_as_it_was_before_the_step(at):
    w = nn.Parameter(np.linspace(-1.5, 2.0, 4))
    optimizer = LBFGS([w], line_search_fn="strong_wolfe", max_iter=4)
    seen, interrupts = [], []
    closure = closure_of(optimizer, lambda: rosenbrock(w), seen)

    def interrupted():
        if len(seen) == at:
            interrupts.append(at)
            raise KeyboardInterrupt
        return closure()

    while not interrupts:
        before = repr((w.tolist(), optimizer.state_dict()))
        with suppress(KeyboardInterrupt):
            optimizer.step(interrupted)
    assert repr((w.tolist(), optimizer.state_dict())) == before


def test_a_line_search_comes_back_from_infinity():
    """The first trial overflows: PyTorch's interpolation makes nan of it, ours goes to the middle."""
    p = nn.Parameter(np.array([-5.0]))
    optimizer = LBFGS([p], lr=1e4, line_search_fn="strong_wolfe", max_eval=100)
    closure = closure_of(optimizer, lambda: np.exp(p).sum() - 2 * p.sum(), seen := [])
    with np.errstate(over="ignore"):
        optimizer.step(closure)
    assert math.inf in seen
    assert p.item() == pytest.approx(math.log(2), abs=1e-3)


@pytest.mark.parametrize("closure", [lambda: None, lambda: 1.0, lambda: Tensor(1.0)])
def test_a_closure_that_leaves_no_gradient_or_no_loss_raises(closure):
    with pytest.raises(RuntimeError, match=r"LBFGS\.step: the closure must call loss\.backward"):
        LBFGS([nn.Parameter([1.0])]).step(closure)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"lr": -1}, "LBFGS: lr .*-1"),
        ({"max_iter": 0}, "LBFGS: max_iter must be an integer >= 1, not 0"),
        ({"max_eval": 2.5}, r"LBFGS: max_eval .*2\.5"),
        ({"history_size": -3}, "LBFGS: history_size .*-3"),
        ({"tolerance_grad": math.nan}, "LBFGS: tolerance_grad .*nan"),
        ({"line_search_fn": "armijo"}, "LBFGS: line_search_fn .*None or 'strong_wolfe', not 'armijo'"),
    ],
    ids=str,
)  # fmt: skip
def test_a_bad_option_raises_and_names_the_value(options, words):
    with pytest.raises(ValueError, match=words):
        LBFGS([nn.Parameter([1.0])], **options)
