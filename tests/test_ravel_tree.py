"""ravel_tree: nested parameters as one vector and back, with gradients both ways."""

from collections import namedtuple

import numpy as np
import pytest

from minigrad import Tensor, grad, jacobian, ravel_tree, value_and_grad

Layer = namedtuple("Layer", "w b")
TREE = {
    "layers": [Layer(np.arange(6.0).reshape(2, 3), np.zeros(2)), Layer(np.ones((0, 2)), -1.0)],
    "nothing": None,
    "pair": (np.array(7.0), np.float64(8)),
}


def test_the_vector_holds_every_number_in_order_and_unravel_puts_them_back():
    x, unravel = ravel_tree(TREE)
    assert type(x) is np.ndarray
    assert x.tolist() == [0, 1, 2, 3, 4, 5, 0, 0, -1, 7, 8]
    back = unravel(x + 1)
    assert isinstance(back["layers"][0], Layer)
    assert back["layers"][0].w.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert back["layers"][1].w.shape == (0, 2)
    assert back["nothing"] is None
    assert back["pair"] == (8, 9)
    assert type(back["layers"][1].b) is type(back["pair"][0]) is np.float64


def test_neither_shares_memory_with_the_other():
    tree = {"a": np.ones(2)}
    x, unravel = ravel_tree(tree)
    back = unravel(x)
    x[:] = 5
    assert tree["a"].tolist() == back["a"].tolist() == [1, 1]


def test_every_array_gets_its_dtype_back_from_the_widest():
    tree = [np.ones(2, np.float16), np.float32(2), np.ones(1, np.float32)]
    x, unravel = ravel_tree(tree)
    assert x.dtype == np.float32
    for vector in (x, x.astype(np.float64), x.tolist()):  # SciPy makes float64 of all
        assert [a.dtype for a in unravel(vector)] == [np.float16, np.float32, np.float32]
    assert ravel_tree([0.1])[0].tolist() == ravel_tree([0.1])[1]([0.1]) == [0.1]
    assert [a.dtype for a in unravel(Tensor(x, dtype="float64"))] == [a.dtype for a in tree]


def test_a_tree_without_arrays_is_an_empty_vector():
    for tree in ([], {}, None, [None, ()]):
        x, unravel = ravel_tree(tree)
        assert x.shape == (0,)
        assert unravel(x) == tree


def test_tensors_make_a_tensor_and_gradients_go_both_ways():
    def f(p):
        return (p["layers"][0].w ** 2).sum() * p["pair"][1] + p["layers"][1].b

    x, unravel = ravel_tree(TREE)
    expected = ravel_tree(grad(f)(TREE))[0]
    np.testing.assert_array_equal(grad(lambda x: f(unravel(x)))(x), expected)
    weights = np.arange(11.0)
    g = grad(lambda p: (ravel_tree(p)[0] * weights).sum())(TREE)
    np.testing.assert_array_equal(ravel_tree(g)[0], weights)
    np.testing.assert_array_equal(jacobian(lambda x: ravel_tree(unravel(x))[0])(x), np.eye(11))
    t, _ = ravel_tree([Tensor([1.0]), np.ones(2)])
    assert isinstance(t, Tensor)


def test_an_optimiser_of_vectors_finds_the_minimum_by_a_tree():
    optimize = pytest.importorskip("scipy.optimize", reason="SciPy is not installed")
    x, unravel = ravel_tree({"a": np.zeros((2, 2)), "b": 0.0})

    def loss(p):
        return ((p["a"] - [[1, 2], [3, 4]]) ** 2).sum() + (p["b"] + 5) ** 2

    found = optimize.minimize(value_and_grad(lambda x: loss(unravel(x))), x, jac=True)
    p = unravel(found.x)
    np.testing.assert_allclose(p["a"], [[1, 2], [3, 4]], atol=1e-5)
    assert p["b"] == pytest.approx(-5)


def test_what_is_no_float_and_a_vector_of_another_size_are_named():
    with pytest.raises(TypeError, match=r"ravel_tree: the tree\['n'\] is of dtype int64"):
        ravel_tree({"n": 3})
    _, unravel = ravel_tree(TREE)
    with pytest.raises(ValueError, match=r"of shape \(11,\) is needed for this tree, not \(3,\)"):
        unravel(np.ones(3))
