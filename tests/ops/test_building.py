"""Arrays built of others: NumPy's values for every option, the gradients of what is repeated, and what is refused."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, check_grads, grad

rng = np.random.default_rng(0)
X = rng.standard_normal((2, 3))


def leaf(a):
    return Tensor(np.array(a, float), requires_grad=True)


def same(f, *arrays):
    """f gives for Tensors what it gives for arrays, and records it."""
    found, expected = f(*map(leaf, arrays)), f(*map(np.array, arrays))
    assert found.requires_grad
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found.data, expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@pytest.mark.parametrize(
    "obj", [0, -1, [1], [1, 0], [0, 0, 1], slice(0, 2), slice(None, None, 2), np.array(1), []]
)
def test_insert_and_delete_take_every_kind_of_place(obj, axis):
    same(lambda x: np.delete(x, obj, axis), X)
    same(lambda x: np.insert(x, obj, 7.0, axis), X)


def test_a_mask_puts_in_and_takes_out():
    mask = np.array([True, False, True])
    same(lambda x: np.delete(x, mask, 1), X)
    x = leaf(X)
    expected = np.insert(
        X, np.flatnonzero(mask), [[1.0, 2.0]], 1
    )  # older versions of NumPy count a mask
    np.testing.assert_array_equal(np.insert(x, mask, [[1.0, 2.0]], 1).data, expected)
    with pytest.raises(IndexError):
        np.delete(x, 3, 1)
    with pytest.raises(IndexError):
        np.insert(x, [9, 1], 0, 1)


@pytest.mark.parametrize(
    ("obj", "values", "axis"),
    [
        (1, [7.0, 8, 9], None),
        (1, [7.0, 8], 1),
        ([1], [[7.0], [8]], 1),
        (0, [[7.0, 8, 9]] * 2, 0),
        ([1, 2], [7.0, 8], 1),
    ],
)
def test_values_that_are_put_in_have_a_gradient(obj, values, axis):
    same(lambda x, v: np.insert(x, obj, v, axis), X, values)
    check_grads(lambda v: mg.insert(X, obj, v, axis), [np.array(values)])


def test_blocks_of_numbers_make_a_matrix_and_lists_of_other_depths_are_refused():
    a, b = leaf(2.0), leaf(3.0)
    y = np.block([[a, b], [-b, a]])
    assert y.tolist() == [[2, 3], [-3, 2]]
    assert [g.item() for g in grad((y**2).sum(), [a, b])] == [8, 12]
    for lists in ([[a], b], [], [[a], []]):
        with pytest.raises(ValueError, match=r"block: .*deep"):
            mg.block(lists)


@pytest.mark.parametrize("make", [np.linspace, np.logspace, np.geomspace])
@pytest.mark.parametrize("num", [0, 1, 2, 7])
@pytest.mark.parametrize("endpoint", [True, False])
def test_places_between_ends_are_numpys(make, num, endpoint):
    for a, b in ([2.0, 5.0], [[1.0, 2.0], 3.0], [[1.0, 2.0], [[4.0], [5.0]]]):
        for axis in (0, -1):
            found = make(leaf(a), leaf(b), num, endpoint, axis=axis)
            np.testing.assert_allclose(found.data, make(a, b, num, endpoint, axis=axis), rtol=1e-12)
    ends = make(leaf(0.1), leaf(0.3), 3).data[[0, -1]]
    assert make is np.logspace or ends.tolist() == [0.1, 0.3]  # exactly


def test_further_options_of_places_between_ends():
    _, step = np.linspace(leaf(1.0), leaf(2.0), 5, retstep=True)
    assert step.item() == 0.25
    assert step.requires_grad
    assert np.linspace(leaf(1.0), 2.0, 3, dtype="float32").dtype == "float32"
    with pytest.raises(TypeError, match=r"linspace: dtype=int64.*detach"):
        np.linspace(leaf(1.0), 2.0, 3, dtype=int)
    with pytest.raises(ValueError, match="num must be"):
        np.linspace(leaf(1.0), 2.0, -1)
    same(lambda a, b, base: np.logspace(a, b, 4, base=base), 0.5, 2.0, [2.0, 3.0])
    np.testing.assert_allclose(np.geomspace(leaf(-1.0), -8.0, 4).data, [-1, -2, -4, -8], rtol=1e-14)
    assert np.isnan(np.geomspace(leaf([0.0, -1.0]), 2.0, 3).data).all()


def test_an_array_of_one_value_sends_back_the_sum():
    x = leaf([1.0, 2.0])
    assert grad(mg.full((3, 2), x).sum(), x).tolist() == [3, 3]
    assert mg.full(3, Tensor(2.0)).tolist() == [2, 2, 2]
    assert mg.full((2,), x, dtype="float32").dtype == "float32"
    assert grad(np.full_like(X, 0).sum() + np.full_like(Tensor(X), x[0]).sum(), x).tolist() == [
        6,
        0,
    ]
    for parts in ([x[0], x[1]], [[x[0]], [x[1]]]):
        for call in (lambda v: np.full_like(Tensor(np.ones((2, 2))), v), lambda v: mg.full(2, v)):
            with pytest.raises(TypeError, match="history"):
                call(parts)
    with pytest.raises(TypeError, match=r"minigrad\.full"):
        np.full(3, x[0])
    with pytest.raises(TypeError, match=r"minigrad\.full"):
        np.full(3, x[0], like=x)
    with pytest.raises(TypeError, match=r"np\.stack"):
        np.array([x, x])
    with pytest.raises(TypeError, match=r"np\.concatenate"):
        np.r_[x, x]


@pytest.mark.parametrize("shape", [0, 3, (2, 3), (4, 5), (0, 2), (1, 7)])
def test_resize_repeats_what_there_is(shape):
    same(lambda x: np.resize(x, shape), X) if np.prod(shape) else None
    assert np.resize(Tensor(np.ones(0)), shape).shape == np.resize(np.ones(0), shape).shape
    with pytest.raises(ValueError, match="resize"):
        np.resize(leaf(X), (2, -1))


def test_results_of_any_number_of_axes_stand_where_the_axis_stood():
    a = rng.standard_normal((2, 3, 4))
    for axis in (0, 1, -1):
        for f in (np.sum, lambda r: r[:2] * r[0], lambda r: np.outer(r, r)):
            same(lambda x, f=f, axis=axis: np.apply_along_axis(f, axis, x), a)
    with pytest.raises(ValueError, match="no slice"):
        np.apply_along_axis(np.sum, 0, leaf(np.ones((2, 0))))


def test_python_floats_beside_float64_keep_all_their_digits():
    x = [1.0, 2.0, 4.0]
    same(lambda x: np.block([x, 0.1]), x)
    same(lambda x: np.block([[x[0], 0.1], [0.3, x[1]]]), x)
    same(
        lambda x: np.apply_along_axis(lambda r: 0.1 if r[0] > 1 else r.sum(), 0, x.reshape(1, 3)), x
    )
    same(lambda x: np.choose([0, 1, 0], [x, 0.1]), x)
    same(lambda x: np.select([x > 2, x > 1], [x, 0.1], 0.7), x)
    same(lambda x: np.multiply.outer(x, [0.1, 0.3]), x)
    same(lambda x: np.subtract.outer(0.1, x), x)
    same(lambda x: np.hstack([x, 0.1]), x)
    for f in (np.dot, np.outer, np.kron, lambda a, b: np.einsum("i,->i", a, b)):
        same(lambda x, f=f: f(x, 0.1), x)
    i = Tensor([1, 2])  # beside integers they are float32
    for y in (np.diff(i, prepend=0.1), np.block([i, 0.1]), np.add.outer(i, 0.1), np.append(i, 0.1)):
        assert y.dtype == "float32"
    assert np.broadcast_arrays(leaf(x), 1)[1].dtype.kind == "i"
    assert mg.apply_along_axis(np.argmax, 1, X).dtype.kind == "i"
