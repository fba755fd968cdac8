"""The two engines that the programs of lesson 10 run on: that of the lessons, and minigrad."""

import os
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # one thread each, for a fair race
sys.path.insert(0, str(Path(__file__).parents[1]))  # so that `engine` and `classroom` are found

import classroom
import numpy as np
from engine import last

import minigrad


class Lessons:
    Tensor, exp, grad = last.Tensor, last.exp, staticmethod(last.grad)


class Minigrad:
    Tensor = staticmethod(lambda array: minigrad.Tensor(array, requires_grad=True))
    exp, grad = np.exp, staticmethod(minigrad.grad)


errors = []  # (title, engine)


def both(doc, program):
    """Print why a program is there, run it on either engine, and print what it returns or which error ends it."""
    title, why = doc.split("\n", maxsplit=1)
    classroom.heading(title)
    classroom.say(why)
    for engine in (Lessons, Minigrad):
        try:
            said = program(engine)
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            errors.append((title, engine))
        classroom.say(f"  {engine.__name__}: {said}")
