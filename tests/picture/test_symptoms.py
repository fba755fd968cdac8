"""What is said of a training, for each thing that can be wrong with it."""

from __future__ import annotations

import math

import pytest

from minigrad.picture.symptoms_of_runs import judgement_of


def parameter(name, gradient, update=1e-3, shape=(4, 4), frozen=False, weight=1.0, n=8):
    def listed(value):
        return value if isinstance(value, list) else [value] * n

    return {"name": name, "shape": list(shape), "frozen": frozen, "gradient": listed(gradient),
            "weight": listed(weight), "update": listed(update)}  # fmt: skip


def said(*parameters, relus=(), n=8):
    steps = list(range(0, 20 * n, 20))
    history = {"steps": steps, "parameters": list(parameters), "relus": list(relus), "notes": {}}
    judgement = judgement_of(history | {"every": 20, "count": 20 * n})
    return [symptom.words for symptom in judgement.faults]


LAST = parameter("2.weight", 1.0)


@pytest.mark.parametrize(
    ("met", "words"),
    [
        (parameter("0.weight", 1e-7), "The gradient vanishes on its way to 0.weight: per element it is 2e-08"),
        (parameter("0.weight", 1e7), "The gradient explodes on its way to 0.weight"),
        (parameter("0.weight", 0.0), "The gradient of 0.weight is zero"),
        (parameter("0.weight", None), "No gradient came to 0.weight: minigrad.explain"),
        (parameter("0.weight", [1.0] * 5 + [math.nan] * 3), "The gradient of 0.weight is nan or inf in step 100"),
        (parameter("0.weight", 1.0, weight=[1.0] * 7 + [math.inf]), "The value of 0.weight is nan or inf in step 140"),
        (parameter("0.weight", [1e-2] * 3 + [9.0] * 5), "The gradient of 0.weight has grown 900 times"),
        (parameter("0.weight", 1.0, update=0.0), "0.weight got a gradient, but did not move"),
        (parameter("0.weight", 1.0, update=1e-6), "0.weight hardly moves: a step changes it by 1e-06"),
        (parameter("0.weight", 1.0, update=0.5), "0.weight jumps: a step changes it by 0.5"),
    ],
)  # fmt: skip
def test_each_symptom_has_its_words(met, words):
    (sentence,) = said(met, LAST)
    assert sentence.startswith(words)


@pytest.mark.parametrize(
    ("share", "words"),
    [(1.0, "1.relu is dead: 100% of its units (of 8)"), (0.625, "1.relu is dying: 62% of its units")],
)  # fmt: skip
def test_relus_that_die_are_named(share, words):
    (sentence,) = said(
        LAST, relus=[{"name": "1.relu", "units": 8, "dead": [0.0] * 3 + [share] * 5}]
    )
    assert sentence.startswith(words)


def test_of_a_training_that_goes_well_nothing_is_said():
    healthy = [parameter("0.weight", 0.3), parameter("0.bias", 0.0, update=None, shape=(4,)), LAST]
    relu = {"name": "1.relu", "units": 8, "dead": [0.25, None] * 4}
    assert said(*healthy, parameter("9.weight", None, update=None, frozen=True), relus=[relu]) == []


def test_weights_that_start_close_to_zero_may_grow_by_large_steps():
    """Those of a textbook's (10, 100) start at a norm of 0.03, where a layer's own would be 2."""
    assert said(parameter("2.weight", 1.0, shape=(10, 100), weight=0.2, update=0.1)) == []


def test_of_many_parameters_the_first_are_named():
    (sentence,) = said(*[parameter(f"{i}.weight", 1e-9) for i in range(7)], LAST)
    assert "to 0.weight, 1.weight, 2.weight and 4 more: per element" in sentence
