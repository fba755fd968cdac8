"""Distributions: log densities, entropies and samples, under the names and parameters of scipy.stats.

All are compositions of ops, differentiable at every order by values and parameters, which broadcast. Outside of the
support a log density is -inf and its gradient 0; where a parameter makes no distribution, it is nan. Samples of norm,
multivariate_normal, uniform, laplace and exponential are functions of their parameters, to which gradients flow, and
these five work without SciPy. Other samples have no gradient: a parameter that requires grad raises. `size` is the
whole shape of a sample, as in NumPy; without Tensors among the parameters it is a plain array, of float32 if all are
Python numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .core.dtypes import DEFAULT_FLOAT, in_array
from .core.graph import TensorBase, wrap
from .core.op import sum_
from .ops.elementwise import absolute, astype, log, log1p, where
from .ops.indexing import take_along_axis
from .ops.inspection import plain
from .ops.linalg import cholesky, solve
from .ops.parameters import check_last_axis, in_one_dtype, positive, valid
from .ops.products import matvec
from .ops.rearrange import diagonal
from .ops.scipy_special import betaln, digamma, entr, gammaln, xlog1py, xlogy
from .ops.shapes import broadcast_to, expand_dims, reshape
from .ops.softmax import softmax
from .random import generator

__all__ = [
    "bernoulli_entropy", "bernoulli_logpmf", "bernoulli_sample", "beta_entropy", "beta_logpdf", "beta_sample",
    "categorical_entropy", "categorical_logpmf", "categorical_sample", "dirichlet_entropy", "dirichlet_logpdf",
    "dirichlet_sample", "exponential_entropy", "exponential_logpdf", "exponential_sample", "gamma_entropy",
    "gamma_logpdf", "gamma_sample", "laplace_entropy", "laplace_logpdf", "laplace_sample",
    "multivariate_normal_entropy", "multivariate_normal_logpdf", "multivariate_normal_sample", "norm_entropy",
    "norm_logpdf", "norm_sample", "poisson_entropy", "poisson_logpmf", "poisson_sample", "t_entropy", "t_logpdf",
    "t_sample", "uniform_entropy", "uniform_logpdf", "uniform_sample",
]  # fmt: skip

Size = int | Sequence[int] | None
Rng = np.random.Generator | None
_LOG_2PI = math.log(2 * math.pi)


def _standard(x: Any, loc: Any, scale: Any, df: Any = 1) -> tuple[Any, Any, Any]:
    """(x - loc) / scale, log(scale) and df."""
    x, loc, scale, df = in_one_dtype(x, loc, scale, df)
    return (x - loc) / scale, log(scale), df


def _supported(
    density: Any, low: float, high: float, inner: float, x: Any, *parameters: Any
) -> Any:
    """density(z, *shapes) - log(scale) for low <= z <= high, z = (x - loc) / scale; -inf outside, and for inf.

    What is outside is replaced by an inner point before anything is computed of it: no nan comes back from there, but
    for a scale or shape that is not above 0.
    """
    x, loc, scale, *shapes = in_one_dtype(x, *parameters)
    scale, *shapes = positive(scale, *shapes)
    z = (plain(x) - plain(loc)) / plain(scale)
    outside = (z < low) | (z > high) | np.isinf(z)
    for shape in shapes:
        outside = outside & (plain(shape) > 0)
    z = where(outside, inner, (where(outside, loc, x) - loc) / scale)
    return where(outside, -math.inf, density(z, *shapes) - log(scale))


def _shape(size: Size, *shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a sample; ValueError where the parameters do not broadcast to `size`."""
    if size is None:
        return np.broadcast_shapes(*shapes)
    wanted: tuple[Any, ...] = (size,) if hasattr(size, "__index__") else tuple(size)
    if np.broadcast_shapes(wanted, *shapes) != wanted:
        raise ValueError(f"size {wanted} is not that of parameters of shapes {shapes}, broadcast")
    return wanted


def _moved(draw: str, loc: Any, scale: Any, size: Size, rng: Rng) -> Any:
    """loc + scale z, with z drawn by a method of the generator: gradients flow to loc and scale."""
    loc, scale = in_one_dtype(loc, scale, numbers=DEFAULT_FLOAT)
    z = getattr(generator(rng), draw)(size=_shape(size, loc.shape, scale.shape))
    return loc + scale * z.astype(loc.dtype)


def _drawn(
    name: str, draw: Any, size: Size, rng: Rng, loc: Any = 0, scale: Any = 1, last: int = 0, **shape: Any
) -> Any:  # fmt: skip
    """A sample without gradient, loc + scale z, with z drawn by a method of the generator or a function of it.

    last  how many axes of a parameter belong to one draw
    """
    parameters = {**shape, "loc": loc, "scale": scale}
    for word, value in parameters.items():
        if isinstance(value, TensorBase) and value._requires_grad:
            raise TypeError(
                f"{name}: `{word}` requires grad, but this sample has no gradient; pass {word}.detach(), and let "
                "gradients flow through the log density of the sample (the score function)"
            )
    values = in_one_dtype(*parameters.values(), numbers=DEFAULT_FLOAT)
    *arrays, loc, scale = [np.asarray(plain(v), np.float64) for v in values]
    whole = _shape(size, loc.shape, scale.shape, *[a.shape[: a.ndim - last] for a in arrays])
    method = getattr(generator(rng), draw) if isinstance(draw, str) else draw
    z = np.asarray(method(*arrays, size=whole))
    sample = z if z.dtype.kind == "i" else (loc + scale * z).astype(values[0].dtype)
    return wrap(sample) if any(isinstance(v, TensorBase) for v in values) else sample


# Moved and scaled ----------------------------------------------------------------------------------------


def norm_logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """-z^2 / 2 - log(scale (2 pi)^(1/2)), z = (x - loc) / scale."""
    z, log_scale, _ = _standard(x, loc, scale)
    return -0.5 * z * z - log_scale - 0.5 * _LOG_2PI


def norm_entropy(loc: Any = 0, scale: Any = 1) -> Any:
    """log(scale) + (1 + log(2 pi)) / 2"""
    return uniform_entropy(loc, scale) + 0.5 * (1 + _LOG_2PI)


def norm_sample(loc: Any = 0, scale: Any = 1, size: Size = None, rng: Rng = None) -> Any:
    """loc + scale z, with z standard normal; gradients flow to loc and scale."""
    return _moved("standard_normal", loc, scale, size, rng)


def uniform_logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """-log(scale) for x from loc to loc + scale, -inf elsewhere."""
    return _supported(lambda z: 0 * z, 0, 1, 0.5, x, loc, scale)


def uniform_entropy(loc: Any = 0, scale: Any = 1) -> Any:
    """log(scale)"""
    loc, scale = in_one_dtype(loc, scale)
    return log(scale) + 0 * loc  # in the shape of both


def uniform_sample(loc: Any = 0, scale: Any = 1, size: Size = None, rng: Rng = None) -> Any:
    """loc + scale z, with z uniform in [0, 1); gradients flow to loc and scale."""
    return _moved("random", loc, scale, size, rng)


def laplace_logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """-|x - loc| / scale - log(2 scale)

    At the kink: gradient 0 at loc.
    """
    z, log_scale, _ = _standard(x, loc, scale)
    return -absolute(z) - log_scale - math.log(2)


def laplace_entropy(loc: Any = 0, scale: Any = 1) -> Any:
    """1 + log(2 scale)"""
    return uniform_entropy(loc, scale) + (1 + math.log(2))


def laplace_sample(loc: Any = 0, scale: Any = 1, size: Size = None, rng: Rng = None) -> Any:
    """loc + scale z, with z of density exp(-|z|) / 2; gradients flow to loc and scale."""
    return _moved("laplace", loc, scale, size, rng)


def exponential_logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """-(x - loc) / scale - log(scale) for x >= loc, -inf below."""
    return _supported(lambda z: -z, 0, math.inf, 1, x, loc, scale)


def exponential_entropy(loc: Any = 0, scale: Any = 1) -> Any:
    """1 + log(scale)"""
    return uniform_entropy(loc, scale) + 1


def exponential_sample(loc: Any = 0, scale: Any = 1, size: Size = None, rng: Rng = None) -> Any:
    """loc + scale z, with z of density exp(-z); gradients flow to loc and scale."""
    return _moved("standard_exponential", loc, scale, size, rng)


def t_logpdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """-(df + 1) / 2 log(1 + z^2 / df) - log(scale df^(1/2) B(df / 2, 1/2)), z = (x - loc) / scale."""
    z, log_scale, df = _standard(x, loc, scale, df)
    return -0.5 * (df + 1) * log1p(z * z / df) - betaln(0.5 * df, 0.5) - 0.5 * log(df) - log_scale


def t_entropy(df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """(df + 1) / 2 (digamma((df + 1) / 2) - digamma(df / 2)) + log(scale df^(1/2) B(df / 2, 1/2))"""
    df, loc, scale = in_one_dtype(df, loc, scale)
    gap, size = digamma(0.5 * (df + 1)) - digamma(0.5 * df), betaln(0.5 * df, 0.5) + 0.5 * log(df)
    return 0.5 * (df + 1) * gap + size + log(scale) + 0 * loc


def t_sample(df: Any, loc: Any = 0, scale: Any = 1, size: Size = None, rng: Rng = None) -> Any:
    """loc + scale z, with z of Student's t distribution; without gradient."""
    return _drawn("t_sample", "standard_t", size, rng, loc, scale, df=df)


def gamma_logpdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """(a - 1) log(z) - z - log(scale Gamma(a)) for z = (x - loc) / scale >= 0, -inf below."""
    density = lambda z, a: xlogy(a - 1, z) - z - gammaln(a)  # noqa: E731
    return _supported(density, 0, math.inf, 1, x, loc, scale, a)


def gamma_entropy(a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """a + log(scale Gamma(a)) + (1 - a) digamma(a)"""
    a, loc, scale = in_one_dtype(a, loc, scale)
    (a,) = positive(a)
    return a + log(scale) + gammaln(a) + (1 - a) * digamma(a) + 0 * loc


def gamma_sample(a: Any, loc: Any = 0, scale: Any = 1, size: Size = None, rng: Rng = None) -> Any:
    """loc + scale z, with z of density z^(a - 1) exp(-z) / Gamma(a); without gradient."""
    return _drawn("gamma_sample", "standard_gamma", size, rng, loc, scale, a=a)


def beta_logpdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """(a - 1) log(z) + (b - 1) log(1 - z) - log(scale B(a, b)) for z = (x - loc) / scale in [0, 1], -inf elsewhere."""
    density = lambda z, a, b: xlogy(a - 1, z) + xlog1py(b - 1, -z) - betaln(a, b)  # noqa: E731
    return _supported(density, 0, 1, 0.5, x, loc, scale, a, b)


def beta_entropy(a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """log(scale B(a, b)) - (a - 1) digamma(a) - (b - 1) digamma(b) + (a + b - 2) digamma(a + b)"""
    a, b, loc, scale = in_one_dtype(a, b, loc, scale)
    a, b = positive(a, b)
    both = (a + b - 2) * digamma(a + b) - (a - 1) * digamma(a) - (b - 1) * digamma(b)
    return betaln(a, b) + both + log(scale) + 0 * loc


def beta_sample(a: Any, b: Any, loc: Any = 0, scale: Any = 1, size: Size = None, rng: Rng = None) -> Any:  # fmt: skip
    """loc + scale z, with z of density z^(a - 1) (1 - z)^(b - 1) / B(a, b); without gradient."""
    return _drawn("beta_sample", "beta", size, rng, loc, scale, a=a, b=b)


# Of several numbers --------------------------------------------------------------------------------------


def _factor(mean: Any, cov: Any, x: Any = 0) -> tuple[Any, Any, Any]:
    """The Cholesky factor of cov, the mean, and x."""
    cov, mean, x = in_one_dtype(cov, mean, x)
    n = mean.shape[-1] if mean.ndim else 0
    if cov.shape[-2:] != (n, n):
        raise ValueError(
            f"multivariate_normal: mean has shape {mean.shape} and cov {cov.shape}; (..., n) and (..., n, n) are needed"
        )
    return cholesky(cov), mean, x


def multivariate_normal_logpdf(x: Any, mean: Any, cov: Any) -> Any:
    """-(x - mean)^T cov^-1 (x - mean) / 2 - log((2 pi)^n det cov) / 2, for x (..., n), mean (..., n), cov (..., n, n).

    By a Cholesky factor, so that the gradient by cov is symmetric. LinAlgError where cov is not positive definite.
    """
    factor, mean, x = _factor(mean, cov, x)
    away, n = x - mean, mean.shape[-1]
    if factor.ndim == 2:  # one factor for all: they are its columns
        columns = solve(factor, reshape(away, (-1, n)).mT)
        distance = reshape(sum_(columns * columns, 0), away.shape[:-1])
    else:
        column = solve(factor, expand_dims(away, -1))
        distance = sum_(column * column, (-2, -1))
    return -0.5 * distance - _log_of_diagonal(factor) - 0.5 * n * _LOG_2PI


def _log_of_diagonal(factor: Any) -> Any:
    """log(det cov) / 2"""
    return sum_(log(diagonal(factor, axis1=-2, axis2=-1)), -1)


def multivariate_normal_entropy(mean: Any, cov: Any) -> Any:
    """log((2 pi e)^n det cov) / 2"""
    factor, mean, _ = _factor(mean, cov)
    of_mean = 0.5 * mean.shape[-1] * (1 + _LOG_2PI) + sum_(0 * mean, -1)
    return _log_of_diagonal(factor) + of_mean


def multivariate_normal_sample(mean: Any, cov: Any, size: Size = None, rng: Rng = None) -> Any:
    """mean + L z, with cov = L L^T and z standard normal (*size, n); gradients flow to mean and cov."""
    factor, mean, _ = _factor(mean, cov)
    shape = (*_shape(size, mean.shape[:-1], factor.shape[:-2]), mean.shape[-1])
    z = generator(rng).standard_normal(shape)
    return mean + matvec(factor, z.astype(mean.dtype))


def dirichlet_logpdf(x: Any, alpha: Any) -> Any:
    """sum (alpha - 1) log(x) - log B(alpha) along the last axis; -inf unless all x >= 0 and their sum is 1."""
    x, alpha = in_one_dtype(x, alpha)
    check_last_axis("dirichlet_logpdf: alpha", alpha, x)
    (alpha,) = positive(alpha)
    data = plain(x)
    off = np.abs(sum_(data, -1) - 1) > math.sqrt(np.finfo(x.dtype).eps)
    outside = (data < 0).any(axis=-1) | off
    terms = xlogy(alpha - 1, where(outside[..., None], 1, x))
    return where(outside, -math.inf, sum_(terms, -1) - _log_beta(alpha))


def _log_beta(alpha: Any) -> Any:
    return sum_(gammaln(alpha), -1) - gammaln(sum_(alpha, -1))


def dirichlet_entropy(alpha: Any) -> Any:
    """log B(alpha) + (A - n) digamma(A) - sum (alpha - 1) digamma(alpha), A the sum of the n alphas."""
    (alpha,) = positive(*in_one_dtype(alpha))
    check_last_axis("dirichlet_entropy: alpha", alpha)
    total = sum_(alpha, -1)
    excess = (total - alpha.shape[-1]) * digamma(total)
    return _log_beta(alpha) + excess - sum_((alpha - 1) * digamma(alpha), -1)


def dirichlet_sample(alpha: Any, size: Size = None, rng: Rng = None) -> Any:
    """Probabilities (*size, n), alpha being (..., n); without gradient."""
    rng = generator(rng)

    def draw(alpha: Any, size: Any) -> Any:
        # gammas in proportion, by their logs, as small alphas make them underflow: U^(1 / alpha) times one of alpha + 1
        whole = (*size, alpha.shape[-1])
        raised = np.log(rng.standard_gamma(alpha + 1, whole))
        return softmax(raised - rng.standard_exponential(whole) / alpha)

    return _drawn("dirichlet_sample", draw, size, rng, last=1, alpha=alpha)


# Of integers ---------------------------------------------------------------------------------------------


def poisson_logpmf(k: Any, mu: Any) -> Any:
    """k log(mu) - mu - log(k!) for k = 0, 1, 2, ..., -inf elsewhere."""
    k, mu = in_one_dtype(k, mu)
    mu = valid(plain(mu) >= 0, mu)
    outside = (plain(k) < 0) | (plain(k) != np.floor(plain(k))) | np.isinf(plain(k))
    k = where(outside, 1, k)
    return where(outside & (plain(mu) >= 0), -math.inf, xlogy(k, mu) - mu - gammaln(k + 1))


def poisson_entropy(mu: Any) -> Any:
    """-sum p(k) log p(k), over all k within 12 standard deviations and 20: what is left out is less than rounding."""
    (mu,) = in_one_dtype(mu)
    is_valid = (plain(mu) >= 0) & np.isfinite(plain(mu))
    mu = where(is_valid, mu, 1)
    wide, data = astype(mu, np.float64)[..., None], np.asarray(plain(mu), np.float64)[..., None]
    reach = math.ceil(12 * math.sqrt(data.max(initial=0)) + 20)
    logs = poisson_logpmf(np.floor(data) + np.arange(-reach, reach + 1), wide)
    taken = plain(logs) > -700  # exp of it is no number less than all others
    logs = where(taken, logs, 0)
    return valid(is_valid, astype(-sum_(where(taken, np.exp(logs) * logs, 0), -1), mu.dtype))


def poisson_sample(mu: Any, size: Size = None, rng: Rng = None) -> Any:
    """Integers with probabilities mu^k exp(-mu) / k!; without gradient."""
    return _drawn("poisson_sample", "poisson", size, rng, mu=mu)


def bernoulli_logpmf(k: Any, p: Any) -> Any:
    """log(p) for k = 1, log(1 - p) for k = 0, -inf elsewhere; of logits: -binary_cross_entropy_with_logits."""
    k, p = in_one_dtype(k, p)
    is_valid = (plain(p) >= 0) & (plain(p) <= 1)
    outside = (plain(k) != 0) & (plain(k) != 1)
    k = where(outside, 1, k)
    found = where(outside, -math.inf, xlogy(k, p) + xlog1py(1 - k, -p))
    return valid(is_valid, found)


def bernoulli_entropy(p: Any) -> Any:
    """-p log(p) - (1 - p) log(1 - p)"""
    (p,) = in_one_dtype(p)
    return entr(p) + entr(1 - p)


def bernoulli_sample(p: Any, size: Size = None, rng: Rng = None) -> Any:
    """1 with probability p, else 0, as integers; without gradient."""
    rng = generator(rng)
    draw = lambda p, size: (rng.random(size) < p).astype(int)  # noqa: E731
    return _drawn("bernoulli_sample", draw, size, rng, p=p)


def categorical_logpmf(k: Any, p: Any) -> Any:
    """log(p[k]) for integers k (...) and probabilities p (..., n); -inf for a k outside [0, n)."""
    (p,), k = in_one_dtype(p), plain(in_array(k))
    check_last_axis("categorical_logpmf: p", p)
    batch, n = np.broadcast_shapes(k.shape, p.shape[:-1]), p.shape[-1]
    k = np.broadcast_to(k, batch)
    outside = (k < 0) | (k >= n)
    of_k = take_along_axis(broadcast_to(p, (*batch, n)), np.where(outside, 0, k)[..., None], -1)
    return where(outside, -math.inf, log(where(outside, 1, of_k[..., 0])))


def categorical_entropy(p: Any) -> Any:
    """-sum p log(p) along the last axis."""
    (p,) = in_one_dtype(p)
    check_last_axis("categorical_entropy: p", p)
    return sum_(entr(p), -1)


def categorical_sample(p: Any, size: Size = None, rng: Rng = None) -> Any:
    """Integers (*size,) with probabilities p (..., n), as places on its last axis; without gradient."""
    rng = generator(rng)
    draw = lambda p, size: (rng.random((*size, 1)) >= p.cumsum(-1)[..., :-1]).sum(-1)  # noqa: E731
    return _drawn("categorical_sample", draw, size, rng, last=1, p=p)
