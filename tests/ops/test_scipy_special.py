"""Special functions whose values SciPy computes: slopes beside mpmath's, edges, and all of scipy.special, tried."""

import contextlib
import inspect
import math
import subprocess
import sys

import numpy as np
import pytest
import scipy.interpolate
import scipy.linalg
import scipy.special
import scipy.stats
from mpmath import mp

import minigrad as mg
from minigrad import Tensor, grad
from minigrad.core.rows import served
from minigrad.ops import bessel, scipy_special
from minigrad.ops.scipy_special import hazard

SERVED = bessel.SERVED | scipy_special.SERVED


def first_and_second(f, *arrays, by=0):
    xs = [Tensor(np.array(a, float), requires_grad=True) for a in arrays]
    with np.errstate(all="ignore"):
        y = f(*xs)
        first = grad(y.sum(), xs[by], create_graph=True)
        second = grad(first.sum(), xs[by]) if first.requires_grad else None
    return y.data, first.data, np.zeros_like(y.data) if second is None else second.data


# Beside mpmath -------------------------------------------------------------------------------------------


def phi_of(x):
    return mp.erfc(-x / mp.sqrt(2)) / 2


def scaled(n):
    return lambda x: mp.besseli(n, x) * mp.exp(-abs(x))


TRUE = {  # ours, mpmath's, points, and the errors of value, first and second derivative that are allowed, in ulp
    "gammaln": (mg.gammaln, lambda x: mp.log(abs(mp.gamma(x))), [-3.3, -1.7, -0.2, 1e-8, 0.3, 2.2, 50, 1e3, 1e6], 8),
    "gamma": (mg.gamma, mp.gamma, [-3.3, -1.7, -0.2, 0.3, 1.5, 2.2, 50, 100], 8),
    "digamma": (mg.digamma, mp.digamma, [-3.3, -1.7, -0.2, 1e-6, 0.3, 2.2, 50, 1e3, 1e6], 8),
    "polygamma": (lambda x: mg.polygamma(3, x), lambda x: mp.psi(3, x), [-3.3, -1.7, 1e-6, 0.3, 2.2, 50, 1e3], 8),
    "erfcx": (mg.erfcx, lambda x: mp.exp(x * x) * mp.erfc(x), [-20, -5, -1, 0, 0.5, 2, 30, 1e3, 1e6], (8, 20, 100)),
    "erfcx, middle": (mg.erfcx, lambda x: mp.exp(x * x) * mp.erfc(x), [4, 6, 8, 9.9, 10.1], (8, 400, 40_000)),
    "erfinv": (mg.erfinv, mp.erfinv, [-0.99, -0.5, 0, 1e-10, 0.3, 0.9, 0.999999], 20),
    "erfcinv": (mg.erfcinv, lambda x: mp.erfinv(1 - x), [1e-30, 1e-15, 1e-8, 0.01, 0.15, 0.17, 0.9, 1, 1.5, 1.99], 20),
    "ndtri": (mg.ndtri, lambda x: mp.sqrt(2) * mp.erfinv(2 * x - 1), [1e-30, 1e-8, 0.01, 0.3, 0.5, 0.9, 0.999], 40),
    "ndtr": (mg.ndtr, phi_of, [-3, -1, 0, 0.5, 3, 6], 20),
    "ndtr, tail": (mg.ndtr, phi_of, [-30, -10, -5], 1000),  # the square of x is rounded
    "log_ndtr": (mg.log_ndtr, lambda x: mp.log(phi_of(x)), [-1e3, -50, -3, -1, 0, 0.5, 3, 6], 40),
    "log_ndtr, tails": (mg.log_ndtr, lambda x: mp.log(phi_of(x)), [-15, -14, -9, 12, 20, 30], (1000, 1000, 4000)),
    "i0": (mg.i0, lambda x: mp.besseli(0, x), [-20, -3, 0, 0.5, 2, 7.9, 8.1, 50, 600], 16),
    "i1": (mg.i1, lambda x: mp.besseli(1, x), [-20, -3, 1e-8, 0.5, 2, 7.9, 8.1, 50, 600], 16),
    "iv": (lambda x: mg.iv(2.5, x), lambda x: mp.besseli(2.5, x), [0.5, 2, 7.9, 8.1, 50, 600], 16),
    "i0e": (mg.i0e, scaled(0), [-3, -0.5, 0.5, 2, 7.9, 35, -50, 1e4, 1e10], (8, 100, 1000)),
    "i1e": (mg.i1e, scaled(1), [-3, -0.5, 0.5, 2, 7.9, 35, -50, 1e4, 1e10], (16, 100, 1000)),
    "ive": (lambda x: mg.ive(2.5, x), scaled(2.5), [0.5, 2, 7.9], (100, 100, 1000)),
    "j0": (mg.j0, lambda x: mp.besselj(0, x), [-20, -3, 0, 0.5, 2, 7.9, 50], 40),
    "j1": (mg.j1, lambda x: mp.besselj(1, x), [-20, -3, 0, 0.5, 2, 7.9, 50], 40),
    "jv": (lambda x: mg.jv(2.5, x), lambda x: mp.besselj(2.5, x), [0.5, 2, 7.9, 50], 100),
}  # fmt: skip


@pytest.mark.parametrize("name", TRUE)
def test_values_and_slopes_are_those_of_mpmath(name):
    ours, theirs, points, ulps = TRUE[name]
    found = first_and_second(ours, points)
    for i, x in enumerate(points):
        with mp.workdps(60):
            step = mp.ldexp(1, -60) * min(1, abs(x) or 1)
            true = [theirs(mp.mpf(x)), *(mp.diff(theirs, mp.mpf(x), n, h=step) for n in (1, 2))]
        for order, allowed in enumerate(ulps if isinstance(ulps, tuple) else (ulps,) * 3):
            expected = float(true[order])
            error = abs(found[order][i] - expected)
            assert error <= allowed * 2.3e-16 * abs(expected) + 1e-30, (x, order, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_slopes_of_beta_do_not_cancel_where_one_argument_is_much_greater(dtype):
    a, b = (np.array(v, dtype) for v in ([0.5, 19, 21, 1e3, 1e4, 1e6], [2, 2.5, 0.25, 0.7, 3, 1e5]))
    for one, other in ((a, b), (b, a)):
        t = Tensor(one, requires_grad=True)
        g = grad(mg.betaln(t, other).sum(), t).data
        with mp.workdps(40):
            pairs = zip(map(mp.mpf, one.tolist()), map(mp.mpf, other.tolist()), strict=True)
            true = [float(mp.psi(0, x) - mp.psi(0, x + y)) for x, y in pairs]
        np.testing.assert_allclose(g, true, rtol=1e-14 if dtype == "float64" else 1e-5)


def test_in_float32_the_far_tails_are_as_exact_as_near():
    x = np.array([-1e4, -40, -13, -6, 3, 12], np.float32)
    t = Tensor(x, requires_grad=True)
    g = grad(mg.log_ndtr(t).sum(), t, create_graph=True)
    h = grad(g.sum(), t)
    wide = first_and_second(mg.log_ndtr, x.astype(float))
    np.testing.assert_allclose(g.data, wide[1], rtol=1e-5)
    np.testing.assert_allclose(h.data, wide[2], rtol=1e-4)
    x = np.array([-3e5, 7.9, 8.1, 20, 1e3, 1e6], np.float32)
    for f in (mg.i0e, mg.i1e):
        t = Tensor(x, requires_grad=True)
        g = grad(f(t).sum(), t, create_graph=True)
        wide = first_and_second(f, x.astype(float))
        np.testing.assert_allclose(g.data, wide[1], rtol=1e-5)
        np.testing.assert_allclose(grad(g.sum(), t).data, wide[2], rtol=1e-4)
    p = np.array([1e-37, 1e-20, 1e-5], np.float32)
    t = Tensor(p, requires_grad=True)
    g = grad(mg.ndtri(t).sum(), t)
    np.testing.assert_allclose(g.data, first_and_second(mg.ndtri, p.astype(float))[1], rtol=1e-6)


# Edges ---------------------------------------------------------------------------------------------------

INF, NAN = math.inf, math.nan


@pytest.mark.parametrize(
    ("f", "points", "expected"),
    [
        (mg.gammaln, [0, -1], [-INF, NAN]),
        (mg.erfinv, [-1, 1, 1.5], [INF, INF, NAN]),
        (mg.erfcinv, [0, 2, -1], [-INF, -INF, NAN]),
        (mg.ndtri, [0, 1], [INF, INF]),
        (mg.logit, [0, 1], [INF, INF]),
        (mg.entr, [0, 1], [INF, -1]),
        (mg.log_ndtr, [-1e8, 50, INF, NAN], [1e8, 0, 0, NAN]),
        (mg.ndtr, [-INF, INF], [0, 0]),
        (mg.erfcx, [INF, 1e200, NAN], [0, 0, NAN]),
        (mg.i0e, [0], [0]),
        (mg.i1, [0], [0.5]),
        (mg.j1, [0], [0.5]),
        (lambda x: mg.iv(2, x), [0], [0]),
        (lambda x: mg.xlogy(x, 0.0), [0, 1], [-INF, -INF]),
        (lambda x: mg.xlogy(0.0, x), [0, 2], [0, 0]),
        (lambda x: mg.xlog1py(0.0, x), [-1, 2], [0, 0]),
        (lambda x: mg.rel_entr(x, 2.0), [0], [-INF]),
        (lambda x: mg.rel_entr(0.0, x), [0, 2], [0, 0]),
        (lambda x: mg.rel_entr(x, 1e-300), [1e300], [600 * math.log(10) + 1]),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_slopes_at_edges(f, points, expected):
    np.testing.assert_allclose(first_and_second(f, points)[1], expected, rtol=1e-13, atol=1e-300)


def test_a_gradient_of_0_stays_0_where_an_entropy_has_an_infinite_slope():
    p = Tensor([0.0, 0.5], requires_grad=True)
    for f in (mg.entr, lambda p: mg.xlogy(p, p), lambda p: mg.rel_entr(p, 0.5)):
        chosen = np.where(p.data > 0, f(p), 0.0)
        assert np.isfinite(grad(chosen.sum(), p).data).all()


def test_the_second_derivatives_of_x_log_y_are_symmetric_where_x_is_0():
    a, b = Tensor([0.0], requires_grad=True), Tensor([2.0], requires_grad=True)
    first = grad(mg.xlogy(a, b).sum(), [a, b], create_graph=True)
    assert grad(first[0].sum(), b).item() == grad(first[1].sum(), a).item() == 0.5


def test_orders_have_no_gradient_and_do_not_widen():
    x = Tensor(np.array([0.5, 2.0], np.float32), requires_grad=True)
    for f in (mg.jv, mg.iv, mg.ive):
        for order in (2, np.int64(2), np.array([1, 2]), 1.5):
            assert grad(f(order, x).sum(), x).dtype == f(order, x).dtype == "float32"
        with pytest.raises(TypeError, match="`v` is a Tensor that requires grad"):
            f(x, x)
    for order in (-1, 0.5, x):
        with pytest.raises(TypeError, match="polygamma: n must be an integer"):
            mg.polygamma(order, x)
    np.testing.assert_array_equal(mg.polygamma(0, x).data, mg.digamma(x).data)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_number_beside_an_array_does_not_widen_it(dtype):
    x = Tensor(np.array([0.5, 2.0], dtype), requires_grad=True)
    for f in (mg.beta, mg.betaln, mg.xlogy, mg.xlog1py, mg.rel_entr):
        for y in (f(x, 2.0), f(2.0, x), f(x.detach(), 2.0), f(x.data, 2.0), f(2.0, x.data)):
            assert y.dtype == dtype
        assert grad(f(x, 2.0).sum() + f(2.0, x).sum(), x).dtype == dtype


# SciPy's names -------------------------------------------------------------------------------------------


def in_a_new_process(code):
    subprocess.run([sys.executable, "-c", code], check=True)


def test_scipy_is_imported_at_the_first_call():
    in_a_new_process("""import sys
import numpy as np
import minigrad
minigrad.gammaln, np.i0(minigrad.Tensor([1.0], requires_grad=True))
assert not any(name.startswith("scipy") for name in sys.modules)
minigrad.gammaln(minigrad.Tensor([1.0]))
assert "scipy.special" in sys.modules
""")


def test_without_scipy_an_error_says_what_to_install():
    in_a_new_process("""import sys
sys.modules["scipy"] = None
import numpy as np
import minigrad
t = minigrad.Tensor([1.0, 2.0], requires_grad=True)
y = np.i0(t) + minigrad.ndtr(t)
for call in (lambda: minigrad.gammaln(t), lambda: minigrad.jv(0, 1.0), lambda: y.sum().backward()):
    try:
        call()
    except ImportError as error:
        assert "pip install minigrad[scipy]" in str(error), error
    else:
        raise AssertionError
""")


@pytest.mark.parametrize("name", SERVED)
def test_a_ufunc_of_scipy_leads_to_ours_with_its_values(name):
    ufunc, rng = getattr(scipy.special, name), np.random.default_rng(0)
    arrays = [rng.uniform(0.1, 0.9, (2, 3)) for _ in range(ufunc.nin)]
    order = (2,) if name in ("iv", "ive", "jv") else ()
    arrays = arrays[len(order) :]
    found = ufunc(*order, *[Tensor(a, requires_grad=True) for a in arrays])
    assert found.requires_grad
    np.testing.assert_allclose(found.data, ufunc(*order, *arrays), rtol=1e-13)
    assert served[f"scipy.special.{name}"] is SERVED[name]
    if hasattr(mg, name):
        assert name == "kl_div" or getattr(mg, name) is SERVED[name]  # minigrad.kl_div is a loss


def test_functions_of_scipy_that_are_written_in_numpy_have_gradients():
    x = np.array([-2.0, 0.3, 800])
    t = Tensor(x, requires_grad=True)
    if hasattr(scipy.special, "softplus"):
        np.testing.assert_allclose(
            grad(scipy.special.softplus(t).sum(), t).data, 1 / (1 + np.exp(-x))
        )
    np.testing.assert_array_equal(scipy.special.sinc(t).data, mg.sinc(t).data)


@pytest.mark.parametrize("name", ["logsumexp", "softmax", "log_softmax", "polygamma", "comb"])
def test_a_function_of_scipy_that_does_not_ask_us_names_ours(name):
    t = Tensor([0.3, 0.7], requires_grad=True)
    args = (2, t) if name in ("polygamma", "comb") else (t,)
    ours = f"minigrad.{name}," if hasattr(mg, name) else "a function of minigrad's"
    with pytest.raises(TypeError, match=rf"^scipy\.special\.{name} makes an array .* use {ours}"):
        getattr(scipy.special, name)(*args)


@pytest.mark.parametrize(
    ("theirs", "ours", "call"),
    [
        ("stats.norm.logpdf", "minigrad.stats.norm_logpdf,", lambda t: scipy.stats.norm.logpdf(t)),
        (
            "stats.multivariate_normal.logpdf",
            "minigrad.stats.multivariate_normal_logpdf,",
            lambda t: scipy.stats.multivariate_normal.logpdf(t, np.zeros(2), np.eye(2)),
        ),
        ("interpolate.CubicSpline", "a function", lambda t: scipy.interpolate.CubicSpline(t, t)),
        ("linalg.solve", "minigrad.solve,", lambda t: scipy.linalg.solve(np.eye(2), t)),
    ],
)
def test_a_method_and_a_class_of_scipy_are_named_and_a_function_that_numpy_asks_for(
    theirs, ours, call
):
    with pytest.raises(TypeError, match=rf"^scipy\.{theirs} makes an array .* use {ours}"):
        call(Tensor([0.3, 0.7], requires_grad=True))


# All of scipy.special, tried -----------------------------------------------------------------------------

X = np.array([[0.3, 0.7, 0.4], [0.6, 0.8, 0.2]])
CALLS = [
    lambda f, t: f(t),
    lambda f, t: f(t, t),
    lambda f, t: f(1, t),
    lambda f, t: f(t, 1),
    lambda f, t: f(t, t, t),
    lambda f, t: f(1, 0, t),
    lambda f, t: f(0.5, 1.5, t),
    lambda f, t: f(1, t, 0.5),
    lambda f, t: f(t, 2.0, 0.5),
    lambda f, t: f(t, t, t, t),
    lambda f, t: f(1, 1, 0.5, t),
    lambda f, t: f(t, axis=0),
    lambda f, t: f([t, t]),
    lambda f, t: f(t[0, 0]),
    lambda f, t: f(1, t[0, 0]),
    lambda f, t: f(t[0, 0], 1),
    lambda f, t: f(1, 1, t[0, 0]),
]
NO_FUNCTIONS = ("errstate", "seterr", "geterr", "test")
ALL = sorted(
    name
    for name in scipy.special.__all__
    if callable(getattr(scipy.special, name))
    and name not in NO_FUNCTIONS
    and not isinstance(getattr(scipy.special, name), type)
)


def numbers_without_history(result):
    parts = result if isinstance(result, (tuple, list)) else [result]
    for part in parts:
        if isinstance(part, Tensor):
            if not part.requires_grad and part.dtype.kind in "fc":
                yield part.data
        elif isinstance(part, (float, complex, np.number, np.ndarray)):
            yield np.asarray(part)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.filterwarnings("ignore")
def test_no_function_of_scipy_special_loses_the_gradient_of_what_it_is_given(name):
    for call in CALLS:
        found = []
        for x in (X, X + 0.01):
            with np.errstate(all="ignore"), contextlib.suppress(Exception):
                t = Tensor(x, requires_grad=True)
                found.append(list(numbers_without_history(call(getattr(scipy.special, name), t))))
        for before, after in zip(*found, strict=True) if len(found) == 2 else ():
            np.testing.assert_array_equal(before, after, inspect.getsource(call))


@pytest.mark.parametrize(
    "name", [n for n in ALL if isinstance(getattr(scipy.special, n), np.ufunc)]
)
def test_a_ufunc_of_scipy_without_a_rule_says_its_name(name):
    ufunc, t = getattr(scipy.special, name), Tensor(X, requires_grad=True)
    if ufunc.__name__ not in SERVED:
        with pytest.raises(
            TypeError, match=rf"^scipy\.special\.{ufunc.__name__} has no gradient rule"
        ):
            ufunc(*[t] * ufunc.nin)


@pytest.mark.parametrize("name", TRUE)
def test_a_python_number_alone_is_computed_in_float64(name):
    f = TRUE[name][0]
    assert f(0.3).dtype == np.float64
    assert f(0.3) == f(np.float64(0.3))


def test_a_script_says_that_it_needs_scipy():
    t = Tensor([0.5, 1.5])
    assert "needs NumPy and SciPy" in mg.script(mg.gammaln, t).source
    assert "needs NumPy alone" in mg.script(mg.exp, t).source


def test_the_hazard_is_the_density_over_the_distribution():
    x = np.array([-1.5, 0.0, 2.5])
    np.testing.assert_allclose(
        hazard(x), np.exp(-x * x / 2) / math.sqrt(2 * math.pi) / mg.ndtr(x), rtol=1e-14
    )
