"""Fit the equations of Lotka and Volterra to a century-old count of hares and lynxes, by the adjoint method.

    hares' = a hares - b hares lynxes          lynxes' = d hares lynxes - c lynxes

The pelts that the Hudson's Bay Company bought from 1900 to 1920, in thousands, stand for the animals (Howard 2009). The
four rates and the two numbers of 1900 are fitted to the logarithms of the counts. SciPy solves the equations and
minimises; minigrad gives the gradient: with a(t) = dL/dstate(t),

    a' = -a^T df/dstate        dL/drates = integral of a^T df/drates       (Pontryagin; Chen et al. 2018)

is solved backwards in time, and a jumps by the gradient of the loss at each year that was counted. Nothing of the
solver is recorded: the memory does not grow with its steps.

    python demos/ode.py
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy.integrate import solve_ivp
from scipy.optimize import minimize
from support import COLORS, parser_for, run, save_figure

import minigrad

YEARS = np.arange(1900, 1921)
# fmt: off
HARES = [30, 47.2, 70.2, 77.4, 36.3, 20.6, 18.1, 21.4, 22, 25.4, 27.1, 40.3, 57, 76.6, 52.3, 19.5, 11.2, 7.6, 14.6,
         16.2, 24.7]
LYNXES = [4, 6.1, 9.8, 35.2, 59.4, 41.7, 19, 13, 8.3, 9.1, 7.4, 8, 12.3, 19.5, 45.7, 51.1, 29.7, 15.8, 9.7, 10.1, 8.6]
# fmt: on
COUNTS = np.array([HARES, LYNXES], float).T  # (21, 2)
START = {"hares in 1900": 30, "lynxes in 1900": 4, "a": 0.5, "b": 0.025, "c": 0.8, "d": 0.02}
TOLERANCES = {"rtol": 1e-8, "atol": 1e-8}
H = 1e-5  # for the check of the gradient


def velocity(state: Any, rates: Any) -> Any:
    """d(hares, lynxes) / dt at one time."""
    hares, lynxes = state
    a, b, c, d = rates
    return np.stack([a * hares - b * hares * lynxes, d * hares * lynxes - c * lynxes])


def loss(states: Any) -> Any:
    """Mean of (log state - log count)^2 over states (21, 2)."""
    return np.square(np.log(states) - np.log(COUNTS)).mean()


def states_at(times: np.ndarray, start: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """The solution that begins with `start` at the first of the times, at each of them: (times, 2)."""

    def slope(_: float, state: np.ndarray) -> np.ndarray:
        return velocity(state, rates)

    return solve_ivp(slope, times[[0, -1]], start, t_eval=times, **TOLERANCES).y.T


def start_and_rates(logarithms: np.ndarray) -> list[np.ndarray]:
    """The two numbers of 1900 and the four rates, of the logarithms of all six."""
    return np.split(np.exp(logarithms), [2])


def loss_at(logarithms: np.ndarray) -> float:
    """The loss alone, of the logarithms of all six."""
    return float(loss(states_at(YEARS, *start_and_rates(logarithms))))


def loss_and_gradient(logarithms: np.ndarray) -> tuple[float, np.ndarray]:
    """The loss, and its gradient by the logarithms of (hares, lynxes, a, b, c, d), which keep all of them positive."""
    start, rates = start_and_rates(logarithms)
    states = states_at(YEARS, start, rates)
    value, jumps = minigrad.value_and_grad(loss)(states)

    def back(_: float, bundle: np.ndarray) -> np.ndarray:
        """Of (state, a, what of dL/drates is still to come), all of which run backwards."""
        state, adjoint = bundle[:2], bundle[2:4]
        moving, pull = minigrad.vjp(velocity, state, rates)
        by_state, by_rates = pull(adjoint)
        return np.concatenate([moving, -by_state, -by_rates])

    adjoint, by_rates = jumps[-1], np.zeros(4)
    for i in range(len(YEARS) - 1, 0, -1):
        bundle = np.concatenate([states[i], adjoint, by_rates])
        bundle = solve_ivp(back, YEARS[[i, i - 1]], bundle, **TOLERANCES).y[:, -1]
        adjoint, by_rates = bundle[2:4] + jumps[i - 1], bundle[4:]
    by_all = np.concatenate([adjoint, by_rates])
    return float(value), by_all * np.exp(logarithms)


def worst_difference(at: np.ndarray) -> float:
    """The largest |gradient - central difference| over the six, in parts of the gradient's norm."""
    gradient = loss_and_gradient(at)[1]
    steps = H * np.eye(len(at))
    numerical = [(loss_at(at + step) - loss_at(at - step)) / (2 * H) for step in steps]
    return float(np.abs(gradient - numerical).max() / np.linalg.norm(gradient))


def draw(before: np.ndarray, after: np.ndarray, path: Path) -> None:
    """The counts and the fit over the years, and both in the plane of hares and lynxes."""
    figure = Figure(figsize=(9.6, 4.2), layout="constrained")
    over_time, plane = figure.subplots(1, 2, width_ratios=[1.5, 1])
    times = np.linspace(YEARS[0], YEARS[-1], 400)
    first, fitted = [states_at(times, *start_and_rates(each)) for each in (before, after)]
    for column, name in enumerate(("hares", "lynxes")):
        over_time.plot(
            YEARS, COUNTS[:, column], "o", color=COLORS[column], label=f"{name}, counted"
        )
        over_time.plot(times, fitted[:, column], color=COLORS[column], label=f"{name}, fitted")
        over_time.plot(times, first[:, column], ":", color=COLORS[column], linewidth=1)
    over_time.set(title="pelts, in thousands (dotted: before the fit)", ylim=(0, 125))
    over_time.xaxis.get_major_locator().set_params(integer=True)
    over_time.legend(frameon=False, ncols=2, fontsize=8)
    plane.plot(*COUNTS.T, "o-", color="#999999", linewidth=0.6, markersize=4, label="counted")
    plane.plot(*fitted.T, color=COLORS[2], label="fitted")
    plane.set(title="one against the other", xlabel="hares", ylabel="lynxes")
    plane.legend(frameon=False)
    for axes in (over_time, plane):
        axes.spines[["top", "right"]].set_visible(False)
    save_figure(figure, path)


def main() -> None:
    arguments = parser_for(__doc__, seeded="nothing; the fit has no chance in it").parse_args()
    before = np.log(list(START.values()))
    print(
        f"gradient against central differences: {worst_difference(before):.0e} of its norm at most"
    )
    began = time.perf_counter()
    fit = minimize(loss_and_gradient, before, jac=True, method="L-BFGS-B")
    seconds = time.perf_counter() - began
    for name, first, last in zip(START, START.values(), np.exp(fit.x), strict=True):
        print(f"  {name:15} {first:8.4f} -> {last:8.4f}")
    print(f"loss {loss_at(before):.4f} -> {fit.fun:.4f}, {fit.nfev} gradients, {seconds:.1f} s")
    draw(before, fit.x, arguments.out / "ode.png")


if __name__ == "__main__":
    run(main)
