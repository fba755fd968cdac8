"""HIPS/autograd: NumPy's functions under another name, and the gradient of a function of the parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd import value_and_grad
from autograd.scipy.special import logsumexp
from kinds import Linear, Relu, refuse_all_but
from workloads import Workload


def start(workload: Workload) -> tuple[Callable[[], Any], Callable[[], dict[str, Any]]]:
    refuse_all_but((Linear, Relu), workload.layers, workload.optimizer)
    x, y = workload.data()
    rows = np.arange(len(y))
    parameters = {  # weights (in, out)
        name: np.ascontiguousarray(array.T) for name, array in workload.state().items()
    }

    def loss_of(parameters: Any) -> Any:
        h = x
        for place, layer in enumerate(workload.layers):
            if isinstance(layer, Relu):
                h = anp.maximum(h, 0)
            else:
                h = anp.dot(h, parameters[f"{place}.weight"]) + parameters[f"{place}.bias"]
        return anp.mean(logsumexp(h, axis=1) - h[rows, y])

    loss_and_gradients = value_and_grad(loss_of)

    def step() -> Any:
        loss, gradients = loss_and_gradients(parameters)
        for name, gradient in gradients.items():
            parameters[name] -= workload.optimizer.lr * gradient
        return loss

    return step, lambda: {name: array.T for name, array in parameters.items()}
