"""Sums in bins: NumPy's counts, edges and densities with Tensors as weights, and what has no gradient."""

import numpy as np
import pytest
from derivatives import leaf

import minigrad as mg
from minigrad import Tensor, check_grads

RNG = np.random.default_rng(0)
PLACES, W = RNG.integers(0, 5, 20), RNG.uniform(0.2, 1, 20)
A, B = RNG.standard_normal((2, 20))
A[3] = A.max()


@pytest.mark.parametrize("minlength", [0, 3, 9])
def test_a_count_with_weights_is_numpys_and_has_their_gradient(minlength):
    for places in (PLACES, Tensor(PLACES), PLACES.tolist()):
        y = (
            np.bincount(places, leaf(W), minlength)
            if isinstance(places, Tensor)
            else mg.bincount(places, leaf(W), minlength)
        )
        np.testing.assert_allclose(y.data, np.bincount(PLACES, W, minlength), rtol=1e-14)
    check_grads(lambda w: np.bincount(PLACES, w, minlength), [W])
    assert mg.bincount(PLACES, Tensor(W.astype("float32"))).dtype == "float32"
    np.testing.assert_array_equal(np.bincount(Tensor(PLACES)).data, np.bincount(PLACES))


def test_places_and_weights_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"bincount: weights have shape \(3,\).*\(20,\)"):
        mg.bincount(PLACES, leaf(W[:3]))
    with pytest.raises(ValueError, match="negative"):
        mg.bincount(-PLACES, leaf(W))
    with pytest.raises(ValueError, match=r"histogram: weights have 3 elements.*20"):
        mg.histogram(A, weights=leaf(W[:3]))


ONE = [
    {}, {"bins": 4}, {"bins": [-1, 0, 0.3, 2]}, {"bins": 5, "range": (-1, 1)}, {"bins": 3, "range": (5, 6)},
    {"bins": Tensor([-1.0, 0.5, 1.0])},
]  # fmt: skip
TWO = [
    {}, {"bins": 4}, {"bins": [4, 3]}, {"bins": [4, [-1, 0, 1.5]]}, {"bins": 3, "range": [[-1, 1], [0, 2]]},
    {"bins": [-1, 0, 1]},
]  # fmt: skip


@pytest.mark.parametrize("density", [False, True])
@pytest.mark.parametrize(
    ("f", "points", "options"),
    [(np.histogram, (A,), o) for o in ONE] + [(np.histogram2d, (A, B), o) for o in TWO],
)
def test_a_histogram_with_weights_is_numpys_and_has_their_gradient(f, points, options, density):
    if density and options.get("range") == (5, 6):
        return  # of nothing there is no density
    plain = {k: v.data if isinstance(v, Tensor) else v for k, v in options.items()}
    expected = f(*points, weights=W, density=density, **plain)
    found = f(*points, weights=leaf(W), density=density, **options)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a.data if isinstance(a, Tensor) else a, b, rtol=1e-13)
    check_grads(lambda w: f(*points, weights=w, density=density, **options)[0], [W])


def test_a_histogram_without_weights_counts_and_what_moves_is_refused():
    np.testing.assert_array_equal(np.histogram(Tensor(A), 4)[0].data, np.histogram(A, 4)[0])
    np.testing.assert_array_equal(
        np.histogram2d(Tensor(A), B, 4)[0].data, np.histogram2d(A, B, 4)[0]
    )
    for call in (
        lambda: np.histogram(leaf(A)),
        lambda: np.histogram(A, bins=leaf([0, 1, 2])),
        lambda: np.histogram(leaf(A), weights=leaf(W)),
        lambda: np.histogram2d(A, leaf(B), weights=leaf(W)),
    ):
        with pytest.raises(TypeError, match=r"np\.histogram(2d)?: .*requires grad.*detach"):
            call()
