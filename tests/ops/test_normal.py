"""The error function and GELU in float32, beside mpmath's over their whole range, whatever the block."""

import exact
import numpy as np
import pytest
from mpmath import mp

import minigrad as mg
from minigrad.ops.elementwise import LONG, _sigmoid
from minigrad.ops.kernels.blocks import BLOCK

F32 = np.finfo("float32")
RANGE = np.concatenate([np.linspace(-14, 14, 3001), np.geomspace(1e-30, 1, 100)]).astype("float32")


@pytest.mark.parametrize(("name", "ulps"), [("erf", 5), ("erfc", 6), ("gelu", 8)])
def test_float32_values_are_exact_to_a_few_ulp_where_they_are_normal_numbers(name, ulps):
    found = getattr(mg, name)(RANGE)
    with mp.workprec(400):
        true = [exact.OF_ONE[name](mp.mpf(float(v))) for v in RANGE]
        for x, y, t in zip(RANGE, found, true, strict=True):
            if abs(t) >= F32.tiny:
                assert abs(float(y) - t) <= ulps * float(np.spacing(np.float32(abs(t)))), x


@pytest.mark.parametrize(
    "f", [mg.erf, mg.erfc, mg.gelu, mg.silu, mg.mish, lambda x: mg.gelu(x, "tanh")]
)
def test_an_element_has_the_same_bits_in_every_block_and_layout(f):
    x = np.random.default_rng(0).uniform(-9, 9, (3, BLOCK // 2 + 5)).astype("float32")
    whole = f(x)
    np.testing.assert_array_equal(whole, f(x.T).T)
    np.testing.assert_array_equal(whole[:, ::3], f(x[:, ::3]))
    np.testing.assert_array_equal(whole[1, :7], f(x[1, :7]))


def test_erf_and_erfc_end_at_their_limits():
    x = np.array([-np.inf, -1e30, 1e30, np.inf], "float32")
    np.testing.assert_array_equal(mg.erf(x), [-1, -1, 1, 1])
    np.testing.assert_array_equal(mg.erfc(x), [2, 2, 0, 0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sigmoid_of_a_long_array_is_that_of_each_of_its_elements(dtype):
    x = np.random.default_rng(0).standard_normal(LONG + 3).astype(dtype) * 50
    x[:6] = [np.nan, np.inf, -np.inf, 0.0, -0.0, -1e30]
    np.testing.assert_array_equal(_sigmoid(x), [_sigmoid(x[i : i + 1])[0] for i in range(len(x))])
