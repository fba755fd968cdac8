"""Convolutions and pools of one example, which has no axis for a batch."""

import inspect

import numpy as np
import pytest
from public_calls import ARGUMENTS

import minigrad as mg
from minigrad import Tensor

TOPICS = ("conv", "pooling", "adaptive", "further_pools")
OPS = [
    name
    for name in mg.__all__
    if getattr(mg, name).__module__ in [f"minigrad.ops.{topic}" for topic in TOPICS]
    and name != "local_response_norm"
]


@pytest.mark.parametrize("name", OPS)
def test_an_example_without_a_batch_is_a_batch_of_one(name):
    op, (x, *rest) = getattr(mg, name), ARGUMENTS[name]
    np.testing.assert_array_equal(op(x[0], *rest), op(x, *rest)[0])
    options = dict(zip([*inspect.signature(op).parameters][1:], rest, strict=False))
    np.testing.assert_array_equal(op(x=Tensor(x[0]), **options).data, op(x, *rest)[0])
    with pytest.raises(TypeError, match="multiple values for argument 'x'"):
        op(x[0], *rest, x=x)
    if "return_indices" in inspect.signature(op).parameters:
        for one, batch in zip(
            op(x[0], *rest, return_indices=True), op(x, *rest, return_indices=True), strict=True
        ):
            np.testing.assert_array_equal(one, batch[0])
    for wrong in (x[0, 0], x[None]):
        with pytest.raises(ValueError, match=rf"{name}: .* or \(C, "):
            op(wrong, *rest)
