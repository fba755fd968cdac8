"""The laws of the optimisers beside PyTorch's, and beside their own formulas."""

import inspect

import numpy as np
import pytest
from optimisers import EVERY, IN_PYTORCH, LAWS, MAXIMISED, law_id

import nn
from nn.optim import ASGD, SGD, Lion, RMSprop

STEPS = 20


def parameter(*shape, dtype=np.float64):
    return nn.Parameter(np.random.default_rng(0).standard_normal(shape).astype(dtype))


ELSEWHERE = {
    "Optimizer": "the base of all",
    "Lion": "not in PyTorch; beside its paper, below",
    "Muon": "PyTorch's rounds to bfloat16; beside its law, in test_muon",
    "LBFGS": "it calls a closure; beside PyTorch's, in test_lbfgs",
}


def test_every_optimiser_has_a_case_beside_pytorch_for_each_of_its_options():
    exported = {name for name in nn.optim.__all__ if isinstance(getattr(nn.optim, name), type)}
    assert exported == {law.__name__ for law, _ in IN_PYTORCH} | ELSEWHERE.keys()
    for law in {law for law, _ in IN_PYTORCH}:
        given = {option for other, options in IN_PYTORCH if other is law for option in options}
        assert given >= {*inspect.signature(law).parameters} - {"params", "lr"}, law


@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-12), ("float32", 1e-5)])
@pytest.mark.parametrize(("law", "options"), IN_PYTORCH, ids=law_id)
def test_the_path_over_twenty_steps_is_pytorchs(law, options, dtype, rtol, torch_in_float64):
    """With a learning rate that decays, gradients of all sizes, and some steps without a gradient."""
    torch = torch_in_float64
    rng = np.random.default_rng(1)
    ours = [parameter(*shape, dtype=dtype) for shape in ((3, 4), (5,), (1,), (0, 2))]
    theirs = [torch.nn.Parameter(torch.tensor(p.detach().numpy().copy())) for p in ours]
    mine = law(ours, lr=0.1, **options)
    other = getattr(torch.optim, law.__name__)(theirs, lr=0.1, **options)
    for step in range(STEPS):
        mine.lr = other.param_groups[0]["lr"] = 0.1 * 0.9**step
        for i, (p, q) in enumerate(zip(ours, theirs, strict=True)):
            g = (rng.standard_normal(p.shape) * 10 ** rng.uniform(-3, 1)).astype(dtype)
            given = (step + i) % 5 != 0
            p.grad = g if given else None
            q.grad = torch.tensor(g) if given else None
        mine.step()
        other.step()
        for p, q in zip(ours, theirs, strict=True):
            assert p.dtype == dtype
            np.testing.assert_allclose(p.detach().numpy(), q.detach(), rtol=rtol, atol=rtol)


@pytest.mark.parametrize("options", [o for law, o in LAWS if law is Lion], ids=law_id)
def test_the_path_of_lion_is_that_of_the_paper(options):
    rng = np.random.default_rng(1)
    (beta1, beta2), decay = options["betas"], options["weight_decay"]
    p = parameter(3, 4)
    w, m = p.detach().numpy().copy(), np.zeros((3, 4))
    optimizer = Lion([p], lr=0.1, **options)
    for step in range(STEPS):
        g = rng.standard_normal((3, 4)) * (rng.random((3, 4)) < 0.8)
        lr = optimizer.lr = 0.1 * 0.9**step
        p.grad = g
        optimizer.step()
        w = w - lr * (np.sign(beta1 * m + (1 - beta1) * g) + decay * w)
        m = beta2 * m + (1 - beta2) * g
        np.testing.assert_allclose(p.detach().numpy(), w, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("law", "options"), MAXIMISED, ids=law_id)
def test_maximising_is_a_step_down_with_the_gradient_negated(law, options):
    """To the last bit, for parameters alone, gathered and cut, with the gradient left as it is."""
    shapes = [(3, 4), (5,), (), (2, 2), (1,), (2, 90000)]
    up, down = [[parameter(*shape) for shape in shapes] for _ in range(2)]
    climbs, descends = (
        law(up, lr=0.1, **options),
        law(down, lr=0.1, **options | {"maximize": False}),
    )
    rng = np.random.default_rng(2)
    for _ in range(4):
        for p, q in zip(up, down, strict=True):
            g = rng.standard_normal(p.shape)
            p.grad, q.grad = g, -g
        before = [p.grad.data.copy() for p in up]
        climbs.step()
        descends.step()
        for p, q, g in zip(up, down, before, strict=True):
            np.testing.assert_array_equal(p.data, q.data)
            np.testing.assert_array_equal(p.grad.data, g)


def test_a_loss_grows_where_it_is_maximised():
    p = nn.Parameter([1.0])
    optimizer = SGD([p], lr=0.5, maximize=True)
    p.grad = [1.0]
    optimizer.step()
    optimizer.maximize = False
    optimizer.step()
    optimizer.step()
    assert p.item() == 0.5


def test_the_mean_of_asgd_is_that_of_the_weights_from_t0_on():
    p = parameter(3)
    optimizer = ASGD([p], lr=0.1, t0=4)
    path = []
    for step in range(10):
        p.grad = np.random.default_rng(step).standard_normal(3)
        optimizer.step()
        path.append(p.data.copy())
    mean = optimizer.state_dict()["state"][0]["a"]
    np.testing.assert_allclose(mean, np.mean(path[5:], axis=0), rtol=1e-12)


def test_centered_rmsprop_stays_finite_where_rounding_makes_the_variance_negative():
    p = nn.Parameter(np.ones(50, np.float32))
    optimizer = RMSprop([p], lr=1e-3, alpha=0.5, centered=True, eps=1e-3)
    p.grad = np.random.default_rng(0).standard_normal(50)
    for _ in range(200):
        optimizer.step()
    assert np.isfinite(p.detach().numpy()).all()


@pytest.mark.parametrize(("law", "options"), LAWS, ids=law_id)
def test_a_parameter_without_axes_is_updated_like_one_with_a_single_element(law, options):
    p, same = nn.Parameter(2.0), nn.Parameter([2.0])
    for w in (p, same):
        w.grad = np.full(w.shape, 0.5)
        optimizer = law([w], lr=0.1, **options)
        for _ in range(3):
            optimizer.step()
    assert p.shape == ()
    assert p.item() == pytest.approx(same.item(), rel=1e-6)
    assert p.item() < 2


@pytest.mark.parametrize(("law", "options"), EVERY, ids=law_id)
def test_numpys_numbers_as_options_do_not_widen_float32(law, options):
    p, same = parameter(3, dtype=np.float32), parameter(3, dtype=np.float32)
    wide = {k: np.float64(v) if isinstance(v, float) else v for k, v in options.items()}
    for w, first, settings in ((p, np.float64(0.1), wide), (same, 0.1, options)):
        w.grad = np.ones(3, np.float32)
        optimizer = law([w], lr=first, **settings)
        optimizer.step()
        optimizer.step()
    assert p.dtype == np.float32
    np.testing.assert_allclose(p.detach().numpy(), same.detach().numpy(), rtol=1e-6)


def test_the_learning_rate_may_be_changed_between_steps():
    p = nn.Parameter([1.0])
    optimizer = SGD([p], lr=0.5)
    for lr, expected in ((0.5, 0.5), (0.25, 0.25), (0.0, 0.25)):
        p.grad = [1.0]
        optimizer.lr = lr
        optimizer.step()
        assert p.item() == expected
