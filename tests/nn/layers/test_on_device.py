"""Every layer and loss on arrays with CuPy's manners: the values, gradients and Hessians that NumPy's give."""

import numpy as np
import pytest
from cases.modules import flat
from layers_in_pytorch import EVERY, inputs_of, made, products_with_hessian

import minigrad as mg
from minigrad import Tensor, devices
from minigrad.trust.other_library import OnDevice


def derivatives(name, case, place):
    """Outputs, the gradients of their squares by inputs and parameters, and products with the Hessian."""
    mg.seed(0)
    waits, layer = OnDevice.waits, made(name, case, "float64")
    for _, value in layer._walk():
        value._data = place(value._data)
    xs = [Tensor(place(a), requires_grad=needs) for a, needs in inputs_of(name, case, "float64")]
    leaves = [*(x for x in xs if x.requires_grad), *layer.parameters()]
    outputs = flat(case.run(layer, *xs))
    loss = sum((y * y).sum() for y in outputs if y.dtype.kind == "f")
    first = mg.grad(loss, leaves)
    second = products_with_hessian(mg.grad, case.run, layer, xs, leaves, place)
    states = [value for _, value in layer._walk()]
    waited = OnDevice.waits - waits
    return waited, [*outputs, *first, *(h for h in second if h is not None), *states]


@pytest.mark.parametrize(("name", "case"), EVERY)
def test_a_layer_or_loss_computes_on_a_device_what_it_does_on_the_host(name, case):
    waits, found = derivatives(name, case, OnDevice.asarray)
    _, expected = derivatives(name, case, np.array)
    assert waits == 0  # for all checks together there is one, when a value is read
    devices.settle()
    assert len(found) == len(expected)
    for f, e in zip(found, expected, strict=True):
        assert type(f.data) is OnDevice
        assert f.dtype == e.dtype
        size = np.abs(e.data).max(initial=1) if e.dtype.kind == "f" else 1
        np.testing.assert_allclose(f.data.array, e.data, rtol=1e-10, atol=1e-10 * size)
