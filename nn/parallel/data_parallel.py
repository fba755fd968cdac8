"""DataParallel: the same model on every rank, trained by the gradient of the rows of all."""

from __future__ import annotations

from typing import Any

import numpy as np

import minigrad
from minigrad import Tensor, on_host
from minigrad.devices import is_elsewhere, together_on_host

from ..layers.batch_norm import _BatchNorm
from ..module import Buffer, Module, Parameter
from ..saving.generators import separate
from .exchange import Exchange
from .ranks import Ranks

FEW = 4  # values of each parameter by which the ranks see that they have come apart


class DataParallel:
    """g = sum_r w_r g_r / sum_r w_r: the gradient of the mean over the rows of all ranks, with w_r rows on rank r.

    model         stays itself. Here all ranks get the parameters and buffers of rank 0, and the Generators that its
                  modules hold, and the package's default one, go on with other numbers on each rank, so that masks
                  differ
    ranks         `nn.parallel.world()`
    synchronised  True: BatchNorm takes mean and variance over the rows of all ranks, for two more sums per layer and
                  pass. False: over those of its own rank, and the running ones are averaged with the gradients

    ValueError names what differs if the models of the ranks are not of one kind.
    """

    def __init__(self, model: Module, ranks: Ranks, synchronised: bool = False) -> None:
        if not isinstance(ranks, Ranks):
            raise TypeError(
                f"DataParallel: ranks is a {type(ranks).__name__}; nn.parallel.world() is needed"
            )
        self.model, self.ranks = model, ranks
        self._exchange = Exchange(ranks)
        self._seen: list[Any] | None = None  # what the digest that is told was made of
        self._told = 0
        self._compare()
        for _, value in self._state():
            value.assign(ranks.broadcast(np.array(on_host(value.data), order="C")))
        separate(model, ranks)
        several = synchronised and ranks.size > 1
        layers = [m for m in model.modules() if isinstance(m, _BatchNorm)] if several else []
        self.synchronised = bool(layers)
        for place, layer in enumerate(layers, 1):
            layer.ranks, layer.place = ranks, place

    def expect(self, weight: float) -> None:
        """Say before forward what `average` will get, where BatchNorm over all ranks cannot see it in its input.

        It takes the rows of its input for the weight. Gradients that are accumulated over several batches have one
        weight for all of them, and a loss per word has the number of its words.
        """
        self.ranks.weight = float(weight)

    def average(self, weight: float) -> None:
        """Set every gradient, and every running statistic, in place to its mean over the ranks, by their weights.

        weight  what this rank's loss was divided by: the number of its rows; for a weighted cross-entropy the sum of
                w[y] over the rows that are not ignored. With 0 the gradients here, which may be nan, are not read

        A parameter that no rank has used keeps the gradient None; one that some have used counts as 0 on the others.
        """
        if self.ranks.size == 1:
            _checked(np.array([float(weight)]))
            return
        state = self._state()
        params = [v for _, v in state if isinstance(v, Parameter) and v.requires_grad]
        missing = sum(p.grad is None for p in params)
        values, counts = _samples(state)
        told = self.ranks.meet(
            "average", float(weight), missing, self._digest(state), values, counts
        )
        weights = _checked(told[:, 0])
        alike = (told[:, 2] == told[0, 2]).all()  # also in the orders of memory
        if (told[:, 2:4] != told[0, 2:4]).any():
            self._compare(values=True)
        self._check_shares(weights)
        if told[:, 1].any():
            used = np.array([p.grad is not None for p in params], np.float32)
            params = [p for p, n in zip(params, self.ranks.sum(used), strict=True) if n]
        buffers = [b for _, b in state if isinstance(b, Buffer)]
        if (told[:, 4] != told[0, 4]).any():  # a rank without rows has counted no batch
            for b in buffers:
                if b.dtype.kind != "f":
                    whole = self.ranks.broadcast(np.array(on_host(b.data)), int(weights.argmax()))
                    b.assign(whole)
        share = float(weights[self.ranks.rank] / weights.sum())
        running = [b for b in buffers if b.dtype.kind == "f"]
        here = [
            *(None if p.grad is None else p.grad.data for p in params),
            *(b.data for b in running),
        ]
        here = together_on_host(here)
        means = [np.array(a, _wide(a), order="C") for a in here[len(params) :]]
        grads = _grads(params, here, alike)
        minigrad.touch(*grads)
        self._exchange.mean([*grads, *means], share)
        for p, g in zip(params, grads, strict=True):
            if p.grad is None or p.grad.data is not g:
                p.grad = Tensor(g)
        for b, mean in zip(running, means, strict=True):
            b.assign(mean)

    def _state(self) -> list[tuple[str, Any]]:
        """(name, Parameter or Buffer), each once, under its first name."""
        found = {id(value): (name, value) for name, value in reversed([*self.model._walk()])}
        return [*reversed(found.values())]

    def _compare(self, values: bool = False) -> None:
        """Raise ValueError if the models of the ranks differ in names, shapes, dtypes, what is frozen, or values."""
        state = self._state()
        mine = _kinds(state)
        if values:
            params = {n: v for n, v in state if isinstance(v, Parameter)}
            mine += [f"{n}={v.data.reshape(-1)[:FEW]}" for n, v in params.items()]
        first, *others = (
            told.decode().split("\n") for told in self.ranks.gather("\n".join(mine).encode())
        )
        for rank, other in enumerate(others, 1):
            if other != first:
                here = [line for line in first if line not in other] or ["another order"]
                there = [line for line in other if line not in first] or ["another order"]
                raise ValueError(
                    f"DataParallel: the model of rank {rank} is not that of rank 0; all start from what DataParallel "
                    "sends them, and make the same steps with the same rates.\n"
                    f"  rank 0: {', '.join(here[:3])}\n  rank {rank}: {', '.join(there[:3])}"
                )

    def _digest(self, state: list[tuple[str, Any]]) -> int:
        """A number that is the same on all ranks if all that must be the same is, and the orders of memory are."""
        import zlib

        kinds = [(n, v.dtype, v.shape, v.requires_grad, _order(v)) for n, v in state]
        if kinds != self._seen:
            self._seen = kinds
            text = "\n".join([*_kinds(state), *(kind[-1] for kind in kinds)])
            self._told = zlib.crc32(text.encode())
        return self._told

    def _check_shares(self, weights: Any) -> None:
        """Raise ValueError if BatchNorm has counted the rows of the ranks by other weights than these."""
        shares, self.ranks.shares, self.ranks.weight = self.ranks.shares, set(), None
        for share in map(np.array, shares):
            parts = share > 0
            if not np.allclose(
                share * weights[parts].sum(), parts * weights * share.sum(), rtol=1e-6
            ):
                raise ValueError(
                    f"average: BatchNorm over all ranks has counted {share.tolist()} rows of theirs, and the weights "
                    f"are {weights.tolist()}; say the weight before the forward pass, by expect(weight)"
                )


def _kinds(state: list[tuple[str, Any]]) -> list[str]:
    """A line for each entry of the state: all that must be the same on the ranks."""
    return [
        f"{name} {v.dtype} {tuple(v.shape)}{'' if v.requires_grad or isinstance(v, Buffer) else ' frozen'}"
        for name, v in state
    ]


def _samples(state: list[tuple[str, Any]]) -> list[int]:
    """Checksums of the first values of all parameters, and of what the model counts.

    Only of what is on the host: a device would be waited for once more in each step.
    """
    import zlib

    found = [0, 0]
    for _, v in state:
        if is_elsewhere(v.data):
            continue
        if isinstance(v, Parameter):
            found[0] = zlib.crc32(v.data.flat[:FEW].tobytes(), found[0])
        elif v.dtype.kind != "f":
            found[1] = zlib.crc32(v.data.tobytes(), found[1])
    return found


def _wide(t: Any) -> Any:
    """The dtype in which means are taken."""
    return t.dtype if t.dtype.itemsize >= 4 else np.dtype(np.float32)


def _order(t: Any) -> str:
    """The order in memory of a Tensor, which is that of its gradient where a product made it."""
    if is_elsewhere(t.data):
        return "C"
    return "C" if t.data.flags.c_contiguous or not t.data.flags.f_contiguous else "F"


def _grads(params: list[Any], here: list[Any], alike: bool) -> list[Any]:
    """The gradients, as arrays that can be written: their own, or copies in a wider dtype or another order."""
    grads: list[Any] = []
    for p, g in zip(params, here, strict=False):
        order: Any = _order(p) if alike else "C"
        if g is None:
            grads.append(np.zeros(p.shape, _wide(p), order))
            continue
        grads.append(np.asarray(g if g.flags.writeable else g.copy(), _wide(p), order))
    return grads


def _checked(weights: Any) -> Any:
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise ValueError(
            f"average: the weights of the ranks are {weights.tolist()}; numbers from 0 are needed, and not all 0"
        )
    return weights
