"""SciPy's optimisers, roots and solvers take the derivatives of our transforms as they are."""

import re

import numpy as np
import pytest
from places import ROOT

from minigrad import elementwise_grad, grad, hessian, hvp, jacobian, linearize, value_and_grad

optimize = pytest.importorskip("scipy.optimize", reason="SciPy is not installed")
integrate = pytest.importorskip("scipy.integrate", reason="SciPy is not installed")

rng = np.random.default_rng(0)
POINTS = rng.standard_normal((60, 3))
LABELS = (POINTS @ [1.0, -2.0, 0.5] + rng.standard_normal(60) > 0).astype(float)


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def logistic(w, X, y):
    """-log p of the labels, with a ridge."""
    z = X @ w
    return np.mean(np.logaddexp(0, z) - y * z) + 0.05 * (w**2).sum()


def newton_by_hand():
    """The weights of the logistic regression, from its gradient and Hessian in NumPy."""
    w = np.zeros(3)
    for _ in range(30):
        p = 1 / (1 + np.exp(-POINTS @ w))
        g = POINTS.T @ (p - LABELS) / 60 + 0.1 * w
        w = w - np.linalg.solve((POINTS.T * (p * (1 - p))) @ POINTS / 60 + 0.1 * np.eye(3), g)
    return w


# name -> (function, start, other arguments, minimum)
PROBLEMS = {
    "rosenbrock": (rosenbrock, np.array([-0.5, 0.8, 0.6]), (), np.ones(3)),
    "logistic regression": (logistic, np.zeros(3), (POINTS, LABELS), newton_by_hand()),
}
BY_GRADIENTS = ("CG", "BFGS", "L-BFGS-B", "TNC", "SLSQP", "Newton-CG", "trust-constr")
BY_HESSIANS = ("Newton-CG", "dogleg", "trust-ncg", "trust-krylov", "trust-exact", "trust-constr")
BY_PRODUCTS = ("Newton-CG", "trust-ncg", "trust-krylov", "trust-constr")
TIGHT = {
    "L-BFGS-B": {"ftol": 1e-14},
    "SLSQP": {"ftol": 1e-14},
    "TNC": {"maxfun": 5000, "ftol": 1e-15},
}


def minimise(f, start, args, method, **derivatives):
    options = TIGHT.get(method, {})
    return optimize.minimize(
        f, start, args, method, tol=None if options else 1e-8, options=options, **derivatives
    )


@pytest.mark.filterwarnings("ignore:delta_grad == 0.0")  # trust-constr's, near the minimum
@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("method", BY_GRADIENTS)
def test_every_method_that_takes_a_gradient_takes_value_and_grad(method, problem):
    f, start, args, minimum = PROBLEMS[problem]
    found = minimise(value_and_grad(f), start, args, method, jac=True)
    np.testing.assert_allclose(found.x, minimum, atol=1e-4)
    assert isinstance(found.fun, float)
    assert type(found.x) is np.ndarray
    apart = minimise(f, start, args, method, jac=grad(f))
    np.testing.assert_allclose(apart.x, minimum, atol=1e-4)


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("method", BY_HESSIANS)
def test_every_method_that_takes_a_hessian_takes_ours(method, problem):
    f, start, args, minimum = PROBLEMS[problem]
    if method == "dogleg":  # wants it positive definite on its way
        start = minimum + 0.1
    found = minimise(value_and_grad(f), start, args, method, jac=True, hess=hessian(f))
    np.testing.assert_allclose(found.x, minimum, atol=1e-5)


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("method", BY_PRODUCTS)
def test_every_method_that_takes_products_with_the_hessian_takes_hvp(method, problem):
    f, start, args, minimum = PROBLEMS[problem]

    def product(x, p, *args):
        return hvp(lambda x: f(x, *args), [x], [p])[0]

    found = minimise(value_and_grad(f), start, args, method, jac=True, hessp=product)
    np.testing.assert_allclose(found.x, minimum, atol=1e-5)


@pytest.mark.parametrize("method", ["Nelder-Mead", "Powell"])
def test_methods_without_gradients_call_the_function_with_plain_arrays(method):
    for f, start, args, minimum in PROBLEMS.values():
        found = optimize.minimize(f, start, args, method, tol=1e-8)
        np.testing.assert_allclose(found.x, minimum, atol=1e-4)


@pytest.mark.parametrize("method", ["SLSQP", "trust-constr"])
def test_a_constraint_takes_our_derivatives(method):
    def length(x):
        return (x**2).sum()

    limit = {"type": "ineq", "fun": lambda x: 2 - length(x), "jac": grad(lambda x: 2 - length(x))}
    if method == "trust-constr":
        curvature = {"hess": lambda x, v: v[0] * hessian(length)(x)}
        limit = optimize.NonlinearConstraint(length, -np.inf, 2, jac=grad(length), **curvature)
    second = {"hess": hessian(rosenbrock)} if method == "trust-constr" else {}
    start = np.array([0.5, 0.5, 0.5])
    found = optimize.minimize(
        rosenbrock, start, jac=grad(rosenbrock), constraints=[limit], method=method, **second
    )
    assert length(found.x) == pytest.approx(2, abs=1e-4)
    slope = grad(rosenbrock)(found.x)  # along the constraint's own slope, at the minimum
    np.testing.assert_allclose(slope, (slope @ found.x) / 2 * found.x, atol=1e-2)


# Roots, fits, equations ----------------------------------------------------------------------------------


def circle_and_curve(x):
    return np.stack([x[0] ** 2 + x[1] ** 2 - 4, np.exp(x[0]) + x[1] - 1])


@pytest.mark.parametrize("method", ["hybr", "lm"])
def test_root_takes_a_jacobian(method):
    found = optimize.root(
        circle_and_curve, [1, -1.7], jac=jacobian(circle_and_curve), method=method
    )
    np.testing.assert_allclose(circle_and_curve(found.x), 0, atol=1e-9)


@pytest.mark.parametrize("method", ["trf", "dogbox", "lm"])
def test_least_squares_takes_a_jacobian(method):
    t = np.linspace(0, 1, 20)

    def residual(p):
        return p[0] * np.exp(-p[1] * t) - 3 * np.exp(-2 * t)

    found = optimize.least_squares(residual, [1.0, 1.0], jac=jacobian(residual), method=method)
    np.testing.assert_allclose(found.x, [3, 2], rtol=1e-6)


def test_newton_takes_first_and_second_derivatives_of_numbers_and_arrays():
    def f(x):
        return x**3 - 2 * x - 5

    root = 2.0945514815423265
    assert optimize.newton(f, 2, fprime=grad(f)) == pytest.approx(root)
    assert optimize.newton(f, 2.0, fprime=grad(f), fprime2=grad(grad(f))) == pytest.approx(root)
    assert optimize.root_scalar(value_and_grad(f), x0=2.0, fprime=True).root == pytest.approx(root)
    several = optimize.newton(f, np.array([2.0, 3.0]), fprime=elementwise_grad(f))
    np.testing.assert_allclose(several, root)


@pytest.mark.parametrize("method", ["Radau", "BDF", "LSODA"])
def test_a_stiff_equation_takes_a_jacobian_by_its_second_argument(method):
    def van_der_pol(t, y):
        return np.stack([y[1], 10 * (1 - y[0] ** 2) * y[1] - y[0]])

    span, start = (0, 2), [2.0, 0.0]
    found = integrate.solve_ivp(
        van_der_pol, span, start, method, jac=jacobian(van_der_pol, 1), rtol=1e-8, atol=1e-8
    )
    reference = integrate.solve_ivp(van_der_pol, span, start, "DOP853", rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(found.y[:, -1], reference.y[:, -1], atol=1e-5)


def test_the_integral_of_a_derivative_is_the_difference_of_the_function():
    assert integrate.quad(grad(np.sin), 0, 1)[0] == pytest.approx(np.sin(1), rel=1e-12)


def test_a_linear_operator_is_made_of_linearize_and_solves_a_newton_step():
    linalg = pytest.importorskip("scipy.sparse.linalg")
    x = np.array([-0.5, 0.8, 0.6])
    gradient, times = linearize(grad(rosenbrock), x)
    H = linalg.LinearOperator((3, 3), matvec=times, dtype=float)
    step, _ = linalg.minres(H, -gradient, rtol=1e-12)
    np.testing.assert_allclose(hessian(rosenbrock)(x) @ step, -gradient, rtol=1e-6)


def test_the_lines_for_scipy_in_the_readme_find_the_minimum():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(from scipy.*?)```", text, re.DOTALL)
    (f,) = re.findall(r"rosenbrock = (lambda .*)", text)
    names = {"value_and_grad": value_and_grad, "grad": grad, "hessian": hessian, "hvp": hvp}
    found = []
    names |= {"rosenbrock": eval(f), "keep": found.append}
    exec(re.sub(r"^(minimize\(.*\))$", r"keep(\1)", block, flags=re.MULTILINE), names)
    assert len(found) == 3
    for result in found:
        np.testing.assert_allclose(result.x, [1, 1], atol=1e-3)
