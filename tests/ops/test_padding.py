"""Frames of every mode: NumPy's values for all widths and options, and what is refused."""

import itertools

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor

rng = np.random.default_rng(0)
SHAPES = [(1,), (2,), (5,), (2, 3), (3, 1)]
WIDTHS = [0, 1, 3, (0, 2), (4, 9)]
MODES = [
    *[("linear_ramp", {"end_values": ends} if ends else {}) for ends in (None, 1.5, (1.0, -2.0))],
    *[
        (m, {"stat_length": n} if n else {})
        for m in ("maximum", "mean", "median", "minimum") for n in (None, 1, 3, (1, 2))
    ],
    *[(m, {"reflect_type": t}) for m in ("reflect", "symmetric") for t in ("odd", "even")],
]  # fmt: skip


@pytest.mark.parametrize(("mode", "options"), MODES)
def test_frames_are_numpys_for_all_widths(mode, options):
    for shape, width in itertools.product(SHAPES, WIDTHS):
        a = rng.standard_normal(shape)
        y = np.pad(Tensor(a, requires_grad=True), width, mode, **options)
        assert y.requires_grad
        np.testing.assert_allclose(
            y.data, np.pad(a, width, mode, **options), rtol=1e-12, atol=1e-12
        )


@pytest.mark.parametrize(("mode", "options"), MODES)
def test_what_is_computed_of_integers_is_numpys_too(mode, options):
    a = np.array([[1, 2, 4], [5, 6, 9]])
    found = np.pad(Tensor(a), ((1, 0), (2, 1)), mode, **options)
    expected = np.pad(a, ((1, 0), (2, 1)), mode, **options)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found.data, expected)
    assert type(mg.pad(a, ((1, 0), (2, 1)), mode, **options)) is np.ndarray


@pytest.mark.parametrize(
    ("error", "words", "mode", "options"),
    [
        (TypeError, "mode='empty' has no gradient rule", "empty", {}),
        (TypeError, "no gradient rule; .*'median'.*concatenate", print, {}),
        (ValueError, "mode='edge' has no stat_length", "edge", {"stat_length": 2}),
        (ValueError, "mode='mean' has no end_values", "mean", {"end_values": 2}),
        (ValueError, "reflect_type must be", "reflect", {"reflect_type": "both"}),
        (
            TypeError,
            "`end_values`.*requires grad",
            "linear_ramp",
            {"end_values": Tensor(1.0, requires_grad=True)},
        ),
        (ValueError, "nothing to repeat", "mean", {}),
    ],
)
def test_modes_without_a_rule_and_options_of_other_modes_are_refused(error, words, mode, options):
    x = Tensor(np.ones(0 if "repeat" in words else 3), requires_grad=True)
    with pytest.raises(error, match=words):
        np.pad(x, 1, mode, **options)
