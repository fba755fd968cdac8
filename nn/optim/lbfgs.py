"""L-BFGS: Newton's step, with the curvature estimated from the last gradients, and a line search."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import minigrad
from minigrad import Tensor, on_host, placed

from ..float16 import widened
from .blocks import Group, State
from .checks import natural, not_negative, one_of, optional
from .line_search import Point, strong_wolfe
from .optimizer import Law
from .options import option
from .state import check_kind, fits


class LBFGS(Law):
    """L-BFGS, from Nocedal 1980 and Liu and Nocedal 1989, in PyTorch's form, which follows Schmidt's minFunc.

        y = g_k - g_(k-1),  s = t d        kept, the last history_size of them, if y s > 1e-10
        d = -H g        H from s, y and H_0 = (y s / y y) I by the two loops of Liu and Nocedal
        w <- w + t d        t = lr (in the very first iteration lr min(1, 1 / |g|_1)), or from the line search

    params              one group only; together they are one vector w, and a grad that is None counts as zeros
    max_iter, max_eval  the most iterations and evaluations in a step; by default max_eval = max_iter * 5 // 4
    tolerance_grad      ends a step when max |g| is no larger
    tolerance_change    ends a step when w, or the loss, changes by no more
    line_search_fn      None or "strong_wolfe"

    Unlike in the paper, without a line search nothing ensures that the loss falls.
    """

    lr: float = option(not_negative, default=1.0)
    max_iter: int = option(natural, default=20)
    max_eval: int | None = option(optional(natural), default=None)
    tolerance_grad: float = option(not_negative, default=1e-7)
    tolerance_change: float = option(not_negative, default=1e-9)
    history_size: int = option(natural, default=100)
    line_search_fn: str | None = option(one_of(None, "strong_wolfe"), default=None)

    def _add(self, group: Group, where: str) -> None:
        if self._blocks:
            raise ValueError(
                f"{where}: LBFGS sees all parameters as one vector, so there is one group"
            )
        self._memory = _fresh()
        super()._add(group, where)

    def _check(self, options: Group) -> None:
        super()._check(options)
        if options["max_eval"] is None:
            options["max_eval"] = max(1, options["max_iter"] * 5 // 4)

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Do up to max_iter iterations; returns the loss that `closure` gave first.

        closure   sets the gradients to None, computes the loss, calls its backward, and returns it

        An error in the closure, or an interrupt, leaves the parameters as they were before the step.
        """
        refuse = getattr(self.params[0].data, "refuse", None)
        if refuse is not None:  # the array of a function that is compiled
            refuse("LBFGS.step()", "Compile the closure, and call step() outside")
        before = _Line(self, closure, 0.0)
        memory = {n: [*v] if isinstance(v, list) else v for n, v in self._memory.items()}
        try:
            return self._step(closure)
        except BaseException:
            before.move(0.0)
            self._memory = memory
            raise

    def _step(self, closure: Callable[[], Any]) -> Any:
        group, memory = self.param_groups[0], self._memory
        most, still = group["max_eval"], group["tolerance_change"]
        loss, f, g = self._evaluate(closure)
        evaluations = 1
        memory["func_evals"] += 1
        if _largest(g) <= group["tolerance_grad"]:
            return loss
        for iteration in range(1, group["max_iter"] + 1):
            d = self._direction(g)
            t = float(group["lr"])
            if memory["n_iter"] == 1:
                t *= min(1.0, 1.0 / float(np.abs(g).sum()))
            here = Point(0.0, f, g, float(np.dot(g, d)))
            memory.update(d=d, t=t, g=g)
            if here.slope > -still:
                break
            line = _Line(self, closure, d)
            if group["line_search_fn"]:
                smallest = still / _largest(d)
                there, tried = strong_wolfe(line.at, here, t, smallest, most - evaluations)
                line.move(there.t)
            elif iteration < group["max_iter"]:
                there, tried = line.at(t), 1
            else:  # the next step begins with the gradient there, maybe of another batch
                line.move(t)
                break
            evaluations += tried
            memory["func_evals"] += tried
            memory["t"], f, g, _ = there
            if (
                evaluations >= most
                or _largest(g) <= group["tolerance_grad"]
                or _largest(d * there.t) <= still
                or abs(f - here.f) < still
            ):
                break
        return loss

    def _direction(self, g: Any) -> Any:
        """-H g, after H is updated by the last move and the change of the gradient along it."""
        memory = self._memory
        memory["n_iter"] += 1
        if memory["n_iter"] == 1:
            return -g
        # after `Module.astype`, `Module.to` or `load_state_dict`
        if memory["g"].dtype != g.dtype or memory["g"].__class__ is not g.__class__:
            for name in ("d", "g"):
                memory[name] = placed(memory[name], g).astype(g.dtype)
            for name in ("s", "y"):
                memory[name] = [placed(vector, g).astype(g.dtype) for vector in memory[name]]
        y, s = g - memory["g"], memory["d"] * memory["t"]
        ys = float(np.dot(y, s))
        if ys > 1e-10:
            for name, value in (("y", y), ("s", s), ("rho", 1 / ys)):
                memory[name].append(value)
                del memory[name][: -self.param_groups[0]["history_size"]]
            memory["h"] = ys / float(np.dot(y, y))
        pairs = list(zip(memory["s"], memory["y"], memory["rho"], strict=True))
        d = -g
        alphas = []
        for s, y, rho in reversed(pairs):
            alphas.append(float(np.dot(s, d)) * rho)
            d -= alphas[-1] * y
        d *= memory["h"]
        for (s, y, rho), alpha in zip(pairs, reversed(alphas), strict=True):
            d += (alpha - float(np.dot(y, d)) * rho) * s
        return d

    def _evaluate(self, closure: Callable[[], Any]) -> tuple[Any, float, Any]:
        """The loss as the closure gives it and as a number, and the gradient."""
        loss = closure()
        if loss is None or all(p.grad is None for p in self.params):
            raise RuntimeError(
                "LBFGS.step: the closure must call loss.backward(), which leaves gradients, and return the loss"
            )
        grads = [np.zeros_like(p.data) if p.grad is None else p.grad.data for p in self.params]
        return loss, loss.item() if isinstance(loss, Tensor) else float(loss), _vector(grads)

    # State -------------------------------------------------------------------------------------------

    def _states(self) -> list[State]:
        """The memory, kept with the first parameter; s and y are (pairs kept, elements of all parameters)."""
        memory = dict(self._memory)
        if memory["n_iter"]:
            for name in ("s", "y"):
                rows = np.array([*map(on_host, memory[name])], memory["g"].dtype)
                memory[name] = rows.reshape(len(rows), len(memory["g"]))
            memory |= {name: on_host(memory[name]) for name in ("d", "g")}
            memory["rho"] = np.array(memory["rho"], np.float64)
        return [memory if memory["n_iter"] else {}, *({} for _ in self.params[1:])]

    def _load_states(self, states: list[State]) -> None:
        memory = _fresh() | states[0]
        self._memory = memory | {name: list(memory[name]) for name in ("s", "y", "rho")}

    def _check_state(self, state: State, p: Tensor) -> None:
        if p is not self.params[0] or state.keys() != _fresh().keys() | {"d", "t", "g"}:
            raise ValueError(f"L-BFGS keeps nothing like {', '.join(map(str, state))}")
        size = sum(p.size for p in self.params)
        dtype = np.result_type(*[p.dtype for p in self.params])
        for name in state:
            is_vector = name not in ("n_iter", "func_evals", "h", "t")
            check_kind(
                name, state[name], np.zeros(1, dtype) if is_vector else _fresh().get(name, 1.0)
            )
        natural(state["n_iter"], "n_iter", 1)
        for name in ("d", "g"):
            fits(name, state[name], (size,), dtype)
        for name in ("s", "y"):
            fits(name, state[name], (len(state["rho"]), size), dtype)
        fits("rho", state["rho"], (len(state["rho"]),), np.float64)


class _Line:
    """The line w + t d that begins at the present w: moves the parameters along it and evaluates the loss there."""

    def __init__(self, optimizer: LBFGS, closure: Callable[[], Any], d: Any) -> None:
        self._optimizer, self._closure, self._d = optimizer, closure, d
        self._start = _vector([p.data for p in optimizer.params])

    def move(self, t: float) -> None:
        moved, start = self._start + t * self._d, 0
        for p in self._optimizer.params:
            p.data[...] = moved[start : start + p.size].reshape(p.shape)
            start += p.size
        minigrad.touch(*self._optimizer.params)

    def at(self, t: float) -> Point:
        self.move(t)
        _, f, g = self._optimizer._evaluate(self._closure)
        return Point(t, f, g, float(np.dot(g, self._d)))


def _fresh() -> State:
    return {"n_iter": 0, "func_evals": 0, "h": 1.0, "s": [], "y": [], "rho": []}


def _vector(arrays: list[Any]) -> Any:
    return np.concatenate([widened(a.reshape(-1)) for a in arrays])


def _largest(vector: Any) -> float:
    return float(np.abs(vector).max()) if vector.size else 0.0
