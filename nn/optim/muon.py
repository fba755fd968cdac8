"""Muon: momentum whose matrix is made nearly orthogonal before each step."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .blocks import Group, Pair, State
from .checks import flag, fraction, natural, not_negative, numbers, one_of, parameters
from .optimizer import Law
from .options import option
from .parts import averaged, decayed, kept
from .state import check_kind


class Muon(Law):
    """Muon, from Jordan et al. 2024, for the matrices of hidden layers.

        v <- momentum v + (1 - momentum) g
        o = orthogonal(momentum v + (1 - momentum) g if nesterov else v)
        w <- w - lr weight_decay w
        w <- w - lr c o        c = sqrt(max(1, rows / columns)), or 0.2 sqrt(max(rows, columns))

    params           matrices; leave biases, gains, embeddings and the last layer to AdamW
    ns_coefficients, ns_steps, eps  of `orthogonal`, below
    adjust_lr_fn     None or "original" for the first c; "match_rms_adamw" for the second, from Liu et al. 2025, with
                     which a rate and decay chosen for AdamW serve here too

    PyTorch computes o in bfloat16, of 8 bits, so its steps are these to some two digits.
    """

    lr: float = option(not_negative, default=1e-3)
    weight_decay: float = option(not_negative, default=0.1)
    momentum: float = option(fraction, default=0.95)
    nesterov: bool = option(flag, default=True)
    ns_coefficients: tuple[float, float, float] = option(
        numbers(3), default=(3.4445, -4.775, 2.0315)
    )
    eps: float = option(not_negative, default=1e-7)
    ns_steps: int = option(natural, default=5)
    adjust_lr_fn: str | None = option(one_of(None, "original", "match_rms_adamw"), default=None)

    def _add(self, group: Group, where: str) -> None:
        params = parameters(group["params"], where)
        for i, p in enumerate(params):
            if p.ndim != 2:
                raise ValueError(
                    f"{where}: params[{i}] has shape {p.shape}, and Muon moves matrices only; give it the p with "
                    "p.ndim == 2, and the others to an AdamW"
                )
        super()._add(group | {"params": params}, where)

    def _update(self, w: Any, g: Any, state: State, group: Group, room: Pair) -> None:
        u, s = room
        momentum, (rows, columns) = group["momentum"], w.shape
        v = averaged(kept(state, "v", w), g, momentum, u)
        if group["nesterov"]:
            np.multiply(v, momentum, out=s)
            s += np.multiply(g, 1 - momentum, out=u)
            v = s
        o = orthogonal(v, group["ns_coefficients"], group["ns_steps"], group["eps"])
        if group["adjust_lr_fn"] == "match_rms_adamw":
            c = 0.2 * math.sqrt(max(rows, columns))
        else:
            c = math.sqrt(max(1, rows / max(1, columns)))
        decayed(g, w, group, s, decoupled=True)
        w -= np.multiply(o, float(group["lr"]) * c, out=u)

    def _check_state(self, state: State, p: Any) -> None:
        super()._check_state(state, p)
        if state:
            if state.keys() != {"v"}:
                raise ValueError(f"Muon keeps v, not {', '.join(map(str, state))}")
            check_kind("v", state["v"], np.zeros(1, p.dtype))


def orthogonal(x: Any, coefficients: tuple[float, float, float], steps: int, eps: float) -> Any:
    """U V^T, nearly, of a matrix x = U S V^T, by Newton and Schulz's iteration with a polynomial of degree 5.

        x <- x / max(|x|, eps),  then `steps` times  x <- a x + b (x x^T) x + c (x x^T)^2 x

    Each step maps every singular value s to a s + b s^3 + c s^5. Muon's coefficients take small ones up fastest, and
    leave all of them between 0.7 and 1.2 or so instead of at 1.
    """
    a, b, c = coefficients
    is_tall = x.shape[0] > x.shape[1]
    x = x.T if is_tall else x
    x = x / np.maximum(np.sqrt((x * x).sum()), eps)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x.T if is_tall else x
