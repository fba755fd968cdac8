"""Compiled functions: the bits of eager, whatever is around them; what cannot be seen is refused."""

import types

import numpy as np
import pytest
from compiling import X, Y, bits, net, programs, training

import minigrad as mg
import nn
from minigrad import Tensor


def both(make, *calls):
    """What each call gives, eagerly and compiled, each in a world that `make` makes."""
    found = []
    for way in (lambda f: f, mg.compile):
        f, state = make()
        f = way(f)
        mg.seed(1)
        found.append([(bits(f(*args)), bits(state())) for args in calls])
    return found


# Equal to eager ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "law",
    [
        lambda ps: nn.optim.SGD(ps, lr=0.1, momentum=0.9),
        lambda ps: nn.optim.AdamW(ps, lr=0.01),
        lambda ps: nn.optim.RMSprop(ps, lr=0.01),
        lambda ps: nn.optim.RAdam(ps, lr=0.01),
        lambda ps: nn.optim.Rprop(ps, lr=0.01, maximize=True),
        lambda ps: nn.optim.Muon([p for p in ps if p.ndim == 2], lr=0.01),
    ],
)
@pytest.mark.parametrize("zeroed", ["before", "inside", "never"])
@pytest.mark.parametrize("updated", ["inside", "after"])
def test_thirty_steps_of_training_leave_the_same_bits(law, zeroed, updated):
    def make():
        model = net(nn.BatchNorm1d(5), nn.Dropout(0.5))
        optimizer = law(model.parameters())

        def step(x, y):
            if zeroed == "inside":
                optimizer.zero_grad()
            loss = mg.cross_entropy(model(x), y)
            loss.backward()
            if updated == "inside":
                optimizer.step()
            return loss

        def state():
            if updated == "after":
                optimizer.step()
            kept = [p.grad for p in model.parameters()]
            if zeroed == "before":
                optimizer.zero_grad()
            return model.state_dict(), optimizer.state_dict(), kept

        return step, state

    eager, compiled = both(make, *[(X, Y)] * 30)
    assert eager == compiled


def test_a_step_may_put_its_model_in_the_mode_that_it_is_in():
    model = net(nn.Dropout(0.5))
    step = training(model)

    @mg.compile
    def compiled(x, y):
        model.train()
        return step(x, y)

    compiled(X, Y)
    assert programs(compiled) == 1
    model.eval()
    with pytest.raises(TypeError, match="changes model"):
        mg.compile(compiled.function)(X, Y)


def test_the_gradients_of_several_calls_add_up_as_they_do_eagerly():
    def make():
        model = net()
        return training(model), lambda: [p.grad for p in model.parameters()]

    eager, compiled = both(make, (X, Y), (X[:4], Y[:4]), (X, Y), (X, Y))
    assert eager == compiled


def test_functional_gradients_of_arguments_and_of_higher_order_are_compiled():
    def third(w):
        (g,) = mg.grad((w**4).sum(), [w], create_graph=True)
        (h,) = mg.grad((g * g).sum(), [w], create_graph=True)
        return mg.grad(h.sum(), w)

    w = Tensor(np.arange(3.0), requires_grad=True)
    assert bits(mg.compile(third)(w)) == bits(third(w))
    mg.compile(lambda w: (w * w).sum().backward())(w)
    np.testing.assert_array_equal(w.grad.data, [0, 2, 4])


def test_results_keep_their_structure_and_own_their_memory():
    @mg.compile
    def f(x):
        return x, {"half": [x / 2, x.T]}, None, "text", (x * 2).sum()

    x = Tensor(X)
    whole, parts, nothing, text, total = f(x)
    assert (nothing, text) == (None, "text")
    half, turned = parts["half"]
    kept = bits([half, total])
    f(Tensor(X + 1))
    assert bits([half, total]) == kept
    assert not np.shares_memory(whole.data, x.data)
    assert not np.shares_memory(turned.data, x.data)


def test_minus_zero_and_nan_pass_a_relu_as_they_do_eagerly():
    for n in (5, 70_000):
        x = np.resize(np.array([-0.0, 0.0, np.nan, -np.inf, 1.0, -1.0], np.float32), n)
        for dtype in (np.float32, np.float64, np.float16):
            f = lambda x: mg.relu(x * 1)  # noqa: E731
            assert bits(mg.compile(f)(x.astype(dtype))) == bits(f(x.astype(dtype)))


@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 2},
        {"kernel_size": 3, "stride": 2, "padding": 1},
        {"kernel_size": 2, "stride": 1, "dilation": 2},
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_a_relu_under_a_pool_masks_the_maxima_with_the_bits_of_eager(options):
    rng = np.random.default_rng(0)
    values = [-1.0, -0.0, 0.0, 1.0, 2.0, np.nan, np.inf, -np.inf]
    for dtype in (np.float16, np.float32, np.float64):

        def step(x, g):
            y = mg.max_pool2d(mg.relu(x * 1.5), **options)
            (y * g[:, :, : y.shape[2], : y.shape[3]]).sum().backward()
            return x.grad

        f = mg.compile(lambda x, g: step(Tensor(x, requires_grad=True), g))
        for count in (4, 5, 8, 8):
            x, g = rng.choice(values[:count], (2, 2, 3, 7, 8)).astype(dtype)
            assert bits(f(x, g)) == bits(f.function(x, g))
        # a padded maximum is written piece by piece, and float16 goes through float32: these stay as they are
        assert ("np.greater" in f.source) == ("padding" in options or dtype == np.float16)


# What is around the function -----------------------------------------------------------------------------

FACTOR = 2.0


def test_numbers_in_cells_globals_attributes_and_arguments_are_seen():
    global FACTOR
    model = net(nn.Dropout(0.5))
    power = 2

    def f(x, times=1):
        return mg.mean(model(x).detach() ** power) * FACTOR * times

    compiled = mg.compile(f)
    changes = [
        lambda: None,
        lambda: setattr(model[1], "p", 0.1),
        lambda: model.eval(),
        lambda: model.train(),
    ]
    for change in changes:
        change()
        mg.seed(3)
        ours = bits(compiled(X))
        mg.seed(3)
        assert ours == bits(f(X))
    model.eval()
    power = 3
    assert bits(compiled(X)) == bits(f(X))
    FACTOR = 5.0
    assert bits(compiled(X)) == bits(f(X))
    assert bits(compiled(X, times=3)) == bits(f(X, times=3))


class Settings:
    factor = 2.0


class Slotted:
    __slots__ = ("factor",)


class OfClass(nn.Module):
    shift = 1.0

    def forward(self, x):
        return x * FACTOR + self.shift


def test_numbers_in_classes_slots_modules_and_methods_are_seen(monkeypatch):
    settings, slotted, module = types.ModuleType("settings"), Slotted(), OfClass()
    settings.factor = slotted.factor = 2.0
    monkeypatch.setitem(globals(), "settings", settings)
    f = mg.compile(lambda x: module(x) * Settings.factor * slotted.factor * settings.factor)
    changes = [
        lambda: None,
        lambda: monkeypatch.setattr(Settings, "factor", 3.0),
        lambda: setattr(slotted, "factor", 4.0),
        lambda: setattr(settings, "factor", 5.0),
        lambda: monkeypatch.setattr(OfClass, "shift", 6.0),
        lambda: monkeypatch.setitem(globals(), "FACTOR", 7.0),
        lambda: monkeypatch.setattr(OfClass, "forward", lambda self, x: x - 1),
    ]
    for change in changes:
        change()
        assert bits(f(X)) == bits(f.function(X))


def test_a_parameter_in_place_of_an_equal_one_gets_the_gradients():
    layer = nn.Linear(4, 1)
    layer.bias.data[...] = 0
    step = mg.compile(lambda x: (layer(x) ** 2).sum().backward())
    step(X)
    old = bits(layer.bias.grad)
    layer.bias = nn.Parameter(np.zeros(1, np.float32))
    step(X)
    assert bits(layer.bias.grad) == old


def test_parameters_may_be_replaced_frozen_and_loaded():
    model = net()
    step = training(model)
    compiled = mg.compile(step)

    def agree():
        found = []
        for f in (step, compiled):
            for p in model.parameters():
                p.grad = None
            found.append(
                (
                    bits(f(X, Y)),
                    [None if p.grad is None else bits(p.grad) for p in model.parameters()],
                )
            )
        assert found[0] == found[1]

    agree()
    for _ in range(5):
        model[0].weight.data = model[0].weight.data * np.float32(0.9)
        agree()
    assert programs(compiled) <= 2  # one for each set of gradients, none for new arrays
    model[0].weight.requires_grad = False
    agree()
    model.load_state_dict({k: np.asarray(v) * 2 for k, v in model.state_dict().items()})
    agree()
    model[0] = nn.Linear(4, 5)
    agree()


def test_a_new_seed_is_drawn_from():
    f = mg.compile(
        lambda x: x * mg.generator().random(x.shape) + mg.generator().standard_normal(())
    )
    for seed in (1, 2, 1):
        mg.seed(seed)
        ours = bits([f(X), f(X)])
        mg.seed(seed)
        assert ours == bits([f.function(X), f.function(X)])
    assert programs(f) == 1


def test_either_way_of_a_branch_is_a_program():
    @mg.compile
    def f(x):
        noise = mg.generator().standard_normal(3)
        return x * 2 + noise if x.sum() > 0 else x - 1 + noise

    for sign in (1, -1, 1, -1, -1):
        x = Tensor(sign * np.ones(3))
        mg.seed(4)
        ours = bits(f(x))
        mg.seed(4)
        assert ours == bits(f.function(x))
    assert programs(f) == 2


def test_each_shape_dtype_and_layout_has_its_program_and_few_are_kept():
    f = mg.compile(lambda x: mg.sum(x * x, axis=0))
    for x in (X, X[:3], X.astype("d"), np.asfortranarray(X), X[::2], X[:, ::-1]):
        assert bits(f(x)) == bits(f.function(x))
    for n in range(1, 30):
        f(np.ones((n, 2)))
    assert programs(f) <= 8
