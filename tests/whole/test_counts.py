"""Counts that stand in for timed tests: what a step calls, makes and saves is known to the last array.

They are the same on every machine, Python and NumPy. A count that rises is a pass or a call more than needed: find
it, or say here what it buys. One that falls is good news: write the new one down. A failing test prints the line.
"""

from typing import NamedTuple

import numpy as np
import pytest
from accounting import STEPS, arrays_made, calls_of, dense

import minigrad as mg


class Counts(NamedTuple):
    calls: int  # of functions of minigrad and nn
    arrays: int  # that NumPy made memory for
    numbers: int  # the same, of 8 bytes at most: 0-d results, and Python's numbers on their way into NumPy
    made: int  # bytes of both
    saved: int  # bytes for backward


def counted(step) -> Counts:
    for _ in range(3):  # what is made once: constants, scratch
        step()
    with arrays_made() as sizes:
        step()
    loss = step.loss()
    numbers = sum(size <= 8 for size in sizes)
    return Counts(calls_of(step), len(sizes) - numbers, numbers, sum(sizes), mg.saved_bytes(loss))


COUNTS = {
    # calls: one of each module asks whether somebody records, which is how a node's module is known; one writes every
    # `.grad` at once, so that no interrupt leaves some written; one asks whether labels are traced, one whether the
    # optimiser's step is, both for compile; backward has one around it, which answers PyTorch's create_graph=
    # arrays: forward linear 2 + 1, relu 2 (zeros to compare with), cross-entropy 10; backward cross-entropy 3,
    # linear 2 + 3, relu 2 (a mask). One of the first linear and one of the cross-entropy is a copy, of x and of the
    # labels: a call each and one for who owns a view, so that a loop may fill such arrays again before backward
    # of the calls, the sums of both biases and the cross-entropy each ask for float16, which is summed in float32
    # saved: relu's output 32 x 8, the logits 32 x 4 and their softmax; the copies of x 32 x 16 and of 32 labels
    "dense": Counts(calls=138, arrays=25, numbers=22, made=11944, saved=4352),
    # calls: strips are filled a column of the window at a time, and cleared where it is in the padding; each pool
    # asks whether it is given an array; each sum asks for float16, which is summed in float32: those of 3 biases, 2
    # filters and 2 pools, and the cross-entropy; signals and images go one way, 3 calls of each op turn one into the
    # other; 10 find out whether scratch is in use, by a kernel that a signal handler interrupted
    # arrays: a bias costs its filters a copy, with a line for it, and saves a pass over the output; x and the labels
    # are copied, as above
    # saved: both relus' outputs (8 x 4 x 8 x 8, 8 x 4 x 4 x 4), both pools' (8 x 4 x 4 x 4, 8 x 4 x 2 x 2), the logits
    # 8 x 4 and their softmax; the copies of x 8 x 2 x 8 x 8 and of 8 labels
    "cnn": Counts(calls=542, arrays=71, numbers=81, made=88212, saved=17216),
    # a node: 1 array, the 1 that is added twice (as int64, as float32), 8 calls both ways, nothing saved;
    # the shape among the sum's options is rebuilt
    "chain": Counts(calls=835, arrays=101, numbers=203, made=27068, saved=0),
}


@pytest.mark.parametrize("name", STEPS)
def test_a_step_calls_makes_and_saves_what_is_written_down(name):
    assert counted(STEPS[name]()) == COUNTS[name]


def test_the_counts_of_a_dense_step_do_not_depend_on_the_batch():
    small, large = counted(dense(32)), counted(dense(320))
    assert large[:3] == small[:3]
    assert large.saved == 10 * small.saved


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_node_of_a_chain_costs_the_same_at_any_length(dtype):
    def cost(length):
        h = x = mg.Tensor(np.ones(64, dtype), requires_grad=True)

        def step():
            nonlocal h
            h = x
            for _ in range(length):
                h = h + 1
            x.grad = None
            h.sum().backward()

        step()
        with arrays_made() as sizes:
            step()
        return np.array([calls_of(step), len(sizes), sum(sizes)])

    one, ten, hundred = cost(1), cost(10), cost(100)
    assert np.array_equal(hundred - ten, 10 * (ten - one))


def test_what_is_counted_is_counted():
    a = np.ones(100)
    with arrays_made() as sizes:
        b = a + a  # one
        b += a  # none
        a[::2].reshape(5, 10).ravel("F")  # of a transposed view, one
        np.zeros(10)  # calloc, one
    assert sizes == [800, 400, 80]
    assert calls_of(lambda: mg.Tensor([1.0])) > calls_of(lambda: [0 for _ in range(9)]) == 0
