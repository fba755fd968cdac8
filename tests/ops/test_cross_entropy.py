"""Cross-entropy: every option against PyTorch and its formula, labels of all kinds, and what it refuses."""

import math
import warnings

import numpy as np
import pytest
from derivatives import leaf
from losses import REDUCTIONS, every_reduction, gradient, quietly

import minigrad as mg
from minigrad import Tensor, check_grads, grad
from minigrad.trust.other_library import OnDevice as Duck

INF, NAN = np.inf, np.nan
LOGITS = np.random.default_rng(0).standard_normal((5, 4))
LABELS = np.array([3, 0, 1, 3, 2])
WEIGHT = np.array([0.5, 2.0, 1.0, 0.25])

# Cross-entropy: every option against PyTorch -------------------------------------------------------------

SHAPES = {  # logits, labels
    "a batch": ((5, 4), (5,)),
    "one row": ((4,), ()),
    "pixels": ((2, 4, 3, 2), (2, 3, 2)),
    "a sequence": ((3, 4, 5), (3, 5)),
    "one class": ((3, 1), (3,)),
}


def compare_with_pytorch(x, target, weight=None, **options):
    """Value, gradient, and the gradient of |gradient|^2."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    ours, theirs = leaf(x), torch.tensor(x, requires_grad=True)
    y = mg.cross_entropy(ours, target, weight, **options)
    weights = None if weight is None else torch.tensor(weight)
    expected = torch.nn.functional.cross_entropy(theirs, torch.tensor(target), weights, **options)
    seed = np.random.default_rng(1).standard_normal(y.shape)
    g = grad(y, ours, seed, create_graph=True)
    (g_expected,) = torch.autograd.grad(expected, theirs, torch.tensor(seed), create_graph=True)
    second = grad((g * g).sum(), ours)
    (second_expected,) = torch.autograd.grad((g_expected**2).sum(), theirs)
    for found, wanted in [(y, expected), (g, g_expected), (second, second_expected)]:
        np.testing.assert_allclose(found.data, wanted.numpy(force=True), rtol=1e-11, atol=1e-13)


every_shape = pytest.mark.parametrize(("shape", "index_shape"), SHAPES.values(), ids=SHAPES)
every_smoothing = pytest.mark.parametrize("label_smoothing", [0.0, 0.1, 1.0])
weighted_or_not = pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])


@every_shape
@every_reduction
@every_smoothing
@weighted_or_not
@pytest.mark.parametrize("ignored", [None, -100, 1, 77], ids=lambda i: f"ignore_{i}")
def test_cross_entropy_of_labels_agrees_with_pytorch(
    shape, index_shape, reduction, label_smoothing, weighted, ignored
):
    rng = np.random.default_rng(2)
    classes = shape[1] if len(shape) > 1 else shape[0]
    labels = rng.integers(0, classes, index_shape)
    options = {"reduction": reduction, "label_smoothing": label_smoothing}
    if ignored is not None:
        options["ignore_index"] = ignored
        if labels.ndim:
            labels.reshape(-1)[1:3] = ignored if classes > 1 or ignored != 1 else 0
    weight = WEIGHT[:classes] if weighted else None
    compare_with_pytorch(rng.standard_normal(shape), labels, weight, **options)


@every_shape
@every_reduction
@every_smoothing
@weighted_or_not
def test_cross_entropy_of_probabilities_agrees_with_pytorch(
    shape, index_shape, reduction, label_smoothing, weighted
):
    rng = np.random.default_rng(3)
    axis = 1 if len(shape) > 1 else 0
    target = rng.uniform(size=shape)
    target /= target.sum(axis, keepdims=True)
    weight = WEIGHT[: shape[axis]] if weighted else None
    options = {"reduction": reduction, "label_smoothing": label_smoothing}
    compare_with_pytorch(rng.standard_normal(shape), target, weight, **options)


@every_reduction
@every_smoothing
def test_cross_entropy_is_the_formula_of_its_docstring(reduction, label_smoothing):
    eps, classes = label_smoothing, 4
    kept = LABELS != 3
    nll = -mg.log_softmax(LOGITS)
    picked = WEIGHT[LABELS] * nll[np.arange(5), LABELS]
    rows = ((1 - eps) * picked + eps / classes * (WEIGHT * nll).sum(1)) * kept
    expected = {
        "none": rows, "sum": rows.sum(), "mean": rows.sum() / (WEIGHT[LABELS] * kept).sum()
    }[reduction]  # fmt: skip
    y = mg.cross_entropy(leaf(LOGITS), LABELS, WEIGHT, 3, reduction, label_smoothing)
    np.testing.assert_allclose(y.data, expected, rtol=1e-14)


@every_reduction
@every_smoothing
@weighted_or_not
def test_cross_entropy_of_labels_has_right_second_derivatives(reduction, label_smoothing, weighted):
    check_grads(
        lambda x: mg.cross_entropy(
            x, LABELS, WEIGHT if weighted else None, 3, reduction, label_smoothing
        ),
        [LOGITS],
    )


def test_probabilities_may_be_differentiated_too():
    target = np.random.default_rng(1).uniform(size=LOGITS.shape)
    check_grads(lambda x, t: mg.cross_entropy(x, t, WEIGHT, label_smoothing=0.2), [LOGITS, target])


def test_one_hot_probabilities_are_labels():
    one_hot = np.eye(4)[LABELS]
    for reduction in REDUCTIONS:
        a = mg.cross_entropy(leaf(LOGITS), LABELS, reduction=reduction)
        b = mg.cross_entropy(leaf(LOGITS), one_hot, reduction=reduction)
        np.testing.assert_allclose(a.data, b.data, rtol=1e-14)


@pytest.mark.parametrize("dtype", ["uint8", "int64"])
@pytest.mark.parametrize(
    "options",
    [{"weight": WEIGHT}, {"label_smoothing": 0.1}, {"ignore_index": 0}, {"reduction": "none"}],
    ids=str,
)
def test_cross_entropy_of_integer_logits_is_that_of_the_same_floats(dtype, options):
    x = np.array([[1, 0, 5, 2], [0, 7, 3, 9]])
    y = mg.cross_entropy(Tensor(x.astype(dtype)), np.array([0, 1]), **options)
    expected = mg.cross_entropy(Tensor(x.astype(float)), np.array([0, 1]), **options)
    assert y.dtype == "float32"
    np.testing.assert_allclose(y.data, expected.data, rtol=1e-6)


# Labels --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int32", ">i4", "uint64", "int64"])
def test_labels_of_every_integer_dtype_in_arrays_tensors_and_lists_are_the_same(dtype):
    expected = mg.cross_entropy(leaf(LOGITS), LABELS)
    labels = LABELS.astype(dtype)
    for target in (
        labels,
        Tensor(labels),
        labels.tolist(),
        np.repeat(labels, 2)[::2],
        labels[::-1][::-1],
    ):
        x = leaf(LOGITS)
        found = mg.cross_entropy(x, target)
        assert found.item() == expected.item()
        assert np.isfinite(grad(found, x).data).all()


@pytest.mark.parametrize("loss", [mg.cross_entropy, mg.nll_loss, mg.hinge_loss])
def test_logits_may_be_nested_lists_and_labels_in_their_place_are_named(loss):
    assert loss([[1.0, 2.0], [3.0, 0.5]], [0, 1]) == loss(np.float32([[1, 2], [3, 0.5]]), [0, 1])
    with pytest.raises(ValueError, match=rf"{loss.__name__}: .*\(2,\).*\(2, 2\)"):
        loss([0, 1], Tensor([[1.0, 2.0], [3.0, 0.5]]))


@pytest.mark.parametrize(
    "options", [{}, {"weight": WEIGHT}, {"label_smoothing": 0.1}, {"reduction": "none"}]
)
@pytest.mark.parametrize(
    ("label", "dtype"),
    [
        (4, "int64"),
        (-1, "int64"),
        (-4, "int8"),
        (200, "uint8"),
        (2**40, "int64"),
        (2**63, "uint64"),
    ],
)
def test_a_label_outside_the_classes_raises_and_is_named_with_its_row(label, dtype, options):
    labels = LABELS.astype(dtype)
    labels[2] = label
    with pytest.raises(IndexError, match=rf"label {label} in row 2 .*\[0, 4\)"):
        mg.cross_entropy(leaf(LOGITS), labels, **options)


def test_labels_in_the_other_byte_order_are_checked_as_the_numbers_they_are():
    labels = np.array([0, -256], ">i2")  # 0xff00, which is 0x00ff from the other end
    with pytest.raises(IndexError, match="label -256 in row 1"):
        mg.cross_entropy(leaf(np.zeros((2, 300))), labels)


def test_ignore_index_is_looked_for_before_the_range():
    x = leaf(LOGITS)
    for ignored in (-100, 99, 3):
        labels = np.where(LABELS == 3, ignored, LABELS)
        y = mg.cross_entropy(x, labels, ignore_index=ignored)
        assert y.item() == mg.cross_entropy(LOGITS[LABELS != 3], LABELS[LABELS != 3]).item()
        assert (grad(y, x).data[LABELS == 3] == 0).all()
    with pytest.raises(IndexError, match="label -100 in row 1"):
        mg.cross_entropy(x, np.array([0, -100, 1, 2, 3]), ignore_index=99)


@pytest.mark.parametrize("options", [{}, {"weight": WEIGHT}, {"label_smoothing": 0.1}], ids=str)
def test_if_every_label_is_ignored_the_mean_is_nan_with_one_warning_and_gradient_zero(options):
    x = leaf(LOGITS)
    with pytest.warns(UserWarning, match="ignore_index") as warned:
        y = mg.cross_entropy(x, np.full(5, -100), **options)
    assert len(warned) == 1
    assert warned[0].filename == __file__
    assert math.isnan(y.item())
    np.testing.assert_array_equal(grad(y, x).data, np.zeros((5, 4)))


@pytest.mark.parametrize("options", [{}, {"weight": WEIGHT}, {"label_smoothing": 0.1}], ids=str)
def test_an_empty_batch_has_mean_nan_and_sum_zero_and_ignores_nothing(options):
    x, labels = leaf(np.zeros((0, 4))), np.zeros(0, int)
    mean = mg.cross_entropy(x, labels, **options)  # a warning would be an error here
    assert math.isnan(mean.item())
    assert grad(mean, x).shape == (0, 4)
    assert mg.cross_entropy(x, labels, reduction="sum", **options).item() == 0
    assert mg.cross_entropy(x, labels, reduction="none", **options).shape == (0,)


def test_if_every_label_is_ignored_the_sum_is_zero_without_a_warning():
    x = leaf(LOGITS)
    for reduction in ("sum", "none"):
        y = mg.cross_entropy(x, np.full(5, -100), reduction=reduction)
        assert (y.data == 0).all()
        np.testing.assert_array_equal(gradient(y, x), np.zeros((5, 4)))


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize(
    "options",
    [{}, {"weight": WEIGHT}, {"reduction": "sum"}, {"reduction": "none"}, {"label_smoothing": 0.1}],
    ids=str,
)
def test_an_ignored_row_with_infinite_logits_poisons_nothing(order, options):
    labels = np.array([0, -100, 1])
    finite = np.random.default_rng(1).standard_normal((3, 4))

    def derivatives(data):
        x = leaf(data)
        y = mg.cross_entropy(x, labels, **options)
        g = grad(y, x, np.ones(y.shape), create_graph=True)
        return (y, g) if order == 1 else (grad((g * g).sum(), x),)

    expected = derivatives(finite)
    for bad in (INF, -INF, NAN, [0, 0, 0, INF]):
        poisoned = finite.copy()
        poisoned[1] = bad
        for found, wanted in zip(quietly(derivatives, poisoned), expected, strict=True):
            np.testing.assert_allclose(found.data, wanted.data, rtol=1e-14)


@every_reduction
@pytest.mark.parametrize("eps", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("loss", ["cross_entropy", "nll_loss"])
@pytest.mark.parametrize("labels", [[1, 0, 2], [1, 0, -100], [0, 2, 0]], ids=str)
def test_a_class_of_weight_0_on_a_logit_of_minus_infinity_is_as_on_one_far_below(
    loss, labels, eps, reduction
):
    """Class 0 has weight 0, and so no part in value or gradients whether its logit is -inf or -1e4."""
    if loss == "nll_loss" and eps:
        return
    options = {"reduction": reduction} | ({"label_smoothing": eps} if eps else {})
    weight = np.array([0.0, 2, 0.5])

    def derivatives(far):
        x = leaf([[far, 0.3, -1], [far, 2, 0.1], [far, -0.2, 1]])
        y = getattr(mg, loss)(x, np.array(labels), weight, **options)
        g = grad(y, x, np.arange(y.size).reshape(y.shape) - 0.5, create_graph=True)
        second = grad((g * g).sum(), x) if g.requires_grad else g
        return y.data, g.data, second.data

    for found, wanted in zip(quietly(derivatives, -INF), derivatives(-1e4), strict=True):
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found, wanted, rtol=1e-14, atol=1e-300)


def test_if_every_row_has_weight_0_the_mean_is_nan_with_gradient_0_on_infinite_logits_too():
    x = leaf([[-INF, 1, 2], [-INF, 0, 1]])
    y = quietly(mg.cross_entropy, x, np.array([0, 0]), np.array([0.0, 1, 1]))
    assert math.isnan(y.item())
    np.testing.assert_array_equal(quietly(grad, y, x).data, np.zeros((2, 3)))


# What is refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "target", "words"),
    [
        ((5, 4), np.zeros(4, int), ["(5, 4)", "(5,)", "(4,)"]),
        ((5, 4), np.zeros((5, 1), int), ["(5,)", "(5, 1)"]),
        ((5, 4), np.zeros((5, 4), int), ["(5,)", "(5, 4)", "int64"]),
        ((2, 4, 3), np.zeros((2, 4), int), ["(2, 4, 3)", "(2, 3)", "(2, 4)"]),
        ((4,), np.zeros(1, int), ["(4,)", "()", "(1,)"]),
        ((5, 4), np.zeros(5), ["(5, 4)", "(5,)", "labels must be integers"]),
        ((5, 4), np.zeros(5, np.float32), ["probabilities", "(5,)", "labels must be integers"]),
        ((4,), 2.0, ["probabilities", "()", "labels must be integers"]),
        ((5, 4), np.zeros(5, bool), ["integer labels", "bool"]),
        ((), 0, ["0-d", "(N, C)"]),
    ],
    ids=str,
)
def test_targets_of_the_wrong_shape_or_kind_raise_and_say_what_is_needed(shape, target, words):
    with pytest.raises(ValueError, match="cross_entropy") as error:
        mg.cross_entropy(leaf(np.zeros(shape)), target)
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"reduction": "average"}, "'mean', 'sum' or 'none', not 'average'"),
        ({"label_smoothing": 1.1}, r"label_smoothing must be in \[0, 1\], not 1.1"),
        ({"label_smoothing": -0.1}, "not -0.1"),
        ({"label_smoothing": NAN}, "not nan"),
        ({"weight": np.ones(5)}, r"weight has shape \(5,\); one per class, \(4,\)"),
        ({"weight": np.ones((5, 4))}, r"weight has shape \(5, 4\)"),
    ],
    ids=str,
)
def test_options_out_of_range_raise_and_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        mg.cross_entropy(leaf(LOGITS), LABELS, **options)


def test_nothing_that_requires_grad_is_detached_unseen():
    weight = leaf(WEIGHT)
    with pytest.raises(TypeError, match="weight"):
        mg.cross_entropy(leaf(LOGITS), LABELS, weight)
    with pytest.raises(TypeError, match="weight"):
        mg.cross_entropy(leaf(LOGITS), np.eye(4)[LABELS], weight)
    with pytest.raises(TypeError, match="cannot require grad"):
        Tensor(LABELS, requires_grad=True)


@pytest.mark.parametrize(
    "options", [{}, {"label_smoothing": 0.1}, {"reduction": "sum", "weight": WEIGHT}]
)
def test_cross_entropy_of_float32_is_float32_whatever_the_weights(options):
    x = leaf(LOGITS, np.float32)
    for weight in (None, WEIGHT, WEIGHT.tolist(), Tensor(WEIGHT)):
        y = mg.cross_entropy(x, LABELS, **({"weight": weight} | options))
        assert y.dtype == grad(y, x).dtype == "float32"


@pytest.mark.parametrize(
    ("target", "options"),
    [
        (LABELS, {}),
        (LABELS, {"reduction": "none"}),
        (LABELS, {"label_smoothing": 0.1}),
        (LABELS, {"weight": WEIGHT}),
        (LABELS, {"ignore_index": 3}),
        (np.where(LABELS == 3, -100, LABELS), {"weight": WEIGHT, "label_smoothing": 0.1}),
        (np.eye(4)[LABELS], {"weight": WEIGHT, "label_smoothing": 0.1}),
    ],
)
def test_cross_entropy_of_arrays_of_another_library_makes_none_of_numpys(
    monkeypatch, target, options
):
    # single numbers may leave the array: a check of labels needs them
    monkeypatch.setattr(Duck, "__int__", lambda duck: int(duck.array))
    monkeypatch.setattr(Duck, "__bool__", lambda duck: bool(duck.array))
    theirs = options | {n: Duck(w) for n, w in options.items() if n == "weight"}
    x = Tensor(Duck(LOGITS), requires_grad=True)
    y = mg.cross_entropy(x, Duck(target), **theirs)
    g = grad(y, x, Duck(np.ones(y.shape)))
    ours = leaf(LOGITS)
    expected = mg.cross_entropy(ours, target, **options)
    np.testing.assert_allclose(y.data.array, expected.data, rtol=1e-14)
    np.testing.assert_allclose(g.data.array, gradient(expected, ours), rtol=1e-12)


def test_cross_entropy_of_finite_logits_never_warns():
    with warnings.catch_warnings(), np.errstate(all="raise", under="ignore"):
        warnings.simplefilter("error")
        for scale in (1, 1e4, 1e300):
            x = leaf(np.clip(LOGITS, -1, 1) * scale)
            grad(mg.cross_entropy(x, LABELS), x)
