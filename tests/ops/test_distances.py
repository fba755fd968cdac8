"""Distances, angles and vectors of length 1: PyTorch's values and derivatives, kinks, and what is refused."""

import numpy as np
import pytest
from derivatives import leaf
from losses import compare_with_pytorch, gradient

import minigrad as mg
from minigrad import check_grads

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((2, 4, 3))
MANY, OTHERS = RNG.standard_normal((2, 4, 3)), RNG.standard_normal((2, 5, 3))
ORDERS = [1.0, 2.0, 2.5, 3.0, np.inf]


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("other", [Y, Y[:1], Y[0]], ids=["one shape", "broadcast", "fewer axes"])
def test_cosine_similarity_is_pytorchs(axis, other):
    compare_with_pytorch(
        lambda m, a, b: m.cosine_similarity(a, b, axis),
        lambda m, a, b: m.cosine_similarity(a, b, dim=axis),
        X,
        other,
    )


@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize("axis", [0, 1])
def test_normalize_is_pytorchs(p, axis):
    compare_with_pytorch(
        lambda m, x: m.normalize(x, p, axis), lambda m, x: m.normalize(x, p, dim=axis), X
    )


@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize("keep", [False, True])
def test_pairwise_distance_is_pytorchs(p, keep):
    compare_with_pytorch(
        lambda m, a, b: m.pairwise_distance(a, b, p, 0.1, keep),
        lambda m, a, b: m.pairwise_distance(a, b, p, 0.1, keep),
        X,
        Y,
    )


@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize(("a", "b"), [(X, Y[:3]), (MANY, OTHERS), (X, OTHERS)])
def test_cdist_is_pytorchs_and_has_right_second_derivatives(p, a, b, torch):
    compare_with_pytorch(
        lambda m, x, y: m.cdist(x, y, p), lambda m, x, y: torch.cdist(x, y, p), a, b, order=1
    )
    check_grads(lambda x, y: mg.cdist(x, y, p), [a, b], rng=np.random.default_rng(0))


def test_equal_vectors_are_at_distance_0_with_gradient_0():
    x, y = leaf(X), leaf(X[:1])
    for p in ORDERS:
        d = mg.cdist(x, y, p)
        assert d.data[0, 0] == 0
        np.testing.assert_array_equal(gradient(d[0, 0], x), np.zeros((4, 3)))


def test_a_small_distance_between_large_vectors_has_all_its_digits():
    far = 1e6 + np.zeros((30, 3))
    near = far.copy()
    near[:, 0] += 1e-6
    found = mg.cdist(far, near).data
    np.testing.assert_allclose(found, np.full((30, 30), near[0, 0] - 1e6), rtol=1e-12)


@pytest.mark.parametrize("f", [mg.cosine_similarity, lambda x, y: mg.normalize(x + 0 * y)])
def test_zeros_have_no_direction_and_a_finite_gradient(f):
    x, y = leaf(np.zeros((2, 3))), leaf(Y[:2])
    assert not f(x, y).data.any()
    assert np.isfinite(gradient(f(x, y), x)).all()
    assert not gradient(f(x, y), y).any()


def test_zeros_of_float16_stay_zeros_when_they_are_normalised():
    x = mg.Tensor(np.zeros((2, 3), "float16"), requires_grad=True)
    y = mg.normalize(x)
    assert y.dtype == "float16"
    assert not y.data.any()


@pytest.mark.parametrize("eps", [1e-3, 10.0])
def test_a_short_vector_is_divided_by_a_constant(eps):
    for f in (mg.cosine_similarity, lambda x, y, eps: mg.normalize(x, eps=eps) * y):
        check_grads(lambda x, y, f=f: f(x, y, eps=eps), [X, Y], rng=np.random.default_rng(0))


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_the_dtype_is_that_of_the_vectors(dtype):
    x, y = leaf(100 * X, dtype), leaf(100 * Y, dtype)
    for f in (mg.cosine_similarity, mg.pairwise_distance, mg.cdist, lambda x, y: mg.normalize(x)):
        found = f(x, y)
        assert found.dtype == gradient(found, x).dtype == dtype
        wide = f(x.astype("float64"), y.astype("float64"))
        np.testing.assert_allclose(found.data, wide.data, rtol=0.02 if dtype == "float16" else 1e-5)


@pytest.mark.parametrize(
    ("f", "arrays"),
    [
        (mg.cosine_similarity, (X, Y)),
        (mg.pairwise_distance, (X, Y)),
        (mg.cdist, (X, Y)),
        (mg.normalize, (X,)),
    ],
)
def test_a_distance_is_certified(f, arrays):
    mg.certify(f, *arrays)


def test_integers_become_floats():
    found = mg.cdist([[0, 3]], [[4, 0]])
    assert found.dtype == np.float32
    assert found.tolist() == [[5.0]]


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"cdist: x1 has shape \(3,\) and x2 \(4, 3\).*last axis"):
        mg.cdist(leaf(X[0]), Y)
    with pytest.raises(ValueError, match=r"cdist: x1 has shape \(4, 3\) and x2 \(4, 2\)"):
        mg.cdist(leaf(X), Y[:, :2])
    for f in (mg.cdist, mg.pairwise_distance, lambda x, y, p: mg.normalize(x, p)):
        with pytest.raises(ValueError, match=r"p must be a number >= 0, .*-1"):
            f(leaf(X), Y, p=-1)
        with pytest.raises(ValueError, match=r"p must be a number >= 0, .*'fro'"):
            f(leaf(X), Y, p="fro")
    with pytest.raises(TypeError, match="minigrad's word is axis"):
        mg.cosine_similarity(leaf(X), Y, dim=1)
    with pytest.raises(np.exceptions.AxisError, match="axis 1"):
        mg.normalize(leaf(X[0]))
