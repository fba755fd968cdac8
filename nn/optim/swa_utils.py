"""A model whose parameters are means of those of another while that one is trained, under PyTorch's names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np

from minigrad import no_grad

from ..layers.batch_norm import _BatchNorm
from ..modes import in_mode
from ..module import Buffer, Module, Parameter
from .checks import share

Average = Callable[[Any, Any, int], Any]  # (the mean of n values, the next, n) -> the new mean


def get_swa_avg_fn() -> Average:
    """mean + (value - mean) / (n + 1): every value weighs the same. Izmailov et al. 2018."""
    return lambda mean, value, n: mean + (value - mean) / (n + 1)


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """decay mean + (1 - decay) value: an older value weighs less."""
    decay = share(decay, "get_ema_avg_fn: decay")
    return lambda mean, value, n: decay * mean + (1 - decay) * value


class AveragedModel(Module):
    """mean <- avg_fn(mean, value, n_averaged) of every parameter: weights averaged along the path of a training.

    model        is copied at once; the copy is `module`, and what is called. `update_parameters(model)` after a step
                 copies the values the first time, and averages them from then on
    avg_fn       of arrays; by default `get_swa_avg_fn()`, and for a running mean `get_ema_avg_fn(0.999)`. It is not in
                 the state_dict
    use_buffers  True averages buffers, such as running statistics, too, those of integers rounded towards 0 as in
                 PyTorch; else they are copied from the model, and `update_bn` computes those of the averaged model
    """

    def __init__(
        self, model: Module, *, avg_fn: Average | None = None, use_buffers: bool = False
    ) -> None:
        if not isinstance(model, Module):
            raise TypeError(f"AveragedModel: the model is a {type(model).__name__}, not a Module")
        self.n_averaged = Buffer(np.array(0))
        self.module = deepcopy(model)
        self.avg_fn = avg_fn or get_swa_avg_fn()
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the present values of the model, which has the names and shapes of the one that was copied."""
        later = getattr(self.n_averaged.data, "later", None)
        if later is not None:  # the array of a function that is compiled
            later(partial(self.update_parameters, model))
            return
        n, means, values = int(self.n_averaged.data), dict(self.module._walk()), dict(model._walk())
        ours, theirs = (
            {name: (t.shape, t.dtype) for name, t in d.items()} for d in (means, values)
        )
        for name, (shape, dtype) in ours.items() ^ theirs.items():
            raise ValueError(
                f"AveragedModel: {name} of shape {shape} and {dtype} is in one of the two models only; pass the model "
                "that was averaged from the start"
            )
        for name in {id(mean): name for name, mean in means.items()}.values():  # a shared one once
            mean, value = means[name], values[name].data
            if n and (self.use_buffers or isinstance(mean, Parameter)):
                value = self.avg_fn(mean.data, value, n).astype(mean.dtype)
            mean.assign(value)
        self.n_averaged.assign(n + 1)


def update_bn(loader: Iterable[Any], model: Module) -> None:
    """The running statistics of every BatchNorm, computed anew: the means over the batches of the loader.

    loader  gives inputs, or tuples or lists whose first element is one
    """
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.running_mean is not None]
    momenta = [norm.momentum for norm in norms]
    with in_mode(model, training=True), no_grad():
        try:
            for norm in norms:
                norm.momentum = None
                for buffer in (norm.num_batches_tracked, norm.running_mean, norm.running_var):
                    buffer.assign(np.full_like(buffer.data, buffer is norm.running_var))
            for batch in loader if norms else ():
                model(batch[0] if isinstance(batch, (tuple, list)) else batch)
        finally:
            for norm, momentum in zip(norms, momenta, strict=True):
                norm.momentum = momentum
