"""The grammar of a row, spoken by a user who writes rows of their own."""

import numpy as np
import pytest
from leaves import leaf64 as leaf

import minigrad as mg
from minigrad import Tensor, check_grads, elementwise, grad, primitive
from minigrad.core.rows import served


def interior(*values):
    return leaf(*values) * 1


def saved_names(t):
    return [name for name, _ in t._node.saved_arrays()]


@pytest.fixture
def numpys_functions(monkeypatch):
    """What rows of ufuncs made in a test add to the functions that NumPy calls is forgotten after it."""
    before = dict(served)
    yield
    served.clear()
    served.update(before)


# Names, order and defaults -------------------------------------------------------------------------------


def _affine(x, scale, shift=1.0, repeat=1):
    """scale * x + shift"""
    return x * scale * repeat + shift


affine = primitive(_affine, x=lambda g, scale, repeat: g * scale * repeat, scale=lambda g, x: g * x)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: affine(x, 3.0, 1.0, 1),
        lambda x: affine(x, 3.0),
        lambda x: affine(x, scale=3.0),
        lambda x: affine(scale=3.0, x=x),
        lambda x: affine(x, 3.0, repeat=1, shift=1.0),
    ],
)
def test_a_call_is_bound_to_the_signature_and_defaults_are_filled_in(call):
    x = leaf(1, 2)
    y = call(x)
    assert np.array_equal(y, [4, 7])
    assert dict(y._node.options) == {"scale": 3.0, "shift": 1.0, "repeat": 1}
    assert np.array_equal(grad(y.sum(), x), [3, 3])


@pytest.mark.parametrize(
    ("message", "call"),
    [
        ("`scale` is missing", lambda x: affine(x)),
        ("unexpected argument `sclae`", lambda x: affine(x, 1.0, sclae=2.0)),
        ("5 arguments", lambda x: affine(x, 1.0, 2.0, 3, 4)),
        ("`x`", lambda x: affine(x, 1.0, x=x)),
    ],
)
def test_a_call_that_does_not_fit_the_signature_raises_and_names_the_op(message, call):
    for x in (leaf(1), np.ones(1)):
        with pytest.raises(TypeError, match=f"affine.*{message}"):
            call(x)


def test_a_row_takes_its_name_and_its_docstring_from_the_function_or_from_doc():
    assert affine.__name__ == "affine"
    assert affine.__doc__ == "scale * x + shift"
    assert primitive(_affine, x=lambda g: g, doc="another").__doc__ == "another"
    assert repr(affine) == "<primitive affine(x, scale, shift, repeat)>"


def test_args_renames_the_arguments_and_keeps_order_and_defaults():
    row = primitive(
        _affine, ("a", "b", "c", "n"), a=lambda g, b, n: g * b * n, b=lambda g, a: g * a
    )
    x = leaf(1, 2)
    y = row(x, b=3.0, n=2)
    assert np.array_equal(y, [7, 13])
    assert np.array_equal(grad(y.sum(), x), [6, 6])
    with pytest.raises(TypeError, match="unexpected argument `scale`"):
        row(x, 3.0, scale=3.0)


def test_an_option_by_keyword_only_works_as_any_other():
    def repeat(x, *, times=2):
        return x * times

    row = primitive(repeat, x=lambda g, times: g * times)
    x = leaf(1, 2)
    for y, factor in [(row(x), 2), (row(x, times=3), 3)]:
        assert np.array_equal(grad(y.sum(), x), [factor, factor])
    assert np.array_equal(row(np.ones(2), times=3), [3, 3])


# What is refused when the row is made --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "make"),
    [
        ("`w`", lambda: primitive(_affine, x=lambda g, w: g * w)),
        ("`shift_shap`", lambda: primitive(_affine, x=lambda g, shift_shap: g)),
        ("`w_shape`", lambda: primitive(_affine, x=lambda g, w_shape: g)),
        ("`needed`", lambda: primitive(_affine, x=lambda g, needed: g)),
        ("`i`", lambda: primitive(_affine, x=lambda g, i: g)),
        ("rule for `z`", lambda: primitive(_affine, z=lambda g: g)),
        ("rule for `z`", lambda: primitive(_affine, joint=(("x", "z"), lambda g: (g, g)))),
        ("two rules", lambda: primitive(_affine, x=lambda g: g, joint=(("x",), lambda g: (g,)))),
        ("4 arguments", lambda: primitive(_affine, ("x", "scale"), x=lambda g: g)),
        ("2 arguments", lambda: elementwise(np.add, a=lambda g: g)),
        ("1 arguments", lambda: elementwise(np.exp, a=lambda g: g, b=lambda g: g)),
        ("rule for `z`", lambda: primitive(lambda *xs, axis=0: xs[0], z=lambda g: g)),
        ("axis", lambda: primitive(lambda *xs, axis=0: xs[0], xs=lambda g: g, axis=lambda g: g)),
    ],
)
def test_a_rule_that_names_what_is_not_there_is_refused(message, make):
    with pytest.raises(TypeError, match=message):
        make()


@pytest.mark.parametrize("name", ["y", "joint", "doc", "floats", "i", "needed"])
def test_reserved_names_cannot_name_an_argument(name):
    with pytest.raises(TypeError, match=f"`{name}` is reserved"):
        primitive(lambda x, n: x, ("x", name), x=lambda g: g)


@pytest.mark.parametrize("f", [lambda: 0, lambda x, **options: x])
def test_a_function_whose_arguments_cannot_be_named_is_refused(f):
    with pytest.raises(TypeError):
        primitive(f, x=lambda g: g)


# Ufuncs --------------------------------------------------------------------------------------------------


def test_a_row_of_a_ufunc_takes_the_rules_names_and_serves_numpys_function(numpys_functions):
    hypot = elementwise(np.hypot, a=lambda g, y, a: g * a / y, b=lambda g, y, b: g * b / y)
    check_grads(hypot, [np.array([3.0, 1.0]), np.array([[4.0], [2.0]])], order=3)
    assert np.array_equal(np.hypot(leaf(3), leaf(4)), [5])
    assert np.hypot(np.ones(2), leaf(3)).requires_grad


def test_args_names_the_arguments_of_a_ufunc_where_not_all_have_a_rule(numpys_functions):
    ldexp = elementwise(np.ldexp, ("x", "n"), x=lambda g, n: np.ldexp(g, n))
    x = leaf(1, 3)
    assert np.array_equal(grad(ldexp(x, 3).sum(), x), [8, 8])


# What a rule may name, and what is saved -----------------------------------------------------------------


def test_a_rule_is_given_what_it_names_and_the_gradient_whatever_it_is_called():
    given = {}

    def rule(incoming, y, a, a_shape, n, b_shape, flag):
        given.update(y=y, a=a, a_shape=a_shape, n=n, b_shape=b_shape, flag=flag)
        return incoming

    row = primitive(lambda a, b, n=7, flag=None: a * 2, a=rule)
    a = leaf(1, 2)
    row(a, np.ones((3, 4))).backward([1.0, 1.0])
    assert np.array_equal(given["y"], [2, 4])
    assert np.array_equal(given["a"], [1, 2])
    assert (given["a_shape"], given["n"], given["b_shape"], given["flag"]) == (
        (2,),
        7,
        (3, 4),
        None,
    )


times = elementwise(lambda a, b: a * b, a=lambda g, b: g * b, b=lambda g, a: g * a)


def test_saved_is_what_the_rules_of_the_arguments_that_need_a_gradient_name():
    a, b, c = leaf(1, 2), leaf(3, 4), Tensor(np.ones(2))
    assert saved_names(times(a, b)) == ["b", "a"]
    assert saved_names(times(a, c)) == ["b"]
    assert saved_names(times(c, a)) == ["a"]
    assert saved_names(times(a, np.ones(2))) == ["b"]
    assert times(a, b)._node.saved_bytes == a.nbytes + b.nbytes
    assert times(a, a)._node.saved_bytes == a.nbytes


def test_options_and_arguments_are_saved_only_where_a_rule_names_them():
    def gather(x, index, unused):
        return x[index]

    def spread(g, index, x_shape):
        return mg.scatter(g, index, x_shape)

    x, index, big = leaf(1, 2, 3), np.array([0, 0]), np.ones(1000)
    y = primitive(gather, x=spread)(x, index, big)
    assert saved_names(y) == ["index"]
    assert y._node.saved_bytes == index.nbytes
    assert dict(y._node.options)["unused"].shape == (1000,)
    assert np.array_equal(grad(y.sum(), x), [2, 0, 0])


def test_a_shape_costs_nothing():
    row = primitive(lambda x: x.sum(), x=lambda g, x_shape: mg.broadcast_to(g, x_shape))
    assert row(leaf(1, 2))._node.saved_bytes == 0


def test_nothing_is_saved_where_no_gradient_is_needed():
    with mg.no_grad():
        assert times(leaf(1), leaf(2))._node is None
    assert times(Tensor([1.0]), Tensor([2.0]))._node is None


# Tensors where no gradient can flow ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrapped", [lambda t: t, lambda t: (0, t), lambda t: [t], lambda t: ((t,),)]
)
@pytest.mark.parametrize("make", [leaf, interior])
def test_a_tensor_that_needs_grad_where_no_rule_is_raises_and_names_the_argument(wrapped, make):
    row = primitive(lambda x, n: x * 1, x=lambda g: g)
    for x in (leaf(1, 2), Tensor([1.0, 2.0])):
        with pytest.raises(TypeError, match=r"`n`.*requires grad.*detach"):
            row(x, wrapped(make(1, 2)))


def test_a_tensor_that_needs_none_is_unwrapped_also_inside_of_tuples_and_lists():
    given = []
    row = primitive(lambda x, n: (given.append(n), x * 1)[1], x=lambda g: g)
    label = Tensor([1, 2])
    for option in (label, (label, 5), [[label]]):
        row(leaf(1, 2), option)
    assert given[0] is label.data
    assert given[1][0] is label.data
    assert given[2][0][0] is label.data


def test_called_without_a_tensor_a_row_returns_the_plain_result():
    result = np.ones(2)
    assert primitive(lambda x: result, x=lambda g: g)(np.zeros(2)) is result
    assert type(times(2.0, 3)) is float
    assert type(primitive(lambda x: (x, x), x=lambda g: g)(np.ones(2))) is tuple


@pytest.mark.parametrize("t", [leaf(1, 2), Tensor([1.0, 2.0]), Tensor([1, 2])])
def test_called_with_a_tensor_it_returns_tensors_whether_recording_or_not(t):
    for mode in (mg.enable_grad(), mg.no_grad()):
        with mode:
            assert type(times(t, 2)) is Tensor
            assert type(times(np.ones(2), t)) is Tensor
            both = primitive(lambda x: (x, x.sum()), x=lambda g: g[0])(t)
            assert [type(part) for part in both] == [Tensor, Tensor]


# Joint rules ---------------------------------------------------------------------------------------------

asked = []


def _product_rule(g, a, b, needed):
    asked.append(needed)
    return (g * b if needed[0] else None, g * a if needed[1] else None)


product = primitive(lambda a, b, n=1: a * b * n, joint=(("a", "b"), _product_rule))


def test_a_joint_rule_runs_once_and_is_told_which_arguments_need_a_gradient():
    a, b, c = leaf(2), leaf(3), Tensor([4.0])
    for first, second, needed in [
        (a, b, (True, True)),
        (a, c, (True, False)),
        (c, b, (False, True)),
    ]:
        asked.clear()
        product(first, second).backward()
        assert asked == [needed]
    assert a.grad.item() == 3 + 4
    assert b.grad.item() == 2 + 4


def test_a_joint_rule_stands_beside_rules_of_its_own_and_is_differentiable():
    mixed = primitive(
        lambda a, b, c: a * b + c,
        joint=(("a", "b"), lambda g, a, b: (g * b, g * a)),
        c=lambda g: g,
    )
    check_grads(mixed, [np.array([1.0, 2.0]), np.array([3.0, 4.0]), np.array([5.0, 6.0])], order=3)


# Computed on the way ---------------------------------------------------------------------------------------


def _softplus(x):
    """log(1 + exp(x)), and on the way the sigmoid, which is its derivative."""
    e = np.exp(-x)
    return x + np.log1p(e), 1 / (1 + e)


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


softplus = primitive(_softplus, x=lambda g, x, s: g * s, also={"s": _sigmoid})


def test_what_is_computed_on_the_way_serves_the_rule_and_is_no_constant_at_higher_order():
    with mg.no_grad():
        assert isinstance(softplus(leaf(1.0)), Tensor)
    assert isinstance(softplus(np.ones(2)), np.ndarray)
    check_grads(softplus, [np.array([-1.0, 0.5, 2.0])], order=3)


def test_the_rule_gets_the_value_that_f_computed_and_not_another():
    calls = []

    def again(x):
        calls.append(type(x))
        return _sigmoid(x)

    row = primitive(_softplus, x=lambda g, x, s: g * s, also={"s": again})
    x = leaf(0.3)
    first = mg.grad(row(x), x)
    assert calls == []
    recorded = mg.grad(row(x), x, create_graph=True)
    assert calls == [Tensor]
    assert first.data.tobytes() == recorded.data.tobytes()


def test_what_is_computed_on_the_way_is_saved_only_if_a_rule_that_names_it_is_needed():
    row = primitive(
        lambda a, b: (a * b, np.exp(a)),
        a=lambda g, b: g * b,
        b=lambda g, a, e: g * a + 0 * e,
        also={"e": lambda a: np.exp(a)},
    )
    y = row(leaf(1.0, 2.0), Tensor([3.0, 4.0]))
    assert saved_names(y) == ["b"]


@pytest.mark.parametrize(
    ("words", "make"),
    [
        ("must name x", lambda: primitive(_softplus, x=lambda g, s: g * s, also={"s": _sigmoid})),
        ("reserved", lambda: primitive(_softplus, x=lambda g: g, also={"y": _sigmoid})),
        (r"no `also`", lambda: primitive(lambda *xs: xs, xs=lambda g: g, also={"s": _sigmoid})),
    ],
)
def test_a_row_whose_values_on_the_way_do_not_fit_is_refused(words, make):
    with pytest.raises(TypeError, match=words):
        make()
