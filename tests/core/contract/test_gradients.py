"""The engine's contract, clauses 5 to 8: the shape, the dtype and the owner of a gradient."""

import contextlib
import sys

import numpy as np
import pytest
from accounting import arrays_made
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from leaves import leaf

import minigrad as mg
from minigrad import Tensor, elementwise, grad, primitive

exp_and_square = primitive(
    lambda x: (np.exp(x), x * x), ("x",), x=lambda g, y, x: g[0] * y[0] + g[1] * 2 * x
)
broken = primitive(lambda x: x * 1, x=lambda g: 1 / 0)


# 5. Shape and dtype of what rules return -----------------------------------------------------------------


def test_clause_05_an_elementwise_gradient_is_summed_back_to_its_argument():
    a, b = Tensor(np.ones((3, 1)), requires_grad=True), Tensor(np.ones(4), requires_grad=True)
    c = Tensor(np.ones(()), requires_grad=True)
    times = elementwise(
        lambda a, b, c: a * b * c,
        a=lambda g, b, c: g * b * c,
        b=lambda g, a, c: g * a * c,
        c=lambda g, a, b: g * a * b,
    )
    times(a, b, c).sum().backward()
    assert np.array_equal(a.grad, np.full((3, 1), 4))
    assert np.array_equal(b.grad, np.full(4, 3))
    assert np.array_equal(c.grad, 12)


@pytest.mark.parametrize("interior", [False, True])
@pytest.mark.parametrize("make", [primitive, elementwise])
@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (3, 1), (2,)])
def test_clause_05_any_other_shape_raises_and_names_op_and_argument(make, shape, interior):
    def shrink(x):
        return x[0]

    row = make(shrink, x=lambda g: np.ones(shape))
    x = Tensor(np.ones((1, 3)), requires_grad=True)
    y = row(x * 1 if interior else x)
    with pytest.raises(ValueError, match=r"shrink.*for x") as caught:
        y.sum().backward()
    assert str(shape) in str(caught.value)
    assert "(1, 3)" in str(caught.value)


def test_clause_05_only_elementwise_rows_are_summed_back():
    row = primitive(lambda a, b: a + b, a=lambda g: g, b=lambda g: g)
    a, b = Tensor(np.ones((2, 3)), requires_grad=True), leaf(1, 2, 3)
    with pytest.raises(ValueError, match=r"for b.*\(2, 3\).*\(3,\)"):
        row(a, b).sum().backward()


@pytest.mark.parametrize("result", [2.0, None, [1.0, 1.0]])
def test_clause_05_a_rule_must_return_an_array(result):
    def scale(x):
        return x * 2

    with pytest.raises(TypeError, match=rf"scale.*for x.*{type(result).__name__}"):
        primitive(scale, x=lambda g: result)(leaf(1, 1)).sum().backward()


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("make", [primitive, elementwise])
def test_clause_05_a_gradient_is_cast_to_its_arguments_dtype(make, create_graph):
    x = leaf(1, 2)
    row = make(lambda x: x * 2, x=lambda g: g * np.full(2, 2.0))
    for target in (x, x * 1):
        found = grad(row(target).sum(), target, create_graph=create_graph)
        assert found.dtype == np.float32
        assert np.array_equal(found, [2, 2])


# 6. Shape and dtype of .grad -----------------------------------------------------------------------------


@given(
    npst.arrays(
        st.sampled_from(["float16", "float32", "float64"]),
        npst.array_shapes(min_dims=0, min_side=0),
        elements=st.integers(-3, 3),
    )
)
def test_clause_06_grad_has_the_shape_and_dtype_of_data(array):
    x = Tensor(array, requires_grad=True)
    (x * x + np.ones((2, 1, *array.shape)) * 2).sum().backward()
    assert (x.grad.shape, x.grad.dtype) == (x.shape, x.dtype)
    assert np.array_equal(x.grad, 4 * array)


def test_clause_06_a_grad_set_by_hand_is_held_to_it_too():
    x = leaf(1, 2)
    x.grad = np.array([1.0, 2.0])
    assert x.grad.dtype == np.float32
    with pytest.raises(ValueError, match=r"\(1,\).*\(2,\)"):
        x.grad = [1.0]


@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool", "complex128"])
def test_clause_06_integers_bools_and_complex_cannot_require_grad(dtype):
    array = np.ones(2, dtype)
    with pytest.raises(TypeError, match=rf"{dtype}.*float"):
        Tensor(array, requires_grad=True)
    with pytest.raises(TypeError, match=rf"{dtype}.*float"):
        Tensor(array).requires_grad = True
    with pytest.raises(TypeError, match=rf"{dtype}.*float"):
        Tensor(array).requires_grad_()


# 7. Ownership --------------------------------------------------------------------------------------------


def is_owned(t):
    """Whether t is over a contiguous, writable array that is all of its memory, and that nobody else holds."""
    array = t.data
    whole = array if array.base is None else array.base
    # here: whole, array, t, and the call's own
    holders = sys.getrefcount(whole) - (2 if whole is array else 0)
    fits = whole.flags.owndata and whole.size == array.size
    return array.flags.forc and array.flags.writeable and fits and holders <= 3


@pytest.mark.parametrize(
    "y",
    [
        lambda x: x,
        lambda x: x + 0,
        lambda x: x.T,
        lambda x: x.reshape(2, 3),
        lambda x: mg.broadcast_to(x, (4, 3, 2)),
        lambda x: x[::-1],
        lambda x: x.sum(),
        lambda x: x.sum(axis=0),
        lambda x: x + x + x,
    ],
)
def test_clause_07_grad_owns_a_writable_contiguous_array_and_is_never_the_seed(y):
    x = Tensor(np.ones((3, 2)), requires_grad=True)
    result = y(x)
    seed = np.ones(result.shape)
    result.backward(seed)
    assert is_owned(x.grad)
    assert not np.shares_memory(x.grad.data, seed)
    kept = seed.copy()
    x.grad.data[...] = 7
    assert np.array_equal(seed, kept)
    assert is_owned(grad(y(x), x, seed))


def test_clause_07_leaves_and_kept_tensors_never_share_a_gradient():
    a, b = leaf(1, 2), leaf(3, 4)
    h = a + b
    h.retain_grad()
    y = h + 0
    y.retain_grad()
    y.backward([1.0, 1.0])
    grads = [t.grad.data for t in (a, b, h, y)]
    for i, g in enumerate(grads):
        assert all(not np.shares_memory(g, other) for other in grads[:i])
    c = leaf(5, 6)
    both = grad(a + c, (a, c), seed=np.ones(2))
    assert not np.shares_memory(both[0].data, both[1].data)


def test_clause_07_what_a_rule_returns_is_borrowed_and_never_written():
    constant = np.ones(2, "float32")
    row = primitive(lambda x: x * 1, x=lambda g: constant)
    x = leaf(1, 2)
    for target in (x, x * 1):
        y = row(target) + row(target) + row(target)
        assert np.array_equal(grad(y.sum(), target), [3, 3])
        assert np.array_equal(constant, [1, 1])
    for _ in range(3):
        row(x).sum().backward()
    assert np.array_equal(x.grad, [3, 3])
    assert np.array_equal(constant, [1, 1])


def test_clause_07_what_somebody_else_still_holds_is_copied_also_behind_a_view():
    kept = np.ones((2, 3))
    handed_out = []

    def transposed(g):
        handed_out.append(kept.T)
        return handed_out[-1]

    rules = [
        lambda g: kept.T,  # a new view of what the rule keeps
        transposed,  # a view that is itself kept
        lambda g: np.ones((2, 3)).T[:, ::-1],  # not in the order of its memory
        lambda g: np.ones((3, 5))[:, :2],  # a part of something larger
        lambda g: np.broadcast_to(np.ones(2), (3, 2)),
    ]
    for rule in rules:
        x = Tensor(np.ones((3, 2)), requires_grad=True)
        primitive(lambda x: x * 1, x=rule)(x).backward(np.ones((3, 2)))
        assert is_owned(x.grad)
        assert not np.shares_memory(x.grad.data, kept)


def test_clause_07_a_gradient_that_a_hook_or_tap_has_kept_is_copied():
    seen = []
    x = leaf(1, 2)
    x.register_hook(lambda g: seen.append(g))
    (x * 3.0).sum().backward()
    (found,) = grad((x * 3.0).sum(), [x], tap=lambda *edge: seen.append(edge[2]))
    assert len(seen) > 2
    for g in seen:
        assert not np.shares_memory(g.data, x.grad.data)
        assert not np.shares_memory(g.data, found.data)


def test_clause_07_a_new_array_becomes_the_gradient_without_a_copy():
    made = []

    def rule(g):
        result = g * 2
        made.append(result.ctypes.data)
        return result

    x = leaf(1, 2)
    primitive(lambda x: x * 1, x=rule)(x).backward(np.ones(2, "float32"))
    assert made == [x.grad.data.ctypes.data]


HELD = np.ones((4, 4))


@pytest.mark.parametrize(
    "rule",
    [
        lambda g: -g,
        lambda g: (-g).T,
        lambda g: g,
        lambda g: g.T,
        lambda g: np.broadcast_to(g[:1], (4, 4)),
        lambda g: HELD,
        lambda g: HELD.T,
    ],
)
def test_clause_07_the_engine_copies_what_is_not_new_and_nothing_else(rule):
    x, seed = Tensor(np.ones((4, 4)), requires_grad=True), np.ones((4, 4))
    y = primitive(lambda x: x * 1, x=rule)(x)
    with arrays_made() as by_grad:
        found = grad(y, x, seed, retain_graph=True)
    with arrays_made() as by_backward:
        y.backward(seed, retain_graph=True)
    assert by_grad == by_backward == [128]
    for g in (found, x.grad):
        assert is_owned(g)
        assert not np.shares_memory(g.data, seed)
        assert not np.shares_memory(g.data, HELD)


def test_clause_07_later_backwards_add_in_place_into_what_the_engine_owns():
    x = leaf(1, 2)
    (x * x).sum().backward()
    array = x.grad.data
    (x * x).sum().backward()
    assert x.grad.data is array


def test_clause_07_a_grad_set_by_hand_is_copied():
    x, mine = leaf(1, 2), np.zeros(2, "float32")
    x.grad = mine
    (x * x).sum().backward()
    assert np.array_equal(mine, [0, 0])


def test_clause_07_what_tap_shows_and_hooks_are_given_cannot_be_written_through():
    def spoil(*edge):
        with contextlib.suppress(ValueError):
            edge[-1].data[...] = 100

    a, b = leaf(1, 2), leaf(3, 4)
    seed = np.ones(2, "float32")
    h = a + b
    h.register_hook(spoil)
    a.register_hook(spoil)
    h.backward(seed, retain_graph=True)
    assert np.array_equal(seed, [1, 1])
    assert np.array_equal(b.grad, [1, 1])
    assert np.array_equal(grad(h, b, seed, tap=spoil), [1, 1])
    assert np.array_equal(seed, [1, 1])


# 8. Branches without gradient ----------------------------------------------------------------------------


def test_clause_08_a_branch_without_gradient_is_skipped_and_not_fed_zeros():
    x = leaf(0)
    with np.errstate(divide="ignore"):
        infinite = mg.log(x)
    y, unused = x * 2, infinite * infinite
    y.backward()
    assert x.grad.item() == 2
    assert unused._node.saved is not None


def test_clause_08_a_rule_whose_argument_needs_no_gradient_does_not_run():
    ran = []
    times = primitive(
        lambda a, b: a * b, a=lambda g, b: g * b, b=lambda g, a: (ran.append(1), g * a)[1]
    )
    times(leaf(2), Tensor([3.0])).backward()
    times(leaf(2), np.ones(1)).backward()
    assert not ran


def test_clause_08_only_the_unused_outputs_of_one_op_are_zeros():
    x = leaf(1, 2, dtype="float64")
    used = exp_and_square(x)[1]
    used.sum().backward()
    assert np.array_equal(x.grad, [2, 4])


# Altogether ----------------------------------------------------------------------------------------------


def random_graph(rng, np_like, xs):
    """Tensors of shape (3,), each made of earlier ones by a random op, views and broadcasts among them."""
    made = list(xs)
    ops = [
        lambda a, b: a + b,
        lambda a, b: a * b,
        lambda a, b: a - b * 0.5,
        lambda a, b: a / (b * b + 1),
        lambda a, b: np_like.tanh(a) + b[0],
        lambda a, b: a[[2, 1, 1]] * b.sum(),
        lambda a, b: (a.reshape(3, 1) * b).sum(0) / 3,
        lambda a, b: np_like.stack([a, b, a])[1] + a[[0, 1, 2]],
        lambda a, b: np_like.broadcast_to(a.reshape(1, 3), (2, 3)).sum(0) * 0.5,
    ]
    for _ in range(rng.integers(1, 12)):
        a, b = (made[i] for i in rng.integers(0, len(made), 2))
        made.append(ops[rng.integers(len(ops))](a, b))
    return made


@pytest.mark.parametrize("seed", range(100))
def test_first_and_second_derivatives_of_random_graphs_are_pytorchs(seed):
    torch = pytest.importorskip("torch")
    values = np.random.default_rng(seed).standard_normal((3, 3))
    xs = [Tensor(v, requires_grad=True) for v in values]
    ts = [torch.tensor(v, requires_grad=True) for v in values]
    ours = random_graph(np.random.default_rng(seed), mg, xs)
    theirs = random_graph(np.random.default_rng(seed), torch, ts)
    # leaves and interior ones, some twice
    picked = np.random.default_rng(seed).choice(len(ours), 3)
    for at in (picked, range(3)):
        y, z = (ours[-1] ** 2).sum(), (theirs[-1] ** 2).sum()
        found = grad(y, [ours[i] for i in at], create_graph=True)
        expected = torch.autograd.grad(
            z, [theirs[i] for i in at], create_graph=True, allow_unused=True
        )
        for g, e in zip(found, expected, strict=True):
            assert (g is None) == (e is None)
            if g is not None:
                np.testing.assert_allclose(g.numpy(), e.detach().numpy(), rtol=1e-9, atol=1e-12)
        ours.append(sum((g * g).sum() for g in found if g is not None) + ours[-1])
        theirs.append(sum((e * e).sum() for e in expected if e is not None) + theirs[-1])
