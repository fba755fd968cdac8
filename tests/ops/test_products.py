"""Products over chosen axes: what NumPy takes and refuses, einsum for any subscripts, errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad as mg
from minigrad import Tensor, check_grads


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def leaf(a):
    return Tensor(np.asarray(a), requires_grad=True)


SHAPES = [(), (1,), (3,), (0,), (2, 3), (3, 2), (1, 3), (3, 0), (2, 3, 2), (2, 1, 3), (4, 2, 3)]
WORDS = {
    "dot": mg.dot,
    "vdot": mg.vdot,
    "inner": mg.inner,
    "outer": mg.outer,
    "kron": mg.kron,
    "matmul": mg.matmul,
    "vecdot": mg.vecdot,
    "matvec": mg.matvec,
    "vecmat": mg.vecmat,
    "tensordot": mg.tensordot,
}


@pytest.mark.parametrize("name", WORDS)
@pytest.mark.parametrize("a", SHAPES, ids=str)
@pytest.mark.parametrize("b", SHAPES, ids=str)
def test_a_product_is_numpys_and_differentiable_or_refused_where_numpy_refuses(name, a, b):
    numpys = getattr(np, name, None)
    if numpys is None:
        pytest.skip("this NumPy does not have it")
    a, b = draw(*a), draw(*b, seed=1)
    try:
        expected = numpys(a, b)
    except (ValueError, TypeError, IndexError):
        with pytest.raises(ValueError, match=rf"{name}(: |, )"):
            WORDS[name](leaf(a), leaf(b))
        return
    for found in (WORDS[name](leaf(a), leaf(b)), numpys(leaf(a), b), numpys(a, leaf(b))):
        assert found.shape == np.shape(expected)
        np.testing.assert_allclose(found.data, expected, rtol=1e-12, atol=1e-14)
    check_grads(WORDS[name], [a, b], order=2)


@pytest.mark.parametrize("name", ["kron", "outer"])
@pytest.mark.parametrize("shapes", [((2, 3), (3, 2)), ((2,), (3,)), ((3,), (0,)), ((), (2,))])
def test_kron_and_outer_agree_with_pytorch_at_order_two(name, shapes):
    torch = pytest.importorskip("torch")
    theirs = torch.kron if name == "kron" else lambda a, b: torch.outer(a.ravel(), b.ravel())
    values = [draw(*shape) for shape in shapes]
    xs, ts = [leaf(v) for v in values], [torch.tensor(v, requires_grad=True) for v in values]
    y, z = WORDS[name](*xs), theirs(*ts)
    first = mg.grad((y**3).sum(), xs, create_graph=True)
    expected = torch.autograd.grad((z**3).sum(), ts, create_graph=True)
    second = mg.grad(sum((g**2).sum() for g in first), xs)
    expected_second = torch.autograd.grad(sum((g**2).sum() for g in expected), ts)
    for a, b in zip((y, *first, *second), (z, *expected, *expected_second), strict=True):
        np.testing.assert_allclose(a.data, b.detach().numpy(), rtol=1e-12)


def test_a_number_or_a_list_may_be_an_operand_and_does_not_widen():
    x = Tensor([1.0, 2.0], requires_grad=True)
    for y in (mg.dot(x, 2.5), mg.inner([1.0, 2.0], x), mg.outer(x, [0.5]), mg.kron(2.0, x),
              mg.einsum("i,i", x, [1, 2]), mg.einsum(",i->i", 2.5, x), mg.tensordot(x, [1.0], 0)):  # fmt: skip
        assert y.dtype == "float32"
        assert y.requires_grad


def test_dot_is_a_method_as_of_ndarray():
    a, b = draw(2, 3), draw(3, 2)
    np.testing.assert_array_equal(leaf(a).dot(leaf(b)).data, a.dot(b))
    np.testing.assert_array_equal(leaf(a).dot(b=b[:, 0]).data, a.dot(b[:, 0]))


@pytest.mark.parametrize(
    ("axes", "a", "b"),
    [
        ((1, 0), (2, 3), (3, 4)),
        (((0, 1), (1, 0)), (2, 3, 4), (3, 2)),
        (([-1], [-1]), (2, 3), (4, 3)),
        (((), ()), (2,), (3,)),
        (np.int64(1), (2, 3), (3, 2)),
        ((np.array([0, 1]), np.array([0, 1])), (2, 3), (2, 3)),
    ],
    ids=str,
)
def test_tensordot_takes_axes_as_numpy_does(axes, a, b):
    a, b = draw(*a), draw(*b)
    np.testing.assert_allclose(mg.tensordot(leaf(a), leaf(b), axes).data, np.tensordot(a, b, axes))
    np.testing.assert_allclose(np.tensordot(leaf(a), b, axes=axes).data, np.tensordot(a, b, axes))
    check_grads(lambda a, b: mg.tensordot(a, b, axes), [a, b])


def test_multi_dot_multiplies_in_the_cheapest_order():
    a, b, c, d = leaf(draw(9, 1)), leaf(draw(1, 9)), leaf(draw(9, 1)), leaf(draw(1, 2))
    y = mg.multi_dot([a, b, c, d])  # a (b c d): (9, 1) @ (1, 2)
    assert y._node.parents[0] is a
    assert y._node.parents[1].shape == (1, 2)
    np.testing.assert_allclose(y.data, np.linalg.multi_dot([t.data for t in (a, b, c, d)]))
    np.testing.assert_array_equal(np.linalg.multi_dot([a, b.data, c, d]).data, y.data)
    y = mg.multi_dot([d, d.mT, c.mT])
    assert y._node.parents[0].shape == (1, 1)


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda x: mg.dot(x, x), ["dot", "(2, 3)"]),
        (lambda x: mg.inner(x, x[:, :2]), ["inner", "(2, 3)", "(2, 2)"]),
        (lambda x: mg.vdot(x, x[0]), ["vdot", "(2, 3)", "(3,)"]),
        (lambda x: mg.vecdot(x, x, axis=2), ["axis 2"]),
        (lambda x: mg.vecdot(x, x, dim=0), ["axis"]),
        (lambda x: mg.matvec(x, x[:, 0]), ["matvec", "(2, 3)", "(2,)"]),
        (lambda x: mg.vecmat(x[0], x), ["vecmat", "(2, 3)", "(3,)"]),
        (lambda x: mg.tensordot(x, x, 1), ["tensordot", "(2, 3)"]),
        (lambda x: mg.tensordot(x, x, 3), ["tensordot", "axes=3", "(2, 3)"]),
        (lambda x: mg.tensordot(x, x, -1), ["tensordot", "axes=-1"]),
        (lambda x: mg.tensordot(x, x, (0, 1, 0)), ["tensordot", "(0, 1, 0)"]),
        (lambda x: mg.tensordot(x, x, ((0, 1), 0)), ["tensordot", "(0, 1)", "(0,)"]),
        (lambda x: mg.tensordot(x, x, ((0, 0), (0, 0))), ["repeated"]),
        (lambda x: mg.multi_dot([x, x]), ["multi_dot", "(2, 3)"]),
        (lambda x: mg.multi_dot([x]), ["multi_dot", "1"]),
        (lambda x: mg.multi_dot([x, x[0], x]), ["multi_dot", "(2, 3)", "(3,)"]),
        (lambda x: mg.einsum("ij,jk", x, x), ["einsum", "'ij,jk'", "(2, 3)", "3", "2"]),
        (lambda x: mg.einsum("ij,jk", x), ["einsum", "2 operands", "1 given"]),
        (lambda x: mg.einsum("ijk", x), ["einsum", "'ijk'", "(2, 3)"]),
        (lambda x: mg.einsum("i", x), ["einsum", "'i'", "(2, 3)"]),
        (lambda x: mg.einsum("ii", x), ["einsum", "diagonal", "2", "3"]),
        (lambda x: mg.einsum("ij->k", x), ["einsum", "->"]),
        (lambda x: mg.einsum("ij->ii", x), ["einsum", "->"]),
        (lambda x: mg.einsum("...j->j", x), ["einsum", "ellipsis"]),
        (lambda x: mg.einsum("i.j", x), ["einsum", "'i.j'", "ellipsis"]),
        (lambda x: mg.einsum("i$", x), ["einsum", "letters"]),
        (lambda x: mg.einsum("ij->...->i", x), ["einsum"]),
        (lambda x: mg.einsum(x, [0, -1], [1, 0]), ["einsum", "subscripts"]),
        (lambda x: np.einsum(x, [0, 52]), ["einsum", "subscripts"]),
        (lambda x: np.einsum("ij", x, dtype="float64"), ["dtype"]),
        (lambda x: np.outer(x, x, out=np.ones((6, 6))), ["out"]),
        (lambda x: mg.einsum("ij,ik,il", x, x, x, optimize=["einsum_path", (0, 1)]), ["einsum"]),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else "",
)
def test_an_error_names_the_op_and_what_it_met(f, words):
    with pytest.raises((ValueError, TypeError, RuntimeError)) as error:
        f(leaf(draw(2, 3)))
    assert all(word in str(error.value) for word in words), error.value


# einsum --------------------------------------------------------------------------------------------------

SIZES = {"i": 2, "j": 3, "k": 2}
terms = st.text("ijk", max_size=3)


@st.composite
def subscripts(draw):
    given = draw(st.lists(terms, min_size=1, max_size=3))
    letters = sorted(set("".join(given)))
    out = "".join(draw(st.permutations(letters))[: draw(st.integers(0, len(letters)))])
    dots = draw(st.booleans())
    if dots:
        given = [t[:1] + "..." + t[1:] for t in given]
        out = out + "..."
    shapes = []
    for term in given:
        axes = [[2, 1, 2][: draw(st.integers(0, 2))]] if dots else []
        shape = []
        for n in term.replace("...", "."):
            shape += axes[0] if n == "." else [SIZES[n]]
        shapes.append(tuple(shape))
    return ",".join(given) + (f"->{out}" if draw(st.booleans()) else ""), shapes


@settings(max_examples=150, derandomize=True, database=None, deadline=None)
@given(case=subscripts(), optimize=st.sampled_from([False, True, "optimal"]))
def test_einsum_of_any_subscripts_is_numpys_and_differentiable(case, optimize):
    text, shapes = case
    xs = [draw(*shape, seed=n) for n, shape in enumerate(shapes)]
    try:
        expected = np.einsum(text, *xs)
    except ValueError:
        with pytest.raises(ValueError, match="einsum"):
            mg.einsum(text, *map(leaf, xs))
        return
    found = mg.einsum(text, *map(leaf, xs), optimize=optimize)
    np.testing.assert_allclose(found.data, expected, rtol=1e-12, atol=1e-13)
    check_grads(lambda *xs: mg.einsum(text, *xs, optimize=optimize), xs, order=2)


def test_einsum_with_spaces_capitals_and_implicit_output_is_numpys():
    x = draw(2, 3)
    for text in ("ji", " b a ", "aB", "Ba", "i j -> j", "...", "ij..."):
        np.testing.assert_array_equal(np.einsum(text, leaf(x)).data, np.einsum(text, x))


def test_einsum_saves_its_operands_and_no_copy_of_them():
    a, b = leaf(draw(4, 2, 3)), leaf(draw(3, 4, 5))
    y = mg.einsum("abc,cad->bd", a, b)
    assert y._node.parents == (a, b)
    assert y._node.saved_bytes == a.nbytes + b.nbytes


@pytest.mark.parametrize("optimize", [True, "greedy", "optimal", ["einsum_path", (1, 2), (0, 1)]])
def test_optimize_decides_the_order_of_the_pairs(optimize):
    a, b, c = leaf(draw(9, 9)), leaf(draw(9, 9)), leaf(draw(9, 1))
    left_to_right = mg.einsum("ij,jk,kl->il", a, b, c)
    y = mg.einsum("ij,jk,kl->il", a, b, c, optimize=optimize)  # a (b c)
    assert any(p is c for p in left_to_right._node.parents)
    assert any(p is a for p in y._node.parents)
    np.testing.assert_allclose(y.data, left_to_right.data, rtol=1e-12)


def test_the_diagonal_is_a_view_that_shares_the_count_of_writes():
    x = leaf(draw(3, 3))
    y = mg.einsum("ii->i", x)
    z = (y * y).sum()
    x.assign(np.zeros((3, 3)))
    with pytest.raises(RuntimeError, match="written"):
        z.backward()
