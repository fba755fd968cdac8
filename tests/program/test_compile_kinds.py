"""Kinds of arguments, results and state that a compiled function may have: named tuples, generators, averages."""

import contextlib
import copy
import pickle
import sys
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
from compiling import X, Y, bits, net, programs, training

import minigrad as mg
import nn
from minigrad import Tensor


def state_of(rng):
    return rng.bit_generator.state


def assert_as_eager(f, *calls, **options):
    """The results of a function, compiled, are those of the function; one program did for all."""
    compiled = mg.compile(f, **options)
    for make in calls:
        assert bits(compiled(*make())) == bits(f(*make()))
    return compiled


# Named tuples --------------------------------------------------------------------------------------------


class Pair(NamedTuple):
    x: object
    times: object = 2


def test_named_tuples_are_arguments_and_results_however_deep():
    def f(pair, more):
        found = Pair(pair.x * pair.times, {"in": [Pair(more["y"].x.sum())]})
        return found, type(pair) is Pair, np.stack(Pair(pair.x, pair.x + 1))

    compiled = assert_as_eager(f, *[lambda: (Pair(X.copy()), {"y": Pair(X + 1, None)})] * 3)
    assert programs(compiled) == 1
    result = compiled(Pair(X), {"y": Pair(X)})[0]
    assert isinstance(result, Pair)
    assert isinstance(result.times["in"][0], Pair)
    assert_as_eager(f, lambda: (Pair(X, 3), {"y": Pair(X)}), lambda: (Pair(X, 4), {"y": Pair(X)}))


def test_a_tensor_in_a_named_tuple_gets_its_gradient_from_a_program_and_from_a_script():
    pair = Pair(Tensor(X, requires_grad=True), Tensor(X + 1))
    mg.compile(lambda pair: (pair.x * pair.times).sum().backward())(pair)
    assert bits(pair.x.grad) == bits(X + 1)
    script = mg.script(lambda pair: Pair(pair.x * pair.times, pair.x.sum()), Pair(X, X))
    assert bits(script(Pair(X, X))) == bits((X * X, X.sum()))


# Generators ----------------------------------------------------------------------------------------------


def dropping(rng):
    model = nn.Sequential(nn.Linear(4, 5), nn.Dropout(0.5, rng=rng), nn.Dropout(0.5))
    return training(model)


def drawing(rng):
    return lambda x, y: x * mg.generator(rng).random(x.shape) + mg.generator().random(())


def branching(rng):
    def f(x, y):
        noise = mg.generator(rng).standard_normal(3)
        return noise if mg.generator().random(()) > 0.5 else -noise

    return f


def given(rng):
    return lambda x, y, own=rng: x + mg.generator(own).permutation(4)


@pytest.mark.parametrize("make", [dropping, drawing, branching, given])
@pytest.mark.parametrize("check", [0, 2])
@pytest.mark.parametrize("is_default", [False, True])
def test_a_generator_of_ones_own_goes_on_as_it_does_eagerly(make, check, is_default):
    found = []
    for way in (lambda f: f, lambda f: mg.compile(f, check=check)):
        mg.seed(2)
        rng = mg.generator() if is_default else np.random.default_rng(3)
        f = way(make(rng))
        results = [bits(f(X, Y)) for _ in range(10)]
        found.append((results, state_of(rng), state_of(mg.generator())))
    assert found[0] == found[1]


def test_a_generator_is_an_argument_and_another_one_makes_another_program():
    f = mg.compile(lambda x, rng: x * mg.generator(rng).random(x.shape))
    ours, theirs = ([np.random.default_rng(s) for s in (1, 2)] for _ in range(2))
    for i in (0, 1, 0, 0, 1):
        assert bits(f(X, ours[i])) == bits(f.function(X, theirs[i]))
    assert programs(f) == 2


def test_a_script_draws_from_a_generator_of_ones_own():
    rng = np.random.default_rng(3)
    script = mg.script(
        lambda x, rng=rng: x * mg.generator(rng).random(4) + mg.generator().random(4), X
    )
    twin = np.random.default_rng(3)
    for _ in range(3):
        mg.seed(4)
        found = script(X)
        mg.seed(4)
        assert bits(found) == bits(X * twin.random(4) + mg.generator().random(4))


def test_a_generator_that_is_drawn_from_by_itself_is_refused_with_the_remedy():
    rng = np.random.default_rng(3)
    before = state_of(rng)
    with pytest.raises(TypeError, match=r"draws from rng, .* draw from minigrad.generator\(rng\)"):
        mg.compile(lambda x: x * rng.random(4))(X)
    assert state_of(rng) == before
    assert mg.generator(rng) is rng


# State of layers and optimisers --------------------------------------------------------------------------


def test_batch_norm_that_averages_over_all_batches_is_compiled():
    found = []
    for way in (lambda f: f, mg.compile):
        model = net(nn.BatchNorm1d(5, momentum=None))
        step = way(training(model))
        batches = [np.random.default_rng(i).standard_normal(X.shape).astype("f") for i in range(12)]
        losses = [bits(step(x, Y)) for x in batches]
        found.append((losses, bits(model.state_dict())))
    assert found[0] == found[1]


def test_a_step_of_lbfgs_is_refused_and_its_closure_is_compiled():
    found = []
    for way in (lambda f: f, mg.compile):
        model = net()
        optimizer = nn.optim.LBFGS(model.parameters(), max_iter=5, line_search_fn="strong_wolfe")

        @way
        def loss_of(x, y, model=model, optimizer=optimizer):
            optimizer.zero_grad()
            loss = mg.cross_entropy(model(x), y)
            loss.backward()
            return loss

        losses = [bits(optimizer.step(lambda f=loss_of: f(X, Y))) for _ in range(4)]
        found.append((losses, bits(model.state_dict()), bits(optimizer.state_dict())))
    assert found[0] == found[1]
    before = bits(model.state_dict())
    with pytest.raises(TypeError, match=r"LBFGS.step\(\) at .*py:\d+ .* Compile the closure"):
        mg.compile(lambda x, y: optimizer.step(lambda: loss_of.function(x, y)))(X, Y)
    assert bits(model.state_dict()) == before


# What an array is asked ----------------------------------------------------------------------------------


def test_a_copy_of_an_array_is_another_array():
    def f(x, way):
        y = way(x)
        y += 1
        return x * 2, y

    for way in (copy.copy, copy.deepcopy, lambda x: copy.deepcopy([x])[0]):
        assert bits(mg.compile(f)(X.copy(), way)) == bits(f(X.copy(), way))


def test_a_value_that_is_looked_for_in_an_array_is_found_at_each_run():
    f = mg.compile(lambda x: x * 2 if 1 in x else x)
    for x in (X, np.ones((2, 2)), np.zeros((2, 2)), np.ones((2, 2))):
        assert bits(f(x)) == bits(f.function(x))


ALL = [name for name in dir(np.ndarray) if not name.startswith("_")]


@pytest.mark.parametrize("name", [*ALL, "no_such_name"])
@pytest.mark.parametrize("way", [lambda f, x: mg.compile(f)(x), mg.script])
def test_a_question_for_an_attribute_is_answered_as_by_an_array_or_refused(name, way):
    def f(x):
        assert hasattr(x, name) == hasattr(X, name)
        return x

    with contextlib.suppress(TypeError):
        way(f, X)


@pytest.mark.parametrize("name", ["flat", "data", "ctypes"])
def test_what_shows_memory_is_refused_with_the_name_the_line_and_the_remedy(name):
    message = rf"^(compile|script): \.{name} at .*test_compile_kinds.py:\d+ .*functions of NumPy"
    for way in (lambda f, x: mg.compile(f)(x), mg.script):
        with pytest.raises(TypeError, match=message):
            way(lambda x: getattr(x, name), X)


def test_a_plain_array_that_is_indexed_by_an_argument_is_refused_with_the_remedy():
    table = np.arange(10.0)
    with pytest.raises(TypeError, match=r"np.asarray .* at .*py:\d+ .* a be a Tensor around"):
        mg.compile(lambda i: table[i])(Y)
    assert bits(mg.compile(lambda i, table: table[i])(Y, table)) == bits(table[Y])
    table = Tensor(table)
    assert bits(mg.compile(lambda i: table[i])(Y)) == bits(table[Y])


# Copies of compiled functions ----------------------------------------------------------------------------


@mg.compile
def doubled(x):
    return x * 2


def test_a_model_whose_forward_is_compiled_is_copied_and_pickled_with_it():
    model = nn.Linear(4, 3)
    model.forward = mg.compile(model.forward)
    with mg.no_grad():
        kept = bits(model(X))
        for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            assert bits(twin(X)) == kept
            twin.weight.assign(twin.weight.data * 2)
            assert bits(twin(X)) == bits(nn.Linear.forward(twin, X)) != kept
        assert bits(model(X)) == kept


def test_a_function_that_is_compiled_where_it_is_defined_is_pickled_by_its_name(monkeypatch):
    monkeypatch.setitem(sys.modules, __name__, SimpleNamespace(doubled=doubled))
    assert pickle.loads(pickle.dumps(doubled)) is doubled
    assert copy.deepcopy([doubled])[0] is doubled
