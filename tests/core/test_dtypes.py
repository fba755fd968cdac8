"""Which dtype data and results have, decided by the engine before an op computes."""

import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import Tensor, grad, primitive
from minigrad.core.graph import creation_order

FLOATS = ["float16", "float32", "float64"]
INTEGERS = ["int8", "uint8", "int32", "int64", "bool"]
BINARY = [mg.add, mg.subtract, mg.multiply, mg.divide, mg.power, mg.maximum, mg.minimum]
ZERO_D = [
    1.5,
    2,
    True,
    np.float64(1.5),
    np.float32(1.5),
    np.float16(1.5),
    np.int64(2),
    np.bool_(True),
    np.array(1.5),
    np.array(2),
    Tensor(1.5, dtype="float64"),
    Tensor(1.5, dtype="float16"),
    Tensor(2),
    Tensor(1.5, dtype="float64", requires_grad=True),
]

floats = st.sampled_from(FLOATS)
integers = st.sampled_from(INTEGERS)
binary = st.sampled_from(BINARY)
vectors = st.sampled_from([(2,), (1,), (3, 2), (0, 2)])


def nodes(t):
    return creation_order(t._node)


def ones(dtype, shape=(2,), requires_grad=False):
    return Tensor(np.ones(shape, dtype), requires_grad=requires_grad)


# Data ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "data"),
    [
        ("float32", 1.5),
        ("float32", [1.5, 2]),
        ("float32", [2, 1.5]),
        ("float32", ([[1.0]], [[2.0]])),
        ("float32", []),
        ("int64", 3),
        ("int64", [[1, 2], [3, 4]]),
        ("int64", [True, 2]),
        ("bool", True),
        ("bool", [True, False]),
        ("float32", [np.float32(1), 2.0]),
        ("float64", [np.float64(1), 2.0]),
        ("float64", [1, np.float64(2.0)]),
        ("float64", [np.ones(2), np.ones(2)]),
        ("float16", [np.ones(2, "float16"), np.ones(2, "float16")]),
    ],
    ids=str,
)
def test_python_floats_make_float32_ints_int64_bools_bool_and_numpys_numbers_keep_theirs(
    data, dtype
):
    assert Tensor(data).dtype == dtype
    assert mg.add(Tensor(data), data).dtype == dtype


@given(st.sampled_from([*FLOATS, *INTEGERS, "complex64"]), vectors)
def test_arrays_keep_their_dtype(dtype, shape):
    array = np.ones(shape, dtype)
    assert Tensor(array).data is array
    assert Tensor(Tensor(array)).dtype == dtype
    assert Tensor(array[:1].sum(dtype=dtype)).dtype == dtype


@given(st.sampled_from([*FLOATS, *INTEGERS]), st.sampled_from([*FLOATS, *INTEGERS]))
def test_dtype_and_astype_convert_to_exactly_that(source, target):
    data = np.array([1, 0], source)
    assert Tensor(data, dtype=target).dtype == target
    assert Tensor(data.tolist(), dtype=target).dtype == target
    assert Tensor(data).astype(target).dtype == target


def test_the_gradient_of_astype_returns_as_the_arguments_dtype():
    x = ones("float32", requires_grad=True)
    wide = x.astype("float64")
    assert grad((wide * 2).sum(), x).dtype == np.float32
    assert not x.astype("int64").requires_grad


# Two operands --------------------------------------------------------------------------------------------


@given(binary, floats, integers, vectors, st.booleans())
def test_float_beats_int_and_bool_without_widening(op, floating, integer, shape, swapped):
    x, n = ones(floating, requires_grad=True), np.ones(shape, integer)
    for other in (n, Tensor(n)):
        y = op(other, x) if swapped else op(x, other)
        assert y.dtype == floating
        assert grad(y.sum(), x).dtype == floating


@given(binary, floats, floats, st.booleans())
def test_two_float_arrays_with_axes_promote_as_numpy_does(op, left, right, as_tensor):
    a, b = ones(left, requires_grad=True), np.ones(2, right)
    y = op(a, Tensor(b) if as_tensor else b)
    assert y.dtype == np.result_type(left, right)
    assert grad(y.sum(), a).dtype == left


@pytest.mark.parametrize("other", ZERO_D, ids=lambda o: f"{type(o).__name__}-{o}")
@given(binary, floats, vectors, st.booleans())
def test_zero_d_operands_yield_to_operands_with_axes(other, op, dtype, shape, swapped):
    x = ones(dtype, shape, requires_grad=True)
    y = op(other, x) if swapped else op(x, other)
    assert y.dtype == dtype
    assert grad(y.sum(), x, create_graph=True).dtype == dtype
    if isinstance(other, Tensor) and other.requires_grad:
        y = op(other, x) if swapped else op(x, other)
        assert grad(y.sum(), other).dtype == other.dtype


@given(binary, floats, st.sampled_from(ZERO_D[:10]))
def test_among_zero_d_operands_tensors_beat_plain_numbers_and_arrays(op, dtype, other):
    x = ones(dtype, (), requires_grad=True)
    for y in (op(x, other), op(other, x)):
        assert y.dtype == dtype
        assert grad(y, x).dtype == dtype


@given(binary, floats, floats)
def test_two_zero_d_tensors_promote_as_numpy_does(op, left, right):
    assert op(ones(left, ()), ones(right, ())).dtype == np.result_type(left, right)


@given(binary, integers, st.sampled_from([1.5, np.float64(1.5), np.array(1.5)]))
def test_a_plain_float_that_meets_only_integers_makes_float32(op, integer, number):
    for shape in ((), (2,)):
        n = ones(integer, shape)
        assert op(n, number).dtype == op(number, n).dtype == np.float32


@given(integers, integers)
def test_integers_among_themselves_promote_as_numpy_does(left, right):
    a, b = np.ones(2, left), np.ones((3, 2), right)
    for op, ufunc in [(mg.add, np.add), (mg.multiply, np.multiply), (mg.maximum, np.maximum)]:
        assert op(Tensor(a), b).dtype == ufunc(a, b).dtype


def test_an_integer_that_does_not_fit_raises_and_does_not_wrap():
    for number in (300, np.int64(300), np.array(300), Tensor(300)):
        with pytest.raises(OverflowError, match="300"):
            ones("uint8") + number


@pytest.mark.parametrize("other", [1j, np.complex64(1), np.ones(2, "complex128")])
def test_complex_operands_raise_by_name(other):
    for operation in (operator.mul, operator.add):
        with pytest.raises(TypeError, match="complex"):
            operation(ones("float32"), other)


def test_where_and_concatenate_follow_the_same_rules():
    x, mask = ones("float32"), Tensor([True, False])
    assert np.where(mask, x, np.float64(0)).dtype == np.float32
    assert np.where(mask, np.array(1.5), x).dtype == np.float32
    assert mg.where(mask, 1.5, 0.0).dtype == np.float32
    assert mg.where(mask, 1, 0).dtype == np.int64
    assert np.concatenate([x, np.ones(2, int)]).dtype == np.float32
    assert np.concatenate([[1.5, 2.5], x]).dtype == np.float32
    assert np.concatenate([x, np.ones(2)]).dtype == np.float64
    assert np.stack([ones("float16", ()), np.float64(1.5)]).dtype == np.float16


@pytest.mark.parametrize(
    "bound", [0.5, 1, np.float64(0.5), np.array(0.5), Tensor(0.5, dtype="float64")], ids=str
)
def test_zero_d_bounds_of_clip_yield_to_what_they_bound(bound):
    x = ones("float32", requires_grad=True)
    for y in (mg.clip(x, bound, None), mg.clip(x, None, bound), np.clip(x, bound, 3)):
        assert y.dtype == np.float32


# Integers alone ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize(
    "op",
    [
        mg.exp,
        mg.log,
        mg.sqrt,
        mg.sin,
        mg.cos,
        mg.tanh,
        mg.sigmoid,
        mg.mean,
        mg.softmax,
        mg.log_softmax,
        lambda n: n / n,
        lambda n: n / 2,
        lambda n: 1 / n,
        lambda n: mg.multiply(n, 0.5),
        lambda n: n**0.5,
    ],
)
def test_ops_that_make_floats_of_integers_make_float32(op, dtype):
    assert op(ones(dtype)).dtype == np.float32


def test_a_row_that_computes_in_floats_says_so_and_gets_float32_in_place_of_integers():
    given = []
    f = primitive(
        lambda x: (given.append(x.dtype), (x / 2, x / 4))[1], x=lambda g: g[0], floats=True
    )
    for n in (Tensor([1, 2]), ones("uint8"), ones("bool", ())):
        assert [part.dtype for part in f(n)] == ["float32", "float32"]
    f(ones("float16"))
    assert given == ["float32", "float32", "float32", "float16"]


@pytest.mark.parametrize("op", [mg.sigmoid, mg.softmax, mg.log_softmax], ids=lambda op: op.__name__)
@pytest.mark.parametrize(
    ("dtype", "made"), [("uint8", "float32"), ("bool", "float32"), ("int64", "float64")]
)
def test_a_row_of_floats_makes_floats_of_plain_integers_too(op, dtype, made):
    x = np.array([0, 1, 200]).astype(dtype)
    y = op(x)
    assert y.dtype == made
    np.testing.assert_allclose(y, op(x.astype(float)), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_asked_for_float64_integers_become_float64(dtype):
    assert ones(dtype).astype("float64").dtype == np.float64
    assert mg.astype(ones(dtype), float).dtype == np.float64


# float32 stays float32 -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    "f",
    [
        lambda x: mg.tanh(mg.sigmoid(x) * 0.5 + np.float64(0.1)) / np.array(3.0),
        lambda x: mg.sqrt(x * x + 1e-6).mean() * 2,
        lambda x: mg.softmax(x, axis=0) - mg.log_softmax(x) / 7,
        lambda x: (2.0**x + x**2.0 + x ** np.float64(0.5) + np.float64(2) ** x).sum(axis=0),
        lambda x: mg.cross_entropy(x, np.array([0, 1]), label_smoothing=0.1),
        lambda x: mg.cross_entropy(x, np.array([0, 1]), weight=np.array([0.5, 2.0])),
        lambda x: mg.mse_loss(x, np.zeros((2, 2), x.dtype)),
        lambda x: mg.max(x, axis=1) + mg.min(x, axis=0) + abs(x).max(),
        lambda x: mg.clip(mg.relu(x), 0.1, 0.9) + mg.maximum(x, np.float64(0.3)),
        lambda x: mg.where(x > 0.5, x, np.float64(2)) * x.sum(),
        lambda x: mg.linear(x, x, x[0]) @ x[1],
        lambda x: mg.conv2d(x.reshape(1, 1, 2, 2), x.reshape(1, 1, 2, 2), x[0, :1], padding=1),
        lambda x: mg.max_pool2d(x.reshape(1, 1, 2, 2), 2),
        lambda x: mg.pad(np.exp(x) * np.log(x), 1, constant_values=0.5)[np.array([1, 1])],
        lambda x: np.stack([np.sin(x), np.cos(x)]).mean(axis=(0, 1)),
    ],
)
def test_whatever_is_done_a_result_and_its_derivatives_have_the_dtype_of_the_data(f, dtype):
    x = Tensor(np.array([[0.5, 1.5], [0.75, 1.25]], dtype), requires_grad=True)
    y = f(x)
    assert y.dtype == dtype
    first = grad(y, x, seed=np.ones(y.shape, dtype), create_graph=True)
    assert first.dtype == dtype
    on_the_way = {node.dtype for node in (*nodes(y), *nodes(first))}
    # a mean of float16 is summed in float32, as NumPy's is, and brought back
    assert on_the_way - {np.dtype("float32") if dtype == "float16" else None} == {np.dtype(dtype)}
    if first.requires_grad:
        second = grad(first.sum(), x)
        assert second is None or second.dtype == dtype


# The converted value is what is saved --------------------------------------------------------------------


@pytest.mark.parametrize(
    "other", [np.array([1, 2]), np.array(2.5), np.float64(2.5), Tensor([1, 2])]
)
def test_the_converted_value_is_what_is_saved(other):
    given = []
    times = mg.elementwise(
        lambda a, b: a * b,
        a=lambda g, b: (given.append(b.dtype), g * b)[1],
        b=lambda g, a: (given.append(a.dtype), g * a)[1],
    )
    x, wide = ones("float32", requires_grad=True), ones("float64", requires_grad=True)
    times(x, other).sum().backward()
    assert given == ["float32"]
    times(x, wide).sum().backward()
    assert given == ["float32", "float64", "float64"]


@pytest.mark.parametrize("create_graph", [False, True])
def test_an_argument_that_was_converted_gets_its_gradient_in_its_own_dtype(create_graph):
    x, w = ones("float32", requires_grad=True), ones("float64", requires_grad=True)
    scale = Tensor(np.float64(3), requires_grad=True)
    for target in (x, x * 1):
        y = (target * w * scale * target).sum()
        dx, dw, ds = grad(y, (target, w, scale), create_graph=create_graph)
        assert (dx.dtype, dw.dtype, ds.dtype) == ("float32", "float64", "float64")
        assert np.array_equal(dx, [6, 6])
        assert np.array_equal(dw, [3, 3])
        assert ds.item() == 2
        if create_graph:
            assert np.array_equal(grad(dx.sum(), w, retain_graph=True), [6, 6])
            assert grad(ds, target).dtype == np.float32


@given(floats, floats, floats)
def test_leaves_of_any_float_dtypes_get_gradients_of_their_own(a, b, c):
    xs = [ones(dtype, requires_grad=True) for dtype in (a, b, c)]
    (xs[0] * xs[1] + xs[2] * xs[0]).sum().backward()
    assert [x.grad.dtype for x in xs] == [a, b, c]
