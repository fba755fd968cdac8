"""Threads: separate graphs in separate threads, at the same time, are each what they are alone."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import minigrad
import nn
from minigrad import Tensor, debug, grad, no_grad

SOON = 0.2  # seconds that another thread is given to come between, where it must not


@pytest.fixture(autouse=True)
def frequent_switches():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def at_once(*functions):
    """What the functions return, each called in a thread of its own, all from the same moment on."""
    start = threading.Barrier(len(functions), timeout=60)

    def call(function):
        start.wait()
        return function()

    with ThreadPoolExecutor(len(functions)) as pool:
        return list(pool.map(call, functions))


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


# Training ------------------------------------------------------------------------------------------------


def dense(rng):
    return nn.MLP([12, 16, 4], activation=nn.Tanh, rng=rng), normal(10, 12)


def convolutional(rng):
    return nn.CNN((2, 8, 8), channels=(4, 6), hidden=(8,), classes=4, rng=rng), normal(10, 2, 8, 8)


def with_dropout(rng):
    layers = nn.Linear(12, 16, rng=rng), nn.Dropout(0.4, rng=rng), nn.Linear(16, 4, rng=rng)
    return nn.Sequential(*layers), normal(10, 12)


def with_checkpoint(rng):
    model, x = dense(rng)
    inner = nn.Sequential(*model)
    model.forward = minigrad.checkpoint(inner.forward)
    return model, x


def trained(make, optimizer_class, seed, steps=8):
    """The losses of a few steps, and the bytes of the parameters they lead to."""
    model, x = make(np.random.default_rng(seed))
    labels = np.random.default_rng(seed).integers(4, size=len(x))
    optimizer = optimizer_class(model.parameters(), lr=0.05)
    losses = []
    for _ in range(steps):
        loss = minigrad.cross_entropy(model(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, [p.data.tobytes() for p in model.parameters()]


@pytest.mark.parametrize("make", [dense, convolutional, with_dropout, with_checkpoint])
def test_models_that_train_at_the_same_time_are_bitwise_what_they_are_alone(make):
    runs = [
        lambda seed=seed, kind=kind: trained(make, kind, seed)
        for seed in (1, 2)
        for kind in (nn.optim.SGD, nn.optim.Adam)
    ]
    alone = [run() for run in runs]
    for _ in range(3):
        assert at_once(*runs) == alone


def test_models_of_every_kind_train_at_the_same_time():
    makers = (dense, convolutional, with_dropout, with_checkpoint)
    runs = [lambda make=make: trained(make, nn.optim.Adam, 3) for make in makers]
    assert at_once(*runs) == [run() for run in runs]


@pytest.mark.parametrize("make", [dense, convolutional])
def test_one_model_gives_each_of_two_threads_the_gradients_of_its_own_input(make):
    model, x = make(np.random.default_rng(0))
    parameters = list(model.parameters())

    def gradients(scale):
        loss = minigrad.square(model(x * scale)).mean()
        return [g.data.tobytes() for g in grad(loss, parameters)]

    scales = [np.float32(1), np.float32(-2)]
    alone = [gradients(scale) for scale in scales]
    assert alone[0] != alone[1]
    for _ in range(10):
        assert at_once(*[lambda s=scale: gradients(s) for scale in scales]) == alone
    assert all(p.grad is None for p in parameters)


def test_a_graph_that_one_thread_made_can_be_walked_by_another():
    x = Tensor(normal(5), requires_grad=True)
    (loss,) = at_once(lambda: minigrad.exp(x).sum())
    loss.backward()
    np.testing.assert_array_equal(x.grad, np.exp(x.data))


# Modes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [no_grad(), debug(), minigrad.enable_grad()])
def test_a_mode_that_some_threads_enter_and_leave_stays_with_them(mode):
    """One and the same object in two threads; a third records, and is warned of an overflow, as if it were alone."""
    x = Tensor(np.ones(3), requires_grad=True)
    expected = np.geterr()
    ended = threading.Event()

    def enters():
        while not ended.is_set():
            with mode, mode:
                pass
            assert (x * 2).requires_grad

    def records():
        try:
            for _ in range(500):
                y = x * 2
                assert y.requires_grad
                assert y._node.notes is None  # debug mode keeps some
                assert np.geterr() == expected
        finally:
            ended.set()

    at_once(enters, records, enters)


# Writes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("same", [False, True])
@pytest.mark.parametrize("step", ["next_tick", "owner"])
def test_a_write_is_found_though_another_thread_is_amid_an_earlier_one(monkeypatch, step, same):
    """One thread has taken that step of its write and no further: it has a tick, or knows whose memory it is."""
    x = Tensor(np.ones(3), requires_grad=True)
    other = x if same else Tensor(np.ones(3))
    begun, done = threading.Event(), threading.Event()
    taken = getattr(minigrad.core.writes, step)

    def take_and_wait(*args):
        result = taken(*args)
        if not begun.is_set():
            begun.set()
            done.wait(SOON)
        return result

    def second():
        assert begun.wait(60)
        y = (x * x).sum()
        minigrad.touch(x)
        done.set()
        return y

    monkeypatch.setattr(f"minigrad.core.writes.{step}", take_and_wait)
    _, y = at_once(lambda: minigrad.touch(other), second)
    with pytest.raises(RuntimeError, match="written"):
        y.backward()


def test_every_write_is_found_while_other_threads_write():
    ended = threading.Event()

    def writes():
        t = Tensor(np.ones(3))
        while not ended.is_set():
            minigrad.touch(t)
            minigrad.touch(Tensor(np.ones(2)))  # an entry that is gone at once, with its array

    def writes_and_looks():
        w = Tensor(np.ones(3), requires_grad=True)
        found = 0
        try:
            for _ in range(2000):
                y = (w * w).sum()
                minigrad.touch(w)
                try:
                    y.backward()
                except RuntimeError:
                    found += 1
        finally:
            ended.set()
        return found

    found, *_ = at_once(writes_and_looks, writes, writes)
    assert found == 2000


def test_what_nobody_wrote_is_usable_while_other_threads_write():
    ended = threading.Event()

    def writes():
        while not ended.is_set():
            minigrad.touch(Tensor(np.ones(2)))

    def computes():
        w = Tensor(np.ones(3), requires_grad=True)
        try:
            for _ in range(500):
                w.assign(np.full(3, 2.0))
                assert grad((w * w).sum(), w).tolist() == [4, 4, 4]
        finally:
            ended.set()

    at_once(computes, writes, writes)


def test_a_finalizer_that_writes_while_a_write_is_recorded_does_not_stand_still(monkeypatch):
    """The garbage collector may run one at any time, in the thread that is inside."""
    clock = minigrad.core.writes.next_tick
    inner = [Tensor([1.0])]

    def tick():
        while inner:
            minigrad.touch(inner.pop())
        return clock()

    monkeypatch.setattr("minigrad.core.writes.next_tick", tick)
    thread = threading.Thread(target=minigrad.touch, args=(Tensor([2.0]),), daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()


# Random numbers ------------------------------------------------------------------------------------------


def test_threads_share_the_default_generator_and_each_number_is_given_once():
    minigrad.seed(0)
    drawn = at_once(*[lambda: [minigrad.generator().random() for _ in range(500)]] * 4)
    expected = np.random.default_rng(0).random(2000)
    assert sorted(number for numbers in drawn for number in numbers) == sorted(expected.tolist())


def test_a_seed_is_not_undone_by_the_first_use_in_another_thread(monkeypatch):
    begun, done = threading.Event(), threading.Event()
    make = np.random.default_rng

    def make_and_wait(*seed):
        if not seed:
            begun.set()
            done.wait(SOON)
        return make(*seed)

    def seeds():
        assert begun.wait(60)
        minigrad.seed(7)
        done.set()

    monkeypatch.setattr("minigrad.random._default", None)
    monkeypatch.setattr(np.random, "default_rng", make_and_wait)
    at_once(minigrad.generator, seeds)
    assert minigrad.generator().random() == make(7).random()


# The settings of the user --------------------------------------------------------------------------------

TRAIN = """
import os
import numpy as np

def settings():
    tasks = "/proc/self/task"
    try:
        from threadpoolctl import threadpool_info
        blas = [(pool["filepath"], pool["num_threads"]) for pool in threadpool_info()]
    except ModuleNotFoundError:
        blas = []
    return dict(os.environ), blas, len(os.listdir(tasks)) if os.path.isdir(tasks) else None

before = settings()
import minigrad, nn
model = nn.CNN((1, 8, 8), channels=(4,), hidden=(8,), classes=3)
optimizer = nn.optim.Adam(model.parameters())
minigrad.cross_entropy(model(np.ones((5, 1, 8, 8), "float32")), np.arange(5) % 3).backward()
optimizer.step()
assert settings() == before, (before, settings())
"""


@pytest.mark.parametrize("setting", [{}, {"OPENBLAS_NUM_THREADS": "1"}])
def test_the_environment_and_the_threads_of_blas_stay_as_the_user_set_them(setting):
    env = {name: v for name, v in os.environ.items() if not name.endswith("_NUM_THREADS")}
    subprocess.run([sys.executable, "-c", TRAIN], env=env | setting, check=True)
