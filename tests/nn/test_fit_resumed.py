"""fit can be stopped anywhere, by an interrupt too, and goes on as if it had not been."""

import os
import signal
import threading

import pytest
from fitted import bits, data, fitted, halving, setting

import nn
from minigrad import cross_entropy


@pytest.fixture(autouse=True)
def interrupts_as_in_a_terminal():
    """A shell lets what it starts in the background ignore Ctrl-C, and fit leaves it so."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("schedule_each", ["epoch", "step"])
def test_a_run_in_two_parts_is_the_whole_run_bit_for_bit(path, schedule_each):
    def run(epochs, seed, **options):
        model, loader, optimizer = setting(seed)
        options |= {"schedule": halving(optimizer), "schedule_each": schedule_each}
        return fitted(model, loader, optimizer, epochs=epochs, **options), bits(model)

    whole, whole_bits = run(6, seed=1)
    run(2, seed=1, checkpoint=path, resume=True)
    history, resumed_bits = run(6, seed=5, checkpoint=path, resume=True)
    assert history == whole
    assert resumed_bits == whole_bits


def test_gradients_that_the_optimizer_does_not_use_neither_clip_nor_change_a_resumed_run(path):
    def run(epochs, **options):
        model, loader, _ = setting()
        optimizer = nn.optim.SGD(model[4].parameters(), lr=0.1)
        return fitted(model, loader, optimizer, epochs=epochs, clip_norm=0.1, **options), bits(
            model
        )

    def alone():
        model, loader, _ = setting()
        model.requires_grad_(False)
        model[4].requires_grad_()
        optimizer = nn.optim.SGD(model[4].parameters(), lr=0.1)
        return fitted(model, loader, optimizer, epochs=4, clip_norm=0.1), bits(model)

    whole = run(4)
    run(2, checkpoint=path)
    assert run(4, checkpoint=path, resume=True) == whole
    assert alone() == whole


@pytest.mark.parametrize("at", [1, 3, 5, 7])
@pytest.mark.parametrize(("accumulate", "prefetch"), [(1, 0), (2, 0), (1, 2)])
def test_a_run_interrupted_within_an_epoch_goes_on_bit_for_bit(path, at, accumulate, prefetch):
    def run(seed, loss=cross_entropy):
        model, loader, optimizer = setting(seed, prefetch)
        options = {"checkpoint": path, "resume": True, "accumulate": accumulate}
        return fitted(model, loader, optimizer, loss, 3, **options), bits(model)

    whole, whole_bits = run(1)
    path.unlink()
    calls = []

    def interrupted(output, y):
        calls.append(0)
        if len(calls) == at:
            os.kill(os.getpid(), signal.SIGINT)
        return cross_entropy(output, y)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt, match=r"the checkpoint .* is that after step"):
        run(1, interrupted)
    assert signal.getsignal(signal.SIGINT) is before
    history, resumed_bits = run(7)
    assert history == whole
    assert resumed_bits == whole_bits


def test_an_interrupt_after_the_last_update_is_not_lost(path):
    def while_validating(output, y):
        os.kill(os.getpid(), signal.SIGINT)
        return 0.0

    validation = [(data()[0], data()[1])]
    options = {"validation": validation, "metrics": {"last": while_validating}, "checkpoint": path}
    with pytest.raises(KeyboardInterrupt, match="after step 5; the checkpoint"):
        fitted(*setting(), **options)
    options["metrics"] = {"last": lambda output, y: 0.0}
    assert len(fitted(*setting(), resume=True, **options)) == 1


def test_a_second_interrupt_does_not_wait():
    def hurried(output, y):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("it waited")

    with pytest.raises(KeyboardInterrupt):
        fitted(*setting(), loss=hurried)


def test_a_program_that_ignores_ctrl_c_goes_on_to_do_so():
    def hurried(output, y):
        os.kill(os.getpid(), signal.SIGINT)
        return cross_entropy(output, y)

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert len(fitted(*setting(), hurried)) == 1
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_fit_runs_in_a_thread_which_gets_no_signals():
    histories = []
    thread = threading.Thread(target=lambda: histories.append(fitted(*setting())))
    thread.start()
    thread.join()
    assert len(histories[0]) == 1


def test_a_checkpoint_that_fit_did_not_save_is_refused(path):
    model, loader, optimizer = setting()
    nn.save(path, model, optimizer, rng=loader.rng)
    other, loader, optimizer = setting(2)
    before = bits(other)
    with pytest.raises(ValueError, match="was not saved by fit"):
        fitted(other, loader, optimizer, checkpoint=path, resume=True)
    assert bits(other) == before
