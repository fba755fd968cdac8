"""Transforms within transforms, three deep, over closures, structures, hooks and no_grad: the numbers are JAX's."""

import json
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from nested_transforms import evaluate, in_minigrad, program, start
from places import HELPERS

import minigrad as mg
from minigrad import Tensor

FEW, COUNT = 40, 200  # JAX compiles anew for each
LIB = in_minigrad()


@pytest.fixture(scope="module", params=[FEW, pytest.param(COUNT, marks=pytest.mark.slow)])
def in_jax(request):
    if find_spec("jax") is None:
        pytest.skip("jax is not installed")
    command = [sys.executable, HELPERS / "nested_transforms.py", "0", str(request.param)]
    return json.loads(subprocess.check_output(command, text=True))


def total_of(seed):
    tree = program(seed)
    return lambda x: evaluate(LIB, tree, [x]).sum()


def value_and_grad(seed):
    return mg.value_and_grad(total_of(seed))(start(seed))


def value_and_grad_under_no_grad(seed):
    with mg.no_grad():
        value, gradient = mg.value_and_grad(total_of(seed))(start(seed))
    assert (type(value), type(gradient)) == (np.float64, np.ndarray)
    return value, gradient


def backward(seed):
    """The variable as a parameter that the transforms close over, and none of their arguments."""
    w = Tensor(start(seed), requires_grad=True)
    y = total_of(seed)(w)
    if y.requires_grad:
        y.backward()
    return y, Tensor(np.zeros(3)) if w.grad is None else w.grad


@pytest.mark.parametrize("derive", [value_and_grad, value_and_grad_under_no_grad, backward])
def test_random_programs_of_transforms_have_the_values_and_gradients_of_jax(in_jax, derive):
    for seed, (value, gradient) in enumerate(in_jax):
        y, g = derive(seed)
        size = max(1.0, abs(value), *np.abs(gradient))
        np.testing.assert_allclose(y.item(), value, rtol=0, atol=1e-10 * size, err_msg=str(seed))
        g = g.detach() if isinstance(g, Tensor) else g  # of history if f made leaves of its own
        np.testing.assert_allclose(
            np.asarray(g), gradient, rtol=0, atol=1e-10 * size, err_msg=str(seed)
        )


def test_most_random_programs_have_a_gradient_and_every_transform_is_in_them(in_jax):
    assert sum(any(gradient) for _, gradient in in_jax) > 0.7 * len(in_jax)
    words = json.dumps([program(seed) for seed in range(COUNT)])
    for kind in ("grad", "vjp", "jvp", "jacobian", "hessian", "hvp", "checkpoint", "stopped"):
        assert words.count(f'"{kind}"') > 20
