"""Every layer and loss of nn beside PyTorch's from the same state, and their derivatives by finite differences."""

import copy
import inspect
import zlib
from functools import partial

import numpy as np
import pytest
from cases.layers import LAYERS, WITHOUT, fixed
from cases.losses import LOSSES
from cases.modules import as_function, flat
from cases.sequences import SEQUENCES

import minigrad
import nn
from minigrad import Tensor

CASES = LAYERS | SEQUENCES | LOSSES
EVERY = [
    pytest.param(name, case, id=f"{name}-{i}")
    for name, cases in CASES.items()
    for i, case in enumerate(cases)
]
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}


def exported():
    """The names of the Modules that nn exports."""
    things = ((name, getattr(nn, name)) for name in nn.__all__)
    return [name for name, c in things if isinstance(c, type) and issubclass(c, nn.Module)]


def arguments_of(case, convert):
    """The constructor's arguments, arrays among them converted."""
    args = [convert(a) if isinstance(a, np.ndarray) else a for a in case.args]
    options = case.options.items()
    return args, {k: convert(v) if isinstance(v, np.ndarray) else v for k, v in options}


def made(name, case, dtype):
    """Our layer, in the dtype if it has any parameters to have one."""
    kind = getattr(nn, name)
    args, options = arguments_of(case, lambda a: a.astype(dtype))
    if "dtype" in inspect.signature(kind).parameters:
        options["dtype"] = dtype
    return kind(*args, **options)


def theirs_of(torch, name, case, dtype):
    """PyTorch's layer with parameters and running statistics that are nowhere 0 or 1."""
    args, options = arguments_of(case, torch.tensor)
    make = getattr(torch.nn, name) if case.theirs is None else partial(case.theirs, torch)
    module = make(*args, **options).to(getattr(torch, dtype))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in module.parameters():
            p.uniform_(-1, 1, generator=generator)
        for buffer_name, buffer in module.named_buffers():
            if buffer_name.startswith("running"):
                buffer.uniform_(0.5, 2, generator=generator)
    return module


def inputs_of(name, case, dtype):
    """(array, whether it is differentiated) for each input."""
    rng = np.random.default_rng(zlib.crc32(f"{name} {case.args} {case.options}".encode()))
    for given in case.inputs:
        array = np.asarray(given(rng) if callable(given) else rng.standard_normal(given))
        is_float = array.dtype.kind == "f"
        yield array.astype(dtype) if is_float else array, is_float and not isinstance(given, fixed)


def assert_equal(ours, theirs, dtype):
    theirs = theirs.detach().numpy()
    ours = ours.detach().numpy() if isinstance(ours, Tensor) else ours
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    size = np.abs(theirs).max(initial=1)
    np.testing.assert_allclose(ours, theirs, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] * size)


def assert_steps_agree(torch, case, ours, theirs, inputs, dtype):
    """Outputs, and the gradients of everything for one seed of them."""
    xs = [Tensor(a, requires_grad=needs) for a, needs in inputs]
    ts = [torch.tensor(a, requires_grad=needs) for a, needs in inputs]
    ys, zs = flat(case.run(ours, *xs)), flat(case.run(theirs, *ts))
    ours.zero_grad()
    theirs.zero_grad()
    rng = np.random.default_rng(1)
    total, total_theirs = 0, 0
    for y, z in zip(ys, zs, strict=True):
        assert_equal(y, z, dtype)
        if y.dtype.kind == "f":
            seed = rng.standard_normal(y.shape).astype(dtype)
            total = total + (y * seed).sum()
            total_theirs = total_theirs + (z * torch.tensor(seed)).sum()
    total.backward()
    total_theirs.backward()
    for x, t, (_, needs) in zip(xs, ts, inputs, strict=True):
        if needs:
            assert_equal(x.grad, t.grad, dtype)
    parameters = dict(theirs.named_parameters())
    assert [name for name, _ in ours.named_parameters()] == list(parameters)
    for name, p in ours.named_parameters():
        assert_equal(p.grad, parameters[name].grad, dtype)


def assert_states_agree(ours, theirs, dtype):
    state, their_state = ours.state_dict(), theirs.state_dict()
    assert list(state) == list(their_state)
    for name, array in state.items():
        assert_equal(array, their_state[name], dtype)


def test_every_module_that_nn_exports_has_a_case():
    assert {*exported()} == {*CASES} | {*WITHOUT}
    assert not {*CASES} & {*WITHOUT}
    assert all(CASES.values())


@pytest.mark.filterwarnings("ignore:Using padding='same'")  # PyTorch pads for it in a copy
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
