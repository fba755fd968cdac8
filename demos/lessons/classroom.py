"""What all lessons share, and none teaches: the question at the end, minigrad's text, a picture, a spiral.

python demos/lessons/01_a_number_that_remembers.py
python demos/lessons/01_a_number_that_remembers.py --answer
python demos/lessons/01_a_number_that_remembers.py --picture FOLDER      needs the extra `demos`
"""

from __future__ import annotations

import functools
import re
import sys
import textwrap
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np

import minigrad
from minigrad import picture

WIDTH = 100

taught = sys.modules["__main__"].__doc__ or ""  # of the file that Python was told to run
if taught.startswith("Lesson "):
    print(taught.rstrip())


def heading(text: str) -> None:
    """A line that begins a step."""
    print(f"\n-- {text}")


def say(text: str) -> None:
    """A text in lines that fit."""
    print(textwrap.fill(" ".join(text.split()), WIDTH))


def ask(question: str, answer: Callable[[], str]) -> None:
    """The question of a lesson; its answer is computed, and with --answer printed."""
    heading("Question")
    say(question)
    found = answer()
    print()
    say(found if "--answer" in sys.argv else "(--answer shows the answer)")


def tensors_of(values: dict[str, Any], constants: Collection[str]) -> dict[str, Any]:
    """The values as minigrad's Tensors, whose gradients are wanted; constants as they are."""
    return {
        name: value
        if name in constants
        else minigrad.Tensor(value, requires_grad=True, dtype="float64")
        for name, value in values.items()
    }


def as_minigrad_writes_it(
    program: Callable[..., Any], values: dict[str, Any], constants: Collection[str] = ()
) -> None:
    """Print the lines of NumPy that compute a program and its gradients."""

    @functools.wraps(program)  # so that the text has the names of its arguments
    def step(*given: Any) -> Any:
        y = program(*given)
        y.backward()
        return y

    text = str(minigrad.script(step, *tensors_of(values, constants).values()))
    print(re.sub(r" +# \(\)$", "", text, flags=re.MULTILINE))  # () is the shape of a number


def draw(
    lesson: str,
    program: Callable[..., Any],
    values: dict[str, Any],
    constants: Collection[str] = (),
    **how: Any,
) -> None:
    """With --picture FOLDER, draw the graph of the same program, run on minigrad's Tensors."""
    if "--picture" not in sys.argv:
        return
    tensors = tensors_of(values, constants)
    with minigrad.record():
        y = program(*tensors.values())
    path = Path(sys.argv[sys.argv.index("--picture") + 1]) / f"{Path(lesson).stem}.svg"
    parameters = {name: t for name, t in tensors.items() if name not in constants}
    print(f"\nwrote {picture.draw(y, path, parameters, **how)}")


def spiral(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points on three arms that wind outwards, with noise in their angle, and which arm each is on."""
    radius, arm = np.tile(np.linspace(0.0, 1.0, 100), 3), np.repeat(np.arange(3), 100)
    angle = 4 * (arm + radius) + 0.2 * rng.standard_normal(300)
    return np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1), arm
