"""Losses with a margin: PyTorch's values and derivatives, kinks, edges, and what is refused."""

import math

import numpy as np
import pytest
from derivatives import leaf
from losses import as_torch, compare_with_pytorch, every_reduction, gradient

import minigrad as mg
from minigrad import check_grads, grad

RNG = np.random.default_rng(0)
X, Y, Z = RNG.standard_normal((3, 4, 3))
SIGNS = RNG.choice([-1.0, 1.0], (4, 3))
WEIGHT = np.array([0.5, 2.0, 1.0])
LABELS = np.array([2, 0, 1, 2])
SETS = np.array([[2, 0, -1], [-1, 0, 1], [1, 0, 2], [1, 1, -1]])

CASES = {  # the arrays that have gradients, what follows them, and options
    "margin_ranking_loss": ((X, Y), (SIGNS,), [{}, {"margin": 0.5}]),
    "triplet_margin_loss": (
        (X, Y, Z),
        (),
        [{}, {"p": 1.0}, {"p": 3.0, "swap": True}, {"margin": 2.0, "eps": 0.1, "swap": True}],
    ),
    "cosine_embedding_loss": ((X, Y), (SIGNS[:, 0],), [{}, {"margin": -0.3}]),
    "triplet_margin_with_distance_loss": (
        (X, Y, Z),
        (),
        [
            {},
            {"swap": True},
            {"distance_function": lambda x, y: ((x - y) ** 2).sum(-1), "margin": 3.0},
        ],
    ),
    "hinge_embedding_loss": ((X,), (SIGNS,), [{}, {"margin": 0.4}]),
    "soft_margin_loss": ((X,), (SIGNS,), [{}]),
    "multi_margin_loss": (
        (X,),
        (LABELS,),
        [{}, {"p": 2}, {"margin": 0.4, "weight": WEIGHT}, {"p": 2, "weight": WEIGHT}],
    ),
    "multilabel_margin_loss": ((X,), (SETS,), [{}]),
    "multilabel_soft_margin_loss": ((X,), (0.5 + 0.5 * SIGNS,), [{}, {"weight": WEIGHT}]),
}
CALLS = [(name, options) for name, (_, _, calls) in CASES.items() for options in calls]


def called(name, arrays, **options):
    return getattr(mg, name)(*arrays, *CASES[name][1], **options)


@pytest.mark.parametrize(
    ("name", "options"), CALLS, ids=lambda v: v if isinstance(v, str) else ",".join(v)
)
@every_reduction
def test_a_loss_agrees_with_pytorch_and_finite_differences(name, options, reduction):
    arrays, rest, _ = CASES[name]
    theirs = {k: as_torch(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    compare_with_pytorch(
        lambda m, *xs: getattr(m, name)(*xs, *rest, reduction=reduction, **options),
        lambda m, *xs: getattr(m, name)(*xs, *map(as_torch, rest), reduction=reduction, **theirs),
        *arrays,
        # PyTorch has no second derivative of these, and adds 1e-12 to squares of the cosine's lengths
        order=1 if name in ("multi_margin_loss", "multilabel_margin_loss") else 2,
        rtol=1e-10,
    )
    check_grads(
        lambda *xs: called(name, xs, reduction=reduction, **options),
        [*arrays],
        rng=np.random.default_rng(0),
    )


@pytest.mark.parametrize("name", CASES)
def test_an_unknown_reduction_is_refused_with_those_that_are_known(name):
    with pytest.raises(ValueError, match=rf"^{name}: reduction .*'mean'.*not 'average'"):
        called(name, map(leaf, CASES[name][0]), reduction="average")


@pytest.mark.parametrize("name", CASES)
def test_a_loss_never_broadcasts(name):
    arrays, rest, _ = CASES[name]
    every = [*arrays, *rest]
    for at in range(len(every)):
        for wrong in (every[at][:1], every[at][None]):
            given = [leaf(X) if a is X else a for a in every]
            given[at] = wrong
            with pytest.raises(ValueError, match=rf"^{name}: .*shape"):
                getattr(mg, name)(*given)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", ["float16", "float32"])
@every_reduction
def test_a_loss_and_its_gradients_have_the_dtype_of_x(name, dtype, reduction):
    arrays, rest, _ = CASES[name]
    xs = [leaf(a, dtype) for a in arrays]
    rest = [a.astype(dtype) if a.dtype.kind == "f" else a for a in rest]
    found = getattr(mg, name)(*xs, *rest, reduction=reduction)
    assert found.dtype == dtype
    assert {g.dtype for g in grad(found, xs, np.ones(found.shape, dtype))} == {np.dtype(dtype)}


@pytest.mark.parametrize("name", CASES)
def test_of_an_empty_batch_the_mean_is_nan_and_the_sum_zero(name):
    arrays, rest, _ = CASES[name]
    x, *more = [a[:0] for a in (*arrays, *rest)]
    x = leaf(x)
    found = getattr(mg, name)(x, *more)
    assert math.isnan(found.item())
    assert gradient(found, x).shape == (0, 3)
    assert getattr(mg, name)(x, *more, reduction="sum").item() == 0


@pytest.mark.parametrize(
    "name",
    [
        "margin_ranking_loss",
        "triplet_margin_loss",
        "triplet_margin_with_distance_loss",
        "soft_margin_loss",
    ],
)
def test_a_loss_that_looks_at_no_values_is_certified_for_arrays_of_other_libraries_too(name):
    arrays, rest, _ = CASES[name]
    mg.certify(getattr(mg, name), *arrays, *rest)


def test_exactly_at_the_margin_the_gradient_is_0():
    x, y = leaf([2.0]), leaf([1.0])
    assert gradient(mg.margin_ranking_loss(x, y, [1.0], margin=1.0), x) == 0
    x = leaf([[0.0, 1.0]])
    assert not gradient(mg.multi_margin_loss(x, [1]), x).any()
    assert not gradient(mg.multilabel_margin_loss(x, [[1, -1]]), x).any()
    x = leaf([1.0, 1.0])
    assert gradient(mg.hinge_embedding_loss(x, [1.0, -1.0], reduction="sum"), x).tolist() == [1, 0]
    x = leaf([[0.0, 0.0]])
    near, far = x + np.array([[1.0, 1.0]]), x + np.array([[2.0, 1.0]])
    assert not gradient(mg.triplet_margin_loss(x, near, far, p=1.0, eps=0.0), x).any()


def test_the_soft_margin_does_not_overflow():
    x = leaf([1000.0, -1000.0])
    found = mg.soft_margin_loss(x, [1.0, 1.0], "none")
    assert found.tolist() == [0.0, 1000.0]
    assert gradient(found, x).tolist() == [0.0, -1.0]


@pytest.mark.parametrize("shape", [(5, 4), (4,), (2, 4, 3)])
def test_the_hinge_loss_is_c_times_the_multi_margin_loss(shape):
    x = RNG.standard_normal(shape)
    labels = RNG.integers(0, 4, (shape[0], *shape[2:]) if len(shape) > 1 else ())
    found = mg.multi_margin_loss(leaf(x), labels, margin=0.7, reduction="none")
    expected = mg.hinge_loss(leaf(x), labels, margin=0.7, reduction="none")
    np.testing.assert_allclose(4 * found.data, expected.data, rtol=1e-14)


def test_of_a_set_of_labels_what_follows_the_first_minus_one_does_not_count():
    x = RNG.standard_normal((1, 4))
    found = mg.multilabel_margin_loss(x, [[2, -1, 0, 3]])
    assert found.item() == mg.multilabel_margin_loss(x, [[2, -1, -1, -1]]).item()
    by_hand = sum(max(0, 1 - x[0, 2] + x[0, i]) for i in (0, 1, 3)) / 4
    np.testing.assert_allclose(found.item(), by_hand, rtol=1e-14)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda: mg.triplet_margin_loss(X, Y, Z, margin=0),
            ValueError,
            "margin must be > 0, not 0",
        ),
        (lambda: mg.cosine_embedding_loss(X, Y, [1, 0, 1, -1]), ValueError, "other than 1"),
        (lambda: mg.hinge_embedding_loss(X, 0.5 * SIGNS), ValueError, "other than 1"),
        (
            lambda: mg.triplet_margin_with_distance_loss(X, Y, Z, margin=-1),
            ValueError,
            "margin must be > 0, not -1",
        ),
        (lambda: mg.multi_margin_loss(X, LABELS, p=3), ValueError, "p must be 1 or 2, not 3"),
        (
            lambda: mg.multi_margin_loss(X, LABELS, weight=[1.0]),
            ValueError,
            r"weight has shape \(1,\)",
        ),
        (lambda: mg.multi_margin_loss(X, LABELS + 1), IndexError, "label 3 in row 0"),
        (lambda: mg.multi_margin_loss(X, LABELS * 1.0), ValueError, "integer labels"),
        (lambda: mg.multilabel_margin_loss(X, SETS + 1), IndexError, r"outside \[0, 3\)"),
        (lambda: mg.multilabel_margin_loss(X, SETS - 1), IndexError, r"outside \[0, 3\)"),
        (lambda: mg.multilabel_margin_loss(X, SETS * 1.0), ValueError, "integer labels"),
        (lambda: mg.multilabel_soft_margin_loss(1.0, 1.0), ValueError, "x is 0-d"),
    ],
)
def test_what_does_not_fit_is_refused_by_the_name_of_the_loss(call, error, words):
    with pytest.raises(error, match=rf"^\w+_loss: .*{words}"):
        call()
