"""A step length that satisfies the strong Wolfe conditions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

C1, C2 = 1e-4, 0.9


class Point(NamedTuple):
    """A place on the line w + t d: the loss f and its gradient g there, and slope = g d."""

    t: float
    f: float
    g: Any
    slope: float


def strong_wolfe(
    at: Callable[[float], Point],
    start: Point,
    t: float,
    smallest: float,
    most: int,
) -> tuple[Point, int]:
    """A point with f(t) <= f(0) + C1 t f'(0) and |f'(t)| <= C2 |f'(0)|, and the number of calls of `at`.

    From Nocedal and Wright 2006, algorithms 3.5 and 3.6, in PyTorch's form: the next t is the minimum of a cubic.
    After `most` trials beyond the first, or in a bracket shorter than `smallest`, it is the best point found.
    """
    low, high, tried = _bracket(at, start, t, most)
    if high is None:
        return low, tried
    return _zoom(at, start, low, high, smallest, tried, most)


def _falls_enough(new: Point, start: Point) -> bool:
    return not new.f > start.f + C1 * new.t * start.slope


def _flat_enough(new: Point, start: Point) -> bool:
    return abs(new.slope) <= -C2 * start.slope


def _bracket(
    at: Callable[[float], Point], start: Point, t: float, most: int
) -> tuple[Point, Point | None, int]:
    """A point that satisfies the conditions, or two points with such a point between them."""
    before, new = start, at(t)
    for trials in range(1, most + 1):
        if not _falls_enough(new, start) or (trials > 2 and new.f >= before.f):
            return before, new, trials
        if _flat_enough(new, start):
            return new, None, trials
        if new.slope >= 0:
            return before, new, trials
        t = _cubic_minimum(before, new, new.t + 0.01 * (new.t - before.t), new.t * 10)
        before, new = new, at(t)
    return start, new, most + 1


def _zoom(
    at: Callable[[float], Point],
    start: Point,
    a: Point,
    b: Point,
    smallest: float,
    tried: int,
    most: int,
) -> tuple[Point, int]:
    """Shrink the bracket until a point in it satisfies the conditions."""
    ends = [a, b]
    near_an_end = False
    low = 0 if a.f <= b.f else 1
    while tried <= most and abs(ends[1].t - ends[0].t) >= smallest:
        left, right = sorted(end.t for end in ends)
        t = _cubic_minimum(ends[0], ends[1], left, right)
        margin = 0.1 * (right - left)
        if min(right - t, t - left) >= margin:
            near_an_end = False
        elif near_an_end or t >= right or t <= left:
            t = right - margin if abs(t - right) < abs(t - left) else left + margin
            near_an_end = False
        else:
            near_an_end = True
        new = at(t)
        tried += 1
        if not _falls_enough(new, start) or new.f >= ends[low].f:
            ends[1 - low] = new
            low = 0 if ends[0].f <= ends[1].f else 1
            continue
        if _flat_enough(new, start):
            return new, tried
        if new.slope * (ends[1 - low].t - ends[low].t) >= 0:
            ends[1 - low] = ends[low]
        ends[low] = new
    return ends[low], tried


def _cubic_minimum(a: Point, b: Point, left: float, right: float) -> float:
    """The minimum in [left, right] of the cubic through both points with their slopes; Nocedal and Wright, (3.59)."""
    if a.t > b.t:
        a, b = b, a
    width = b.t - a.t
    d1 = a.slope + b.slope - 3 * (b.f - a.f) / width if width else math.nan
    square = d1 * d1 - a.slope * b.slope
    d2 = math.sqrt(square) if square >= 0 else math.nan
    below = b.slope - a.slope + 2 * d2
    t = b.t - width * ((b.slope + d2 - d1) / below) if below else math.nan
    return min(max(t, left), right) if math.isfinite(t) else (left + right) / 2
