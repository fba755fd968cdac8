"""The state of an optimiser: a run goes on from it to the last bit, and what does not fit is refused whole."""

import json

import numpy as np
import pytest
from optimisers import EVERY, LAWS, law_id

import minigrad
import nn
from nn.optim import LBFGS, SGD, Adam, AdamW, Optimizer

SHAPES = [(3, 4), (5,), (), (70, 1000), (2, 2), (1,), (0, 3), (4,), (6,), (60, 50)]
SEARCHES = [None, "strong_wolfe"]


def parameters(shapes=SHAPES, dtype="float32"):
    rng = np.random.default_rng(0)
    return [nn.Parameter(rng.standard_normal(shape).astype(dtype)) for shape in shapes]


def steps(optimizer, params, numbers):
    """Steps of these numbers, the last parameter with a gradient in every other one only."""
    for step in numbers:
        rng = np.random.default_rng(step)
        for p in params:
            p.grad = rng.standard_normal(p.shape)
        if step % 2:
            params[-1].grad = None
        optimizer.step()


def through_json(state):
    """The state with everything but the arrays written as JSON and read again."""
    arrays = []

    def hidden(value):
        arrays.append(value)
        return {"array": len(arrays) - 1}

    def found(value):
        return arrays[value["array"]] if "array" in value else value

    return json.loads(json.dumps(state, default=hidden, allow_nan=False), object_hook=found)


@pytest.mark.parametrize("groups", [False, True], ids=["one group", "groups"])
@pytest.mark.parametrize(("law", "options"), LAWS, ids=law_id)
def test_five_steps_and_five_from_their_state_are_ten(law, options, groups):
    def made(params, **options):
        given = [{"params": params[:4]}, {"params": params[4:], "lr": 0.02}] if groups else params
        return law(given, **options)

    whole, first = parameters(), parameters()
    at_once, before = made(whole, lr=0.1, **options), made(first, lr=0.1, **options)
    steps(at_once, whole, range(10))
    steps(before, first, range(5))
    state = through_json(before.state_dict())
    second = parameters()
    for p, q in zip(second, first, strict=True):
        p.assign(q.data)
    after = made(second)  # its options come with the state
    after.load_state_dict(state)
    steps(before, first, range(5, 8))  # the state is a copy
    steps(after, second, range(5, 10))
    for p, q in zip(second, whole, strict=True):
        np.testing.assert_array_equal(p.data, q.data, strict=True)
    for group, other in zip(after.param_groups, at_once.param_groups, strict=True):
        assert {**group, "params": 0} == {**other, "params": 0}


@pytest.mark.parametrize("search", SEARCHES)
def test_lbfgs_goes_on_from_its_state(search):
    def made(w):
        def closure():
            optimizer.zero_grad()
            x, y = w[0] * 1.0, w[1:].reshape(2, 2).sum()
            loss = (1 - x) ** 2 + 100 * (y - x * x) ** 2 + (w * w).sum()
            loss.backward()
            return loss

        options = {"max_iter": 4, "lr": 0.1, "history_size": 3, "line_search_fn": search}
        optimizer = LBFGS([w], **options)
        return lambda n: [optimizer.step(closure) for _ in range(n)], optimizer

    whole, first, second = (parameters([(5,)], "float64")[0] for _ in range(3))
    ten, _ = made(whole)
    ten(10)
    five, before = made(first)
    five(5)
    second.assign(first.data)
    more, after = made(second)
    after.load_state_dict(through_json(before.state_dict()))
    more(5)
    np.testing.assert_array_equal(second.data, whole.data)
    assert after.state_dict()["state"][0]["s"].shape == (3, 5)
    assert LBFGS([whole]).state_dict()["state"] == {}


def test_a_state_is_plain_dicts_with_copies_of_arrays():
    params = parameters([(2, 3), (), (4,)])
    optimizer = Adam([{"params": params[:2]}, {"params": params[2:], "lr": 0.5}], betas=(0.5, 0.6))
    params[0].grad, params[1].grad = np.ones((2, 3)), np.ones(())
    optimizer.step()
    state = optimizer.state_dict()
    assert state["optimizer"] == "Adam"
    assert state["parameters"][0] == {"shape": [2, 3], "dtype": "float32"}
    assert state["parameters"][2] == {"shape": [4], "dtype": "float32"}
    options = {
        "betas": (0.5, 0.6),
        "eps": 1e-8,
        "weight_decay": 0.0,
        "amsgrad": False,
        "maximize": False,
    }
    assert state["param_groups"] == [
        {"params": [0, 1], "lr": 1e-3, **options},
        {"params": [2], "lr": 0.5, **options},
    ]
    assert list(state["state"]) == [0, 1]  # the last has not been updated yet
    assert state["state"][0]["t"] == 1
    assert (state["state"][0]["m"] == 0.5).all()
    assert state["state"][1]["v"].shape == (1,)
    state["state"][0]["m"][:] = 7.0
    assert (optimizer.state_dict()["state"][0]["m"] == 0.5).all()
    optimizer.load_state_dict(state)
    state["state"][0]["m"][:] = 8.0
    assert (optimizer.state_dict()["state"][0]["m"] == 7.0).all()


def test_a_state_from_before_laws_could_maximise_is_loaded():
    params = parameters([(3,)])
    optimizer = Adam(params)
    state = optimizer.state_dict()
    del state["param_groups"][0]["maximize"]
    optimizer.maximize = True
    optimizer.load_state_dict(state)
    assert optimizer.maximize is False


def test_an_optimiser_that_has_not_stepped_forgets_what_it_knew_when_it_loads():
    params = parameters([(3,)])
    optimizer = Adam(params)
    fresh = optimizer.state_dict()
    steps(optimizer, params, [0, 2])
    optimizer.load_state_dict(fresh)
    assert optimizer.state_dict()["state"] == {}


def test_a_law_of_ones_own_is_resumed():
    class Averaged(Optimizer):
        elementwise = True

        def _update(self, w, g, state, group, room):
            t = state.setdefault("t", np.zeros(()))  # one that can be written, too
            t += 1
            wide = g.astype("float64")
            state["mean"] = state.get("mean", 0) + (wide - state.get("mean", 0)) / t.item()
            w -= group["lr"] * state["mean"]

    whole, parts = parameters(), parameters()
    steps(Averaged(whole, 0.1), whole, range(8))
    first, second = Averaged(parts, 0.1), Averaged(parts, 0.0)
    steps(first, parts, range(4))
    state = first.state_dict()
    ends = [p.detach().numpy().copy() for p in parts]
    steps(first, parts, range(4, 8))  # the state is a copy
    for p, end in zip(parts, ends, strict=True):
        p.assign(end)
    second.load_state_dict(state)
    steps(second, parts, range(4, 8))
    for p, q in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(p.data, q.data)


# --- What is refused ----------------------------------------------------------------------------


def spoiled(key, value):
    def spoil(state):
        *path, last = key
        for part in path:
            state = state[part]
        if value is None:
            del state[last]
        else:
            state[last] = value

    return spoil


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoiled(["optimizer"], "SGD"), "this is the state of SGD, which has another law"),
        (spoiled(["state"], None), "there is no 'state'"),
        (spoiled(["parameters", 1, "shape"], [7]), r"parameter 1 is float32 of shape \(5,\), .*another model"),
        (spoiled(["parameters", 0, "dtype"], "float64"), r"parameter 0 .* of float64 of .*another model"),
        (spoiled(["param_groups", 0, "params"], [0]), "of 1 parameters, this one has 2 parameters; is it of an"),
        (spoiled(["param_groups", 0, "lr"], -1), r"param_groups\[0\]: lr must be a number >= 0"),
        (spoiled(["param_groups", 0, "eps"], None), r"param_groups\[0\]: the option 'eps' is missing"),
        (spoiled(["param_groups", 0, "extra"], "x"), r"param_groups\[0\]: there is no option 'extra'"),
        (spoiled(["state", 0, "m"], np.zeros((4, 3), "f4")), r"state\[0\]: m has shape \(4, 3\), needed \(3, 4\)"),
        (spoiled(["state", 1, "v"], np.zeros(5, "f2")), r"state\[1\]: v has dtype float16, needed float32"),
        (spoiled(["state", 1, "m"], np.zeros(5, "i8")), r"state\[1\]: the law cannot go on from it .*int64"),
        (spoiled(["state", 1, "t"], None), r"state\[1\]: 't' is missing; nothing was loaded"),
        (spoiled(["state", 0, "v"], None), r"state\[0\]: 'v' is missing; nothing was loaded"),
        (spoiled(["state", 0, "t"], "5"), r"state\[0\]: the law cannot go on from it"),
        (spoiled(["param_groups", 0, "params"], None), "not what state_dict"),
        (spoiled(["parameters"], 7), "not what state_dict"),
        (spoiled(["state", 1], [1, 2]), "not what state_dict"),
        (spoiled(["state", 2], {}), r"state\[2\]: there are 2 parameters"),
        (spoiled(["parameters"], np.ones(2)), "not what state_dict"),
        (spoiled(["param_groups", 0, "params"], [1, 0]), r"\[1, 0\], needed 0, 1, 2, ... in order"),
        (spoiled(["param_groups", 0, "params"], [0, 0]), r"\[0, 0\], needed 0, 1, 2, ... in order"),
        (spoiled(["state", 1, "v"], np.full(5, -1, "f4")), r"state\[1\]: .* gives nan"),
    ],
)  # fmt: skip
def test_a_state_that_does_not_fit_is_refused_before_anything_is_written(spoil, words):
    params = parameters([(3, 4), (5,)])
    optimizer, other = Adam(params, lr=0.1), Adam(parameters([(3, 4), (5,)]), lr=0.5)
    steps(optimizer, params, [0, 2])
    steps(other, other.params, [4, 6, 8])
    state = other.state_dict()
    spoil(state)
    before = optimizer.state_dict()
    with pytest.raises(ValueError, match=rf"Adam\.load_state_dict: .*{words}"):
        optimizer.load_state_dict(state)
    np.testing.assert_equal(optimizer.state_dict(), before)


def wrong_kinds(kept):
    """Values that no law keeps where it keeps this one."""
    if isinstance(kept, np.ndarray):
        changed = (kept.astype(kind) for kind in (int, bool, complex, object, str))
        return [None, "x", 3.0, kept.tolist(), np.ma.masked_array(kept), kept[None], *changed]
    fractions = [1.5] * isinstance(kept, int)
    return [None, "x", np.nan, 1j, np.complex64(1), [1], np.ones(3), *fractions]


@pytest.mark.parametrize(("law", "options"), [*EVERY, (LBFGS, {})], ids=law_id)
def test_a_value_of_another_kind_is_refused_in_every_state_of_every_law(law, options):
    params = parameters([(3, 4), (5,)])

    def closure():
        for i, p in enumerate(params):
            p.grad = p.data + i + 1
        return minigrad.Tensor(1.0)

    optimizer = law(params, lr=0.1, **options)
    for _ in range(3):
        closure()
        optimizer.step(*[closure] * (law is LBFGS))
    before = optimizer.state_dict()
    for at, kept in before["state"].items():
        for name in kept:
            for value in wrong_kinds(kept[name]):
                state = optimizer.state_dict()
                state["state"][at][name] = value
                with pytest.raises(ValueError, match=rf"{law.__name__}\.load_state_dict: state"):
                    optimizer.load_state_dict(state)
    np.testing.assert_equal(optimizer.state_dict(), before)


@pytest.mark.parametrize(("law", "options"), EVERY, ids=law_id)
def test_a_state_without_a_value_that_the_law_always_keeps_is_refused(law, options):
    def stepped(**options):
        params = parameters([(3, 4)])
        optimizer = law(params, lr=0.1, **options)
        steps(optimizer, params, [0])
        return optimizer

    always, optimizer = stepped().state_dict()["state"].get(0, {}), stepped(**options)
    for name in always:
        state = optimizer.state_dict()
        del state["state"][0][name]
        if not state["state"][0]:
            continue  # as before the first step
        with pytest.raises(ValueError, match="nothing was loaded"):
            optimizer.load_state_dict(state)


def test_the_state_of_another_model_is_refused_even_by_a_law_without_state():
    state = SGD(nn.MLP([4, 8, 3]).parameters()).state_dict()
    with pytest.raises(ValueError, match=r"parameter 0 is float32 of shape \(9, 4\).* \(8, 4\)"):
        SGD(nn.MLP([4, 9, 3]).parameters()).load_state_dict(state)
    with pytest.raises(ValueError, match="of 4 parameters, this one has 6 parameters"):
        SGD(nn.MLP([4, 8, 8, 3]).parameters()).load_state_dict(state)
    params = list(nn.MLP([4, 8, 3]).parameters())
    with pytest.raises(ValueError, match=r"has 4 parameters in groups of \[1, 3\]"):
        SGD([{"params": params[:1]}, {"params": params[1:]}]).load_state_dict(state)


@pytest.mark.parametrize("state", [None, [], "state.json"])
def test_what_is_no_dict_is_refused(state):
    with pytest.raises(TypeError, match=r"AdamW\.load_state_dict: .*optimizer\.state_dict\(\)"):
        AdamW(parameters()).load_state_dict(state)


def test_lbfgs_refuses_a_state_of_other_shapes():
    w = parameters([(3,), (2,)], "float64")
    optimizer = LBFGS(w)

    def closure():
        optimizer.zero_grad()
        loss = sum((p * p * p * p).sum() for p in w)
        loss.backward()
        return loss

    optimizer.step(closure)
    for name, value in (
        ("d", np.zeros(4)),
        ("g", np.zeros(5, "i8")),
        ("s", np.zeros((1, 5))),
        ("rho", None),
    ):
        state = optimizer.state_dict()
        spoiled(["state", 0, name], value)(state)
        with pytest.raises(ValueError, match=r"LBFGS\.load_state_dict: state\[0\]"):
            optimizer.load_state_dict(state)


@pytest.mark.parametrize(("law", "options"), EVERY, ids=law_id)
def test_a_resumed_model_trains_as_if_nothing_had_happened(law, options):
    """The whole round: a net, its optimiser, both states, both in new objects."""

    def made():
        minigrad.seed(0)
        net = nn.MLP([4, *[6] * 6, 3])
        return net, law(net.parameters(), **options)

    def train(net, optimizer, numbers):
        for step in numbers:
            rng = np.random.default_rng(step)
            x, y = rng.standard_normal((5, 4), dtype=np.float32), rng.integers(0, 3, 5)
            loss = minigrad.cross_entropy(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    net, optimizer = made()
    train(net, optimizer, range(6))
    states = net.state_dict(), optimizer.state_dict()
    train(net, optimizer, range(6, 12))
    twin, its_optimizer = made()
    twin.load_state_dict(states[0])
    its_optimizer.load_state_dict(states[1])
    train(twin, its_optimizer, range(6, 12))
    np.testing.assert_equal(twin.state_dict(), net.state_dict())
