"""Ops that move elements: NumPy says where each goes, and its gradient comes back from all those places."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad as mg
from minigrad import Tensor, check_grads, grad

ONE, TWO = np.int64(1), np.int64(2)
quickly = settings(max_examples=150, derandomize=True, database=None, deadline=None)


def several(y):
    return list(y) if isinstance(y, (tuple, list)) else [y]


def expected_gradients(f, shapes, seeds):
    """Where f brings each of the elements, which NumPy says of their numbers, decides what flows back to it."""
    sizes = [int(np.prod(shape)) for shape in shapes]
    ends = np.cumsum([1, *sizes])
    numbers = [
        np.arange(a, a + n).reshape(s) for a, n, s in zip(ends[:-1], sizes, shapes, strict=True)
    ]
    total = np.zeros(ends[-1])  # number 0 stands for what f fills in
    for places, seed in zip(several(f(np, *numbers)), seeds, strict=True):
        np.add.at(total, places, seed)
    return [total[a : a + n].reshape(s) for a, n, s in zip(ends[:-1], sizes, shapes, strict=True)]


def moves_as_numpy(f, *shapes):
    """f(m, *arrays), with minigrad or NumPy for m, gives NumPy's result and the gradient; raises where NumPy does."""
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape) for shape in shapes]
    try:
        expected = several(f(np, *arrays))
    except (ValueError, TypeError, IndexError, ZeroDivisionError):
        with pytest.raises((ValueError, TypeError, IndexError)):
            f(mg, *map(Tensor, arrays))
        return
    for plain, e in zip(several(f(mg, *arrays)), expected, strict=True):
        np.testing.assert_array_equal(plain, e, strict=True)
    seeds = [rng.integers(-9, 9, e.shape).astype(float) for e in expected]
    gradients = expected_gradients(f, shapes, seeds)
    for m in (mg, np):
        xs = [Tensor(a, requires_grad=True) for a in arrays]
        found = several(f(m, *xs))
        assert all(type(y) is Tensor for y in found)
        for y, e in zip(found, expected, strict=True):
            np.testing.assert_array_equal(y.data, e, strict=True)
        if not found:
            continue
        back = grad(sum((y * s).sum() for y, s in zip(found, seeds, strict=True)), xs)
        for g, e in zip(back, gradients, strict=True):
            np.testing.assert_array_equal(0 * e if g is None else g.data, e, strict=True)


# A grid of shapes and of forms of the arguments ----------------------------------------------------------

SHAPES = [(), (1,), (4,), (0,), (2, 4), (4, 4), (1, 3), (0, 3), (2, 3, 4), (4, 1, 2), (2, 0, 3)]


def each(name, *forms):
    """Calls of m.name(x, *form)."""
    return [
        pytest.param(lambda m, x, form=form: getattr(m, name)(x, *form), id=f"{name}{form}")
        for form in forms
    ]


GRID = [
    *each("flip", (), (0,), (-1,), (1,), ((0, 1),), ((0, -1),), (ONE,), ((),), ((0, 0),)),
    *each("fliplr", ()),
    *each("flipud", ()),
    *each("rot90", (), (2,), (3,), (4,), (-1,), (ONE, (1, 0)), (1, (0, -1)), (1, (0, 0)), (1, (0,))),
    *each("roll", (1,), (-2, 0), (ONE, 1), ((1, 2),), ((1, -1), (0, 1)), ((1, 2), 0), (7, (0, 1)), ((1, 2, 3), (0, 1))),
    *each("tile", (2,), (1,), (0,), ((2,),), ((2, 1),), ((1, TWO, 3),), ((),), ((2, 1, 1, 2),)),
    *each("repeat", (2,), (3, 0), (TWO, -1), (0, 0), ([2], 1), (1, 1), ([1, 0, 2, 1],), ([1, 0, 2, 1], 0), ([3, 0], 0),
          ([True, False], 0), (np.array([2, 0, 1, 1]), -1)),
    *each("diagonal", (), (1,), (-1,), (ONE, 1, 0), (0, 0, 0), (0, -1, -2), (1, 0, 2), (9,)),
    *each("diag", (), (1,), (-2,), (ONE,), (9,)),
    *each("tril", (), (1,), (-1,), (ONE,), (9,), (-9,)),
    *each("triu", (), (1,), (-1,), (ONE,), (9,), (-9,)),
    *each("moveaxis", (0, 1), (0, -1), (-1, 0), ((0, 1), (1, 0)), ((2, 0), (0, 1)), (ONE, 0), ((0, 1), 0),
          ((0, 0), (0, 1))),
    *each("atleast_1d", ()),
    *each("atleast_2d", ()),
    *each("atleast_3d", ()),
    *each("split", (2,), (2, 1), (TWO, -1), (3, 1), ([1],), ([1, 3],), ([2, 2], -1), ([],), ([3, 1], 0), ([-1], 1),
          ([9, 12],), (0,), (np.array([1, 2]), 0)),
    *each("array_split", (2,), (3, 1), (TWO, -1), (5,), ([1, 3],), ([3, 1],), ([-9, 9],), (-1,)),
    *each("hsplit", (2,), ([1],), (1,)),
    *each("vsplit", (2,), ([1],), (1,)),
    *each("dsplit", (2,), ([1],), (1,)),
    *each("pad", (1,), ((1, 2),), (((1, 2), (0, 3)),), (TWO,), (0,), ([[1], [2]],), (-1,), (1.5,), (((1, 2, 3),),)),
    *each("squeeze", (), (0,), ((0, 1),), (ONE,), (-1,)),
    *each("expand_dims", (0,), (-1,), ((0, 1),), ((0, -1),), (ONE,), ((0, 0),)),
    *each("swapaxes", (0, 1), (0, -1), (ONE, 0)),
    *each("matrix_transpose", ()),
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("f", GRID)
def test_elements_go_where_numpy_brings_them_and_gradients_come_back(f, shape):
    moves_as_numpy(f, shape)


@pytest.mark.parametrize("axis", [0, 1, -1, ONE])
@pytest.mark.parametrize("shape", [s for s in SHAPES if len(s) > 1], ids=str)
def test_unstack_is_stack_backwards(axis, shape):
    moves_as_numpy(lambda m, x: m.unstack(x, axis=axis), shape)
    if shape[axis]:
        x = Tensor(np.random.default_rng(0).standard_normal(shape))
        np.testing.assert_array_equal(mg.stack(mg.unstack(x, axis), axis).data, x.data)


JOINS = ("vstack", "hstack", "dstack", "column_stack")


@pytest.mark.parametrize("name", JOINS)
@pytest.mark.parametrize(
    "shapes",
    [((), ()), ((3,), (3,)), ((3,), (2,)), ((2, 3), (3,)), ((2, 3), (2, 3)), ((2, 1), (2,)), ((2, 3), (2,)),
     ((0, 3), (1, 3)), ((2, 3, 1), (2, 3)), ((3,),), ((2, 3, 4), (2, 3, 4)), ((), (1,), (1, 1))],
    ids=str,
)  # fmt: skip
def test_arrays_are_joined_as_numpy_joins_them(name, shapes):
    moves_as_numpy(lambda m, *xs: getattr(m, name)(xs), *shapes)


@pytest.mark.parametrize(
    "shapes",
    [((),), ((), (3,)), ((2, 1), (1, 3)), ((2, 3), (2, 3)), ((0, 1), (1, 3), ()), ((2,), (3,))],
    ids=str,
)
def test_arrays_broadcast_against_each_other(shapes):
    moves_as_numpy(lambda m, *xs: m.broadcast_arrays(*xs), *shapes)


@pytest.mark.parametrize("indexing", ["xy", "ij", "yx"])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize(
    "shapes", [((3,),), ((3,), (2,)), ((3,), (), (2,)), ((2, 2), (3,)), ((0,), (2,)), ()], ids=str
)
def test_a_grid_has_the_coordinates_of_numpys(indexing, sparse, shapes):
    moves_as_numpy(lambda m, *xs: m.meshgrid(*xs, indexing=indexing, sparse=sparse), *shapes)


# Arguments of every kind ---------------------------------------------------------------------------------

MODES = ["constant", "edge", "reflect", "symmetric", "wrap"]
sizes = st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple)


@quickly
@given(data=st.data(), shape=sizes, mode=st.sampled_from(MODES))
def test_any_width_is_padded_in_every_mode_as_numpy_pads_it(data, shape, mode):
    widths = [tuple(data.draw(st.tuples(*[st.integers(0, 9)] * 2))) for _ in shape]
    moves_as_numpy(lambda m, x: m.pad(x, widths, mode), shape)


@pytest.mark.parametrize(
    "values", [3, (1, 2), ((1, 2),), ((1, 2), (3, 4)), ((1,), (2,)), np.float64(3), [5, 6]]
)
def test_constants_of_a_frame_may_differ_by_axis_and_side(values):
    x = np.random.default_rng(0).standard_normal((2, 3)).astype("float32")
    width = ((1, 2), (0, 3))
    expected = np.pad(x, width, constant_values=values)
    t = Tensor(x, requires_grad=True)
    for m in (mg, np):
        y = m.pad(t, width, constant_values=values)
        np.testing.assert_array_equal(y.data, expected, strict=True)
        np.testing.assert_array_equal(grad(y.sum(), t).data, np.ones_like(x))


@pytest.mark.parametrize("width", [{0: 2}, {-1: (1, 0)}, {0: (0, 1), 1: 3}, {}])
@pytest.mark.parametrize("mode", ["constant", "edge"])
def test_a_dict_of_widths_frames_the_axes_it_names(width, mode):
    full = [(0, 0), (0, 0)]
    for axis, pair in width.items():
        full[axis] = (pair, pair) if isinstance(pair, int) else pair
    x = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(mg.pad(Tensor(x), width, mode).data, np.pad(x, full, mode))


@pytest.mark.parametrize("mode", MODES[1:])
def test_padding_of_own_elements_has_right_second_derivatives(mode):
    x = np.random.default_rng(0).standard_normal((2, 3))
    check_grads(lambda x: mg.pad(x, ((1, 4), (2, 7)), mode) ** 3, [x])


@quickly
@given(shape=sizes, places=st.lists(st.integers(-6, 6), max_size=4), axis=st.integers(-3, 2))
def test_any_places_split_as_numpy_splits_them_also_where_the_sections_overlap(shape, places, axis):
    moves_as_numpy(lambda m, x: m.split(x, places, axis), shape)


@quickly
@given(data=st.data(), shape=sizes)
def test_any_shifts_roll_as_numpy_rolls_them(data, shape):
    axes = tuple(data.draw(st.lists(st.integers(-len(shape), len(shape) - 1), max_size=4)))
    shifts = tuple(data.draw(st.lists(st.integers(-9, 9), min_size=len(axes), max_size=len(axes))))
    moves_as_numpy(lambda m, x: m.roll(x, shifts, axes), shape)


@quickly
@given(data=st.data(), shape=sizes, axis=st.integers(-3, 2))
def test_any_counts_repeat_as_numpy_repeats_them(data, shape, axis):
    n = shape[axis] if -len(shape) <= axis < len(shape) else 1
    counts = data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    moves_as_numpy(lambda m, x: m.repeat(x, counts, axis), shape)


# Axes and arguments that do not fit ----------------------------------------------------------------------

OF_AN_AXIS = {
    "flip": lambda x, axis: mg.flip(x, axis),
    "flip of several": lambda x, axis: mg.flip(x, (0, axis)),
    "roll": lambda x, axis: mg.roll(x, 1, axis),
    "repeat": lambda x, axis: mg.repeat(x, 2, axis),
    "split": lambda x, axis: mg.split(x, 1, axis),
    "array_split": lambda x, axis: mg.array_split(x, 1, axis),
    "unstack": lambda x, axis: mg.unstack(x, axis),
    "moveaxis from": lambda x, axis: mg.moveaxis(x, axis, 0),
    "moveaxis to": lambda x, axis: mg.moveaxis(x, 0, axis),
    "diagonal": lambda x, axis: mg.diagonal(x, 0, axis, 0),
    "rot90": lambda x, axis: mg.rot90(x, 1, (0, axis)),
    "pad": lambda x, axis: mg.pad(x, {axis: 1}),
}


@pytest.mark.parametrize("axis", [2, -3])
@pytest.mark.parametrize("name", OF_AN_AXIS)
def test_an_axis_that_is_not_there_raises_and_names_op_and_axis(name, axis):
    with pytest.raises(np.exceptions.AxisError, match=f"{name.split()[0]}.*axis {axis}"):
        OF_AN_AXIS[name](Tensor(np.ones((2, 2))), axis)


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda x: mg.split(x, 2, 1), ["split", "(2, 3)", "2 equal", "array_split"]),
        (lambda x: mg.split(x, 0), ["split", "at least 1", "0"]),
        (lambda x: mg.vsplit(x[0], 1), ["vsplit", "(3,)", "split"]),
        (lambda x: mg.dsplit(x, 1), ["dsplit", "(2, 3)"]),
        (lambda x: mg.moveaxis(x, (0, 1), 0), ["moveaxis", "2", "1"]),
        (lambda x: mg.broadcast_arrays(x, x[:, :2]), ["broadcast_arrays", "(2, 3)", "(2, 2)"]),
        (lambda x: mg.meshgrid(x[0], indexing="yx"), ["meshgrid", "'yx'", "'ij'"]),
        (lambda x: mg.pad(x, 1, "odd"), ["pad", "'odd'", "'reflect'"]),
        (lambda x: mg.pad(x[:, :0], 1, "edge"), ["pad", "'edge'", "axis 1 of shape (2, 0)"]),
        (lambda x: mg.pad(x, (1, 2, 3)), ["pad", "(1, 2, 3)", "2 axes"]),
        (lambda x: mg.roll(x, (1, 2, 3), (0, 1)), ["roll", "3 shifts", "2 axes"]),
        (lambda x: mg.tile(x, (2, -1)), ["tile", "(2, -1)"]),
        (lambda x: mg.repeat(x, [1, 2], 1), ["repeat", "2 repeats", "(2, 3)"]),
        (lambda x: mg.repeat(x, 1.5, 1), ["repeat", "1.5"]),  # NumPy would repeat once
        (lambda x: mg.repeat(x, -1, 1), ["repeat", "-1"]),
        (lambda x: mg.rot90(x, 1, (0,)), ["rot90", "(0,)"]),
        (lambda x: mg.diagonal(x[0]), ["diagonal", "(3,)"]),
        (lambda x: mg.diagonal(x, 0, 1, -1), ["diagonal", "same axis", "1"]),
        (lambda x: mg.diag(x[None]), ["diag", "(1, 2, 3)", "diagonal"]),
        (lambda x: mg.tril(x[0, 0]), ["tril"]),
        (lambda x: mg.roll(x, 1, dim=0), ["roll", "dim", "axis"]),
        (lambda x: mg.vstack([x, x[:, :2]]), ["concatenate", "(2, 3)", "(2, 2)"]),
    ],
)
def test_an_error_names_the_op_and_what_it_met(f, words):
    with pytest.raises((ValueError, TypeError)) as error:
        f(Tensor(np.ones((2, 3)), requires_grad=True))
    assert all(word in str(error.value) for word in words), error.value


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.pad(x, 1, "empty"),
        lambda x: np.pad(x, 1, lambda vector, width, axis, options: None),
        lambda x: np.pad(x, 1, "linear_ramp", end_values=x[0, 0]),
        lambda x: np.vstack([x, x], dtype="float64"),
        lambda x: np.meshgrid(x[0], copy=False),
    ],
)
def test_what_numpy_can_and_we_cannot_raises_instead_of_being_ignored(f):
    with pytest.raises(TypeError):
        f(Tensor(np.ones((2, 3)), requires_grad=True))


def test_rollaxis_moves_an_axis_before_another_as_numpy_does():
    a = np.arange(24.0).reshape(2, 3, 4)
    for axis in range(-3, 3):
        for start in range(-3, 4):
            y = np.rollaxis(Tensor(a, requires_grad=True), axis, start)
            assert y.requires_grad
            np.testing.assert_array_equal(y.data, np.rollaxis(a, axis, start))
    for axis, start in [(3, 0), (0, 4), (0, -4)]:
        with pytest.raises(np.exceptions.AxisError, match="rollaxis"):
            np.rollaxis(Tensor(a), axis, start)


# Tensors among other arrays, and other dtypes ------------------------------------------------------------


@pytest.mark.parametrize("f", [mg.broadcast_arrays, mg.meshgrid, mg.atleast_1d, mg.atleast_3d])
def test_where_one_array_is_a_tensor_all_results_are(f):
    assert [type(y) for y in f(Tensor([1.0]), [2, 3], 4.0)] == [Tensor] * 3
    assert [type(y) for y in f([1.0], [2, 3], 4.0)] == [np.ndarray] * 3


@pytest.mark.parametrize("name", JOINS)
def test_lists_and_numbers_are_joined_with_tensors_without_widening_them(name):
    y = getattr(mg, name)([Tensor([[1.0]]), [[2.0]]])
    assert y.dtype == "float32"
    assert y.data.ravel().tolist() == [1, 2]


@pytest.mark.parametrize("dtype", ["int64", "bool", "float16", "uint8"])
@pytest.mark.parametrize(
    "f",
    [
        lambda x: mg.flip(x), lambda x: mg.roll(x, 1), lambda x: mg.diagonal(x), lambda x: mg.diag(x[0]),
        lambda x: mg.tril(x), lambda x: mg.tile(x, 2), lambda x: mg.repeat(x, [2, 1], 0), lambda x: mg.split(x, 2)[1],
        lambda x: mg.unstack(x)[0], lambda x: mg.pad(x, 1, "wrap"), lambda x: mg.pad(x, 1, constant_values=1),
    ],
)  # fmt: skip
def test_the_dtype_stays(f, dtype):
    x = np.array([[0, 1], [1, 0]], dtype)
    y = f(Tensor(x))
    assert y.dtype == dtype
    assert not y.requires_grad


def test_triangles_drop_infinities_and_keep_the_gradient_finite():
    x = Tensor([[1.0, np.inf], [np.nan, 2.0]], requires_grad=True)
    y = mg.tril(mg.triu(x))
    assert y.tolist() == [[1, 0], [0, 2]]
    assert grad((y * y).sum(), x).tolist() == [[2, 0], [0, 4]]


# Views and memory ----------------------------------------------------------------------------------------

VIEWS = {
    "split": lambda x: mg.split(x, 2)[1], "unstack": lambda x: mg.unstack(x)[0], "flip": mg.flip,
    "diagonal": mg.diagonal, "moveaxis": lambda x: mg.moveaxis(x, 0, 1), "atleast_3d": mg.atleast_3d,
    "rot90": mg.rot90, "broadcast_arrays": lambda x: mg.broadcast_arrays(x, np.ones((3, 1, 1)))[0],
    "meshgrid": lambda x: mg.meshgrid(x, [1.0, 2.0])[0],
}  # fmt: skip


@pytest.mark.parametrize("f", VIEWS.values(), ids=VIEWS)
def test_a_view_of_a_leaf_that_was_written_since_is_not_used_unseen(f):
    x = Tensor(np.arange(16.0).reshape(4, 4), requires_grad=True)
    y = f(x)
    assert np.shares_memory(y.data, x.data)
    z = (y * y).sum()
    x.assign(np.ones((4, 4)))
    with pytest.raises(RuntimeError, match="written after the forward pass"):
        z.backward()


@pytest.mark.parametrize("f", VIEWS.values(), ids=VIEWS)
def test_a_gradient_that_came_through_a_view_is_its_leafs_own(f):
    a, b = (Tensor(np.ones((4, 4)), requires_grad=True) for _ in range(2))
    y = f(a) + f(b)
    seed = np.ones(y.shape)
    y.backward(seed)
    assert a.grad.data.flags.owndata or a.grad.data.base.flags.owndata
    assert not np.shares_memory(a.grad.data, b.grad.data)
    a.grad.data[:] = 7
    assert (seed == 1).all()
    assert (b.grad.data <= 3).all()


@pytest.mark.parametrize("parts", [lambda x: mg.split(x, 50), mg.unstack])
def test_the_parts_of_an_array_send_their_gradients_back_together(parts):
    x = Tensor(np.ones((50, 2)), requires_grad=True)
    edges = []
    y = sum((part * i).sum() for i, part in enumerate(parts(x)))
    g = grad(y, x, tap=lambda node, argument, _: edges.append((node.op.name, argument)))
    np.testing.assert_array_equal(g.data, np.arange(50.0)[:, None] * np.ones(2))
    assert len([1 for name, argument in edges if argument == "x" and name != "sum"]) == 1


def test_parts_nobody_used_get_zeros():
    x = Tensor(np.ones(6), requires_grad=True)
    _, middle, _ = mg.split(x, 3)
    middle.sum().backward()
    assert x.grad.tolist() == [0, 0, 1, 1, 0, 0]
    for _ in range(2):  # parts used each on its own
        first, *_ = mg.unstack(x)
        first.backward()
    assert x.grad.tolist() == [2, 0, 1, 1, 0, 0]
