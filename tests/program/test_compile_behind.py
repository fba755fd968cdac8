"""What a compiled function leaves to the end of its program: steps of optimisers and clips, in their order."""

import numpy as np
import pytest
from compiling import X, Y, bits, net, programs

import minigrad as mg
import nn
from minigrad import Tensor
from nn.optim import clip_grad_norm_, clip_grad_value_

CLIPS = [
    lambda ps: clip_grad_norm_(ps, 0.1),
    lambda ps: clip_grad_norm_(parameters=iter(ps), max_norm=1e3, error_if_nonfinite=True),
    lambda ps: clip_grad_norm_(ps, 0.1, norm_type=np.inf),
    lambda ps: clip_grad_value_(ps, clip_value=0.01),
    lambda ps: [clip_grad_value_(ps, 0.01), clip_grad_norm_(ps, 0.02)],
]


@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize("zeroed", [True, False])
@pytest.mark.parametrize("check", [0, 3])
def test_thirty_clipped_steps_leave_the_same_bits_and_say_the_same_norms(clip, zeroed, check):
    def train(way):
        model = net(nn.BatchNorm1d(5), nn.Dropout(0.5))
        optimizer = nn.optim.Adam(model.parameters(), lr=0.05)

        def step(x, y):
            if zeroed:
                optimizer.zero_grad()
            loss = mg.cross_entropy(model(x), y)
            loss.backward()
            said = clip(list(model.parameters()))
            optimizer.step()
            return loss, {"norms": said}

        step = way(step)
        found = [bits(step(X, Y)) for _ in range(30)]
        grads = [bits(p.grad) for p in model.parameters()]
        return found, grads, bits(model.state_dict()), bits(optimizer.state_dict())

    assert train(lambda f: mg.compile(f, check=check)) == train(lambda f: f)


def test_a_norm_that_is_not_finite_raises_as_it_does_eagerly_and_the_step_is_not_taken():
    model = net()
    optimizer = nn.optim.SGD(model.parameters(), lr=0.1)

    @mg.compile
    def step(x, y):
        mg.cross_entropy(model(x), y).backward()
        clip_grad_norm_(model.parameters(), 1.0, error_if_nonfinite=True)
        optimizer.step()

    step(X, Y)
    before = bits(model.state_dict())
    optimizer.zero_grad()
    with pytest.raises(RuntimeError, match=r"norm of the gradients is nan.*nothing was clipped"):
        step(X * np.float32("nan"), Y)
    assert bits(model.state_dict()) == before


@pytest.mark.parametrize(
    "use",
    [
        lambda norm: norm * 2,
        lambda norm: 1 / norm,
        lambda norm: 0 if norm > 1 else 1,
        lambda norm: float(norm),
        lambda norm: bool(norm),
        lambda norm: round(norm, 2),
        lambda norm: f"{norm:.2f}",
        lambda norm: str(norm),
        lambda norm: np.log(norm),
        lambda norm: np.isfinite(norm),
        lambda norm: Tensor(norm),
        lambda norm: Tensor(X) * norm,
        lambda norm: X * norm,
        lambda norm: norm.is_integer(),
        lambda norm: norm[0],
        lambda norm: X[norm],
    ],
)
def test_a_norm_that_is_used_within_is_refused_with_the_line(use):
    model = net()

    def step(x, y):
        mg.cross_entropy(model(x), y).backward()
        return use(clip_grad_norm_(model.parameters(), 1.0))

    message = r"^compile: .*test_compile_behind.py:\d+ uses what clip_grad_norm_\(\) returns"
    with pytest.raises(TypeError, match=message):
        mg.compile(step)(X, Y)
    assert all(p.grad is None for p in model.parameters())


W = Tensor(np.ones(4, np.float32), requires_grad=True)
OPTIMIZER = nn.optim.SGD([W], lr=0.5)
REFUSED = {
    "a gradient that is returned": lambda: (clip_grad_norm_([W], 1.0), W.grad)[1],
    "a gradient that is read": lambda: (clip_grad_norm_([W], 1.0), W.grad * 2)[1],
    "a gradient that is added to": lambda: (clip_grad_norm_([W], 1.0), (W * W).sum().backward())[1],
    "a gradient that is written": lambda: (clip_grad_norm_([W], 1.0), W.grad.assign(X[0]))[1],
    "a parameter that is returned": lambda: (OPTIMIZER.step(), W.data)[1],
    "a view of one": lambda: (w := W.data[1:], OPTIMIZER.step(), w)[0],
    "a parameter that is read": lambda: (OPTIMIZER.step(), W.data * 2)[1],
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_written_behind_a_program_and_wanted_before_is_refused(kind):
    def f(x):
        W.grad = None
        (W * x).sum().backward()
        return REFUSED[kind]()

    with pytest.raises(TypeError, match=r"^compile: .* reads a (gradient|parameter) after .*\(\)"):
        mg.compile(f)(X[0])


def test_a_copy_that_was_made_before_is_what_it_was():
    def f(x):
        OPTIMIZER.zero_grad()
        (W * x).sum().backward()
        kept = W.data.copy(), W.grad.data.copy()
        clip_grad_norm_([W], 0.1)
        OPTIMIZER.step()
        return kept

    found = []
    for way in (f, mg.compile(f)):
        W.assign(np.ones(4))
        found.append([bits(way(X[0])) for _ in range(3)])
    assert found[0] == found[1]


def test_gradients_of_arguments_are_not_clipped_within():
    def f(w):
        (w * w).sum().backward()
        clip_grad_norm_([w], 0.1)

    with pytest.raises(TypeError, match=r"changes gradients at .*:\d+ that are not those of param"):
        mg.compile(f)(Tensor(X, requires_grad=True))


def test_an_optimizer_alone_is_all_that_a_function_has_from_around_it():
    optimizers = []
    for way in (lambda f: f, mg.compile):
        optimizer = nn.optim.SGD([Tensor(X, requires_grad=True)], lr=0.1, momentum=0.9)

        def step(optimizer=optimizer):
            optimizer.step()

        step = way(step)
        for i in range(4):
            optimizer.params[0].grad = Tensor(X * i)
            step()
        optimizers.append(optimizer)
    eager, compiled = optimizers
    assert bits(eager.state_dict()) == bits(compiled.state_dict())
    assert bits(eager.params[0]) == bits(compiled.params[0])
    assert programs(step) == 1


def zeroing(w, v, optimizer):
    def f(x):
        optimizer.zero_grad()
        (w * x).sum().backward()
        optimizer.step()

    return f


def clipping(w, v, optimizer):
    def f(x):
        clip_grad_norm_([w, v], 0.1)
        optimizer.step()

    return f


def asking(w, v, optimizer):
    return lambda x: x * 2 if v.grad is None else x * 3


@pytest.mark.parametrize("make", [zeroing, clipping, asking])
def test_a_gradient_that_comes_or_goes_between_calls_is_seen(make):
    found = []
    for way in (lambda f: f, mg.compile):
        w, v = (Tensor(np.ones(4, np.float32), requires_grad=True) for _ in range(2))
        f = way(make(w, v, nn.optim.SGD([w, v], lr=0.5)))
        states = []
        for change in (None, v, None, w, v, None):
            if change is not None:
                change.grad = None if change.grad is not None else Tensor(X[0])
            states.append(bits([f(X[0]), w, v, w.grad, v.grad]))
        found.append(states)
    assert found[0] == found[1]


@pytest.mark.filterwarnings("ignore:compile")
@pytest.mark.parametrize(
    ("write", "read"),
    [
        (lambda: OPTIMIZER.step(), lambda a, x: a * 1),
        (lambda: W.assign(W.data + 1), lambda a, x: a * 1),
        (lambda: W.assign(W.data + 1), lambda a, x: x[: len(a)] * a),
    ],
)
@pytest.mark.parametrize("view", [lambda a: a, lambda a: a[:2]])
def test_a_plain_array_on_the_memory_of_a_parameter_is_read_as_it_is_eagerly(write, read, view):
    found = []
    for way in (lambda f: f, mg.compile):
        W.data = np.ones(4, np.float32)
        seen = view(W.data)

        def f(x, seen=seen):
            OPTIMIZER.zero_grad()
            (W * x).sum().backward()
            write()
            return read(seen, x)

        f = way(f)
        found.append([bits(f(X[0])) for _ in range(3)])
    assert found[0] == found[1]
