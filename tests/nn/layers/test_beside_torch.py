"""Every layer and loss of nn beside PyTorch's from the same state, and their derivatives by finite differences."""

import copy
from contextlib import nullcontext

import numpy as np
import pytest
from cases.layers import WITHOUT
from cases.modules import as_function, flat
from layers_in_pytorch import (
    CASES,
    EVERY,
    assert_equal,
    assert_second_derivatives_agree,
    assert_states_agree,
    assert_steps_agree,
    inputs_of,
    made,
    theirs_of,
)

import minigrad
import nn


def exported():
    """The names of the Modules that nn exports."""
    things = ((name, getattr(nn, name)) for name in nn.__all__)
    return [name for name, c in things if isinstance(c, type) and issubclass(c, nn.Module)]


def test_every_module_that_nn_exports_has_a_case():
    assert {*exported()} == {*CASES} | {*WITHOUT}
    assert not {*CASES} & {*WITHOUT}
    assert all(CASES.values())


@pytest.mark.filterwarnings("ignore:Using padding='same'")  # PyTorch pads for it in a copy
@pytest.mark.filterwarnings("ignore:enable_nested_tensor")  # ways of PyTorch's own to be fast
@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "case"), EVERY)
def test_outputs_and_gradients_are_pytorchs_and_the_state_moves_both_ways(
    torch, name, case, dtype, training
):
    ours = made(name, case, dtype).train(training)
    theirs = theirs_of(torch, name, case, dtype).train(training)
    ours.load_state_dict(theirs.state_dict())
    assert_states_agree(ours, theirs, dtype)
    inputs = list(inputs_of(name, case, dtype))
    assert_steps_agree(torch, case, ours, theirs, inputs, dtype)
    assert_states_agree(ours, theirs, dtype)
    back = copy.deepcopy(theirs)
    with torch.no_grad():
        for q in [*back.parameters(), *back.buffers()]:
            q.zero_()
    back.load_state_dict({k: torch.from_numpy(v) for k, v in ours.state_dict().items()})
    assert_steps_agree(torch, case, ours, back, inputs, dtype)


# what PyTorch differentiates once only; here as everywhere, finite differences check the second time
ONCE = {"EmbeddingBag", "HingeLoss", "MultiMarginLoss", "MultiLabelMarginLoss", "CTCLoss"}


@pytest.mark.filterwarnings("ignore:Using padding='same'", "ignore:enable_nested_tensor")
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize(("name", "case"), EVERY)
def test_second_derivatives_are_pytorchs(torch, name, case, training):
    ours = made(name, case, "float64").train(training)
    theirs = theirs_of(torch, name, case, "float64").train(training)
    ours.load_state_dict(theirs.state_dict())
    inputs = list(inputs_of(name, case, "float64"))
    refused = pytest.raises(RuntimeError, match="is not implemented")
    twice = torch.nn.attention.SDPBackend.MATH  # its fast attention is differentiated once only
    with torch.nn.attention.sdpa_kernel(twice), refused if name in ONCE else nullcontext():
        assert_second_derivatives_agree(torch, case, ours, theirs, inputs)


@pytest.mark.parametrize(
    ("name", "case"), [p for p in EVERY if p.values[0].startswith(("BatchNorm", "Instance"))]
)
def test_running_statistics_are_pytorchs_after_five_steps_of_training(torch, name, case):
    ours, theirs = made(name, case, "float64"), getattr(torch.nn, name)(*case.args, **case.options)
    theirs = theirs.to(torch.float64)
    rng = np.random.default_rng(0)
    for step in range(5):
        x = (step + 1) * rng.standard_normal(case.inputs[0]) + step
        ours(x)
        theirs(torch.tensor(x))
        assert_states_agree(ours, theirs, "float64")
    x = rng.standard_normal(case.inputs[0])
    assert_equal(ours.eval()(x), theirs.eval()(torch.tensor(x)), "float64")


SMALL = [
    p for p in EVERY
    if getattr(nn, p.values[0]).__module__.endswith((".activations", ".cells", ".distances"))
]  # fmt: skip


@pytest.mark.parametrize(("name", "case"), SMALL)
def test_a_small_layer_is_certified_as_a_function_of_its_parameters_and_inputs(name, case):
    f, parameters = as_function(made(name, case, "float64"), case.run)
    inputs = [array for array, _ in inputs_of(name, case, "float64")]
    minigrad.certify(lambda *values: tuple(flat(f(*values))), *parameters, *inputs)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize(("name", "case"), EVERY)
def test_a_layer_has_right_derivatives_by_inputs_and_parameters(name, case, training):
    minigrad.seed(0)
    module = made(name, case, "float64").train(training)
    f, parameters = as_function(module, case.run)
    inputs = list(inputs_of(name, case, "float64"))

    def of_floats(*values):
        """f of the parameters and of those inputs that are differentiated."""
        rest = iter(values[len(parameters) :])
        given = [next(rest) if needs else a for a, needs in inputs]
        outputs = flat(f(*values[: len(parameters)], *given))
        return tuple(y for y in outputs if y.dtype.kind == "f")

    arguments = [*parameters, *(a for a, needs in inputs if needs)]
    minigrad.check_grads(of_floats, arguments, rng=np.random.default_rng(0))
