"""debug(): the op and the user's line of the first nan or inf, whether it was made or passed on, and the rewrite."""

import warnings

import numpy as np
import pytest
from leaves import leaf64 as leaf

import minigrad as mg

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


FORWARD = {
    "log": ("made that.*log_softmax", lambda: np.log(leaf(0.0, 1.0))),
    "divide": ("made that.*where_safe", lambda: 1 / leaf(0.0, 1.0)),
    "exp": ("made that.*maximum first", lambda: np.exp(leaf(1.0, 1000.0))),
    "sqrt": ("made that.*negative", lambda: np.sqrt(leaf(-1.0))),
    "multiply": ("passed on the nan of its argument `a`", lambda: leaf(np.nan, 1.0) * 2.0),
    "log_softmax": ("made that.*all masked", lambda: mg.log_softmax(leaf(-np.inf, -np.inf))),
}


@pytest.mark.parametrize("op", FORWARD)
def test_a_bad_value_forward_names_the_op_and_the_line(op):
    words, call = FORWARD[op]
    with (
        mg.debug(),
        pytest.raises(FloatingPointError, match=rf"^{op} at .*test_debug.py:\d+: .*{words}"),
    ):
        call()


def test_infinities_that_are_only_passed_on_are_let_through():
    with mg.debug():
        y = mg.log_softmax(leaf(0.0, -np.inf))
        assert y.data.tolist() == [0, -np.inf]
        (mg.maximum(leaf(-np.inf, 1.0), 0.0)).sum().backward()


BACKWARD = {
    "sqrt": ("inf.*made that.*minigrad.norm", lambda: np.sqrt(leaf(0.0)).sum()),
    "the branch not taken": (
        "nan.*0 [*] inf.*where_safe", lambda: mg.where(np.array([False]), np.sqrt(leaf(0.0)), 1.0).sum(),
    ),
    "power": ("inf.*made that.*small number", lambda: (leaf(0.0) ** 0.5).sum()),
}  # fmt: skip


@pytest.mark.parametrize("case", BACKWARD)
def test_a_bad_value_backward_names_the_op_and_the_line_that_made_it(case):
    words, make = BACKWARD[case]
    with mg.debug():
        loss = make()
    with pytest.raises(
        FloatingPointError, match=rf"gradient of \w+ .*made at .*test_debug.py:\d+.*{words}"
    ):
        loss.backward()


def test_a_bad_value_from_a_seed_or_hook_is_said_to_be_passed_on():
    with mg.debug():
        y = leaf(1.0, 2.0) * 3.0
    with pytest.raises(FloatingPointError, match="passed on what it was given"):
        y.backward([np.nan, 1.0])


def test_an_error_in_an_op_names_the_line():
    with mg.debug(), pytest.raises(ValueError, match=r"matmul|broadcast") as caught:
        mg.matmul(leaf(1.0, 2.0).reshape(1, 2), np.ones((3, 3)))
    assert any("test_debug.py" in note for note in caught.value.__notes__)


def test_outside_debug_nothing_is_checked():
    y = np.log(leaf(0.0)).sum()
    y.backward()
    assert y.data == -np.inf


def test_a_clean_program_runs_as_it_does_without_debug():
    def program():
        x = leaf(0.3, 0.7)
        ((x * np.exp(x)).sum() / 3).backward()
        return x.grad.data.tobytes()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain = program()
        with mg.debug():
            assert program() == plain
