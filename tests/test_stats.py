"""minigrad.stats: log densities and entropies beside SciPy's and PyTorch's, their gradients, and samples."""

import math
import subprocess
import sys

import numpy as np
import pytest
import scipy.stats
from cases.against_torch import assert_agrees_with_torch

import minigrad as mg
from minigrad import Tensor, check_grads, grad, stats
from minigrad.trust.other_library import OnDevice as Duck

try:
    import torch
    from torch import distributions
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = distributions = None

COV = np.array([[2.0, 0.5, 0.1], [0.5, 1.0, -0.2], [0.1, -0.2, 0.7]])
COVS = np.stack([COV, 2 * COV + np.eye(3)])
MEAN = np.array([0.3, -1.0, 0.5])
VECTORS = np.array([[0.1, 0.2, -0.3], [1.0, -2.0, 0.4]])
SIMPLEX = np.array([[0.2, 0.3, 0.5], [0.6, 0.1, 0.3]])
ALPHA = np.array([0.7, 1.0, 2.5])
X = np.array([[0.2, 0.7, 0.45], [0.9, 0.3, 0.6]])
LOC, SCALE = np.array([0.1, -0.2, 0.05]), np.array([[1.3], [2.1]])
A, B = np.array([0.6, 1.0, 3.5]), np.array([[2.0], [0.8]])
K = np.array([[0, 3, 7], [2, 1, 0]])
BITS = np.array([[0, 1, 1], [1, 0, 1]])
P = np.array([0.2, 0.5, 0.9])

DENSITIES = {  # what is differentiated by, and what is not
    "norm": ((X, LOC, SCALE), ()),
    "uniform": ((X, LOC, SCALE), ()),
    "laplace": ((X, LOC, SCALE), ()),
    "exponential": ((X + 0.2, LOC, SCALE), ()),
    "t": ((X, A + 1, LOC, SCALE), ()),
    "gamma": ((X + 0.2, A, LOC, SCALE), ()),
    "beta": ((X / 2 + 0.2, A, B, LOC, SCALE), ()),
    "poisson": ((A,), (K,)),
    "bernoulli": ((P,), (BITS,)),
}
SCIPYS = {"exponential": scipy.stats.expon}


def ours_of(name, kind):
    suffix = kind if kind != "log" else "logpmf" if hasattr(stats, f"{name}_logpmf") else "logpdf"
    return getattr(stats, f"{name}_{suffix}")


def scipys_of(name):
    return SCIPYS.get(name, getattr(scipy.stats, name, None))


# Log densities and entropies -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", DENSITIES)
def test_a_log_density_is_scipys_and_its_gradients_to_order_2_are_right(name):
    values, constants = DENSITIES[name]
    ours, theirs = ours_of(name, "log"), scipys_of(name)
    log_density = theirs.logpmf if ours.__name__.endswith("pmf") else theirs.logpdf
    np.testing.assert_allclose(
        ours(*constants, *values), log_density(*constants, *values), rtol=1e-12
    )
    check_grads(lambda *xs: ours(*constants, *xs), values, order=2, rng=np.random.default_rng(0))


@pytest.mark.parametrize("name", DENSITIES)
def test_an_entropy_is_scipys_and_its_gradients_to_order_2_are_right(name):
    values, constants = DENSITIES[name]
    values = values if constants else values[1:]  # without x
    ours = ours_of(name, "entropy")
    np.testing.assert_allclose(ours(*values), scipys_of(name).entropy(*values), rtol=1e-9)
    check_grads(ours, values, order=2, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("norm", lambda x, loc, scale: distributions.Normal(loc, scale)),
        ("laplace", lambda x, loc, scale: distributions.Laplace(loc, scale)),
        ("t", lambda x, df, loc, scale: distributions.StudentT(df, loc, scale)),
    ],
)
def test_a_log_density_and_its_gradients_to_order_2_are_pytorchs(name, theirs):
    values, _ = DENSITIES[name]
    assert_agrees_with_torch(
        ours_of(name, "log"),
        lambda x, *rest: theirs(x, *rest).log_prob(x),
        values,
        rtol=1e-8,
        atol=1e-9,
    )


def test_the_log_density_of_several_normal_numbers():
    for x, mean, cov in [
        (VECTORS, MEAN, COV),
        (MEAN / 2, MEAN, COV),
        (VECTORS, VECTORS[::-1], COVS),
    ]:
        covs = np.broadcast_to(cov, (*x.shape[:-1], 3, 3)).reshape(-1, 3, 3)
        rows = zip(
            np.atleast_2d(x), np.broadcast_to(mean, np.atleast_2d(x).shape), covs, strict=True
        )
        expected = [scipy.stats.multivariate_normal.logpdf(*row) for row in rows]
        found = stats.multivariate_normal_logpdf(x, mean, cov)
        np.testing.assert_allclose(found, np.reshape(expected, x.shape[:-1]), rtol=1e-12)

        def of(x, mean, root):  # each nearby matrix must be symmetric
            return stats.multivariate_normal_logpdf(x, mean, root @ root.mT)

        check_grads(of, [x, mean, np.linalg.cholesky(cov)], order=2, rng=np.random.default_rng(0))
    found = stats.multivariate_normal_entropy(MEAN, COVS)
    expected = [scipy.stats.multivariate_normal.entropy(MEAN, cov) for cov in COVS]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    with pytest.raises(ValueError, match=r"mean has shape \(3,\) and cov \(2, 2\)"):
        stats.multivariate_normal_logpdf(VECTORS, MEAN, np.eye(2))


def test_the_gradient_by_a_covariance_is_symmetric():
    cov = Tensor(COV, requires_grad=True)
    g = grad(stats.multivariate_normal_logpdf(VECTORS, MEAN, cov).sum(), cov).data
    np.testing.assert_allclose(g, g.T, rtol=1e-13)


def test_the_log_density_and_entropy_of_probabilities():
    expected = [scipy.stats.dirichlet.logpdf(x, ALPHA) for x in SIMPLEX]
    np.testing.assert_allclose(stats.dirichlet_logpdf(SIMPLEX, ALPHA), expected, rtol=1e-12)
    np.testing.assert_allclose(
        stats.dirichlet_entropy(ALPHA), scipy.stats.dirichlet.entropy(ALPHA), rtol=1e-12
    )
    check_grads(lambda a: stats.dirichlet_logpdf(SIMPLEX, a), [ALPHA], order=2)
    check_grads(stats.dirichlet_entropy, [ALPHA], order=2)
    outside = np.array([[0.5, 0.6, 0.1], [-0.1, 0.6, 0.5], [0.2, 0.3, 0.5]])
    alpha = Tensor(np.tile(ALPHA, (3, 1)), requires_grad=True)
    y = stats.dirichlet_logpdf(outside, alpha)
    assert np.isneginf(y.data).tolist() == [True, True, False]
    assert (np.abs(grad(y[2], alpha).data).sum(axis=1) > 0).tolist() == [False, False, True]


def test_the_log_probability_and_entropy_of_categories():
    k = np.array([2, 0, 3, -1])
    for p in (SIMPLEX[0], np.tile(SIMPLEX[1], (4, 1))):
        t = Tensor(p, requires_grad=True)
        y = stats.categorical_logpmf(k, t)
        rows = np.broadcast_to(p, (4, 3))
        np.testing.assert_allclose(
            y.data, [math.log(rows[0, 2]), math.log(rows[1, 0]), -math.inf, -math.inf]
        )
        assert np.isfinite(grad(y[:2].sum(), t).data).all()
    check_grads(lambda p: stats.categorical_logpmf(k[:2], p), [SIMPLEX], order=2)
    np.testing.assert_allclose(
        stats.categorical_entropy(SIMPLEX), -(SIMPLEX * np.log(SIMPLEX)).sum(-1)
    )
    with pytest.raises(TypeError, match="integer"):
        stats.categorical_logpmf(np.array([0.5]), SIMPLEX[0])


@pytest.mark.parametrize("mu", [0.0, 1e-6, 0.3, 5.0, 80.0, 3e4])
def test_the_entropy_of_counts_is_that_of_the_whole_sum(mu):
    found = stats.poisson_entropy(mu)
    if mu < 50:
        expected = float(scipy.stats.poisson.entropy(mu)) if mu else 0
    else:  # its asymptotic series
        expected = 0.5 * math.log(2 * math.pi * math.e * mu) - 1 / (12 * mu) - 1 / (24 * mu**2)
    assert found == pytest.approx(expected, rel=1e-6 if mu == 80 else 1e-9)
    narrow = Tensor(np.array([mu], np.float32), requires_grad=True)
    y = stats.poisson_entropy(narrow)
    assert y.item() == pytest.approx(found, rel=2e-3, abs=1e-6)
    assert mu == 0 or np.isfinite(grad(y.sum(), narrow).data).all()


# Supports ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "inside", "outside"),
    [
        (lambda x, *p: stats.gamma_logpdf(x, 2.5, *p), 1.5, [-1, -math.inf]),
        (lambda x, *p: stats.beta_logpdf(x, 2.5, 0.5, *p), 0.4, [-0.1, 1.6, math.inf]),
        (stats.uniform_logpdf, 0.4, [-0.1, 3, math.inf]),
        (stats.exponential_logpdf, 0.4, [-0.1, -math.inf]),
    ],
)
def test_outside_of_the_support_a_log_density_is_minus_infinity_and_its_gradient_0(
    f, inside, outside
):
    points = np.array([inside, *outside])
    xs = [
        Tensor(v, requires_grad=True)
        for v in (points, np.zeros_like(points), np.full_like(points, 1.1))
    ]
    y = f(*xs)
    assert np.isneginf(y.data).tolist() == [False, *[True] * len(outside)]
    chosen = mg.where(np.isfinite(y.data), y, 0.0)
    for g in grad(chosen.sum(), xs) + grad(f(*xs).sum(), xs):
        assert np.isfinite(g.data).all()
        assert not g.data[1:].any()
    assert np.isnan(f(math.nan))


def test_counts_and_bits_outside_of_their_support():
    mu = Tensor(np.full(4, 2.0), requires_grad=True)
    y = stats.poisson_logpmf(np.array([-1, 0.5, math.inf, 3]), mu)
    assert np.isneginf(y.data).tolist() == [True, True, True, False]
    assert grad(y[:2].sum(), mu).tolist() == [0, 0, 0, 0]
    p = Tensor(np.full(3, 0.5), requires_grad=True)
    y = stats.bernoulli_logpmf(np.array([-1, 2, 1]), p)
    assert np.isneginf(y.data).tolist() == [True, True, False]
    assert grad(y.sum(), p).tolist() == [0, 0, 2]


def test_log_densities_at_edges_of_their_supports_are_scipys():
    for a in (0.5, 1.0, 2.0):
        np.testing.assert_array_equal(stats.gamma_logpdf(0.0, a), scipy.stats.gamma.logpdf(0.0, a))
        for x in (0.0, 1.0):
            np.testing.assert_allclose(
                stats.beta_logpdf(x, a, 1.5), scipy.stats.beta.logpdf(x, a, 1.5), rtol=1e-13
            )
    np.testing.assert_array_equal(stats.bernoulli_logpmf([0, 1], [0.0, 1.0]), [0, 0])
    np.testing.assert_array_equal(stats.poisson_logpmf(0, 0.0), 0)


# Dtypes and arrays ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DENSITIES)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_floats_keep_their_dtype_beside_numbers_and_integers(name, dtype):
    values, constants = DENSITIES[name]
    values = [v.astype(dtype) for v in values]
    ours = ours_of(name, "log")
    assert ours(*constants, *values).dtype == dtype
    leaves = [Tensor(v, requires_grad=True) for v in values]
    assert {g.dtype for g in grad(ours(*constants, *leaves).sum(), leaves)} == {np.dtype(dtype)}
    some = [leaves[0], *[0.6] * (len(leaves) - 1)]
    assert ours(*constants, *some).dtype == dtype
    rest = leaves[len(leaves) > 1 :]
    assert ours_of(name, "entropy")(*rest).dtype == dtype


def test_numbers_alone_are_computed_in_float64():
    assert stats.norm_logpdf(0.5) == pytest.approx(scipy.stats.norm.logpdf(0.5), rel=1e-15)
    assert type(stats.norm_logpdf(0.5)) is np.float64


@pytest.mark.parametrize("name", [n for n in DENSITIES if n != "poisson"])
def test_an_array_of_another_library_stays_one(name):
    values, constants = DENSITIES[name]
    leaves = [Tensor(Duck(v), requires_grad=True) for v in values]
    ours = ours_of(name, "log")
    y = ours(*map(Duck, constants), *leaves)
    assert type(y.data) is Duck
    np.testing.assert_allclose(y.data.array, ours(*constants, *values), rtol=1e-13)
    assert all(type(g.data) is Duck for g in grad(y, leaves, Duck(np.ones(y.shape))))
    assert type(ours(*map(Duck, constants), leaves[0], *[0.6] * (len(leaves) - 1)).data) is Duck


# Samples -------------------------------------------------------------------------------------------------

N = 40_000
SAMPLED = {
    "norm": (0.3, 1.7), "uniform": (0.3, 1.7), "laplace": (0.3, 1.7), "exponential": (0.3, 1.7), "t": (7.0, 0.3, 1.7),
    "gamma": (2.5, 0.3, 1.7), "beta": (2.5, 0.7, 0.3, 1.7), "poisson": (3.5,), "bernoulli": (0.3,),
}  # fmt: skip
MOVED = ("norm", "uniform", "laplace", "exponential")


@pytest.mark.parametrize("name", SAMPLED)
def test_a_sample_has_the_mean_and_variance_of_scipys_distribution(name):
    parameters = SAMPLED[name]
    x = ours_of(name, "sample")(*parameters, size=N, rng=np.random.default_rng(0))
    assert type(x) is np.ndarray
    assert x.dtype == ("int64" if name in ("poisson", "bernoulli") else "float32")
    mean, var, fourth = (float(v) for v in scipys_of(name).stats(*parameters, moments="mvk"))
    assert abs(x.mean() - mean) < 5 * math.sqrt(var / N)
    assert abs(x.var() - var) < 5 * var * math.sqrt((fourth + 2) / N)


@pytest.mark.parametrize("name", SAMPLED)
def test_the_size_of_a_sample_is_numpys_and_the_generator_is_the_packages(name):
    ours, parameters = ours_of(name, "sample"), list(SAMPLED[name])
    parameters[0] = np.full((2, 1), parameters[0])
    assert ours(*parameters).shape == (2, 1)
    assert ours(*parameters, size=(4, 2, 3)).shape == (4, 2, 3)
    with pytest.raises(ValueError, match=r"size \(3,\)"):
        ours(*parameters, size=3)
    draws = []
    for _ in range(2):
        mg.seed(3)
        draws.append(ours(*SAMPLED[name], size=5))
    np.testing.assert_array_equal(*draws)
    assert isinstance(ours(*map(Tensor, SAMPLED[name]), size=5), Tensor)


@pytest.mark.parametrize("name", MOVED)
def test_gradients_flow_through_a_sample_to_its_parameters(name):
    loc, scale = (Tensor(np.float32(v), requires_grad=True) for v in SAMPLED[name])
    x = ours_of(name, "sample")(loc, scale, size=50, rng=np.random.default_rng(0))
    assert x.dtype == "float32"
    by_loc, by_scale = grad(x.sum(), [loc, scale])
    assert by_loc.item() == 50
    assert by_scale.item() == pytest.approx(
        (x.data.sum() - 50 * loc.item()) / scale.item(), rel=1e-4
    )


@pytest.mark.parametrize("name", [n for n in SAMPLED if n not in MOVED])
def test_a_sample_without_gradient_refuses_a_parameter_that_requires_grad(name):
    first = Tensor(SAMPLED[name][0], requires_grad=True)
    with pytest.raises(
        TypeError, match=rf"{name}_sample: `\w+` requires grad, .*detach.*score function"
    ):
        ours_of(name, "sample")(first, *SAMPLED[name][1:])
    assert not ours_of(name, "sample")(first.detach(), *SAMPLED[name][1:]).requires_grad


def test_samples_of_several_numbers_have_their_mean_and_covariance_and_gradients():
    rng = np.random.default_rng(0)
    x = stats.multivariate_normal_sample(MEAN, COV, size=N, rng=rng)
    assert x.shape == (N, 3)
    np.testing.assert_allclose(x.mean(axis=0), MEAN, atol=0.03)
    np.testing.assert_allclose(np.cov(x.T), COV, atol=0.05)
    assert stats.multivariate_normal_sample(MEAN, COVS).shape == (2, 3)

    def of(mean, root):
        rng = np.random.default_rng(1)
        return stats.multivariate_normal_sample(mean, root @ root.mT, (4,), rng)

    check_grads(of, [MEAN, np.linalg.cholesky(COV)], order=2)


def test_samples_of_probabilities_and_of_categories():
    rng = np.random.default_rng(0)
    x = stats.dirichlet_sample(ALPHA, size=N, rng=rng)
    np.testing.assert_allclose(x.sum(axis=-1), 1, rtol=1e-6)
    np.testing.assert_allclose(x.mean(axis=0), ALPHA / ALPHA.sum(), atol=0.01)
    np.testing.assert_allclose(x.var(axis=0), scipy.stats.dirichlet.var(ALPHA), atol=0.005)
    assert stats.dirichlet_sample(np.tile(ALPHA, (2, 1))).shape == (2, 3)
    tiny = stats.dirichlet_sample(np.full(3, 1e-4), size=100, rng=rng)
    np.testing.assert_allclose(tiny.sum(axis=-1), 1, rtol=1e-6)

    k = stats.categorical_sample(SIMPLEX, size=(N, 2), rng=rng)
    assert k.dtype == "int64"
    for row, p in zip(k.T, SIMPLEX, strict=True):
        np.testing.assert_allclose(np.bincount(row, minlength=3) / N, p, atol=0.015)
    for name, p in (("dirichlet", "alpha"), ("categorical", "p")):
        with pytest.raises(TypeError, match=rf"{name}_sample: `{p}` requires grad"):
            ours_of(name, "sample")(Tensor(ALPHA, requires_grad=True))


def test_every_distribution_has_its_three_functions():
    names = {name.rpartition("_")[0] for name in stats.__all__}
    assert len(stats.__all__) == 3 * len(names) == 36
    for name in names:
        for kind in ("log", "entropy", "sample"):
            assert ours_of(name, kind).__doc__


def test_densities_and_samples_are_traced():
    def step(x, scale):
        z = stats.norm_sample(x, scale)
        y = stats.gamma_logpdf(x, 2.5, 0, scale) + stats.uniform_logpdf(z) + stats.t_logpdf(z, 3.0)
        y.sum().backward()
        return y

    results = []
    for run in (step, mg.compile(step)):
        mg.seed(0)
        for _ in range(3):
            x, scale = (Tensor(v, requires_grad=True) for v in (X, np.array(1.5)))
            y = run(x, scale)
        results.append([y.data, x.grad.data, scale.grad.data])
    for eager, compiled in zip(*results, strict=True):
        np.testing.assert_array_equal(eager, compiled)


def test_five_distributions_need_no_scipy():
    code = """import sys
sys.modules["scipy"] = None
import numpy as np
from minigrad import Tensor, stats
loc, scale = Tensor([0.5], requires_grad=True), Tensor([1.5], requires_grad=True)
for name in ("norm", "uniform", "laplace", "exponential"):
    density, sample, entropy = (getattr(stats, f"{name}_{kind}") for kind in ("logpdf", "sample", "entropy"))
    (density(sample(loc, scale), loc, scale) + entropy(loc, scale)).sum().backward()
x = stats.multivariate_normal_sample(loc, np.eye(1))
stats.multivariate_normal_logpdf(x, loc, np.eye(1)).backward()
"""
    subprocess.run([sys.executable, "-c", code], check=True)
