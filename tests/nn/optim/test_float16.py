"""Parameters of float16: every law computes in float32, keeps its state so, and rounds the parameter once a step."""

import numpy as np
import pytest

import nn
from minigrad import Tensor

LAWS = [
    law for law in vars(nn.optim).values()
    if isinstance(law, type) and issubclass(law, nn.optim.Optimizer) and law is not nn.optim.Optimizer
]  # fmt: skip
SIZES = [(), (3,), (5, 7), (40, 50), (300, 500)]  # alone, gathered, by themselves, large


def moved(law, dtype, counts=4, state=None, size=300):
    sizes = [size for size in SIZES if law is not nn.optim.Muon or len(size) == 2]
    params = [Tensor(np.full(shape, 0.25, dtype), requires_grad=True) for shape in sizes]
    # Adadelta has no rate in its paper, and its first steps are of sqrt(eps)
    optimizer = law(params, lr=1.0 if law is nn.optim.Adadelta else 2.0**-6)
    if state is not None:
        optimizer.load_state_dict(state)

    def closure():
        for p in params:
            p.grad = Tensor(np.full(p.shape, size, dtype))
        return Tensor(np.float64(1.0))

    for _ in range(counts):
        closure()
        optimizer.step(closure) if law is nn.optim.LBFGS else optimizer.step()
    return params, optimizer


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("size", [300, 60_000])
def test_a_parameter_of_float16_with_a_large_gradient_moves_as_one_of_float32(law, size):
    for half, single in zip(
        moved(law, "f2", size=size)[0], moved(law, "f4", size=size)[0], strict=True
    ):
        assert half.dtype == np.float16
        assert (half.data != 0.25).all()
        np.testing.assert_allclose(half.data, single.data, rtol=4 * 2.0**-10, atol=4 * 2.0**-11)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_a_state_of_float16_from_before_is_loaded_and_goes_on_in_float32(law):
    _, optimizer = moved(law, "f2", size=2)
    state = optimizer.state_dict()
    old = {
        i: {n: v.astype("f2") if getattr(v, "dtype", None) == "f4" else v for n, v in s.items()}
        for i, s in state["state"].items()
    }
    _, again = moved(law, "f2", 2, state | {"state": old}, size=2)
    arrays = [v for s in again.state_dict()["state"].values() for v in s.values() if np.ndim(v)]
    assert {a.dtype for a in arrays} <= {np.dtype("f4"), np.dtype("f8")}


def test_clipping_gradients_of_float16_by_less_than_its_smallest_number_leaves_their_norm():
    g = np.full(100_000, 60_000, np.float16)
    p = Tensor(np.ones(100_000, np.float16), requires_grad=True)
    p.grad = Tensor(g)
    nn.optim.clip_grad_norm_([p], 1.0)
    np.testing.assert_allclose(p.grad.data, 100_000**-0.5, rtol=1e-3)
