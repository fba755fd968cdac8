"""What is promised where an op is not smooth, not defined, or has nothing to work on."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, grad

INF, NAN = np.inf, np.nan


def value_and_gradients(f, *arguments, dtype=np.float64):
    """f and the gradients of sum f, with what NumPy says about infinities silenced."""
    xs = [Tensor(np.array(a, dtype), requires_grad=True) for a in arguments]
    with np.errstate(all="ignore"):
        y = f(*xs)
        return y.data, *[g.data for g in grad(y, xs, np.ones_like(y.data))]


def gradient(f, *arguments, **options):
    """The gradient of sum f; of several arguments a tuple of them."""
    _, *found = value_and_gradients(f, *arguments, **options)
    return found[0] if len(found) == 1 else tuple(found)


def second(f, argument):
    """The gradient of sum of the gradient of sum f."""
    x = Tensor(np.array(argument, float), requires_grad=True)
    with np.errstate(all="ignore"):
        g = grad(f(x).sum(), x, create_graph=True)
        return grad(g.sum(), x).data if g.requires_grad else np.zeros(x.shape)


def same(found, expected):
    """Equal shapes and elements, nan being equal to nan; tuples part by part."""
    if isinstance(found, tuple):
        for f, e in zip(found, expected, strict=True):
            same(f, e)
    else:
        np.testing.assert_array_equal(found, np.asarray(expected, float), strict=True)


# Ties ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("f", [mg.max, lambda x, **k: -mg.min(-x, **k)], ids=["max", "min"])
@pytest.mark.parametrize(
    ("x", "axis", "expected"),
    [
        ([3, 1, 3, 3, 3], None, [0.25, 0, 0.25, 0.25, 0.25]),
        ([[1, 2], [2, 2]], None, [[0, 1 / 3], [1 / 3, 1 / 3]]),
        ([[1, 2], [2, 2]], 0, [[0, 0.5], [1, 0.5]]),
        ([[1, 2], [2, 2]], 1, [[0, 1], [0.5, 0.5]]),
        ([[[5, 5]], [[5, 4]]], (0, 2), [[[1 / 3, 1 / 3]], [[1 / 3, 0]]]),
        ([INF, INF, 0], None, [0.5, 0.5, 0]),
        ([-INF, -INF], None, [0.5, 0.5]),
        ([0.0, -0.0], None, [0.5, 0.5]),
    ],
)
def test_max_and_min_share_the_gradient_evenly_among_ties(f, x, axis, expected):
    same(gradient(lambda t: f(t, axis=axis), x), expected)
    same(gradient(lambda t: f(t, axis=axis, keepdims=True), x), expected)


@pytest.mark.parametrize("f", [mg.max, mg.min])
def test_in_max_and_min_nan_wins_and_shares_the_gradient_with_nan(f):
    y, g = value_and_gradients(f, [1, NAN, 3, NAN])
    same(y, NAN)
    same(g, [0, 0.5, 0, 0.5])


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("f", [mg.max, mg.min])
def test_the_number_of_ties_is_counted_exactly_in_every_dtype(f, dtype):
    x = Tensor(np.zeros(5000, dtype), requires_grad=True)  # float16 counts to 2048
    (g,) = grad(f(x), [x])
    np.testing.assert_array_equal(g.data, np.full(5000, 1 / 5000, dtype), strict=True)


def test_many_ties_in_float16_do_not_overflow_the_count():
    x = Tensor(np.zeros(70_000, "float16"), requires_grad=True)  # float16 ends at 65504
    assert (grad(mg.max(x), x).data > 0).all()


@pytest.mark.parametrize("f", [mg.maximum, lambda a, b: -mg.minimum(-a, -b)], ids=["max", "min"])
def test_maximum_and_minimum_give_each_side_of_a_tie_one_half(f):
    same(gradient(f, [2, 0.0, INF, 1], [2, -0.0, INF, 0]), ([0.5, 0.5, 0.5, 1], [0.5, 0.5, 0.5, 0]))


@pytest.mark.parametrize("f", [mg.maximum, mg.minimum])
def test_in_maximum_and_minimum_nan_wins_and_gets_the_gradient(f):
    y, a, b = value_and_gradients(f, [NAN, 1, INF], [1, NAN, NAN])
    same(y, [NAN, NAN, NAN])
    same(a, [1, 0, 0])
    same(b, [0, 1, 1])


@pytest.mark.parametrize(
    "f",
    [
        lambda x: mg.maximum(x, 0),
        lambda x: mg.maximum(0, x),
        lambda x: -mg.minimum(-x, 0),
        mg.relu,
        lambda x: mg.clip(x, 0),
        lambda x: mg.where(x.data > 0, x, 0),
        lambda x: mg.max(mg.pad(x.reshape(2, 1), ((0, 0), (0, 1))), axis=1),
    ],
    ids=["maximum", "maximum from the right", "minimum", "relu", "clip", "where", "max"],
)
def test_the_side_not_chosen_gets_zero_even_of_an_infinite_gradient(f):
    same(gradient(lambda x: mg.sqrt(f(x)), [-1, 4]), [0, 0.25])  # sqrt has slope inf at 0


# Bounds --------------------------------------------------------------------------------------------------


def test_relu_at_zero_has_gradient_zero_and_keeps_nan():
    y, g = value_and_gradients(mg.relu, [0.0, -0.0, NAN, -INF, INF, -1, 2])
    same(y, [0, 0, NAN, 0, INF, 0, 2])
    same(np.delete(g, 2), [0, 0, 0, 1, 0, 1])
    same(second(mg.relu, [-1, 0, 1]), [0, 0, 0])


def test_clip_exactly_at_a_bound_has_gradient_zero():
    x = [-2, -1, 0, 1, 2]
    same(gradient(lambda t: mg.clip(t, -1, 1), x), [0, 0, 1, 0, 0])
    same(gradient(lambda t: mg.clip(t, -1), x), [0, 0, 1, 1, 1])
    same(gradient(lambda t: mg.clip(t, high=1), x), [1, 1, 1, 0, 0])
    same(gradient(lambda t: mg.clip(t, np.array([[0], [-3]]), 1.5), x), [1, 1, 1, 2, 0])
    same(value_and_gradients(lambda t: mg.clip(t, -1, 1), [NAN, INF, -INF])[0], [NAN, 1, -1])


def test_clip_sends_the_gradient_to_the_bound_that_is_the_value_and_to_high_where_low_is_not_below_it():
    x, low, high = [-2, -1, 0, 1, 2, 5], [-1, -1, -1, -1, -1, 3], [1, 1, 1, 1, 1, 2]
    same(gradient(lambda t: mg.clip(t, low, high), x), [0, 0, 1, 0, 0, 0])
    same(gradient(lambda t: mg.clip(x, t, high), low), [1, 1, 0, 0, 0, 0])
    same(gradient(lambda t: mg.clip(x, low, t), high), [0, 0, 0, 1, 1, 1])
    same(gradient(lambda t: mg.clip([0, 1, 2], t, 1), [1, 2, 0]), [0, 0, 0])
    same(gradient(lambda t: mg.clip([0, 1, 2], 1, t), [1, 0, -1]), [1, 1, 1])
    same(gradient(lambda t: mg.clip([0, 1, 2], low=t), [1, 1, 1]), [1, 1, 0])
    same(gradient(lambda t: mg.clip([0, 1, 2], high=t), [1, 1, 1]), [0, 1, 1])


def test_absolute_at_zero_has_gradient_zero():
    same(gradient(mg.absolute, [0.0, -0.0, -INF, INF]), [0, 0, -1, 1])
    same(second(mg.absolute, [-1, 0, 1]), [0, 0, 0])


# Powers and roots ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("f", [mg.sqrt, lambda x: x**0.5, lambda x: mg.power(x, np.array(0.5))])
def test_a_root_at_zero_has_an_infinite_gradient(f):
    same(gradient(f, [0, 4]), [INF, 0.25])


def test_the_root_of_a_square_at_zero_is_nan_by_the_chain_rule():
    same(gradient(lambda x: mg.sqrt(x * x), [0.0]), [NAN])


@pytest.mark.parametrize("zero", [0, 0.0, False, np.array(0.0), np.zeros(4)], ids=repr)
def test_anything_to_the_power_zero_is_one_with_gradient_zero(zero):
    x = [0.0, -2, 3, INF]
    y, g = value_and_gradients(lambda t: t**zero, x)
    same(y, [1, 1, 1, 1])
    same(g, [0, 0, 0, 0])
    same(second(lambda t: t**zero, [0.0, -2, 3, 1]), [0, 0, 0, 0])


def test_the_gradient_of_a_power_zero_is_zero_also_where_the_exponent_is_differentiated():
    same(gradient(lambda a, b: a**b, [0.0, 3], [0.0, 0])[0], [0, 0])


@pytest.mark.parametrize(("n", "first", "at_order_two"), [(1, 1, 0), (2, 0, 2), (3, 0, 0)])
def test_whole_powers_are_smooth_at_zero(n, first, at_order_two):
    for power in (n, float(n), np.array(float(n))):
        same(gradient(lambda t, p=power: t**p, [0.0]), [first])
        same(second(lambda t, p=power: t**p, [0.0]), [at_order_two])


def test_zero_to_a_power_has_gradient_zero_in_the_exponent():
    for zero in (0, 0.0, np.zeros(3)):
        same(gradient(lambda b, z=zero: z**b, [0, 0.5, 2]), [0, 0, 0])
    same(gradient(lambda a, b: a**b, [0, 0], [0.0, 2])[1], [0, 0])


def test_a_negative_base_has_gradient_nan_in_the_exponent_only():
    a, b = gradient(lambda a, b: a**b, [-2.0], [3.0])
    same(a, [12])
    same(b, [NAN])
    same(gradient(lambda b: (-2) ** b, [3.0]), [NAN])


# Choices and places --------------------------------------------------------------------------------------


def test_where_over_a_branch_with_infinite_derivative_is_nan():
    same(gradient(lambda x: mg.where(x.data > 0, mg.sqrt(x), 0), [0, 4]), [NAN, 0.25])
    # the cure: a harmless argument where the branch is not taken
    safe = lambda x: mg.where(x.data > 0, mg.sqrt(mg.where(x.data > 0, x, 1)), 0)  # noqa: E731
    same(gradient(safe, [0, 4]), [0, 0.25])


def test_where_takes_infinities_and_nans_only_from_the_side_it_takes():
    condition = np.array([True, False])
    y, a, b = value_and_gradients(lambda a, b: mg.where(condition, a, b), [1, INF], [NAN, 2])
    same((y, a, b), ([1, 2], [1, 0], [0, 1]))
    none = mg.where(np.zeros(4, bool), Tensor(np.array([INF, NAN, -INF, -1])), 0).data
    same(none, [0, 0, 0, 0])
    assert not np.signbit(none).any()


def test_duplicate_indices_accumulate():
    same(gradient(lambda x: x[[0, 2, 0, 0]] * [1, 2, 3, 4], [5, 6, 7]), [8, 0, 2])
    same(gradient(lambda x: x[np.array([-1, 2])], [5, 6, 7]), [0, 0, 2])
    y, g = value_and_gradients(lambda g: mg.scatter(g, np.array([1, 1, 0]), (2,)), [1, 2, 4])
    same((y, g), ([4, 3], [1, 1, 1]))


def test_a_shared_argument_of_one_op_gets_both_gradients():
    same(gradient(lambda x: mg.concatenate([x, x * 2]), [1, 1]), [3, 3])
    same(gradient(lambda x: mg.stack([x, x, x]), 1), 3)
    same(gradient(lambda x: mg.maximum(x, x), [1, 2]), [1, 1])
    same(gradient(lambda x: x**x, [1.0]), [1])


@pytest.mark.parametrize(
    "f",
    [
        np.round, np.rint, np.floor, np.ceil, np.trunc, np.sign, lambda x: x > 0, lambda x: x == x,
        np.isnan, mg.Tensor.argmax, lambda x: x.astype(int), lambda x: x >= [0.0, 1.0, 2.0],
    ],
)  # fmt: skip
def test_rounding_signs_and_comparisons_have_no_gradient_and_require_none(f):
    x = Tensor([-0.5, 0.0, 1.5], requires_grad=True)
    y = f(x)
    assert isinstance(y, Tensor)
    assert not y.requires_grad
    assert y.is_leaf
    constant_factor = grad((x * y).sum(), x)
    np.testing.assert_array_equal(constant_factor.data, np.broadcast_to(y.data, 3))


# Nothing -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 2), (0, 0)])
def test_the_sum_of_nothing_is_zero_and_its_mean_nan(shape):
    empty = np.zeros(shape)
    same(value_and_gradients(mg.sum, empty), (0, empty))
    same(value_and_gradients(mg.mean, empty), (NAN, empty))


def test_along_an_empty_axis_sums_are_zero_means_nan_and_gradients_empty():
    empty = np.zeros((2, 0))
    same(value_and_gradients(lambda x: mg.sum(x, 1), empty), ([0, 0], empty))
    same(value_and_gradients(lambda x: mg.mean(x, 1), empty), ([NAN, NAN], empty))
    same(value_and_gradients(lambda x: mg.mean(x, 0), empty), ([], empty))


@pytest.mark.parametrize("f", [mg.max, mg.min])
def test_the_maximum_of_nothing_raises_unless_the_reduced_axis_is_not_empty(f):
    for shape, axis in [((0,), None), ((0, 2), 0), ((2, 0), None)]:
        with pytest.raises(ValueError, match="zero-size"):
            f(Tensor(np.zeros(shape)), axis=axis)
    same(value_and_gradients(lambda x: f(x, axis=1), np.zeros((0, 2))), ([], np.zeros((0, 2))))


def test_a_product_over_an_empty_axis_is_zeros_with_empty_gradients():
    a, b = np.zeros((2, 0)), np.zeros((0, 3))
    same(value_and_gradients(mg.matmul, a, b), (np.zeros((2, 3)), a, b))


def test_a_linear_layer_without_inputs_or_without_outputs_goes_both_ways():
    x, w = np.zeros((2, 0)), np.zeros((3, 0))
    same(value_and_gradients(mg.linear, x, w, np.ones(3)), (np.ones((2, 3)), x, w, [2, 2, 2]))
    x, w = np.zeros((2, 3)), np.zeros((0, 3))
    same(value_and_gradients(mg.linear, x, w, []), (np.zeros((2, 0)), x, w, []))


@pytest.mark.parametrize(
    "f",
    [
        mg.exp,
        mg.relu,
        lambda x: x * 2,
        mg.log_softmax,
        lambda x: mg.linear(x, Tensor(np.ones((4, 3)))),
    ],
)
def test_an_empty_batch_goes_through(f):
    y, g = value_and_gradients(f, np.zeros((0, 3)))
    assert y.shape[0] == 0
    assert g.shape == (0, 3)


def test_parameters_get_zero_from_an_empty_batch():
    x, w, b = np.zeros((0, 3)), np.ones((2, 3)), np.ones(2)
    same(gradient(mg.linear, x, w, b), (x, np.zeros((2, 3)), [0, 0]))
