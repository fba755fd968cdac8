"""nll_loss and hinge_loss, whose targets are labels: PyTorch's values and derivatives, edges, and what is refused."""

import math

import numpy as np
import pytest
from derivatives import leaf
from losses import as_torch, compare_with_pytorch, every_reduction, gradient

import minigrad as mg
from minigrad import Tensor, check_grads

INF, NAN = np.inf, np.nan
X = 1.5 * np.random.default_rng(0).standard_normal((4, 3))
LABELS = np.array([2, 0, 1, 2])
WEIGHT = np.array([0.5, 2.0, 1.0])

# Labels: nll_loss ----------------------------------------------------------------------------------------

SHAPES = {  # scores, labels
    "a batch": ((5, 4), (5,)),
    "one row": ((4,), ()),
    "pixels": ((2, 4, 3, 2), (2, 3, 2)),
}
every_shape = pytest.mark.parametrize(("shape", "index_shape"), SHAPES.values(), ids=SHAPES)


@every_shape
@every_reduction
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignored", [None, -100, 1, 77])
def test_nll_loss_agrees_with_pytorch(shape, index_shape, reduction, weighted, ignored):
    rng = np.random.default_rng(1)
    x, labels = rng.standard_normal(shape), np.array(rng.integers(0, 4, index_shape))
    options = {"reduction": reduction}
    if ignored is not None:
        options["ignore_index"] = ignored
        if index_shape:
            labels.reshape(-1)[1:3] = ignored
            labels.reshape(-1)[:1] = 0
        elif labels == ignored:
            labels = np.array(0)
    weight = rng.uniform(0.2, 2, 4) if weighted else None
    compare_with_pytorch(
        lambda m, x: m.nll_loss(x, labels, weight, **options),
        lambda m, x: m.nll_loss(x, as_torch(labels), as_torch(weight), **options),
        x,
    )


@every_reduction
def test_nll_loss_of_log_softmax_is_cross_entropy(reduction):
    x, labels = leaf(X), np.array([2, 0, -100, 1])
    found = mg.nll_loss(mg.log_softmax(x, 1), labels, WEIGHT, reduction=reduction)
    expected = mg.cross_entropy(x, labels, WEIGHT, reduction=reduction)
    np.testing.assert_allclose(found.data, expected.data, rtol=1e-13)
    np.testing.assert_allclose(gradient(found, x), gradient(expected, x), rtol=1e-12, atol=1e-14)


def test_when_all_rows_are_ignored_nll_loss_is_nan_with_gradient_zero_and_warns():
    x = leaf([[NAN, -INF, 0.0]])
    with pytest.warns(UserWarning, match="nll_loss: every label is ignore_index") as caught:
        y = mg.nll_loss(x, np.array([-100]))
    assert caught[0].filename == __file__
    assert math.isnan(y.item())
    np.testing.assert_array_equal(gradient(y, x), [[0, 0, 0]])


def test_an_ignored_row_may_hold_anything():
    x = leaf([[0.0, -1.0, -2.0], [NAN, INF, -INF]])
    y = mg.nll_loss(x, np.array([1, -100]))
    np.testing.assert_array_equal(gradient(y, x), [[0, -1, 0], [0, 0, 0]])


@pytest.mark.parametrize("f", [mg.nll_loss, mg.hinge_loss, mg.cross_entropy])
@pytest.mark.parametrize("wrong", [3, -1, 2**40, -(2**40)])
def test_a_label_that_is_no_class_is_named_with_its_row_and_never_wraps(f, wrong):
    name = f.__name__
    with pytest.raises(IndexError, match=rf"^{name}: label {wrong} in row 2 is outside \[0, 3\)"):
        f(leaf(X), np.array([0, 1, wrong, 2]))
    with pytest.raises(IndexError, match=f"label {wrong} in row 0"):
        f(leaf(X[0]), np.array(wrong))


def test_the_hinge_loss_ignores_no_label():
    with pytest.raises(IndexError, match=r"hinge_loss: label -100 in row 1 .*count from 0$"):
        mg.hinge_loss(leaf(X), np.array([0, -100, 1, 1]))


@pytest.mark.parametrize("f", [mg.nll_loss, mg.hinge_loss])
@pytest.mark.parametrize(
    "target", [np.ones(4), np.array([1, 2]), np.ones((4, 3), int), np.array(True)], ids=repr
)
def test_labels_of_another_shape_or_kind_are_refused_with_those_that_fit(f, target):
    with pytest.raises(ValueError, match=rf"^{f.__name__}: .*\(4, 3\).*integer labels.*\(4,\)"):
        f(leaf(X), target)


def test_scores_without_axes_and_weights_of_another_number_are_refused():
    with pytest.raises(ValueError, match="nll_loss: x is 0-d"):
        mg.nll_loss(leaf(1.0), np.array(0))
    with pytest.raises(ValueError, match=r"nll_loss: weight has shape \(2,\).*\(3,\)"):
        mg.nll_loss(leaf(X), LABELS, np.ones(2))
    with pytest.raises(TypeError, match=r"nll_loss: `weight`.*requires grad"):
        mg.nll_loss(leaf(X), LABELS, leaf(WEIGHT))


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int32", "int64"])
def test_labels_may_be_integers_of_any_width_a_list_or_a_tensor(dtype):
    for f in (mg.nll_loss, mg.hinge_loss):
        expected = f(leaf(X), LABELS).data
        for labels in (LABELS.astype(dtype), LABELS.tolist(), Tensor(LABELS.astype(dtype))):
            np.testing.assert_array_equal(f(leaf(X), labels).data, expected)


# Hinge ---------------------------------------------------------------------------------------------------


@every_reduction
@pytest.mark.parametrize("margin", [1.0, 0.2])
def test_the_hinge_loss_is_pytorchs_multi_margin_loss_without_its_division_by_c(reduction, margin):
    compare_with_pytorch(
        lambda m, x: m.hinge_loss(x, LABELS, margin, reduction),
        lambda m, x: (
            3 * m.multi_margin_loss(x, as_torch(LABELS), margin=margin, reduction=reduction)
        ),
        X,
        order=1,
    )


@every_shape
def test_the_hinge_loss_is_the_sum_over_the_wrong_classes_averaged_over_rows(shape, index_shape):
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal(shape), np.array(rng.integers(0, 4, index_shape))
    rows = np.moveaxis(x, 1 if x.ndim > 1 else 0, -1).reshape(-1, 4)
    expected = [
        sum(max(0, s[j] - s[t] + 1) for j in range(4) if j != t)
        for s, t in zip(rows, labels.ravel(), strict=True)
    ]
    found = mg.hinge_loss(leaf(x), labels, reduction="none")
    np.testing.assert_allclose(found.data, np.reshape(expected, index_shape), rtol=1e-13)
    np.testing.assert_allclose(mg.hinge_loss(leaf(x), labels).data, np.mean(expected), rtol=1e-13)
    check_grads(lambda x: mg.hinge_loss(x, labels), [x])


def test_a_score_exactly_the_margin_below_the_right_one_has_gradient_zero():
    x = leaf([[2.0, 1.0, 1.5]])
    y = mg.hinge_loss(x, np.array([0]))
    assert y.item() == 0.5
    np.testing.assert_array_equal(gradient(y, x), [[-1, 0, 1]])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weight", [np.inf, np.nan, 0.0])
@pytest.mark.parametrize(
    "loss", [mg.cross_entropy, lambda x, *a, **o: mg.nll_loss(mg.log_softmax(x, 1), *a, **o)]
)
def test_an_ignored_row_does_not_ask_for_the_weight_of_any_class(reduction, weight, loss):
    x = np.random.default_rng(0).standard_normal((3, 3))
    labels = np.array([-100, 1, 2])

    def found(first):
        t = Tensor(x, requires_grad=True)
        y = loss(t, labels, weight=np.array([first, 1, 2.0]), reduction=reduction)
        y.sum().backward()
        return y.data, t.grad.data

    for ours, expected in zip(found(weight), found(1.0), strict=True):
        np.testing.assert_array_equal(ours, expected)
