"""Indexing beyond its rows: every index NumPy knows, functions along an axis, rows by number, errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn

import minigrad as mg
from minigrad import Tensor, check_grads, grad
from minigrad.ops import indexing
from minigrad.ops.kernels import scatter as scatter_kernels
from minigrad.trust.other_library import OnDevice as Duck

SHAPES = st.sampled_from([(4,), (3, 4), (2, 3, 4), (3, 1, 2), (2, 2, 3, 2)])
quickly = settings(max_examples=150, derandomize=True, database=None, deadline=None)


@st.composite
def mixed_indices(draw):
    """(shape, index): numbers, slices, newaxis, Ellipsis, arrays and masks in any order, arrays together or apart."""
    shape = draw(SHAPES)
    common = draw(st.sampled_from([(), (2,), (2, 1), (1, 2), (0,)]))
    parts = []
    for n in shape[: draw(st.integers(1, len(shape)))]:
        kind = draw(st.sampled_from(["number", "np.int64", "slice", "array", "list", "mask"]))
        numbers = draw(hn.arrays(np.int64, common, elements=st.integers(-n, n - 1)))
        if kind in ("number", "np.int64"):
            number = draw(st.integers(-n, n - 1))
            parts.append(number if kind == "number" else np.int64(number))
        elif kind == "slice":
            parts.append(draw(st.slices(n)))
        elif kind == "mask" and n > 1 and common in ((), (2,)):
            places = draw(st.permutations(range(n)))[: draw(st.integers(1, 2)) if common else 1]
            parts.append(np.isin(np.arange(n), places))
        else:
            parts.append(numbers.tolist() if kind == "list" and numbers.ndim else numbers)
    if draw(st.booleans()):
        parts.insert(draw(st.integers(0, len(parts))), None)
    if draw(st.booleans()):
        parts.insert(draw(st.integers(0, len(parts))), Ellipsis)
    return shape, tuple(parts)


def drawn_by_hypothesis(shape):
    return st.tuples(
        st.just(shape),
        st.one_of(
            hn.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True),
            hn.integer_array_indices(shape, result_shape=hn.array_shapes(max_dims=3, max_side=4)),
            hn.arrays(bool, shape),
            hn.arrays(bool, shape[:-1]),
        ),
    )


any_index = st.one_of(mixed_indices(), SHAPES.flatmap(drawn_by_hypothesis))


def fits(shape, index):
    try:
        np.zeros(shape)[index]
    except IndexError:
        return False
    return True


def added(g, index, shape):
    y = np.zeros(shape, g.dtype)
    np.add.at(y, index, g)
    return y


def gradient(f, *arguments):
    """The gradients of sum f, the seed being different everywhere."""
    xs = [Tensor(np.array(a, float), requires_grad=True) for a in arguments]
    y = f(*xs)
    found = [g.data for g in grad(y, xs, 1.0 + np.arange(y.size).reshape(y.shape))]
    return found[0] if len(found) == 1 else tuple(found)


# Every index of NumPy ------------------------------------------------------------------------------------


@quickly
@given(drawn=any_index, as_tensors=st.booleans())
def test_any_index_chooses_what_numpy_chooses_and_its_gradient_adds_back_there(drawn, as_tensors):
    shape, index = drawn
    x = Tensor(np.arange(1.0, 1 + np.prod(shape)).reshape(shape), requires_grad=True)
    given_index = index
    if as_tensors:
        parts = [
            Tensor(p) if isinstance(p, np.ndarray) else p
            for p in (index if isinstance(index, tuple) else (index,))
        ]
        given_index = tuple(parts) if isinstance(index, tuple) else parts[0]
    if not fits(shape, index):
        with pytest.raises(IndexError):
            x[given_index]
        return
    y = x[given_index]
    np.testing.assert_array_equal(y.data, x.data[index], strict=True)
    seed = np.arange(1.0, 1 + y.size).reshape(y.shape)
    np.testing.assert_array_equal(grad(y, x, seed).data, added(seed, index, shape), strict=True)


@quickly
@given(drawn=any_index, dtype=st.sampled_from(["float16", "float32", "float64", "int64"]))
def test_the_kernel_of_scatter_and_its_plain_version_agree_on_any_index(drawn, dtype):
    shape, index = drawn
    if not fits(shape, index):
        return
    g = np.asarray(np.arange(1, 1 + np.prod(shape)).reshape(shape)[index], dtype)
    plain = indexing._scatter_plain(g, index, shape)
    kernel = scatter_kernels.scatter(g, index, shape)
    np.testing.assert_array_equal(kernel, plain, strict=True)


def test_a_0d_mask_and_nested_lists_index_as_in_numpy():
    x = np.arange(6.0).reshape(2, 3)
    for index in (True, False, np.True_, np.array(False), (True, 1), (1, None, True), [[0, 1], [1, 1]],
                  ([[0], [1]], [0, 2]), [True, False], [], ([], [])):  # fmt: skip
        y = Tensor(x, requires_grad=True)[index]
        np.testing.assert_array_equal(y.data, x[index], strict=True)
        found = gradient(lambda t, i=index: t[i], x)
        seed = 1.0 + np.arange(y.size).reshape(y.shape)
        np.testing.assert_array_equal(found, added(seed, index, x.shape))


def test_masks_of_several_axes_and_masks_beside_arrays_add_back_where_numpy_chose():
    two_axes = np.array([[True, False, False], [False, False, True]])
    for index in ((two_axes, [1, 1]), (two_axes, slice(None)), ([0, 1], two_axes[:, 0].nonzero()[0], 0),
                  (slice(None), two_axes[1], [3, 3]), (np.array([False, True]), [2, 2]),
                  (two_axes, [[1], [0]], None)):  # fmt: skip
        x = np.arange(24.0).reshape(2, 3, 4)
        y = x[index]
        seed = 1.0 + np.arange(y.size).reshape(y.shape)
        np.testing.assert_array_equal(
            gradient(lambda t, i=index: t[i], x), added(seed, index, x.shape)
        )


def test_a_list_that_indexed_may_change_afterwards():
    x, index = Tensor(np.zeros(3), requires_grad=True), [0, 2]
    y = x[index]
    index[0] = 1
    np.testing.assert_array_equal(grad(y.sum(), x).data, [1, 0, 1])


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (5, "index 5 is out of bounds for axis 0 with size 2"),
        ((slice(None), -4), "index -4 is out of bounds for axis 1 with size 3"),
        (([0, 2], 1), "index 2 is out of bounds"),
        ((0, 0, 0), "too many indices"),
        (([0, 1], [0, 1, 2]), "could not be broadcast"),
        (np.ones((2, 2), bool), "boolean index did not match"),
        (1.0, "only integers"),
    ],
)
def test_an_index_that_does_not_fit_says_op_shape_and_index(index, words):
    with pytest.raises(IndexError, match=words) as caught:
        Tensor(np.ones((2, 3)))[index]
    assert str(caught.value).startswith("getitem: ")
    assert "shape (2, 3), the index is " in str(caught.value)
    if not isinstance(index, np.ndarray):
        assert str(caught.value).endswith(repr(index))


def test_scatter_refuses_an_index_out_of_range_and_says_so():
    for index in ((slice(None), [0, 9]), ([0, 4], 0), -5):
        with pytest.raises(IndexError, match=r"scatter: .* the array has shape \(4, 3\)"):
            mg.scatter(np.ones((2, 3)), index, (4, 3))
    for index in ([0, 4], [-5, 0]):
        with pytest.raises(IndexError, match=r"scatter: index .* is outside \[-4, 4\)"):
            mg.scatter(np.ones((2, 3)), index, (4, 3))


def test_scatter_in_float16_counts_beyond_2048():
    y = mg.scatter(np.ones(5000, "float16"), np.zeros(5000, int), (2,))
    np.testing.assert_array_equal(y, np.array([5000, 0], "float16"), strict=True)


# Along one axis ------------------------------------------------------------------------------------------

X = np.random.default_rng(0).standard_normal((3, 4))
I = np.array([[0, 3, 3], [1, 1, -1], [2, 0, -4]])  # noqa: E741


@pytest.mark.parametrize("indices", [1, -1, [2, 0, 2], [[0], [-2]], np.array([1], "uint8"), []])
@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_take_is_numpys(indices, axis):
    indices_as = [indices, Tensor(np.array(indices, int))]
    for chosen in indices_as:
        y = mg.take(Tensor(X), chosen, axis)
        np.testing.assert_array_equal(y.data, np.take(X, np.array(indices, int), axis))
    check_grads(lambda x: mg.take(x, indices, axis), [X])


def test_numpys_ways_to_choose_along_an_axis_work_on_tensors():
    x = Tensor(X, requires_grad=True)
    for f in (
        lambda x: np.take(x, indices=[1, 0], axis=1, mode="raise"),
        lambda x: np.take_along_axis(arr=x, indices=I, axis=1),
        lambda x: np.take_along_axis(x, np.array([5, -1]), axis=None),
        lambda x: np.compress([True, False, True], a=x, axis=0),
        lambda x: np.extract(X > 0, x),
        lambda x: np.sort(x, axis=0, kind="quicksort"),
        lambda x: np.sort(x, None),
    ):
        assert f(x).requires_grad
        np.testing.assert_array_equal(f(x).data, f(X), strict=True)
    np.testing.assert_array_equal(np.argsort(x, axis=0).data, np.argsort(X, axis=0))
    with pytest.raises(TypeError, match="mode='clip'"):
        np.take(x, [0], mode="clip")
    with pytest.raises(TypeError, match=r"minigrad\.put_along_axis"):
        np.put_along_axis(x, I, 0, 1)


@pytest.mark.parametrize("axis", [0, 1, 2, -1, None])
def test_take_along_axis_is_numpys_and_broadcasts(axis):
    x = np.random.default_rng(0).standard_normal((2, 3, 4))
    for shape in [(2, 3, 4), (1, 3, 4), (2, 3, 1), (1, 1, 1)] if axis is not None else [(7,)]:
        indices = np.random.default_rng(1).integers(-2, 2, shape)
        y = mg.take_along_axis(Tensor(x), Tensor(indices), axis)
        np.testing.assert_array_equal(y.data, np.take_along_axis(x, indices, axis), strict=True)
        check_grads(lambda x, i=indices: mg.take_along_axis(x, i, axis), [x])


def test_gather_scatter_add_and_index_add_are_pytorchs():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    indices, rows = I % 4, [2, 0, 2]
    values = np.random.default_rng(1).standard_normal((3, 3))
    more = np.random.default_rng(2).standard_normal((3, 4))
    t, i = torch.tensor, torch.tensor(indices)
    for ours, theirs, arguments in (
        (lambda x: mg.take_along_axis(x, indices, 1), lambda x: x.gather(1, i), (X,)),
        (lambda x, v: mg.scatter_add(x, indices, v, 1), lambda x, v: x.scatter_add(1, i, v), (X, values)),
        (lambda x, v: mg.scatter_add(x, rows, v), lambda x, v: x.index_add(0, t(rows), v), (X, more)),
    ):  # fmt: skip
        expected = [t(a, requires_grad=True) for a in arguments]
        y = theirs(*expected)
        np.testing.assert_allclose(ours(*map(Tensor, arguments)).data, y.detach(), rtol=1e-14)
        y.backward(1.0 + torch.arange(y.numel()).reshape(y.shape).double())
        found = gradient(ours, *arguments)
        found = found if isinstance(found, tuple) else (found,)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b.grad, rtol=1e-14)


def test_scatter_add_takes_any_index_and_broadcasts_its_values():
    for index in (1, slice(0, 3, 2), (Ellipsis, [0, 0]), X > 0, ([0, 0, 0], [1, 1, 2])):
        y = X.copy()
        np.add.at(y, index, 0.5)
        np.testing.assert_array_equal(mg.scatter_add(Tensor(X), index, 0.5).data, y)
        check_grads(lambda x, v, i=index: mg.scatter_add(x, i, v), [X, np.array(0.5)])
    assert mg.scatter_add(Tensor([1.0, 2.0]), [0, 0], 0.5).dtype == "float32"
    assert mg.scatter_add(Tensor(np.ones(2, "float16")), [0], 0.5).dtype == "float16"


def test_put_along_axis_leaves_its_argument_alone_and_agrees_with_numpy():
    for axis, indices in ((1, I), (0, np.array([[2, 1, 0, 1]])), (1, np.array([[1], [0], [3]]))):
        for values in (7.0, np.arange(1.0, 4).reshape(3, 1) if axis else np.arange(4.0)):
            expected, before = X.copy(), X.copy()
            np.put_along_axis(expected, indices, values, axis)
            np.testing.assert_array_equal(
                mg.put_along_axis(Tensor(X), indices, values, axis).data, expected
            )
            np.testing.assert_array_equal(X, before)
    expected = X.copy()
    np.put_along_axis(expected, np.array([1, -1, 6]), np.arange(3.0), None)
    for x in (X, Tensor(X)):
        y = mg.put_along_axis(x, [1, -1, 6], np.arange(3.0), None)
        np.testing.assert_array_equal(np.asarray(y), expected, strict=True)
    check_grads(lambda x, v: mg.put_along_axis(x, [1, 2], v, None), [X, np.ones(2)])
    check_grads(lambda x, v: mg.put_along_axis(x, I, v, 1), [X, np.ones((3, 3))])
    assert mg.put_along_axis(Tensor([1.0, 2.0]), [0], 0.5, 0).dtype == "float32"


def test_of_several_values_put_in_one_place_the_last_stays_and_gets_all_the_gradient():
    x, values, indices = [1.0, 2, 3], [10.0, 20, 30, 40], [1, 0, 1, -2]
    y = mg.put_along_axis(Tensor(x), indices, Tensor(values), 0)
    np.testing.assert_array_equal(y.data, [20, 40, 3])
    by_x, by_values = gradient(lambda x, v: mg.put_along_axis(x, indices, v, 0), x, values)
    np.testing.assert_array_equal(by_x, [0, 0, 3])
    np.testing.assert_array_equal(by_values, [0, 1, 0, 2])


@pytest.mark.parametrize(
    ("f", "kind", "words"),
    [
        (lambda x: mg.take(x, [0, 3], 0), IndexError, ["take: index 3 at [1]", "[-3, 3)"]),
        (lambda x: mg.take(x, -5, 1), IndexError, ["take: index -5", "[-4, 4)"]),
        (lambda x: mg.take(x, [True]), TypeError, ["take", "bool", "mask"]),
        (lambda x: mg.take(x, 0.5), TypeError, ["take", "integers", "float"]),
        (lambda x: mg.take(x, 0, dim=1), TypeError, ["axis"]),
        (lambda x: mg.take_along_axis(x, [0], 1), ValueError, ["take_along_axis", "(1,)", "(3, 4)"]),
        (lambda x: mg.take_along_axis(x, [[4]], 1), IndexError, ["take_along_axis: index 4 at [0, 0]"]),
        (lambda x: mg.take_along_axis(x, [[0], [1]], 1), IndexError, ["broadcast", "(3, 4)"]),
        (lambda x: mg.scatter_add(x, [0, 1], np.ones((3, 4))), ValueError, ["(3, 4)", "(2, 4)"]),
        (lambda x: mg.scatter_add(x, 7, 1.0), IndexError, ["scatter_add", "7", "(3, 4)"]),
        (lambda x: mg.put_along_axis(x, [[0]], np.ones((2, 3, 1)), 1), ValueError, ["put_along_axis", "(2, 3, 1)"]),
        (lambda x: mg.put_along_axis(x, [[9]], 1.0, 1), IndexError, ["put_along_axis: index 9"]),
        (lambda x: mg.embedding(x, [[0, 2], [3, -1]]), IndexError, ["embedding: index 3 at [1, 0]", "[0, 3)"]),
        (lambda x: mg.embedding(x, -1), IndexError, ["embedding: index -1", "[0, 3)"]),
        (lambda x: mg.embedding(x, [0], padding_idx=3), ValueError, ["padding_idx 3", "[0, 3)"]),
        (lambda x: mg.one_hot([0, 4], 4), IndexError, ["one_hot: index 4 at [1]", "[0, 4)"]),
        (lambda x: mg.one_hot([-1], 4), IndexError, ["one_hot: index -1"]),
        (lambda x: mg.one_hot(x, 4), TypeError, ["one_hot", "float64"]),
        (lambda x: mg.sort(x, 2), ValueError, ["axis 2"]),
        (lambda x: mg.topk(x, 5), ValueError, ["topk", "5", "[0, 4]", "(3, 4)"]),
        (lambda x: mg.topk(x, -1), ValueError, ["topk", "-1"]),
        (lambda x: mg.topk(x, 1.5), ValueError, ["topk", "1.5"]),
    ],
)  # fmt: skip
def test_an_error_names_the_op_and_what_it_met(f, kind, words):
    with pytest.raises(kind) as caught:
        f(Tensor(X))
    assert all(word in str(caught.value) for word in words), caught.value


# Rows by number ------------------------------------------------------------------------------------------


def test_one_hot_has_a_one_at_the_label():
    for labels in (
        np.array([[0, 2], [1, 1]]),
        np.array(3),
        np.zeros((0,), int),
        np.array([1], "uint8"),
    ):
        y = mg.one_hot(Tensor(labels), 4)
        assert isinstance(y, Tensor)
        assert y.dtype == "float32"
        np.testing.assert_array_equal(y.data, np.eye(4)[labels])
        np.testing.assert_array_equal(
            mg.one_hot(labels, 4, "int64"), np.eye(4, dtype=int)[labels], strict=True
        )


@pytest.mark.parametrize("padding_idx", [None, 0, 2])
def test_embedding_is_pytorchs_and_the_padding_row_gets_no_gradient(padding_idx):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    indices = np.array([[0, 2, 2], [1, 0, 2]])
    w = torch.tensor(X, requires_grad=True)
    y = torch.nn.functional.embedding(torch.tensor(indices), w, padding_idx)
    y.backward(1.0 + torch.arange(y.numel()).reshape(y.shape).double())
    for given_indices in (indices, Tensor(indices), indices.tolist()):

        def f(w, i=given_indices):
            return mg.embedding(w, i, padding_idx)

        np.testing.assert_array_equal(f(Tensor(X)).data, y.detach())
        np.testing.assert_array_equal(gradient(f, X), w.grad)
    if padding_idx is not None:
        assert not gradient(f, X)[padding_idx].any()
        x = Tensor(X, requires_grad=True)
        along = (grad((f(x) ** 2).sum(), x, create_graph=True) ** 2).sum()
        assert not grad(along, x).data[padding_idx].any()


# Any array, any mode -------------------------------------------------------------------------------------

EVERY = {
    "take": lambda x, i: mg.take(x, i, 1),
    "take_along_axis": lambda x, i: mg.take_along_axis(x, i, 1),
    "put_along_axis": lambda x, i: mg.put_along_axis(x, i, x[:, :3] * 2, 1),
    "scatter_add": lambda x, i: mg.scatter_add(x, i, x[:, :3] * 2, 1) + mg.scatter_add(x, i[:, 1], 0.5),
    "embedding": lambda x, i: mg.embedding(x, i * 0 + 1, 0),
    "sort": lambda x, i: mg.sort(x, 0) * mg.sort(x),
    "topk": lambda x, i: mg.topk(x, 2)[0],
    "lists": lambda x, i: mg.take(x, [1, 0], 0) + mg.embedding(x, [2, 2], 2),
}  # fmt: skip


@pytest.mark.parametrize("f", EVERY.values(), ids=EVERY)
def test_functions_made_of_rows_take_any_array_and_give_plain_results_without_a_tensor(f):
    indices = I % 3
    expected = f(Tensor(X), indices)
    found = f(X, indices)
    assert type(found) is np.ndarray
    np.testing.assert_array_equal(found, expected.data)
    x = Tensor(Duck(X), requires_grad=True)
    y = f(x, Duck(indices))
    (g,) = [grad(y.sum(), x)]
    assert type(y.data) is type(g.data) is Duck
    np.testing.assert_array_equal(y.data.array, expected.data)
    t = Tensor(X, requires_grad=True)
    np.testing.assert_allclose(g.data.array, grad(f(t, indices).sum(), t).data, rtol=1e-15)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("f", EVERY.values(), ids=EVERY)
def test_functions_made_of_rows_keep_the_dtype(f, dtype):
    x = Tensor(X.astype(dtype), requires_grad=True)
    y = f(x, I % 3)
    assert y.dtype == grad(y.sum(), x).dtype == dtype
