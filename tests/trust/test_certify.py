"""Certify: the whole table passes it, and each promise that a user's op can break is found."""

import numpy as np
import pytest
from cases import CASES, COMPOSITES

import minigrad as mg
from minigrad import certify, elementwise, primitive

pytestmark = pytest.mark.untraced

X = np.array([[1.0, 2.0, 3.0], [0.1, 0.2, 0.3]])


@pytest.mark.parametrize("name", CASES | COMPOSITES)
def test_every_row_of_the_table_and_every_composition_passes(name):
    for call in (CASES | COMPOSITES)[name]:
        certify(call.f, *call.arguments(), constants=call.constants)


def test_a_users_own_row_passes():
    certify(elementwise(lambda x: x**3, x=lambda g, x: 3 * g * x**2), X)
    certify(mg.matmul, X, X.T)
    certify(lambda x, i: x[i], X, np.array([1, 1, 0]))


def _writes(x):
    x *= 2
    return x


BROKEN = {
    "wrong at one element": (
        "order 1.*element",
        elementwise(np.sin, x=lambda g, x: g * np.cos(x) + 0.001 * g * (x > 2.5)),
    ),
    "constant at order 2": (
        "order 2",
        primitive(np.sin, x=lambda g, x: g * getattr(np.cos(x), "_data", np.cos(x))),
    ),
    "widens": ("computes in", primitive(lambda x: x * 2, x=lambda g: g * np.float64(2))),
    "random": ("a second call", primitive(lambda x: x * np.random.default_rng().random(), x=lambda g: g)),
    "no broadcasting": (
        "order 1",
        elementwise(lambda a, b: a * b + 0 * a.sum(), a=lambda g, b: g * b, b=lambda g, a: g * a.mean()),
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_promise_is_found(how):
    words, op = BROKEN[how]
    args = (X, X + 1) if how == "no broadcasting" else (X,)
    with pytest.raises(AssertionError, match=words):
        certify(op, *args)


def test_an_op_that_writes_its_argument_and_one_that_makes_numpys_arrays_are_found():
    with pytest.raises(ValueError, match="read-only") as caught:
        certify(primitive(_writes, x=lambda g: g * 2), X)
    assert any("writes into an array" in note for note in caught.value.__notes__)
    with pytest.raises(TypeError) as caught:
        certify(
            primitive(lambda x: x * 2, x=lambda g, x_shape: g * np.ones(x_shape, g.dtype) * 2), X
        )
    assert any("arrays of another library" in note for note in caught.value.__notes__)


def test_the_four_lines_of_a_failure_reproduce_it(capsys):
    op = elementwise(np.sin, ("x",), x=lambda g, x: 2 * g)
    with pytest.raises(AssertionError) as caught:
        certify(op, np.array([1.0, 2.0]))
    first, *lines = str(caught.value).splitlines()
    exec("\n".join(line.strip() for line in lines), {"minigrad": mg, "np": np, "sin": op})
    assert first.split(" is ")[1].split(";")[0][:6] in capsys.readouterr().out


def test_check_grads_lets_f_draw_and_names_one_that_is_not_deterministic():
    mg.seed(1)
    mg.check_grads(lambda x: x * mg.generator().random(3), [np.ones(3)])
    with pytest.raises(ValueError, match="not deterministic"):
        mg.check_grads(lambda x: x * np.random.default_rng().random(3), [np.ones(3)])
