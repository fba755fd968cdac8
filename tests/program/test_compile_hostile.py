"""Compiled functions under attack: memory with two names, hidden state, and writes that no ufunc makes."""

import collections
import functools
import threading

import numpy as np
import pytest

import minigrad as mg
import nn
from minigrad import Tensor
from minigrad.program.state import same_bits

X = np.random.default_rng(0).standard_normal((4, 4)).astype(np.float32)


def eager_and_compiled(f, make, times=3):
    """The results of both, and the arguments after them."""
    pairs = []
    for way in (f, mg.compile(f)):
        given = [make() for _ in range(times)]
        pairs.append([[way(*args) for args in given], given])
    return pairs


def assert_equal(f, make):
    eager, compiled = eager_and_compiled(f, make)
    assert same_bits(eager, compiled)


# Memory with two names ------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:compile")
def test_a_tensor_given_twice_gets_the_whole_gradient():
    def f(a, b):
        loss = (a * b).sum()
        loss.backward()
        return a.grad, b.grad

    def make():
        t = Tensor(X, requires_grad=True)
        return t, t

    assert_equal(f, make)


def test_a_parameter_given_as_an_argument_gets_the_whole_gradient_and_a_warning():
    w = Tensor(X.copy(), requires_grad=True)

    @mg.compile
    def f(a):
        (a * w).sum().backward()

    with pytest.warns(match="around it as well"):
        f(w)
    assert same_bits(w.grad, X + X)


@pytest.mark.filterwarnings("ignore:compile")
@pytest.mark.parametrize("view", [lambda a: a, lambda a: a[::-1], lambda a: a.T, lambda a: a[:]])
def test_writes_are_seen_through_overlapping_arguments(view):
    def f(a, b):
        a += 1
        b *= 2
        c = a * b
        a -= c
        return c, b + 1

    def make():
        a = X.copy()
        return a, view(a)

    assert_equal(f, make)


@pytest.mark.filterwarnings("ignore:compile")
def test_a_write_into_a_parameter_is_seen_through_an_array_that_shares_its_memory():
    def make():
        a = X.copy()
        w = Tensor(a[1:])

        def f(x):
            w.data += x
            return x * a[:3]

        return f

    f, g = make(), mg.compile(make())
    for _ in range(3):
        assert same_bits(f(X[1:]), g(X[1:]))


@pytest.mark.parametrize(
    "x", [X[::-1], X[:, ::-1], X[::2], X.T[::-1], np.broadcast_to(X[0], X.shape)]
)
def test_negative_and_empty_strides_lead_to_the_layouts_of_eager(x):
    def f(x):
        return (x * 2).sum(axis=0), (np.exp(x) @ x.T).sum(), x.strides, (x + x).strides

    assert_equal(f, lambda: (x,))


# What is around the function ------------------------------------------------------------------------------


class Base:
    k = 2.0


class Below(Base):
    pass


def hidden():
    """(a function, a change of what is around it) of each kind."""
    plain, members, queue = np.ones(2), {1}, collections.deque([1, 2])
    raw, below, listed = bytearray(b"\x01\x02"), Below(), [1.0]

    def attributed(x):
        return x * attributed.k

    def defaulted(x, kept=listed):
        return x * kept[0]

    attributed.k = 2.0
    return {
        "a plain array": (lambda x: x * (plain * 2)[0], lambda: plain.fill(5)),
        "a number of one": (lambda x: x * float(plain[1]), lambda: plain.fill(7)),
        "a set": (lambda x: x * 2 if 2 in members else x, lambda: members.add(2)),
        "a deque": (lambda x: x * queue[0], lambda: queue.rotate()),
        "a bytearray": (lambda x: x * raw[0], lambda: raw.__setitem__(0, 9)),
        "a hidden attribute": (lambda x: x * below.k, lambda: setattr(Below, "k", 3.0)),
        "a function's attribute": (attributed, lambda: setattr(attributed, "k", 3.0)),
        "a name that comes": (
            lambda x: x * getattr(Base, "new", 1.0),
            lambda: setattr(Base, "new", 2.0),
        ),
        "a default": (defaulted, lambda: listed.__setitem__(0, 4.0)),
    }


@pytest.mark.parametrize("kind", hidden())
def test_what_changes_around_a_function_is_seen(kind):
    f, change = hidden()[kind]
    try:
        g = mg.compile(f)
        assert same_bits(f(X), g(X))
        change()
        assert same_bits(f(X), g(X))
    finally:
        for owner, name in ((Below, "k"), (Base, "new")):
            name in vars(owner) and delattr(owner, name)


def test_the_learning_rate_that_a_loss_reads_is_seen_and_one_that_it_sets_is_refused():
    model = nn.Linear(4, 1)
    optimizer = nn.optim.SGD(model.parameters(), lr=0.5)
    reads = mg.compile(lambda x: x * optimizer.lr)
    reads(X)
    optimizer.lr = 0.25
    assert same_bits(reads(X), X * 0.25)

    def halves(x):
        optimizer.lr *= 0.5
        return x

    with pytest.raises(TypeError, match="changes optimizer"):
        mg.compile(halves)(X)
    assert optimizer.lr == 0.25


def test_a_generator_and_a_cache_around_a_function_make_it_run_eagerly():
    numbers = (n for n in [1, 1, 2, 3])
    w = Tensor(X)

    @functools.lru_cache
    def cached():
        return w * 2

    f = mg.compile(lambda x: x * next(numbers))
    with pytest.warns(match="is a generator"):
        assert [float(f(X)[0, 0] / X[0, 0]) for _ in range(4)] == [1, 1, 2, 3]
    with pytest.warns(match="is a cache"):
        assert same_bits(mg.compile(lambda x: x * cached())(X), X * (X * 2))


def test_types_that_are_asked_for_make_a_function_run_eagerly():
    f = mg.compile(lambda x: x * 2 if isinstance(x, np.ndarray) else x * 3)
    with pytest.warns(match="asks for ndarray"):
        assert same_bits(f(X), X * 2)


def refused():
    kept, log = set(), []
    w = Tensor(X.copy(), requires_grad=True)
    ones = iter([1, 1, 1, 2])

    def replacing(x):
        w.data = w.data - x

    def seeding(x):
        mg.seed(0)
        return x

    def failing(x):
        log.append(1)
        return x.sum().item()

    def watching(x):
        with np.errstate(invalid="raise"):
            return np.log(x * x)

    return [
        (watching, "errstate"),
        (lambda x: [{1}, x * 2], "returns a set"),
        (lambda x: (x, f"{x.sum()}"), r"str\(\)"),
        (lambda x: (x, float(np.random.rand())), "draws from np.random"),  # noqa: NPY002
        (lambda x: (x, kept.add(1)), "changes kept"),
        (lambda x: x * next(ones), "draws from ones"),
        (replacing, "sets w.data"),
        (seeding, r"minigrad.seed\(\)"),
        (failing, r"item\(\)"),
        (lambda x: setattr(x, "shape", (2, 8)), "setting .shape"),
        (lambda x: x.byteswap(inplace=True), r"byteswap\(\)"),
        (lambda x: np.modf(x, x, x), "several outputs"),
        (lambda x: mg.generator().shuffle(x), r"shuffle\(\)"),
    ], (kept, log, w)


@pytest.mark.parametrize("at", range(len(refused()[0])))
def test_what_a_program_cannot_do_again_is_refused_and_leaves_nothing_behind(at):
    functions, (kept, log, w) = refused()
    f, message = functions[at]
    drawn, state = np.random.get_state()[2], mg.generator().bit_generator.state  # noqa: NPY002
    with pytest.raises(TypeError, match=f"compile: .*{message}"):
        mg.compile(f)(X.copy())
    assert (kept, log) == (set(), [])
    assert same_bits(w.data, X)
    assert np.random.get_state()[2] == drawn  # noqa: NPY002
    assert mg.generator().bit_generator.state == state


def test_requires_grad_of_an_argument_set_inside_is_refused():
    def f(x):
        x.requires_grad = True
        return x.detach()

    with pytest.raises(TypeError, match="sets requires_grad"):
        mg.compile(f)(Tensor(X))


# Writes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "write",
    [
        lambda x: x.clip(0, 1, out=x),
        lambda x: x.clip(0, 1, x),
        lambda x: np.clip(x, 0, 1, x),
        lambda x: x.sum(0, None, x[0]),
        lambda x: x.sum(axis=0, out=x[1]),
        lambda x: np.sum(x, 0, None, x[0]),
        lambda x: np.dot(x.copy(), x.copy(), x),
        lambda x: np.fill_diagonal(x, 7),
        lambda x: np.putmask(x, x > 0, 5),
        lambda x: np.put_along_axis(x, np.zeros((1, 4), int), 3, 0),
    ],
)
def test_what_is_written_by_functions_and_methods_is_read_anew(write):
    def f(x):
        before = x * 2
        write(x)
        return before, x * 2

    signs = iter([1, -1, 1] * 2)
    assert_equal(f, lambda: (X * np.float32(next(signs)),))


def test_a_compiled_function_within_a_compiled_one_is_a_part_of_it():
    inner = mg.compile(lambda x: x * 2)
    assert same_bits(mg.compile(mg.compile(lambda x: inner(x) + 1))(X), X * 2 + 1)


def test_threads_wait_while_another_one_traces():
    model, found = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 4)), []
    xs = [np.full((n, 4), n, np.float32) for n in range(1, 25)]
    expected = [model(x).data for x in xs]
    f = mg.compile(lambda x: model(x).detach())
    g = mg.compile(lambda x: model(x).detach() * 1)

    def work(h):
        found.append(all(same_bits(h(x), y) for x, y in zip(xs, expected, strict=True)))

    threads = [threading.Thread(target=work, args=(h,)) for h in (f, g, f, g)]
    [t.start() for t in threads], [t.join() for t in threads]
    assert found == [True] * 4


def test_a_view_of_what_is_computed_twice_keeps_its_memory():
    def f(x):
        first, second = x * 2, x * 2
        view = second.copy().T
        first = np.tanh(first) - 1
        return (np.exp(first) + np.exp(x)) * np.cos(x), view

    assert_equal(f, lambda: (X,))
