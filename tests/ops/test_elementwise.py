"""Operators, and what elementwise ops promise at special values."""

import math
import operator

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, check_grads, grad

INF, NAN = math.inf, math.nan


def gradient(f, *arguments, dtype=np.float64):
    """The gradient of sum f by its argument, or by each; what NumPy says of infinities is not silenced."""
    xs = [Tensor(np.array(a, dtype), requires_grad=True) for a in arguments]
    y = f(*xs)
    found = [g.data for g in grad(y, xs, np.ones_like(y.data))]
    return found[0] if len(found) == 1 else found


def second(f, argument):
    x = Tensor(np.array(argument, float), requires_grad=True)
    g = grad(f(x).sum(), x, create_graph=True)
    return grad(g.sum(), x).data if g.requires_grad else np.zeros(x.shape)


def same(found, expected):
    np.testing.assert_array_equal(found, np.asarray(expected, float), strict=True)


def close(found, expected, rtol=1e-14):
    np.testing.assert_allclose(found, np.asarray(expected, float), rtol=rtol, atol=0, strict=True)


# Operators -----------------------------------------------------------------------------------------------

OPERATORS = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow,
]  # fmt: skip
SCALARS = [3, 2.5, True, np.float64(2.5), np.float32(2.5), np.int64(3), np.array(2.5), np.array(3)]
every_operator = pytest.mark.parametrize("sign", OPERATORS, ids=lambda f: f.__name__)


@every_operator
@pytest.mark.parametrize("scalar", SCALARS, ids=lambda s: f"{type(s).__name__}-{s}")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_operator_takes_a_scalar_on_either_side_at_the_tensors_dtype(sign, scalar, dtype):
    data = np.array([[0.5, 1.7], [2.2, 3.9]], dtype)
    x = Tensor(data, requires_grad=True)
    number = np.asarray(scalar).item()
    for found, expected in [
        (sign(x, scalar), sign(data, number)),
        (sign(scalar, x), sign(number, data)),
    ]:
        assert type(found) is Tensor
        assert found.dtype == dtype
        np.testing.assert_allclose(found.data, expected, rtol=1e-6)
        assert found.requires_grad == (sign is not operator.floordiv)


@every_operator
def test_an_operator_takes_an_array_on_either_side(sign):
    a, b = np.array([[5.5, 2.0, -3.0]]), np.array([[2.0], [-3]])
    for found in (sign(a, Tensor(b)), sign(Tensor(a), b), sign(Tensor(a), Tensor(b))):
        assert type(found) is Tensor
        same(found.data, sign(a, b))
    for found in (np.ones((2, 3)) @ Tensor(np.ones((3, 2))), Tensor(np.ones((2, 3))) @ np.ones((3, 2))):  # fmt: skip
        assert type(found) is Tensor
        same(found.data, np.full((2, 2), 3))


@pytest.mark.parametrize("sign", [operator.floordiv, operator.mod], ids=lambda f: f.__name__)
def test_quotient_and_remainder_of_integers_are_integers_as_in_numpy(sign):
    a, b = np.array([7, -7, 7, -7]), np.array([2, 2, -2, -2])
    found = sign(Tensor(a), Tensor(b))
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found.data, sign(a, b))


def test_a_floor_division_has_no_gradient_and_brings_its_operands_to_one_dtype():
    x = Tensor(np.array([1.5, 7.0], "float32"), requires_grad=True)
    for other in (np.float64(0.5), np.array([1, 2]), Tensor(np.array(0.5))):
        for y in (x // other, other // x, np.floor_divide(x, other)):
            assert y.dtype == np.float32
            assert not y.requires_grad
    same(grad((x * (x // 2)).sum(), x).data.astype(float), [0, 3])


def test_a_remainder_gives_the_divisor_minus_the_whole_quotient():
    a, b = gradient(operator.mod, [7.5, -7.5, 7.5, 6], [2.0, 2, -2, 3])
    same(a, [1, 1, 1, 1])
    same(b, [-3, 4, 4, -2])


def test_a_remainder_in_place_is_refused_for_a_leaf_that_requires_grad():
    w = Tensor([5.5, 2], requires_grad=True)
    with pytest.raises(RuntimeError, match="w %= u"):
        w %= 2
    with mg.no_grad():
        w %= 2
    same(w.data.astype(float), [1.5, 0])


# Powers, roots, norms ------------------------------------------------------------------------------------


def test_reciprocal_of_an_integer_is_a_float_also_by_numpys_name():
    for f in (mg.reciprocal, np.reciprocal):
        y = f(Tensor([2, 4]))
        assert y.dtype == np.float32
        same(y.data.astype(float), [0.5, 0.25])


def test_hypot_has_gradient_zero_at_the_origin_at_every_order():
    a, b = gradient(mg.hypot, [0.0, 0, 3, -0.0], [0.0, -2, 4, 0])
    same(a, [0, 0, 0.6, 0])
    same(b, [0, -1, 0.8, 0])
    same(second(lambda x: mg.hypot(x, x), [0.0]), [0])


def test_hypot_and_the_arctangents_do_not_overflow_in_their_gradients():
    for dtype, large in [("float64", 1e300), ("float32", 1e30), ("float16", 3e4)]:
        half = np.full(2, math.sqrt(0.5))
        for g in gradient(mg.hypot, [large, large], [large, large], dtype=dtype):
            np.testing.assert_allclose(g, half, rtol=1e-3)
        for f in (mg.arctan, mg.arcsinh, lambda x: mg.arctan2(x, 2.0), lambda x: mg.arctan2(2.0, x)):  # fmt: skip
            g = gradient(f, [large, -large], dtype=dtype)
            assert g.dtype == dtype
            assert np.isfinite(g).all()
    close(gradient(mg.arctan, [1e160]), [1e-320], rtol=1e-3)


def test_where_a_function_is_vertical_its_gradient_is_infinite():
    with np.errstate(divide="ignore"):
        same(gradient(mg.cbrt, [0.0, 8]), [INF, 1 / 12])
        same(gradient(mg.arcsin, [-1.0, 1]), [INF, INF])
        same(gradient(mg.arccos, [-1.0, 1]), [-INF, -INF])
        same(gradient(mg.arccosh, [1.0]), [INF])


def test_arctan2_has_no_gradient_at_the_origin():
    with np.errstate(invalid="ignore"):
        same(gradient(mg.arctan2, [0.0], [0.0])[0], [NAN])


@pytest.mark.parametrize(
    ("f", "numpys"),
    [(np.radians, mg.deg2rad), (np.degrees, mg.rad2deg), (np.deg2rad, mg.deg2rad), (np.abs, mg.absolute)],
)  # fmt: skip
def test_numpys_other_names_are_served(f, numpys):
    x = np.array([-40.0, 0.3, 180])
    same(f(Tensor(x)).data, f(x))
    same(numpys(Tensor(x)).data, f(x))


# Logarithms of sums --------------------------------------------------------------------------------------


@pytest.mark.parametrize("f", [mg.logaddexp, mg.logaddexp2])
def test_in_logaddexp_minus_infinity_has_no_part(f):
    a, b = gradient(f, [-INF, -INF, 0, 1e4, INF], [-INF, 0, -INF, -1e4, 3])
    same(a, [0, 0, 1, 1, 1])
    same(b, [0, 1, 0, 0, 0])


# The error function and sinc -----------------------------------------------------------------------------

POINTS = np.concatenate(
    [np.linspace(-28, 28, 4001), np.linspace(-0.5, 0.5, 401), [0.46875, 4.0, 1e-300, 1e300, INF]]
)


@pytest.mark.parametrize("name", ["erf", "erfc"])
def test_erf_and_erfc_are_pythons_to_rounding(name):
    exact = np.array([getattr(math, name)(x) for x in POINTS])
    np.testing.assert_allclose(getattr(mg, name)(POINTS), exact, rtol=1.5e-15, atol=1e-320)


@pytest.mark.parametrize("name", ["erf", "erfc"])
@pytest.mark.parametrize(("dtype", "rtol", "atol"), [("float32", 2e-6, 1e-44), ("float16", 1e-3, 6e-8)])  # fmt: skip
def test_erf_and_erfc_are_accurate_in_narrow_floats(name, dtype, rtol, atol):
    x = POINTS[np.abs(POINTS) < 12].astype(dtype)
    exact = np.array([getattr(math, name)(v) for v in x.astype(float)])
    found = getattr(mg, name)(x)
    assert found.dtype == dtype
    np.testing.assert_allclose(found.astype(float), exact, rtol=rtol, atol=atol)


@pytest.mark.parametrize("f", [mg.erf, mg.erfc])
def test_erf_is_the_same_in_any_size_and_layout(f):
    x = np.random.default_rng(0).uniform(-6, 6, (150, 2, 100)).astype("float32")
    exact = np.vectorize(math.erf if f is mg.erf else math.erfc)
    for view in (x, x.T, x[::-1, :, ::2], x.astype("float16")):
        np.testing.assert_allclose(f(view), exact(view.astype(float)), rtol=1e-3, atol=6e-8)
        assert f(view).shape == view.shape
        assert f(view).dtype == view.dtype


def test_erf_is_odd_keeps_nan_and_takes_numbers():
    same(mg.erf(-POINTS), -mg.erf(POINTS))
    assert math.copysign(1, mg.erf(np.array(-0.0))) == -1
    assert np.isnan(mg.erf(np.array(NAN)))
    assert np.isnan(mg.erfc(np.array(NAN)))
    close(mg.erf(0.5), math.erf(0.5))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_gradient_of_erf_vanishes_without_overflow(dtype):
    large = np.finfo(dtype).max
    same(gradient(mg.erf, [large, -large, INF, 150], dtype=dtype).astype(float), [0, 0, 0, 0])
    close(gradient(mg.erf, [0.0]), [2 / math.sqrt(math.pi)])


def test_sinc_is_smooth_at_zero_at_every_order():
    x = Tensor(np.zeros(()), requires_grad=True)
    derivatives = [mg.sinc(x)]
    for _ in range(6):
        derivatives.append(grad(derivatives[-1], x, create_graph=True))
    # sum_n (-1)^n (pi x)^(2n) / (2n + 1)!
    expected = [1, 0, -(math.pi**2) / 3, 0, math.pi**4 / 5, 0, -(math.pi**6) / 7]
    np.testing.assert_allclose([d.item() for d in derivatives], expected, rtol=1e-14)


def test_the_gradient_of_sinc_is_exact_near_zero_and_joins_the_quotient():
    tiny = np.array([1e-9, -1e-5, 1e-200])
    close(gradient(mg.sinc, tiny), -(math.pi**2) / 3 * tiny, rtol=1e-9)
    near, far = gradient(mg.sinc, [np.nextafter(0.5, 0), 0.5])
    np.testing.assert_allclose(near, far, rtol=1e-14)
    np.testing.assert_allclose(mg.sinc(POINTS[:-1]), np.sinc(POINTS[:-1]), rtol=1e-12)


# Choices -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("f", "a_wins"), [(mg.fmax, [1, 0]), (mg.fmin, [0, 1])])
def test_in_fmax_and_fmin_nan_loses_and_a_tie_is_shared(f, a_wins):
    a, b = gradient(f, [3, 1, NAN, 2, 2], [1, 3, 2, NAN, 2])
    same(a, [*a_wins, 0, 1, 0.5])
    same(b, [*(1 - np.array(a_wins)), 1, 0, 0.5])


def test_nan_to_num_gives_zero_where_it_replaced_something():
    x = [NAN, INF, -INF, 2]
    same(gradient(lambda t: mg.nan_to_num(t) * 0.5, x), [0, 0, 0, 0.5])
    for dtype in ("float16", "float32"):
        a = np.array(x, dtype)
        np.testing.assert_array_equal(mg.nan_to_num(Tensor(a)).data, np.nan_to_num(a), strict=True)
    t = Tensor(np.array(x))
    same(np.nan_to_num(t, nan=1, posinf=5, neginf=-5).data, [1, 5, -5, 2])
    with pytest.raises(TypeError, match="copy"):
        np.nan_to_num(t, copy=False)


def test_numpys_clip_takes_its_bounds_by_all_of_its_names():
    x = Tensor(np.array([-2.0, 0, 2]))
    for y in (np.clip(x, -1, 1), np.clip(x, a_min=-1, a_max=1), np.clip(x, min=-1, max=1)):
        same(y.data, [-1, 0, 1])
    with pytest.raises(TypeError, match="a_min"):
        np.clip(x, -1, 1, min=0)


# A branch where it is taken only -------------------------------------------------------------------------


def test_where_safe_gives_zero_where_the_other_branch_is_vertical_at_every_order():
    def f(x):
        return mg.where_safe(x > 0, mg.sqrt, lambda t: 0 * t, x)

    same(gradient(f, [0.0, -3, 4]), [0, 0, 0.25])
    same(second(f, [0.0, -3, 4]), [0, 0, -1 / 32])


def test_where_safe_evaluates_each_branch_on_its_own_side_only():
    met = {}

    def branch(name):
        def f(x):
            met[name] = x.data
            return x * 2

        return f

    x = Tensor(np.array([[3.0, -1, 2], [-4, 5, -6]]))
    mg.where_safe(x > 0, branch("right"), branch("left"), x)
    same(met["right"], [[3, 3, 2], [3, 5, 3]])
    same(met["left"], [[-1, -1, -1], [-4, -1, -6]])


def test_where_safe_keeps_the_gradient_of_what_a_branch_captures_finite():
    x = np.array([0.0, 2, -1])
    p = Tensor(np.array(0.5), requires_grad=True)
    y = mg.where_safe(x > 0, lambda t: t**p, lambda t: t, x)
    close(grad(y.sum(), p).data, math.sqrt(2) * math.log(2))


@pytest.mark.parametrize("taken", [True, False])
def test_where_safe_does_not_call_a_branch_that_no_element_takes(taken):
    def never(x):
        raise AssertionError("called")

    def root(x):
        return mg.sqrt(x)

    branches = (root, never) if taken else (never, root)
    x = [4.0, 9]
    same(gradient(lambda t: mg.where_safe(np.full(2, taken), *branches, t), x), [1 / 4, 1 / 6])


def test_where_safe_broadcasts_condition_and_argument_and_agrees_with_where():
    condition = np.array([[True], [False]])
    x = np.array([0.3, 0.7, 2])

    def safe(x):
        return mg.where_safe(condition, mg.log, mg.exp, x)

    y = safe(Tensor(x))
    same(y.data, np.where(condition, np.log(x), np.exp(x)))
    check_grads(safe, [x])
    assert mg.where_safe(condition, mg.log, mg.exp, x).shape == (2, 3)


def test_where_safe_on_nothing_has_the_shape_and_dtype_of_its_branches():
    x = Tensor(np.zeros((0, 3), "float32"), requires_grad=True)
    y = mg.where_safe(x > 0, mg.sqrt, mg.exp, x)
    assert (y.shape, y.dtype) == ((0, 3), np.float32)
    assert grad(y.sum(), x).shape == (0, 3)
