"""The rules with numbers put in, which the panel of a page shows: every equation that can be computed is true."""

from __future__ import annotations

import numpy as np
import pytest
from cases import CASES
from graphs import recorded
from played import NotComputed, loss_of, sides, small_calls, written_rules

import minigrad as mg
import nn
from minigrad import Tensor

pytest.importorskip("selenium", reason="selenium is not installed")

MOST_OPS = 40  # of the table in one graph: derivatives of elements are known of small graphs


def leaf(values):
    return Tensor(np.array(values, float), requires_grad=True)


@pytest.fixture
def written(open_page):
    """op -> the text of each line of its rules with numbers."""

    def written(make):
        found = {}
        for op, _, line in written_rules(open_page(recorded(make))):
            found.setdefault(op, []).append(line and _text(line))
        return found

    return written


def _text(tree):
    tag, inside = tree
    if isinstance(inside, str):
        return inside.strip()
    around = {"mtr": "{};", "mtd": "{} "}.get(tag, "{}")
    return around.format(("_" if tag == "munder" else "").join(map(_text, inside)))


@pytest.mark.parametrize(
    "driver", ["Chromium"], indirect=True
)  # all that is asked of it is to count
@pytest.mark.parametrize("begin", range(0, len(CASES), MOST_OPS))
def test_both_sides_of_every_equation_with_numbers_are_equal(open_page, begin):
    calls = list(small_calls(CASES).values())[begin : begin + MOST_OPS]
    lines = [line for _, _, line in written_rules(open_page(loss_of(calls))) if line]
    computed = 0
    for line in lines:
        try:
            values = sides(line)
        except NotComputed:
            continue
        # numbers are written with three digits
        near = {"rtol": 0.03, "atol": 0.03 * np.abs(values[-1]).max()}
        for value in values[:-1]:
            value, result = np.broadcast_arrays(np.atleast_2d(value), np.atleast_2d(values[-1]))
            np.testing.assert_allclose(value, result, **near, err_msg=_text(line))
        computed += len(values) > 1
    assert computed > len(lines) / 2


def test_of_cases_that_which_applies_is_shown_with_the_reason(written):
    x, w = leaf(3.0), leaf([-1.0, 2.0])
    assert written(lambda: mg.relu(x))["relu"] == ["=1as3>0=1"]
    assert written(lambda: mg.relu(w).sum())["relu"] == ["=[0_0≯0 1_2>0 ;]=[0 1 ;]"]
    # where it does not hold, what fails is enough; a bound that was not given is left out
    assert written(lambda: mg.clip(w, -2, 1).sum())["clip"] == ["=[1_−2<−1<1 0_2≮1 ;]=[1 0 ;]"]
    assert written(lambda: mg.clip(x, high=1.0))["clip"] == ["=0as3≮1=0"]
    lines = written(lambda: np.where(w > 0, w, 2 * w).sum())["where"]
    assert "=[0_condition is false 1_condition is true ;]=[0 1 ;]" in lines


def test_an_iverson_bracket_is_one_or_zero(written):
    a, b = leaf([1.0, 2.0, 3.0]), leaf([1.0, 5.0, -3.0])
    to_a, to_b = written(lambda: mg.maximum(a, b).sum())["maximum"]
    assert to_a == "=[1 1 1 ;]⊙[0 0 1 ;]+[1 1 1 ;]⊙[1 0 0 ;]2=[0.5 0 1 ;]"
    assert to_b == "=[1 1 1 ;]⊙[0 1 0 ;]+[1 1 1 ;]⊙[1 0 0 ;]2=[0.5 1 0 ;]"


def test_a_rule_that_depends_on_the_number_of_axes_is_decided(written):
    x = np.array([[1.0, 2.0]])
    layer = nn.Linear(2, 1, rng=np.random.default_rng(0)).astype(np.float64)
    layer.weight.data[:] = [[3.0, 4.0]]
    lines = written(lambda: layer(x).sum())["linear"]
    assert lines[0] == "=[1 ;]T[1 2 ;]as2=2=[1 2 ;]"


def test_a_gradient_of_what_was_broadcast_is_a_sum(written):
    x, b = leaf([[1.0, 2.0], [3.0, 4.0]]), leaf([5.0, 6.0])
    assert written(lambda: (x * b).sum())["multiply"][1] == (
        "=∑_axis 0[1 1 ;1 1 ;]⊙[1 2 ;3 4 ;]=[4 6 ;]"
    )


def test_numbers_are_left_out_where_they_would_be_wrong_or_too_many(written):
    x, image = leaf([[1.0, 2.0], [3.0, 4.0]]), leaf(np.arange(8.0).reshape(1, 2, 2, 2))
    assert written(lambda: x.sum())["sum"] == ["=[1 1 ;1 1 ;]"]  # 1 is no matrix of ones
    assert written(lambda: mg.relu(image).sum())["relu"] == [None]
    parts = written(lambda: (lambda a, b: a * b)(*mg.split(x, 2)).sum())
    assert parts["split"] == ["=[3 4 ;1 2 ;]"]
