"""Clipping gradients by their norm and by value: beside PyTorch's, in place, and what is refused."""

import math

import numpy as np
import pytest

import nn
from minigrad import Tensor
from nn.optim import clip_grad_norm_, clip_grad_value_

SHAPES = [(3, 4), (5,), (), (2, 2, 2)]


def parameters(dtype="float64", scale=1.0):
    """With gradients, except the second."""
    rng = np.random.default_rng(0)
    params = [nn.Parameter(np.ones(shape, dtype)) for shape in SHAPES]
    for p in params:
        p.grad = scale * rng.standard_normal(p.shape)
    params[1].grad = None
    return params


def in_pytorch(torch, params):
    theirs = [torch.nn.Parameter(torch.tensor(p.detach().numpy().copy())) for p in params]
    for p, q in zip(params, theirs, strict=True):
        q.grad = None if p.grad is None else torch.tensor(p.grad.numpy().copy())
    return theirs


def assert_equal_grads(params, theirs, rtol=1e-12):
    for p, q in zip(params, theirs, strict=True):
        if p.grad is None:
            assert q.grad is None
        else:
            np.testing.assert_allclose(p.grad.numpy(), q.grad, rtol=rtol)


@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-12), ("float32", 1e-5)])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 100.0])
@pytest.mark.parametrize("norm_type", [2.0, 1, 3.5, math.inf])
@pytest.mark.parametrize("max_norm", [0, 0.5, 3.0, math.inf])
def test_norms_and_clipped_gradients_are_pytorchs(max_norm, norm_type, scale, dtype, rtol):
    torch = pytest.importorskip("torch")
    params = parameters(dtype, scale)
    theirs = in_pytorch(torch, params)
    total = clip_grad_norm_(iter(params), max_norm, norm_type)
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    assert type(total) is float
    assert total == pytest.approx(expected.item(), rel=rtol)
    assert_equal_grads(params, theirs, rtol)


@pytest.mark.parametrize("value", [0, 0.3, 5.0])
def test_clipped_values_are_pytorchs(value):
    torch = pytest.importorskip("torch")
    params = parameters()
    theirs = in_pytorch(torch, params)
    clip_grad_value_(params, value)
    torch.nn.utils.clip_grad_value_(theirs, value)
    assert_equal_grads(params, theirs)


@pytest.mark.parametrize("clip", [clip_grad_norm_, clip_grad_value_])
def test_gradients_are_written_in_place_and_that_is_announced(clip, monkeypatch):
    params = parameters()
    grads = [p.grad for p in params]
    taken = [g.data for g in grads if g is not None]
    before = [a.copy() for a in taken]
    x = Tensor(np.ones((3, 4)), requires_grad=True)
    monkeypatch.setattr("minigrad.core.options.SMALL", 0)  # or the node would copy it
    loss = (x * grads[0]).sum()
    clip(params, 0.1)
    assert all(p.grad is g for p, g in zip(params, grads, strict=True))
    assert not np.array_equal(taken[0], before[0])
    np.testing.assert_array_equal(grads[0].data, taken[0])
    with pytest.raises(RuntimeError, match="written after the forward pass"):
        loss.backward()


def test_a_small_gradient_is_left_to_the_last_bit():
    params = parameters(scale=1e-3)
    before = [None if p.grad is None else p.grad.numpy().copy() for p in params]
    clip_grad_norm_(params, 1.0)
    for p, g in zip(params, before, strict=True):
        np.testing.assert_array_equal(None if p.grad is None else p.grad.numpy(), g)


def test_a_shared_parameter_counts_once():
    p = nn.Parameter([1.0])
    p.grad = [3.0]
    assert clip_grad_norm_([p, p], 1.5) == 3.0
    assert p.grad.item() == pytest.approx(1.5)


@pytest.mark.parametrize("norm_type", [1, 2, math.inf])
def test_an_empty_gradient_adds_nothing(norm_type):
    p, q = nn.Parameter(np.ones((0, 2))), nn.Parameter([1.0])
    p.grad, q.grad = np.ones((0, 2)), [3.0]
    assert clip_grad_norm_([p, q], 5.0, norm_type) == 3.0


def test_no_gradients_have_the_norm_zero():
    p = nn.Parameter([1.0])
    assert clip_grad_norm_([p], 1.0) == 0.0
    assert clip_grad_norm_([], 1.0) == 0.0
    clip_grad_value_([p], 1.0)
    assert p.grad is None


@pytest.mark.parametrize("size", [1e25, 1e-25])
@pytest.mark.parametrize("norm_type", [1, 2, 3])
def test_the_norm_of_float32_neither_overflows_nor_vanishes(norm_type, size):
    p = nn.Parameter(np.ones(4, np.float32))
    p.grad = np.full(4, size, np.float32)
    assert clip_grad_norm_([p], size, norm_type) == pytest.approx(
        size * 4 ** (1 / norm_type), rel=1e-6
    )
    if size > 1:
        np.testing.assert_allclose(p.grad.numpy(), size / 4 ** (1 / norm_type), rtol=1e-5)


@pytest.mark.parametrize(
    ("bad", "clipped"), [(math.nan, [math.nan] * 2), (math.inf, [0.0, math.nan])]
)
def test_what_is_not_finite_is_as_in_pytorch_or_raises(bad, clipped):
    torch = pytest.importorskip("torch")

    def params():
        found = [nn.Parameter(np.ones(2)), nn.Parameter(np.ones(2))]
        found[0].grad, found[1].grad = [1.0, 2.0], [1.0, bad]
        return found

    ours = params()
    theirs = in_pytorch(torch, ours)
    total = clip_grad_norm_(ours, 1.0)
    torch.nn.utils.clip_grad_norm_(theirs, 1.0)
    np.testing.assert_equal(total, bad)
    np.testing.assert_equal(ours[1].grad.numpy(), clipped)
    np.testing.assert_equal(ours[1].grad.numpy(), theirs[1].grad.numpy())
    ours = params()
    words = (
        rf"clip_grad_norm_: the norm .* is {bad}: the first such gradient is of parameter 1; noth"
    )
    with pytest.raises(RuntimeError, match=words):
        clip_grad_norm_(ours, 1.0, error_if_nonfinite=True)
    np.testing.assert_equal(ours[0].grad.tolist(), [1.0, 2.0])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda net: clip_grad_norm_(net, 1.0),
            r"clip_grad_norm_: params is a Linear; .*parameters\(\)",
        ),
        (lambda net: clip_grad_norm_(net.weight, 1.0), "clip_grad_norm_: params is a Parameter"),
        (lambda net: clip_grad_value_([1.0], 1.0), r"clip_grad_value_: params\[0\] is a float"),
        (lambda net: clip_grad_norm_(net.parameters(), -1), "clip_grad_norm_: max_norm .*-1"),
        (
            lambda net: clip_grad_norm_(net.parameters(), 1, 0),
            "clip_grad_norm_: norm_type .*> 0, not 0",
        ),
        (
            lambda net: clip_grad_value_(net.parameters(), math.nan),
            "clip_grad_value_: clip_value .*nan",
        ),
    ],
)
def test_bad_arguments_are_named(call, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call(nn.Linear(2, 2))
