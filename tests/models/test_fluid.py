"""A fluid whose first velocities are fitted so that the smoke in it ends as a given picture.

After the program `fluidsim` of HIPS/autograd. The model is NumPy alone, written as it would be for plain arrays.
"""

import numpy as np
import pytest

import minigrad

N, STEPS = 12, 8


# The model -----------------------------------------------------------------------------------------------


def around(f):
    """The neighbours of each cell, on a torus: above, below, left, right."""
    return (
        np.roll(f, 1, axis=0),
        np.roll(f, -1, axis=0),
        np.roll(f, 1, axis=1),
        np.roll(f, -1, axis=1),
    )


def without_divergence(vx, vy):
    """The velocities less the slope of a pressure that solves Poisson's equation, in ten steps of Jacobi's."""
    divergence = 0.5 * (np.roll(vx, -1, axis=0) - np.roll(vx, 1, axis=0))
    divergence = divergence + 0.5 * (np.roll(vy, -1, axis=1) - np.roll(vy, 1, axis=1))
    pressure = np.zeros(vx.shape)
    for _ in range(10):
        pressure = (sum(around(pressure)) - divergence) / 4
    above, below, left, right = around(pressure)
    return vx - 0.5 * (below - above), vy - 0.5 * (right - left)


def moved(f, vx, vy):
    """What flows to each cell: f where it comes from, linear between the four cells there."""
    rows, columns = f.shape
    ys, xs = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    ys, xs = (ys - vx).ravel(), (xs - vy).ravel()
    top, left = np.floor(ys).astype(int), np.floor(xs).astype(int)
    down, right = ys - top, xs - left
    top, left = np.mod(top, rows), np.mod(left, columns)
    bottom, beside = np.mod(top + 1, rows), np.mod(left + 1, columns)
    above = (1 - right) * f[top, left] + right * f[top, beside]
    below = (1 - right) * f[bottom, left] + right * f[bottom, beside]
    return np.reshape((1 - down) * above + down * below, (rows, columns))


def simulated(vx, vy, smoke):
    for _ in range(STEPS):
        vx, vy = without_divergence(moved(vx, vx, vy), moved(vy, vx, vy))
        smoke = moved(smoke, vx, vy)
    return smoke


def distance(velocities, smoke, picture):
    vx, vy = np.reshape(velocities, (2, *smoke.shape))
    return np.mean((simulated(vx, vy, smoke) - picture) ** 2)


def fitted(smoke, picture, steps, rate):
    """The velocities after some steps of descent with momentum, and the distance before each of them."""
    velocities, speed, distances = np.zeros(2 * smoke.size), np.zeros(2 * smoke.size), []
    downhill = minigrad.value_and_grad(distance)
    for _ in range(steps):
        value, slope = downhill(velocities, smoke, picture)
        distances.append(float(value))
        speed = 0.8 * speed - rate * np.asarray(slope)
        velocities = velocities + speed
    return velocities, distances


# What is promised ----------------------------------------------------------------------------------------


def blob(y, x):
    """A round cloud around a place of the torus."""
    apart = [np.minimum(d := np.abs(np.arange(N) - place), N - d) for place in (y, x)]
    return np.exp(-np.add.outer(*(d**2 for d in apart)) / 8)


def test_the_slope_of_the_simulation_is_that_of_central_differences():
    rng = np.random.default_rng(0)
    velocities = rng.uniform(-0.3, 0.3, 2 * N * N)
    _, slope = minigrad.value_and_grad(distance)(velocities, blob(4, 5), blob(6, 7))
    for _ in range(3):
        direction = rng.standard_normal(velocities.size)
        step = 1e-6 * direction
        ahead, behind = (
            distance(v, blob(4, 5), blob(6, 7)) for v in (velocities + step, velocities - step)
        )
        assert np.asarray(slope) @ direction == pytest.approx((ahead - behind) / 2e-6, rel=1e-5)


def test_smoke_flows_to_the_place_in_the_picture():
    smoke, picture = blob(4, 5), blob(6, 7)
    velocities, distances = fitted(smoke, picture, 30, 20.0)
    vx, vy = velocities.reshape(2, N, N)
    assert distances[-1] < 0.1 * distances[0]
    assert np.corrcoef(simulated(vx, vy, smoke).ravel(), picture.ravel())[0, 1] > 0.95
