"""Losses with a term per element: PyTorch's values and derivatives, edges, and what is refused."""

import math

import numpy as np
import pytest
from derivatives import leaf
from losses import as_torch, compare_with_pytorch, every_reduction, gradient

import minigrad as mg
from minigrad import Tensor, check_grads, grad

INF, NAN = np.inf, np.nan
RNG = np.random.default_rng(0)
X = 1.5 * RNG.standard_normal((4, 3))
T = RNG.standard_normal((4, 3))
P, Q = RNG.uniform(0.05, 0.95, (2, 4, 3))
LABELS = np.array([2, 0, 1, 2])
WEIGHT = np.array([0.5, 2.0, 1.0])


# A term per element: against PyTorch, by x and by the target ---------------------------------------------

POINTWISE = {
    "l1_loss": [{}],
    "mse_loss": [{}],
    "smooth_l1_loss": [{}, {"beta": 0.3}, {"beta": 0.0}, {"beta": 5.0}],
    "huber_loss": [{}, {"delta": 0.3}, {"delta": 5.0}],
    "kl_div": [{}, {"log_target": True}],
    "binary_cross_entropy": [{}, {"weight": T**2}, {"weight": WEIGHT}],
    "binary_cross_entropy_with_logits": [
        {}, {"weight": T**2}, {"pos_weight": WEIGHT}, {"weight": T[:, :1] ** 2, "pos_weight": np.array(2.0)},
    ],
}  # fmt: skip
CALLS = [(name, options) for name, calls in POINTWISE.items() for options in calls]
DATA = {
    "kl_div": (np.log(P), Q),
    "binary_cross_entropy": (P, Q),
    "binary_cross_entropy_with_logits": (X, Q),
}


@pytest.mark.parametrize(
    ("name", "options"), CALLS, ids=lambda v: v if isinstance(v, str) else str([*v])
)
@every_reduction
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides:UserWarning")
def test_a_loss_with_a_term_per_element_agrees_with_pytorch(name, options, reduction):
    arrays = DATA.get(name, (X, T))
    if options.get("log_target"):
        arrays = (arrays[0], np.log(arrays[1]))
    theirs = {k: as_torch(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    compare_with_pytorch(
        lambda m, x, t: getattr(m, name)(x, t, reduction=reduction, **options),
        lambda m, x, t: getattr(m, name)(x, t, reduction=reduction, **theirs),
        *arrays,
        rtol=1e-9
        if name == "binary_cross_entropy"
        else 1e-11,  # PyTorch adds 1e-12 to its x (1 - x)
    )


def test_kl_div_is_offered_as_the_mean_over_the_batch():
    def divergence(m, x, t):
        return m.kl_div(x, t, reduction="batchmean")

    compare_with_pytorch(divergence, divergence, np.log(P), Q)


@pytest.mark.parametrize("name", POINTWISE)
def test_a_loss_never_broadcasts_its_target(name):
    x, t = DATA.get(name, (X, T))
    for wrong in (t[:1], t[:, :1], t[0], t[0, 0], t[None]):
        with pytest.raises(ValueError, match=rf"^{name}: .*\(4, 3\).*reshape"):
            getattr(mg, name)(leaf(x), wrong)


@pytest.mark.parametrize("name", [*POINTWISE, "nll_loss", "hinge_loss"])
def test_an_unknown_reduction_is_refused_with_those_that_are_known(name):
    x, t = DATA.get(name, (X, T if name in POINTWISE else LABELS))
    with pytest.raises(ValueError, match=rf"^{name}: reduction .*'mean'.*'none'.*not 'average'"):
        getattr(mg, name)(leaf(x), t, reduction="average")
    if name != "kl_div":
        with pytest.raises(ValueError, match="batchmean"):
            getattr(mg, name)(leaf(x), t, reduction="batchmean")


@pytest.mark.parametrize("name", [*POINTWISE, "nll_loss", "hinge_loss"])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
@every_reduction
def test_a_loss_and_its_gradients_have_the_dtype_of_x(name, dtype, reduction):
    x, t = DATA.get(name, (X, T if name in POINTWISE else LABELS))
    x = leaf(x, dtype)
    t = t.astype(dtype) if name in POINTWISE else t
    takes_weight = name in ("nll_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits")
    y = getattr(mg, name)(x, t, reduction=reduction, **({"weight": WEIGHT} if takes_weight else {}))
    g = grad(y, x, np.ones(y.shape, dtype), create_graph=True)
    assert y.dtype == g.dtype == dtype
    if g.requires_grad:
        assert grad((g * g).sum(), x).dtype == dtype


@pytest.mark.parametrize("name", [*POINTWISE, "nll_loss", "hinge_loss"])
def test_of_an_empty_batch_the_mean_is_nan_and_the_sum_zero(name):
    x, t = DATA.get(name, (X, T if name in POINTWISE else LABELS))
    x, t = leaf(x[:0]), t[:0]
    y = getattr(mg, name)(x, t)
    assert math.isnan(y.item())
    assert gradient(y, x).shape == (0, 3)
    assert getattr(mg, name)(x, t, reduction="sum").item() == 0


@pytest.mark.parametrize(
    ("loss", "names"),
    [
        (mg.mse_loss, ("x", "target")),
        (mg.triplet_margin_loss, ("anchor", "positive", "negative")),
        (mg.cosine_similarity, ("x1", "x2")),
    ],
)
def test_a_loss_of_float16_is_computed_in_float32_however_its_arguments_are_given(loss, names):
    arrays = [(100 * a).astype("float16") for a in (X, T, X + T)[: len(names)]]  # squares overflow
    expected = loss(*[a.astype("float32") for a in arrays])
    for count in range(len(names) + 1):
        xs = [leaf(a, "float16") for a in arrays]
        found = loss(*xs[:count], **dict(zip(names[count:], xs[count:], strict=True)))
        assert found.dtype == np.float16
        np.testing.assert_array_equal(found.data, np.asarray(expected).astype("float16"))


# Kinks and edges -----------------------------------------------------------------------------------------


def test_at_the_target_every_distance_has_gradient_zero():
    x = leaf([1.0, 2.0])
    for f in (
        mg.l1_loss,
        mg.smooth_l1_loss,
        mg.huber_loss,
        lambda x, t: mg.smooth_l1_loss(x, t, beta=0),
    ):
        np.testing.assert_array_equal(gradient(f(x, np.array([1.0, 2.0])), x), [0, 0])


def test_the_smooth_distances_are_squares_near_the_target_with_their_second_derivative():
    x = leaf([1.0, 2.0])
    for f, curvature in [
        (lambda d: mg.smooth_l1_loss(d, np.array([1.0, 2.0]), "sum", 0.5), 2),
        (lambda d: mg.huber_loss(d, np.array([1.0, 2.0]), "sum", 0.5), 1),
    ]:
        g = grad(f(x), x, create_graph=True)
        np.testing.assert_array_equal(grad(g.sum(), x).data, [curvature, curvature])


@pytest.mark.parametrize("name", ["smooth_l1_loss", "huber_loss"])
@pytest.mark.parametrize("sign", [1, -1])
def test_where_square_and_line_meet_the_gradient_is_that_of_both(name, sign):
    x = leaf([0.5 * sign])
    option = {"beta": 0.5} if name == "smooth_l1_loss" else {"delta": 0.5}
    y = getattr(mg, name)(x, np.zeros(1), **option)
    assert gradient(y, x) == (sign if name == "smooth_l1_loss" else 0.5 * sign)


def test_a_distance_too_large_to_square_has_a_finite_huber_loss():
    x = leaf([1e200, -1e200])
    for f in (mg.huber_loss, mg.smooth_l1_loss):
        y = f(x, np.zeros(2), "none")
        np.testing.assert_allclose(y.data, [1e200, 1e200])
        np.testing.assert_array_equal(gradient(y, x), [1, -1])
    x = leaf([INF, NAN])
    y = mg.huber_loss(x, np.zeros(2), "none")
    np.testing.assert_array_equal(y.data, [INF, NAN])
    np.testing.assert_array_equal(gradient(y, x), [1, NAN])


def test_a_radius_that_is_none_is_refused():
    with pytest.raises(ValueError, match=r"smooth_l1_loss: beta .*-1"):
        mg.smooth_l1_loss(X, T, beta=-1)
    for delta in (0, -1, NAN):
        with pytest.raises(ValueError, match=rf"huber_loss: delta .*{delta}"):
            mg.huber_loss(X, T, delta=delta)


def test_cross_entropy_of_logits_is_exact_where_probabilities_round_to_one():
    x = leaf([50.0, 1000.0, -1000.0, -50.0])
    target = np.array([0.0, 0.0, 1.0, 1.0])
    y = mg.binary_cross_entropy_with_logits(x, target, reduction="none")
    np.testing.assert_allclose(y.data, [50, 1000, 1000, 50], rtol=1e-15)
    np.testing.assert_allclose(gradient(y, x), [1, 1, -1, -1], rtol=1e-15)
    y = mg.binary_cross_entropy_with_logits(x, 1 - target, reduction="none")
    np.testing.assert_allclose(y.data, [math.exp(-50), 0, 0, math.exp(-50)], rtol=1e-14)
    np.testing.assert_allclose(gradient(y, x), [-math.exp(-50), 0, 0, math.exp(-50)], rtol=1e-14)


def test_at_logit_zero_the_logistic_loss_is_smooth():
    target = np.array([0.0, 1, 0.3])
    check_grads(mg.binary_cross_entropy_with_logits, [np.zeros(3), target], order=3)


def test_labels_of_the_logistic_losses_may_be_integers_or_bools():
    expected = mg.binary_cross_entropy_with_logits(leaf(X), (T > 0) * 1.0)
    for target in (T > 0, (T > 0).astype(int), (T > 0).tolist(), Tensor(T > 0)):
        found = mg.binary_cross_entropy_with_logits(leaf(X), target)
        np.testing.assert_allclose(found.data, expected.data, rtol=1e-14)
        assert mg.binary_cross_entropy(leaf(P, "float32"), target).dtype == "float32"


def test_logarithms_of_probabilities_are_bounded_as_in_pytorch():
    x, target = leaf([0.0, 1.0, 0.0, 1.0, 1e-50]), np.array([0.0, 1.0, 1.0, 0.0, 1.0])
    y = mg.binary_cross_entropy(x, target, reduction="none")
    np.testing.assert_allclose(y.data, [0, 0, 100, 100, 100])
    np.testing.assert_array_equal(gradient(y, x), [1, -1, 0, 0, 0])


@pytest.mark.parametrize("value", [-0.1, 1.5, INF, -INF])
def test_what_is_no_probability_is_refused_with_the_loss_for_logits(value):
    with pytest.raises(ValueError, match=f"binary_cross_entropy: .*{value}.*with_logits"):
        mg.binary_cross_entropy(leaf([0.5, value]), np.array([1.0, 1.0]))


def test_a_nan_among_probabilities_stays_nan():
    y = mg.binary_cross_entropy(leaf([0.5, NAN]), np.array([1.0, 1.0]), reduction="none")
    np.testing.assert_allclose(y.data, [math.log(2), NAN])


@pytest.mark.parametrize("name", ["weight", "pos_weight"])
@pytest.mark.parametrize("shape", [(2,), (4,), (1, 4, 3), (4, 2)])
def test_a_weight_must_broadcast_to_x_and_never_widens_it(name, shape):
    with pytest.raises(ValueError, match=rf"with_logits: {name} has shape .*\(4, 3\)"):
        mg.binary_cross_entropy_with_logits(leaf(X), Q, **{name: np.ones(shape)})


def test_a_class_of_probability_zero_adds_nothing_to_the_divergence():
    x, target = leaf([-INF, -1.0]), leaf([0.0, 1.0])
    y = mg.kl_div(x, target, "none")
    np.testing.assert_array_equal(y.data, [0, 1])
    by_x, by_target = grad(y, [x, target], np.ones(2))
    np.testing.assert_array_equal(by_x.data, [0, -1])
    np.testing.assert_array_equal(by_target.data, [0, 2])
    logs = leaf([-INF, 0.0])
    y = mg.kl_div(x, logs, "none", log_target=True)
    np.testing.assert_array_equal(y.data, [0, 1])
    np.testing.assert_array_equal(gradient(y, logs), [0, 2])


# The squared error ---------------------------------------------------------------------------------------


@every_reduction
def test_mse_loss_is_its_formula_and_agrees_with_pytorch_and_finite_differences(reduction):
    a, b = np.random.default_rng(0).standard_normal((2, 3, 4))
    square = (a - b) ** 2
    expected = {"mean": square.mean(), "sum": square.sum(), "none": square}[reduction]
    x, t = leaf(a), leaf(b)
    y = mg.mse_loss(x, t, reduction)
    np.testing.assert_allclose(y.data, expected, rtol=1e-15)
    scale = 2 / 12 if reduction == "mean" else 2
    for found, sign in zip(grad(y, [x, t], np.ones(y.shape)), (1, -1), strict=True):
        np.testing.assert_allclose(found.data, sign * scale * (a - b), rtol=1e-14)
    check_grads(lambda x, t: mg.mse_loss(x, t, reduction), [a, b])
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    theirs = torch.nn.functional.mse_loss(torch.tensor(a), torch.tensor(b), reduction=reduction)
    np.testing.assert_allclose(y.data, theirs.numpy(), rtol=1e-14)


@pytest.mark.parametrize(
    ("x", "target"),
    [
        ((3,), (3, 1)),
        ((3, 1), (3,)),
        ((3, 1), (1, 3)),
        ((2, 3), (3,)),
        ((3,), ()),
        ((), (1,)),
        ((1,), (3,)),
    ],
)
def test_mse_loss_does_not_broadcast(x, target):
    with pytest.raises(ValueError, match="does not broadcast") as error:
        mg.mse_loss(leaf(np.zeros(x)), np.zeros(target))
    assert str(x) in str(error.value)
    assert str(target) in str(error.value)
    with pytest.raises(ValueError, match="'mean', 'sum' or 'none', not 'avg'"):
        mg.mse_loss(leaf(np.zeros(x)), np.zeros(x), "avg")


def test_mse_loss_takes_plain_targets_at_the_dtype_of_x():
    x = leaf([1, 2], np.float32)
    for target in (
        np.zeros(2, np.float32),
        [0, 0],
        [0.0, 0.0],
        Tensor([0.0, 0.0]),
        np.zeros(2, int),
    ):
        y = mg.mse_loss(x, target)
        assert y.item() == 2.5
        assert y.dtype == "float32"
    assert math.isnan(mg.mse_loss(leaf([]), np.zeros(0)).item())


# 0 times a value that is not taken -----------------------------------------------------------------------


def loss_and_derivatives(f, *arguments):
    """f, its gradient by each argument, and the gradient by the first of the sum of that gradient."""
    xs = [leaf(a) for a in arguments]
    y = f(*xs)
    first = grad(y, xs, create_graph=True)
    (second,) = grad(first[0].sum(), [xs[0]])
    return y.item(), *[g.data for g in first], second.data


@pytest.mark.parametrize("weight", [None, [1.0, 1, 1]])
def test_probability_0_on_a_logit_of_minus_infinity_has_loss_0_and_gradient_0(weight):
    weight = None if weight is None else np.array(weight)
    y, g, t, h = loss_and_derivatives(
        lambda x, t: mg.cross_entropy(x, t, weight), [-INF, 0.0, 1], [0, 0.5, 0.5]
    )
    p = 1 / (1 + np.e)
    np.testing.assert_allclose(y, np.log(1 + np.e) - 0.5, rtol=1e-14)
    np.testing.assert_allclose(g, [0, p - 0.5, 0.5 - p], rtol=1e-14)
    np.testing.assert_allclose(t, [0, np.log(1 + np.e), np.log(1 + np.e) - 1], rtol=1e-14)
    np.testing.assert_allclose(h, np.zeros(3), atol=1e-16)


def test_probability_0_on_a_finite_logit_has_its_gradient_and_other_infinities_stay():
    _, _, t, _ = loss_and_derivatives(mg.cross_entropy, [0.0, 0, 0], [0, 0.5, 0.5])
    np.testing.assert_allclose(t, np.full(3, np.log(3)), rtol=1e-14)
    assert mg.cross_entropy(np.array([-INF, 0]), np.array([0.5, 0.5])) == INF
    assert np.isnan(mg.cross_entropy(np.array([NAN, 0]), np.array([0.0, 1])))


def test_a_class_of_weight_0_takes_no_part_whatever_its_logit():
    x, weight = np.array([[-INF, 0.0, 0]]), np.array([0.0, 1, 1])
    y, g, _, _ = loss_and_derivatives(
        lambda x, t: mg.cross_entropy(x, t, weight), x, np.full((1, 3), 1 / 3)
    )
    np.testing.assert_allclose(y, 2 / 3 * np.log(2), rtol=1e-14)
    np.testing.assert_allclose(g, np.zeros((1, 3)), atol=1e-16)
    logs, labels = leaf([[-INF, 0.0], [-1.0, -2]]), np.array([0, 1])
    y = mg.nll_loss(logs, labels, np.array([0.0, 1]))
    assert y.item() == 2
    np.testing.assert_array_equal(grad(y, logs).data, [[0, 0], [0, -1]])


@pytest.mark.parametrize("options", [{}, {"pos_weight": 3.0}, {"weight": 2.0}])
def test_an_infinite_logit_with_its_own_target_has_loss_0_and_gradient_0(options):
    def loss(x, t):
        return mg.binary_cross_entropy_with_logits(x, t, reduction="sum", **options)

    y, g, _, h = loss_and_derivatives(loss, [INF, -INF], [1.0, 0])
    assert y == 0
    np.testing.assert_array_equal(g, [0, 0])
    np.testing.assert_array_equal(h, [0, 0])
    assert loss(np.array([INF]), np.array([0.0])) == INF
    assert loss(np.array([-INF]), np.array([0.5])) == INF


def test_a_term_of_weight_0_takes_no_part_even_where_it_is_infinite():
    weight = np.array([0.0, 1])
    y, g, _, h = loss_and_derivatives(
        lambda x, t: mg.binary_cross_entropy_with_logits(x, t, weight), [INF, 0.0], [0.0, 1]
    )
    np.testing.assert_allclose(y, np.log(2) / 2, rtol=1e-15)
    np.testing.assert_array_equal(g, [0, -0.25])
    np.testing.assert_array_equal(h, [0, 0.125])


@pytest.mark.parametrize("log_target", [False, True])
def test_a_divergence_has_no_part_from_a_probability_0_under_an_infinite_logarithm(log_target):
    t = np.array([-INF, 0.0]) if log_target else np.array([0.0, 1])
    y, g, by_t, h = loss_and_derivatives(
        lambda x, t: mg.kl_div(x, t, "sum", log_target) + 0 * (x[1] * x[1]), [-INF, -1.0], t
    )
    assert y == 1
    np.testing.assert_array_equal(g, [0, -1])
    np.testing.assert_array_equal(by_t, [0, 2])
    np.testing.assert_array_equal(h, [0, 0])
