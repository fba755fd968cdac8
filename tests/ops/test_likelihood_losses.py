"""Negative log-likelihoods: PyTorch's values and derivatives, edges, and what is refused."""

import numpy as np
import pytest
from derivatives import leaf
from losses import compare_with_pytorch, every_reduction, gradient

import minigrad as mg
from minigrad import check_grads

RNG = np.random.default_rng(0)
X, T = RNG.standard_normal((2, 4, 3))
VAR = RNG.uniform(0.1, 2, (4, 3))
COUNTS = RNG.integers(0, 6, (4, 3)) + 0.0


@every_reduction
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("var", [VAR, VAR[:, :1], VAR[:, 0]], ids=["each", "kept axis", "per row"])
def test_the_gaussian_loss_is_pytorchs(var, full, reduction):
    def loss(m, x, t, v):
        return m.gaussian_nll_loss(x, t, v, full=full, reduction=reduction)

    compare_with_pytorch(loss, loss, X, T, var)
    check_grads(lambda *a: loss(mg, *a), [X, T, var], rng=np.random.default_rng(0))


def test_one_variance_may_be_a_number():
    found = mg.gaussian_nll_loss(X, T, 0.5)
    np.testing.assert_allclose(
        found.item(), mg.gaussian_nll_loss(X, T, np.full((4, 3), 0.5)).item(), rtol=1e-12
    )


@pytest.mark.parametrize("x", [X, X[0], X[0, 0]], ids=["rows", "a row", "a number"])
def test_one_variance_for_all_may_be_learnt(x):
    for var in (np.float32(0.5), leaf(np.array(0.5))):
        found = mg.gaussian_nll_loss(x, 0 * x, var)
        np.testing.assert_allclose(found.item(), mg.gaussian_nll_loss(x, 0 * x, 0.5).item())
    check_grads(lambda v: mg.gaussian_nll_loss(x, 0 * x, v), [np.array(0.5)])


def test_a_variance_below_eps_counts_as_eps_and_has_gradient_0():
    var = leaf([0.0, 1e-9, 1e-3, 0.5])
    found = mg.gaussian_nll_loss(np.ones(4), np.zeros(4), var, eps=1e-3, reduction="none")
    assert found.data[0] == found.data[1] == found.data[2]
    g = gradient(found, var)
    at = 0.5 * (1e3 - 1e6)
    np.testing.assert_allclose(g, [0, 0, at / 2, 0.5 * (2 - 4)], rtol=1e-12)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("log_input", [False, True])
def test_the_poisson_loss_is_pytorchs(log_input, full, reduction):
    x = X if log_input else VAR

    def loss(m, x):
        t = COUNTS if m is mg else as_torch_like(x, COUNTS)
        return m.poisson_nll_loss(x, t, log_input, full, eps=1e-3, reduction=reduction)

    def as_torch_like(x, a):
        return x.new_tensor(a)

    compare_with_pytorch(loss, loss, x)
    counts = np.where(COUNTS == 1, 1.5, COUNTS)  # at 1 the approximation of log(t!) begins
    check_grads(
        lambda x, t: mg.poisson_nll_loss(x, t, log_input, full, 1e-3, reduction),
        [x, counts],
        rng=np.random.default_rng(0),
    )


@pytest.mark.parametrize(
    "loss", [lambda x, t: mg.gaussian_nll_loss(x, t, 0.5), mg.poisson_nll_loss]
)
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_loss_and_its_gradient_have_the_dtype_of_x(loss, dtype):
    x = leaf(X, dtype)
    found = loss(x, COUNTS.astype(dtype))
    assert found.dtype == gradient(found, x).dtype == dtype


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: mg.gaussian_nll_loss(X, T[:1], VAR), "a loss does not broadcast"),
        (lambda: mg.gaussian_nll_loss(X, T, VAR[:1]), r"var has shape \(1, 3\) and x \(4, 3\)"),
        (lambda: mg.gaussian_nll_loss(X, T, VAR[0]), r"var has shape \(3,\)"),
        (lambda: mg.gaussian_nll_loss(X, T, -VAR), "negative elements; pass exp"),
        (lambda: mg.gaussian_nll_loss(X, T, VAR, eps=0), "eps must be > 0, not 0"),
        (lambda: mg.gaussian_nll_loss(X, T, VAR, reduction="all"), "reduction .*not 'all'"),
        (lambda: mg.poisson_nll_loss(X, T[:1]), "a loss does not broadcast"),
        (lambda: mg.poisson_nll_loss(X, T, reduction="all"), "reduction .*not 'all'"),
    ],
)
def test_what_does_not_fit_is_refused_by_the_name_of_the_loss(call, words):
    with pytest.raises(ValueError, match=rf"^\w+_nll_loss: .*{words}"):
        call()
