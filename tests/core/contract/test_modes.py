"""Recording modes that end out of order, or in another thread, as suspended generators do."""

import threading

import numpy as np
import pytest
from leaves import leaf

import minigrad as mg
from minigrad import enable_grad, no_grad
from minigrad.core.graph import ON, mode
from minigrad.sight.recording import observed

MODES = [no_grad, enable_grad, mg.record, mg.debug, lambda: observed(lambda op, result: None)]


def suspended(make):
    """A generator that is suspended in a block."""

    def run():
        with make():
            yield

    generator = run()
    next(generator)
    return generator


def in_a_thread(function):
    found = []

    def run():
        try:
            found.append(function())
        except BaseException as error:  # raised in the caller's thread
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    if isinstance(found[0], BaseException):
        raise found[0]
    return found[0]


@pytest.mark.parametrize("make", MODES)
@pytest.mark.parametrize("amid", [None, no_grad, mg.debug])
def test_a_block_that_another_thread_closes_leaves_that_thread_as_it_was(make, amid):
    before = np.geterr()
    generator = suspended(make)

    def close():
        if amid is None:
            generator.close()
            return mode.get(), np.geterr() == before
        with amid():
            inside = mode.get(), np.geterr()
            generator.close()
            assert (mode.get(), np.geterr()) == inside
        return mode.get(), np.geterr() == before

    assert in_a_thread(close) == (ON, True)
    with no_grad():
        pass
    assert mode.get() == ON  # and the thread that opened it is rid of it
    assert np.geterr() == before
    assert (leaf(1) * 2).requires_grad


@pytest.mark.parametrize("first", MODES)
@pytest.mark.parametrize("second", MODES)
def test_blocks_that_end_in_another_order_leave_what_those_that_are_open_say(first, second):
    with second():
        alone = mode.get()
    one = suspended(first)
    other = suspended(second)
    one.close()
    assert mode.get() == alone
    other.close()
    assert mode.get() == ON
