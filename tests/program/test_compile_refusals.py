"""What a compiled function refuses, and what it runs eagerly; `check`, threads, methods, `fit`."""

import ctypes
import itertools
import re
import threading
import warnings

import numpy as np
import pytest
from compiling import X, Y, bits, net, training

import minigrad as mg
import nn
from minigrad import Tensor

COUNT = itertools.count(1)


class Counting(nn.Module):
    def __init__(self):
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return x * self.calls


def leaking(kept):
    def f(x):
        kept.append(x)
        return x * 2

    return f


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (
            lambda x: x * x.sum().item(),
            r"item\(\) at .*test_compile_refusals.py:\d+ looks into the values",
        ),
        (lambda x: x[x > 0], "a boolean mask as an index"),
        (lambda x: np.unique(x.data), "unique"),
        (
            lambda x: x * next(COUNT),
            "did something else when it ran again, at .*test_compile_refusals.py",
        ),
        (Counting(), "changes itself"),
        (leaking([]), "changes kept"),
        (lambda x: mg.mean(Tensor(x, requires_grad=True)), "returns a Tensor with a history"),
    ],
)
def test_what_a_program_would_bake_in_is_refused_with_the_line(f, message):
    with pytest.raises(TypeError, match=f"^compile: .*{message}"):
        mg.compile(f)(Tensor(X) if "requires_grad" not in str(message) else X)
    assert getattr(f, "calls", 0) == 0


def test_a_parameter_that_is_read_after_the_step_that_writes_it_is_refused():
    model = net()
    optimizer = nn.optim.SGD(model.parameters(), lr=0.1)

    def f(x, y):
        loss = mg.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return mg.cross_entropy(model(x), y).detach()

    before = bits(model.state_dict())
    with pytest.raises(TypeError, match=r"reads a parameter after Optimizer.step\(\)"):
        mg.compile(f)(X, Y)
    assert bits(model.state_dict()) == before


def test_a_checkpoint_that_is_differentiated_within_is_refused_by_its_name():
    def square(x):
        return (x * x).sum()

    for derive in (mg.value_and_grad, mg.hessian):
        with pytest.raises(TypeError, match=r"checkpoint\(square\) .* without checkpoint"):
            mg.compile(derive(mg.checkpoint(square)))(X)
    assert mg.compile(mg.checkpoint(square))(Tensor(X)).item() == square(X)


def test_a_label_that_is_no_class_raises_as_it_does_eagerly_and_leaves_statistics_alone():
    model = net(nn.BatchNorm1d(5))
    step = mg.compile(training(model))
    step(X, Y)
    before = bits(model.state_dict())
    with pytest.raises(IndexError, match="label 7 in row 2"):
        step(X, np.where(np.arange(8) == 2, 7, Y))
    assert bits(model.state_dict()) == before


def test_hooks_histories_and_recordings_run_eagerly_and_say_so_once():
    model = net()
    step = mg.compile(training(model))
    handle = model[0].weight.register_hook(lambda g: g * 0)
    with pytest.warns(UserWarning, match="step runs eagerly, because model.0.weight has hooks"):
        step(X, Y)
    assert not model[0].weight.grad.data.any()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        step(X, Y)
    handle.remove()
    with pytest.warns(UserWarning, match="a graph is recorded"), mg.record():
        step(X, Y)
    double = mg.compile(lambda x: x * 2)
    with pytest.warns(UserWarning, match="an argument has a history"):
        assert double(Tensor(X, requires_grad=True) * 1).requires_grad


def test_check_finds_what_cannot_be_seen():
    hidden = ctypes.c_double(2.0)
    f = mg.compile(lambda x: x * hidden.value, check=2)
    f(X), f(X)
    hidden.value = 3.0
    with pytest.raises(
        RuntimeError, match=r"the result of .* differs from that of the function itself"
    ):
        f(X), f(X)


def test_check_leaves_a_training_as_it_is():
    def make(check):
        model = net(nn.BatchNorm1d(5), nn.Dropout(0.5))
        optimizer = nn.optim.Adam(model.parameters(), lr=0.01)

        def step(x, y):
            optimizer.zero_grad()
            loss = mg.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        step = mg.compile(step, check=check) if check is not None else step
        mg.seed(2)
        losses = [bits(step(X, Y)) for _ in range(9)]
        return losses, bits(model.state_dict()), bits(optimizer.state_dict())

    assert make(None) == make(0) == make(3)


def test_a_step_that_reads_what_was_saved_before_a_write_of_the_program_is_refused():
    norm = nn.BatchNorm1d(20_000)
    w = Tensor(np.ones(20_000, np.float32), requires_grad=True)
    loss = (w * norm.running_mean).sum()
    mg.compile(lambda x: norm(x).detach())(np.ones((2, 20_000), np.float32))
    with pytest.raises(RuntimeError, match=r"was\s+written after the forward pass"):
        loss.backward()


def test_threads_share_a_program_and_get_their_own_results():
    f = mg.compile(lambda x: mg.sum(mg.exp(x) * x, axis=1))
    xs = [np.full((200, 50), i, np.float32) for i in range(8)]
    theirs = [bits(f.function(x)) for x in xs]
    ours = [None] * 8

    def work(i):
        for _ in range(20):
            ours[i] = bits(f(xs[i]))

    f(xs[0])
    workers = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    [w.start() for w in workers]
    [w.join() for w in workers]
    assert ours == theirs


def test_methods_and_functions_with_options_are_compiled():
    class Scaled:
        def __init__(self, factor):
            self.factor = factor

        @mg.compile
        def call(self, x, *, shift=0.0):
            return x * self.factor + shift

    a, b = Scaled(2.0), Scaled(3.0)
    np.testing.assert_array_equal(a.call(X), X * 2)
    np.testing.assert_array_equal(b.call(X, shift=1.0), X * 3 + 1)


def test_a_program_says_what_it_is():
    f = mg.compile(lambda x: mg.exp(x + 1).sum())
    with pytest.raises(RuntimeError, match="was not called yet"):
        f.report()
    f(X)
    assert "np.exp(" in f.source
    assert "out=" in f.source
    assert re.search(r"\d+ steps, \d+ buffers of [\d,]+ bytes", f.report())


def trained(compile, path=None, epochs=3, resume=False):
    """The losses of `fit`, and the model and the optimiser after it; from a checkpoint if there is one."""
    model = net(nn.BatchNorm1d(5), nn.Dropout(0.2))
    optimizer = nn.optim.Adam(model.parameters(), lr=0.01)
    loader = nn.data.DataLoader(
        nn.data.TensorDataset(X, Y), batch_size=3, shuffle=True, rng=np.random.default_rng(0)
    )
    mg.seed(5)
    history = nn.fit(
        model, loader, optimizer, epochs=epochs, checkpoint=path, resume=resume, compile=compile, progress=False
    )  # fmt: skip
    return [r["loss"] for r in history], bits(model.state_dict()), bits(optimizer.state_dict())


def test_fit_trains_the_same_net_compiled():
    assert trained(False) == trained(True)


def test_a_compiled_fit_goes_on_from_its_checkpoint_bit_for_bit(tmp_path):
    path = tmp_path / "run.safetensors"
    trained(True, path, epochs=1)
    assert trained(True, path, resume=True) == trained(False)


# Changes of arguments and of Tensors -----------------------------------------------------------------------


def toggled():
    w = Tensor(X.copy(), requires_grad=True)

    def f(x):
        w.requires_grad = not w.requires_grad
        return (x * w).detach()

    return f, w


@pytest.mark.parametrize(
    ("change", "make"),
    [
        (lambda a: a.__setitem__(0, a[0] * 2), lambda: [X, X]),
        (lambda a: a.append(a[0]), lambda: [X]),
        (lambda a: a["in"].update(new=a["x"]), lambda: {"x": X, "in": {}}),
        (lambda a: a.pop("x"), lambda: {"x": X}),
    ],
)
def test_a_list_or_a_dict_that_is_an_argument_and_changes_is_refused(change, make):
    given = make()
    with pytest.raises(TypeError, match=r"changes a list or a dict that is an argument.*copy it"):
        mg.compile(lambda a: change(a))(given)
    assert bits(given) == bits(make())


def test_requires_grad_that_is_left_otherwise_is_refused_and_put_back():
    f, w = toggled()
    with pytest.raises(TypeError, match="sets requires_grad of a Tensor"):
        mg.compile(f)(X)
    assert w.requires_grad

    def failing(x):
        f(x)
        raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        mg.compile(failing)(X)
    assert w.requires_grad


def test_requires_grad_that_is_what_it_was_at_the_end_is_compiled():
    f, w = toggled()
    both = [bits(way(lambda x: f(f(x)))(X)) for way in (lambda f: f, mg.compile)]
    assert both[0] == both[1]
    assert w.requires_grad


@pytest.mark.parametrize("kind", [np.ma.MaskedArray, np.recarray, np.memmap])
def test_a_subclass_of_arrays_runs_eagerly_whether_given_or_around(kind, tmp_path):
    makes = {
        np.ma.MaskedArray: lambda: np.ma.array(X, mask=X > 0),
        np.recarray: lambda: X.view(np.recarray),
        np.memmap: lambda: np.memmap(tmp_path / "file", np.float32, "w+", shape=X.shape),
    }
    special = makes[kind]()
    f = mg.compile(lambda x: x * 2)
    with pytest.warns(match=f"an argument is a (masked_array|{kind.__name__})"):
        assert type(f(special)) is type(special * 2)
    with pytest.warns(match=f"special is a (masked_array|{kind.__name__})|holds a"):
        assert type(mg.compile(lambda x: special * 2)(X)) is type(special * 2)


def test_memory_that_became_read_only_is_not_written():
    w = Tensor(np.ones(4, np.float32))

    @mg.compile
    def f(x):
        w.data[...] += 1
        return x

    f(X)
    w.data.flags.writeable = False
    with (
        pytest.warns(match="memory that is read-only"),
        pytest.raises(ValueError, match="read-only"),
    ):
        f(X)
    np.testing.assert_array_equal(w.data, 2)


def test_a_gradient_that_is_set_or_scaled_within_is_what_it_is_eagerly():
    def scaled(x):
        (w * x).sum().backward()
        w.grad *= 0.5
        v.grad = w.grad * 3

    found = []
    for way in (lambda f: f, mg.compile):
        w, v = (Tensor(np.ones(4, np.float32), requires_grad=True) for _ in range(2))
        f = way(scaled)
        for _ in range(3):
            f(X)
        found.append(bits([w.grad, v.grad]))
    assert found[0] == found[1]


# What a function catches -----------------------------------------------------------------------------------


def unlabelled(x):
    try:
        return mg.cross_entropy(Tensor(x), np.minimum(x[:, 0].astype(int) + 7, 7))
    except IndexError:
        return x * 0


def counted(x):
    try:
        return x * x.sum().item()
    except Exception:
        return x


def flattened(x):
    return x.flat[0] if hasattr(x, "flat") else x


def singular(x):
    try:
        return np.linalg.inv(x.T @ x * 0)
    except np.linalg.LinAlgError:
        return x


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (unlabelled, r"catches what kept_labels at .*py:\d+ raised \(IndexError\('cross_entropy"),
        (counted, r"item\(\) at .*py:\d+ looks into the values"),
        (flattened, r"\.flat at .*py:\d+ shows the memory"),
        (singular, r"catches what np.linalg.inv at .*py:\d+ raised \(LinAlgError"),
    ],
)
@pytest.mark.parametrize("way", [lambda f, x: mg.compile(f)(x), mg.script])
def test_an_exception_that_a_function_catches_is_not_baked_in(f, message, way):
    with pytest.raises(TypeError, match=f"^(compile|script): .*{message}"):
        way(f, X)
