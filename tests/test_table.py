"""The table: every row has a case, and every property below holds for every call of every case."""

import importlib
import inspect
import pkgutil
from types import SimpleNamespace

import numpy as np
import pytest
from cases import CASES, PARTNERS
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad as mg
import minigrad.ops
from minigrad import Tensor, check_grads, grad
from minigrad.core.graph import Node
from minigrad.core.rows import Primitive
from minigrad.methods import Methods
from minigrad.trust.other_library import Opaque as Duck

MODULES = [
    importlib.import_module(f"minigrad.ops.{m.name}")
    for m in pkgutil.iter_modules(minigrad.ops.__path__)
]
ROWS = list(
    {id(v): v for m in MODULES for v in vars(m).values() if isinstance(v, Primitive)}.values()
)


def every_call(of=CASES):
    return pytest.mark.parametrize(
        "call",
        [
            pytest.param(call, id=f"{name}{n}")
            for name, calls in of.items()
            for n, call in enumerate(calls)
        ],
    )


def derivatives(f, arguments, make=np.asarray, view=lambda t: t):
    """f, its gradients for a seed, and the gradients of <directions, gradients> by the arguments and the seed.

    Seed and directions are the same in every call for the same shapes; `make` turns them into arrays.
    """
    rng = np.random.default_rng(0)
    xs = [view(Tensor(a, requires_grad=True)) for a in arguments]
    y = f(*xs)
    seed = Tensor(make(rng.standard_normal(y.shape).astype(y.dtype)), requires_grad=True)
    first = grad(y, xs, seed=seed, create_graph=True)
    directions = [Tensor(make(rng.standard_normal(x.shape).astype(x.dtype))) for x in xs]
    along = sum((g * d).sum() for g, d in zip(first, directions, strict=True))
    second = grad(along, [*xs, seed])
    return [y, *first, *second]


def arrays(tensors):
    return [None if t is None else t.data for t in tensors]


def assert_close(found, expected, **tolerance):
    """Element by element; None, which says that nothing depends on that argument, is zero."""
    for a, b in zip(found, expected, strict=True):
        assert a is None or b is None or a.shape == b.shape
        np.testing.assert_allclose(0 if a is None else a, 0 if b is None else b, **tolerance)


def ops_seen(f, arguments, orders):
    """The names of the ops that the way back leads through, up to the given order."""
    seen = set()

    def see(node, *_):
        if not node.op.is_part:
            seen.add(node.op.name)

    xs = [Tensor(a, requires_grad=True) for a in arguments]
    outputs = [f(*xs)]
    for _ in range(orders):
        seeds = [Tensor(np.full(y.shape, 0.5), requires_grad=True) for y in outputs]
        along = sum((y * u).sum() for y, u in zip(outputs, seeds, strict=True))
        xs += seeds
        found = grad(along, xs, create_graph=True, tap=see)
        outputs = [g for g in found if g is not None and g.requires_grad]
    return seen


# Every row has a case ------------------------------------------------------------------------------------


def test_every_row_of_the_table_has_a_case_and_every_case_a_row():
    assert sorted(CASES) == sorted(row.name for row in ROWS)
    assert all(CASES.values())


def test_every_call_of_a_case_goes_through_its_row():
    for name, calls in CASES.items():
        for call in calls:
            assert name in ops_seen(call.on, call.arguments(), orders=1), (name, call.shapes)


# The rules are right -------------------------------------------------------------------------------------


@every_call()
def test_first_and_second_derivatives_agree_with_finite_differences(call):
    check_grads(call.on, call.arguments(), order=2, rng=np.random.default_rng(0))


@every_call({name: [c for c in calls if c.torch] for name, calls in CASES.items()})
def test_values_and_first_and_second_derivatives_agree_with_pytorch(call):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    rng = np.random.default_rng(0)
    found = derivatives(call.on, call.arguments())

    xs = [torch.tensor(a, requires_grad=True) for a in call.arguments()]
    y = call.torch(*xs, *map(torch.tensor, call.constants))
    seed = torch.tensor(rng.standard_normal(y.shape), requires_grad=True)
    unused = {"allow_unused": True, "materialize_grads": True}
    first = torch.autograd.grad(y, xs, seed, create_graph=True, **unused)
    along = sum((g * torch.tensor(rng.standard_normal(g.shape))).sum() for g in first)
    second = torch.autograd.grad(along + 0 * seed.sum(), [*xs, seed], **unused)

    expected = [t.numpy(force=True) for t in (y, *first, *second)]
    assert_close(arrays(found), expected, rtol=1e-12, atol=1e-13)


@every_call()
def test_a_gradient_is_bitwise_the_same_whether_or_not_it_is_recorded(call):
    def first(create_graph):
        xs = [Tensor(a, requires_grad=True) for a in call.arguments()]
        y = call.on(*xs)
        seed = np.random.default_rng(0).standard_normal(y.shape)
        seed.flags.writeable = False
        return grad(y, xs, seed, create_graph=create_graph)

    for plain, recorded in zip(first(False), first(True), strict=True):
        assert plain.data.tobytes() == recorded.data.tobytes()
        assert not plain.requires_grad


# Whatever the dtype, the layout, the library -------------------------------------------------------------


@every_call()
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float16", 2e-2)])
def test_results_and_gradients_have_the_dtype_of_the_arguments(call, dtype, tolerance):
    arguments = call.arguments(dtype)
    found = derivatives(call.on, arguments)
    assert {t.dtype for t in found if t is not None} == {np.dtype(dtype)}
    exact = derivatives(call.on, [a.astype(float) for a in arguments])
    assert_close(arrays(found), arrays(exact), rtol=tolerance, atol=tolerance)


@every_call()
def test_no_rule_computes_in_a_wider_dtype_than_the_gradient_it_is_given(call):
    nodes = [call.on(*[Tensor(a, requires_grad=True) for a in call.arguments("float32")])._node]
    for node in nodes:
        has_several = isinstance(node.dtype, tuple)  # several outputs
        g = (
            tuple(map(np.ones, node.shape, node.dtype))
            if has_several
            else np.ones(node.shape, node.dtype)
        )
        for _, rule, values in node.saved:
            found = rule.function(g, *values)
            for c in found if isinstance(found, tuple) else (found,):  # a joint rule gives several
                assert c is None or c.dtype == (g[0] if has_several else g).dtype
        nodes += [p for p in node.parents if isinstance(p, Node)]


def doubled(a):
    for axis in range(a.ndim):
        a = np.repeat(a, 2, axis)
    return a


LAYOUTS = {  # an array that is stored otherwise, and the view of it that is the argument
    "transposed": (lambda a: a.T.copy(), lambda t: t.T),
    "backwards": (
        lambda a: np.flip(a).copy(),
        lambda t: t[(slice(None, None, -1),) * t.ndim],
    ),
    "every second element": (doubled, lambda t: t[(slice(None, None, 2),) * t.ndim]),
}


@every_call()
@pytest.mark.parametrize(("store", "view"), LAYOUTS.values(), ids=LAYOUTS)
def test_the_layout_of_arguments_seeds_and_constants_in_memory_does_not_matter(call, store, view):
    def viewed(a):
        return view(store(np.asarray(a)))

    found = derivatives(
        lambda *xs: call.f(*xs, *map(viewed, call.constants)),
        map(store, call.arguments()),
        make=viewed,
        view=view,
    )
    expected = derivatives(call.on, call.arguments())
    assert_close(arrays(found), arrays(expected), rtol=1e-12, atol=1e-14)


@every_call()
def test_an_array_of_any_library_goes_forward_and_backward(call):
    found = derivatives(
        lambda *xs: call.f(*xs, *map(Duck, call.constants)), map(Duck, call.arguments()), make=Duck
    )
    assert all(type(a) is Duck for a in arrays(found) if a is not None)
    expected = derivatives(call.on, call.arguments())
    inside = [None if a is None else a.array for a in arrays(found)]
    assert_close(inside, arrays(expected), rtol=1e-12, atol=1e-14)


@every_call()
def test_arguments_are_never_written_and_runs_are_bitwise_repeatable(call):
    runs = []
    for _ in range(2):

        def locked(*xs):
            for x in xs:
                x.data.flags.writeable = False
            return call.on(*xs)

        def read_only(a):
            a.flags.writeable = False
            return a

        found = arrays(derivatives(locked, map(read_only, call.arguments()), make=read_only))
        runs.append([None if a is None else a.tobytes() for a in found])
    assert runs[0] == runs[1]


@every_call()
def test_without_a_tensor_an_op_gives_the_plain_result_of_numpy(call):
    arguments = call.arguments()
    y = call.on(*arguments)
    assert isinstance(y, (np.ndarray, np.generic))
    np.testing.assert_array_equal(y, call.on(*map(Tensor, arguments)).data)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int64", "bool"])
@pytest.mark.parametrize("name", ["exp", "sqrt", "sin", "tanh", "sigmoid", "log_softmax"])
def test_floats_made_from_integers_are_float32(name, dtype):
    x = Tensor(np.array([1, 0, 1], dtype))
    assert getattr(mg, name)(x).dtype == "float32"


# The names ----------------------------------------------------------------------------------------------

NOT_THE_TABLE = {"inspection", "axes", "labels", "loss_terms", "pytorch_words", "kernels"}
"""Modules beside the topics: what has no gradient, and tools of the others."""

NOT_OPS = {
    "lowest",
    "max_pool2d_row",
    "pool_argmax",
    "pool_argmax_plain",
    "pool_scatter_plain",
    "conv2d_plain",
    "conv2d_input_plain",
    "conv2d_weight_plain",
    "window_of",
    "over_axes",
    "numbers",
    "raised",
    "lowered",
    "products_of_others",
}
"""Functions of the table without an underscore that are no ops: tools of windows, a place, and the tests' oracles."""


def test_every_op_of_the_table_is_public():
    ops = {
        name
        for module in MODULES
        if module.__name__.split(".")[-1] not in NOT_THE_TABLE
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (isinstance(value, Primitive) or getattr(value, "__module__", "") == module.__name__)
        and callable(value)
    }
    assert ops - NOT_OPS - set(PARTNERS) <= set(mg.__all__)
    assert set(PARTNERS).isdisjoint(mg.__all__)


def test_public_names_exist_and_explain_themselves():
    assert len(mg.__all__) == len(set(mg.__all__))  # the linter keeps them sorted
    assert all(getattr(mg, name).__doc__ for name in mg.__all__)


def test_every_row_is_reached_by_public_functions_and_their_gradients_alone():
    labels = np.array([2, 0])
    reached = ops_seen(lambda x: mg.cross_entropy(x, labels), [np.ones((2, 3))], orders=3)
    for name in CASES.keys() - PARTNERS.keys():
        call = CASES[name][0]
        reached |= ops_seen(call.on, call.arguments(), orders=3)
    assert reached == {row.name for row in ROWS}


FUNCTION_OF_METHOD = {"T": "transpose", "mT": "matrix_transpose", "abs": "absolute"}
INSPECTIONS = {"argmax", "argmin", "argsort", "floor_divide", "any", "all"}
METHODS = sorted(n for n in vars(Methods) if not n.startswith("_") and n not in INSPECTIONS)
FURTHER = {
    "remainder": (0.3,), "hypot": (2,), "arctan2": (2,), "logaddexp": (2,), "logaddexp2": (2,), "fmax": (0.5,),
    "fmin": (0.5,), "floor_divide": (0.3,),
    "maximum": (0.5,), "minimum": (0.5,), "clip": (0.2, 0.8), "astype": ("float32",), "reshape": ((3, 2),),
    "swapaxes": (0, 1), "add": (2,), "subtract": (2,), "multiply": (2,), "divide": (2,), "power": (2,),
    "moveaxis": (0, 1), "roll": (1,), "tile": (2,), "repeat": (2, 1), "split": (2,), "array_split": (2,),
    "hsplit": (3,), "vsplit": (2,),
    "dot": (np.ones((3, 2)),), "vdot": (np.ones((3, 2)),), "inner": (np.ones((4, 3)),), "outer": (np.ones(2),),
    "kron": (np.ones((2, 2)),), "tensordot": (np.ones((2, 3)),), "vecdot": (np.ones(3),), "matvec": (np.ones(3),),
    "matmul": (np.ones((3, 2)),), "broadcast_to": ((4, 2, 3),), "expand_dims": (1,), "pad": (1,),
    "take": ([2, 0], 1), "take_along_axis": (np.array([[2, 0], [1, 1]]), 1), "topk": (2,),
}  # fmt: skip
"""What these take after x, a (2, 3) Tensor."""


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_the_public_function_of_its_name(name):
    function = getattr(mg, FUNCTION_OF_METHOD.get(name, name))
    method = vars(Methods)[name]
    if name in ("conv2d", "max_pool2d"):
        x, rest = np.ones((1, 1, 4, 4)), (np.ones((1, 1, 2, 2)) if name == "conv2d" else 2,)
    else:
        x, rest = np.random.default_rng(0).uniform(0.1, 1, (2, 3)), FURTHER.get(name, ())
    x = Tensor(x)
    found = getattr(x, name) if isinstance(method, property) else getattr(x, name)(*rest)
    expected = function(x, *rest)
    several = isinstance(expected, tuple)
    for a, b in zip(found, expected, strict=True) if several else [(found, expected)]:
        np.testing.assert_array_equal(a.data, b.data)
    if isinstance(method, property) or name in ("reshape", "transpose"):  # these also take numbers
        return
    words = [*inspect.signature(method).parameters.values()][1:]
    if isinstance(function, Primitive):
        assert [p.name for p in words] == ([] if len(function.names) == 1 else ["other"])
    else:
        ours = [*inspect.signature(function).parameters.values()][1:]
        assert [(p.name, p.default) for p in words] == [(p.name, p.default) for p in ours]


NOT_NUMPYS = {"put_along_axis", "record"}
"""NumPy's put_along_axis writes into its argument, ours gives a new array; its `record` is a class of scalars."""


@pytest.mark.parametrize(
    "name", sorted(n for n in mg.__all__ if hasattr(np, n) and n not in NOT_NUMPYS)
)
def test_numpys_function_of_the_same_name_does_the_same_on_a_tensor(name):
    x = Tensor(np.random.default_rng(0).uniform(0.1, 1, (2, 3)), requires_grad=True)
    args = (x, *FURTHER.get(name, ()))
    if name in ("concatenate", "stack", "vstack", "hstack", "dstack", "column_stack"):
        args = ([x, x],)
    elif name == "dsplit":
        args = (x[..., None], 1)
    elif name == "einsum":
        args = ("ij->ji", x)
    elif name == "arccosh":
        args = (x + 1,)
    elif name == "where":
        args = (x.data > 0.5, x, 0)
    found, expected = getattr(np, name)(*args), getattr(mg, name)(*args)
    several = isinstance(expected, tuple)
    for a, b in zip(found, expected, strict=True) if several else [(found, expected)]:
        assert isinstance(a, Tensor)
        assert a.requires_grad == (name not in INSPECTIONS)
        np.testing.assert_array_equal(a.data, b.data)


# Arguments as NumPy takes them ---------------------------------------------------------------------------


NUMBERED = {
    "sum": lambda x, n: mg.sum(x, n(0)),
    "mean": lambda x, n: mg.mean(x, (n(0), n(-1))),
    "max": lambda x, n: mg.max(x, n(1), keepdims=True),
    "transpose": lambda x, n: mg.transpose(x, (n(1), n(0))),
    "x.transpose": lambda x, n: x.transpose(n(1), n(0)),
    "reshape": lambda x, n: mg.reshape(x, (n(3), n(-1))),
    "broadcast_to": lambda x, n: mg.broadcast_to(mg.sum(x), n(4)),
    "expand_dims": lambda x, n: mg.expand_dims(x, n(-1)),
    "squeeze": lambda x, n: mg.squeeze(mg.reshape(x, (2, 3, 1)), n(2)),
    "concatenate": lambda x, n: mg.concatenate([x, x], n(-1)),
    "stack": lambda x, n: mg.stack([x, x], n(2)),
    "swapaxes": lambda x, n: mg.swapaxes(x, n(0), n(1)),
    "log_softmax": lambda x, n: mg.log_softmax(x, n(0)),
    "flatten": lambda x, n: mg.flatten(x, n(1)),
    "pad": lambda x, n: mg.pad(x, n(1)),
    "getitem": lambda x, n: x[n(1)] * x[:, n(0)][n(0)],
}
AXES = {  # of a (1, 1) Tensor
    "sum": mg.sum,
    "mean": mg.mean,
    "max": mg.max,
    "transpose": lambda x, axis: mg.transpose(x, (axis, 0)),
    "squeeze": mg.squeeze,
    "swapaxes": lambda x, axis: mg.swapaxes(x, 0, axis),
    "expand_dims": lambda x, axis: mg.expand_dims(x, axis + (1 if axis > 0 else -1)),
    "concatenate": lambda x, axis: mg.concatenate([x, x], axis),
    "stack": lambda x, axis: mg.stack([x, x], axis + (1 if axis > 0 else -1)),
    "log_softmax": mg.log_softmax,
    "flatten": mg.flatten,
}


@pytest.mark.parametrize("f", NUMBERED.values(), ids=NUMBERED)
def test_an_axis_a_size_or_an_index_may_be_an_integer_of_numpy(f):
    x = np.random.default_rng(0).standard_normal((2, 3))
    check_grads(lambda x: f(x, np.int64), [x])
    np.testing.assert_array_equal(f(Tensor(x), np.int64).data, f(Tensor(x), int).data)


@pytest.mark.parametrize("f", AXES.values(), ids=AXES)
@pytest.mark.parametrize("axis", [2, 3, -3, -4])
def test_an_axis_out_of_range_raises_and_never_wraps(f, axis):
    with pytest.raises((ValueError, IndexError)):
        f(Tensor(np.ones((1, 1))), axis)


def test_a_scalar_array_as_a_bound_or_operand_does_not_widen_the_result():
    x = Tensor([0.5, 2.0], requires_grad=True)
    for scalar in (np.float64(1), np.array(1.0), Tensor(np.array(1.0))):
        for y in (
            x + scalar,
            x**scalar,
            mg.maximum(x, scalar),
            mg.clip(x, scalar),
            mg.where(True, x, scalar),
        ):
            assert y.dtype == "float32"


def test_a_number_among_tensors_does_not_widen_them():
    x = Tensor(1.0)
    assert mg.stack([x, 2.5]).dtype == "float32"
    assert mg.stack([x, np.float64(2.5)]).dtype == "float32"
    assert mg.concatenate([Tensor([1.0]), [2.5]]).dtype == "float32"


def test_indices_conditions_and_bounds_may_be_tensors_that_need_no_gradient():
    x = Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    for index in [([0, 1, 0],), (slice(None), [2, 2]), ([1, 0], [1, 1]), ([True, False],)]:
        tensors = tuple(Tensor(i) if isinstance(i, list) else i for i in index)
        np.testing.assert_array_equal(x[tensors].data, x.data[index])
    np.testing.assert_array_equal(x[Tensor(1) :].data, x.data[1:])
    np.testing.assert_array_equal(mg.where(x > 2, x, 0).data, np.where(x.data > 2, x.data, 0))
    np.testing.assert_array_equal(
        mg.clip(x, Tensor(1.0), Tensor([2, 3, 4])).data, x.data.clip(1, [2, 3, 4])
    )


@pytest.mark.parametrize(
    ("f", "name"),
    [
        (lambda x, t: mg.clip(x, t), "low"),
        (lambda x, t: mg.clip(x, 0, t), "high"),
        (lambda x, t: mg.clip(x, t.reshape(1)), "low"),
        (lambda x, t: mg.where(t, x, 0), "condition"),
        (lambda x, t: mg.pad(x, 1, constant_values=t), "constant_values"),
        (lambda x, t: mg.getitem(x, (t, 0)), "index"),
    ],
)
def test_a_tensor_that_requires_grad_is_refused_where_there_is_no_rule_for_it(f, name):
    x, t = Tensor(np.ones((2, 2)), requires_grad=True), Tensor(1.0, requires_grad=True)
    with pytest.raises(TypeError, match=f"`{name}`.*requires grad"):
        f(x, t)


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda x: x + x[:, :2], ["add", "(2, 3)", "(2, 2)", "broadcast"]),
        (lambda x: mg.where(x[0] > 0, x, x[:, :2]), ["where", "(2, 3)", "(2, 2)"]),
        (lambda x: x @ x, ["matmul", "(2, 3)"]),
        (lambda x: x @ x[0, 0], ["matmul", "0-d"]),
        (lambda x: mg.linear(x, x[:, :2]), ["linear", "(2, 3)", "(2, 2)"]),
        (lambda x: mg.linear(x, x[0]), ["linear", "(3,)"]),
        (lambda x: mg.linear(x, x, x[0]), ["linear", "(3,)", "(2,)"]),
        (lambda x: mg.linear(x, x, x[0, :1]), ["linear", "(1,)", "(2,)"]),
        (lambda x: mg.linear(x, x, x[:, :2]), ["linear", "(2, 2)", "(2,)"]),
        (lambda x: mg.reshape(x, (4, 2)), ["reshape", "(2, 3)"]),
        (lambda x: mg.broadcast_to(x, (2, 4)), ["broadcast_to", "(2, 3)"]),
        (lambda x: mg.sum_to(x, (2,)), ["sum_to", "(2,)", "(2, 3)"]),
        (lambda x: mg.squeeze(x, 0), ["squeeze", "(2, 3)"]),
        (lambda x: mg.concatenate([x, x[:, :2]]), ["concatenate", "(2, 3)", "(2, 2)"]),
        (lambda x: mg.stack([x, x[:, :2]]), ["stack", "(2, 3)", "(2, 2)"]),
        (lambda x: mg.pad(x, -1), ["pad", "-1"]),
        (lambda x: mg.pad(x, 1.7), ["pad", "1.7"]),
        (lambda x: mg.clip(x), ["clip", "low", "high"]),
        (lambda x: mg.scatter(x, slice(0, 3), (4, 3)), ["scatter", "(2, 3)"]),
        (lambda x: mg.scatter(x[:1], slice(0, 2), (4, 3)), ["scatter", "(1, 3)", "(2, 3)"]),
        (lambda x: mg.transpose(x, (0,)), ["transpose", "2"]),
        (lambda x: mg.max(x[:0]), ["max", "(0, 3)"]),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else "",
)
def test_an_error_names_the_op_and_the_shapes_it_met(f, words):
    with pytest.raises((ValueError, TypeError)) as error:
        f(Tensor(np.ones((2, 3)), requires_grad=True))
    text = "\n".join([str(error.value), *getattr(error.value, "__notes__", ())])
    assert all(word in text for word in words), text


def test_an_array_without_axes_is_padded_to_itself():
    assert mg.pad(Tensor(2.0), 1).item() == 2


def test_sigmoid_is_accurate_to_rounding_far_from_zero():
    x = np.array([-80.0, -20.0, -5.0, 0.0, 5.0, 20.0, 1000.0])
    y = mg.sigmoid(Tensor(x.astype("float32"), requires_grad=True))
    exact = 1 / (1 + np.exp(-x))
    np.testing.assert_allclose(y.data, exact, rtol=1e-6)
    y.sum().backward()


# Ops together --------------------------------------------------------------------------------------------


def full(m, a):
    return m.broadcast_to(a, (2, 3))


MIDDLE = np.array([[True, False, True], [False, True, True]])
STEPS = {  # on arrays that broadcast to (2, 3); every result does again, and none grows fast
    "add": lambda m, a, b: (a + b) * 0.5,
    "subtract": lambda m, a, b: 0.7 * (a - b),
    "multiply": lambda m, a, b: a * b,
    "divide": lambda m, a, b: a / (b * b + 1),
    "exp": lambda m, a, b: m.exp(-(a**2)),
    "log": lambda m, a, b: m.log(m.square(a) + 1.5),
    "sqrt": lambda m, a, b: m.sqrt(a * a + 0.5),
    "power": lambda m, a, b: (a * a + 0.3) ** m.sigmoid(b),
    "trigonometry": lambda m, a, b: m.sin(a) - m.cos(b),
    "tanh": lambda m, a, b: m.tanh(a - b),
    "maximum": lambda m, a, b: m.maximum(a, b + 0.1),
    "minimum": lambda m, a, b: m.minimum(-a, b),
    "relu": lambda m, a, b: m.relu(a - 0.2),
    "absolute": lambda m, a, b: m.absolute(a + 0.3),
    "clip": lambda m, a, b: m.clip(a, -0.7, 0.9),
    "where": lambda m, a, b: m.where(m.middle, a, b),
    "reduce": lambda m, a, b: m.sum(a, -1, keepdims=True) / 3 + m.mean(b) if a.ndim else a,
    "max": lambda m, a, b: m.amax(a, 0) if a.ndim else a,
    "softmax": lambda m, a, b: m.log_softmax(full(m, a), 1) / 3,
    "matmul": lambda m, a, b: m.tanh(full(m, a) @ full(m, b).T) @ full(m, a),
    "gather": lambda m, a, b: full(m, a)[[1, 1]][:, [2, 0, 0]] * 0.6,
    "transpose": lambda m, a, b: m.reshape(full(m, a).T, (2, 3)),
    "join": lambda m, a, b: m.concatenate([full(m, v) for v in (a, b)], 1)[:, 2:5],
    "stack": lambda m, a, b: m.mean(m.stack([full(m, v) for v in (a, b)], 1), 1),
}  # fmt: skip


OURS = SimpleNamespace(
    **{name: getattr(mg, name) for name in mg.__all__}, amax=mg.max, middle=MIDDLE
)


def run(program, m, a, b):
    values = [a, b]
    for name, first, second in program:
        values.append(STEPS[name](m, values[first % len(values)], values[second % len(values)]))
    return sum(m.sum(v) for v in values[2:])


programs = st.lists(
    st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 99), st.integers(0, 99)),
    min_size=5,
    max_size=15,
)
shapes = st.sampled_from([((2, 3), (3,)), ((2, 1), ()), ((1, 3), (2, 3))])


@settings(max_examples=100, derandomize=True, database=None, deadline=None)
@given(program=programs, shapes=shapes, seed=st.integers(0, 99))
def test_any_program_has_the_gradients_of_pytorch_and_right_second_derivatives(
    program, shapes, seed
):
    rng = np.random.default_rng(seed)
    arguments = [rng.standard_normal(shape) for shape in shapes]
    check_grads(lambda a, b: run(program, OURS, a, b), arguments, rng=rng)

    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    theirs = SimpleNamespace(**vars(torch), middle=torch.tensor(MIDDLE))
    xs = [Tensor(a, requires_grad=True) for a in arguments]
    ts = [torch.tensor(a, requires_grad=True) for a in arguments]
    y, expected = run(program, OURS, *xs), run(program, theirs, *ts)
    np.testing.assert_allclose(y.data, expected.numpy(force=True), rtol=1e-12)
    gradients = torch.autograd.grad(expected, ts, allow_unused=True, materialize_grads=True)
    assert_close(arrays(grad(y, xs)), [g.numpy() for g in gradients], rtol=1e-11, atol=1e-12)
