"""The table: every row has a case, and every property below holds for every call of every case.

They hold for the compositions of rows, too, that have cases.
"""

import numpy as np
import pytest
from cases import CASES, COMPOSITES
from table import ROWS, arrays, assert_close, ops_seen

import minigrad as mg
from minigrad import Tensor, check_grads, grad
from minigrad.core.graph import Node, creation_order
from minigrad.trust.other_library import OnDevice as Duck

EVERY = CASES | COMPOSITES


def every_call(of=EVERY):
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


# Every row has a case ------------------------------------------------------------------------------------


def test_every_row_of_the_table_has_a_case_and_every_case_a_row():
    assert sorted(CASES) == sorted(row.name for row in ROWS)
    assert all(CASES.values())
    assert CASES.keys().isdisjoint(COMPOSITES)


def test_every_call_of_a_case_goes_through_its_row():
    for name, calls in CASES.items():
        for call in calls:
            assert name in ops_seen(call.on, call.arguments(), orders=1), (name, call.shapes)


# The rules are right -------------------------------------------------------------------------------------


@every_call()
def test_first_and_second_derivatives_agree_with_finite_differences(call):
    check_grads(call.on, call.arguments(), order=2, rng=np.random.default_rng(0))


@every_call({name: [c for c in calls if c.torch] for name, calls in EVERY.items()})
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


@every_call()
def test_no_gradient_shares_memory_with_the_seed_another_gradient_or_a_value_of_the_graph(call):
    xs = [Tensor(a, requires_grad=True) for a in call.arguments()]
    y = call.on(*xs)
    seed = np.ones(y.shape, y.dtype)
    found = [g.data for g in grad(y, xs, seed, retain_graph=True)]
    y.backward(seed, retain_graph=True)
    found += [x.grad.data for x in xs]
    saved = [a for node in creation_order(y._node) for _, a in node.saved_arrays()]
    values = [seed, y.data, *[x.data for x in xs], *saved]
    for i, g in enumerate(found):
        assert g.flags.forc
        assert g.flags.writeable
        assert not any(np.shares_memory(g, other) for other in [*values, *found[:i]])


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
def test_the_layout_of_arguments_seeds_and_constants_in_memory_does_not_matter(call):
    expected = arrays(derivatives(call.on, call.arguments()))
    for layout, (store, view) in LAYOUTS.items():

        def viewed(a, store=store, view=view):
            return view(store(np.asarray(a)))

        found = derivatives(
            lambda *xs, viewed=viewed: call.f(*xs, *map(viewed, call.constants)),
            map(store, call.arguments()),
            make=viewed,
            view=view,
        )
        assert_close(arrays(found), expected, rtol=1e-12, atol=1e-14, err_msg=layout)


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
