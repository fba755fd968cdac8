"""A program of PyTorch's beside its port: both from the same weights, on the same arrays, in float64.

A program is a function that gives (training, *models), and training(*models) gives its step: (*arrays) -> losses.
"""

import numpy as np
from compiling import bits

import minigrad
from minigrad import Tensor


def begun(port):
    """The port's step and its models, new from the same seed."""
    minigrad.seed(0)
    training, *models = port()
    for model in models:
        model.astype(np.float64)
    return training(*models), *models


def losses(step, batches):
    """A row of losses for each batch."""
    given = [step(*map(Tensor, batch)) for batch in batches]
    return [[loss.item() for loss in (row if isinstance(row, tuple) else (row,))] for row in given]


def assert_losses_are_pytorchs(torch, program, port, batches):
    """Both make their steps from the weights of the port, which go over by their names in PyTorch."""
    step, *models = begun(port)
    training, *theirs = program(torch)
    for model, their_model in zip(models, theirs, strict=True):
        state = {name: torch.from_numpy(array) for name, array in model.state_dict().items()}
        their_model.load_state_dict(state)
    their_step = training(*theirs)
    expected = losses(
        lambda *batch: their_step(*(torch.from_numpy(t.data) for t in batch)), batches
    )
    np.testing.assert_allclose(losses(step, batches), expected, rtol=1e-10)


def trained(port, batches, compile=lambda step: step):
    """The losses and the states after them, bit for bit."""
    step, *models = begun(port)
    rows = losses(compile(step), batches)
    return bits(np.array(rows)), [bits(model.state_dict()) for model in models]


def assert_compiled_leaves_the_same_bits(port, batches):
    """What does not compile warns, which is an error in the tests."""
    assert trained(port, batches, minigrad.compile) == trained(port, batches)
