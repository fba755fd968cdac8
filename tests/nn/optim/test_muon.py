"""Muon beside its law in plain NumPy, beside PyTorch's, which rounds to bfloat16, and what it refuses."""

import numpy as np
import pytest
from optimisers import crossed, law_id

import nn
from nn.optim import Muon
from nn.optim.muon import orthogonal

SHAPES = [(4, 4), (3, 7), (7, 3), (1, 5), (6, 1), (0, 2)]
OPTIONS = [
    *crossed(
        Muon,
        weight_decay=[0.0, 0.3],
        nesterov=[False, True],
        adjust_lr_fn=[None, "original", "match_rms_adamw"],
    ),
    (Muon, {"momentum": 0.5, "ns_steps": 2, "ns_coefficients": (2.0, -1.5, 0.5), "eps": 10.0}),
]


def parameters(dtype="float64"):
    rng = np.random.default_rng(0)
    return [nn.Parameter(rng.standard_normal(shape).astype(dtype)) for shape in SHAPES]


def gradients(step):
    rng = np.random.default_rng(step)
    return [rng.standard_normal(shape) for shape in SHAPES]


def by_hand(w, g, v, lr, options):
    """The next w and v, from the singular values, which the iteration's polynomial maps one by one."""
    defaults = {"weight_decay": 0.1, "momentum": 0.95, "nesterov": True, "adjust_lr_fn": None}
    defaults |= {"ns_coefficients": (3.4445, -4.775, 2.0315), "eps": 1e-7, "ns_steps": 5}
    o = defaults | options
    mu, (a, b, c) = o["momentum"], o["ns_coefficients"]
    v = mu * v + (1 - mu) * g
    left, s, right = np.linalg.svd(
        mu * v + (1 - mu) * g if o["nesterov"] else v, full_matrices=False
    )
    s = s / max(np.sqrt(np.sum(s**2)), o["eps"])
    for _ in range(o["ns_steps"]):
        s = a * s + b * s**3 + c * s**5
    rows, columns = w.shape
    if o["adjust_lr_fn"] == "match_rms_adamw":
        scale = 0.2 * np.sqrt(max(rows, columns))
    else:
        scale = np.sqrt(max(1, rows / columns))
    w = w - lr * o["weight_decay"] * w
    return w - lr * scale * (left * s) @ right, v


@pytest.mark.parametrize(("law", "options"), OPTIONS, ids=law_id)
def test_the_path_over_ten_steps_is_that_of_the_law(law, options):
    params = parameters()
    optimizer = law(params, lr=0.1, **options)
    values = [(p.data.copy(), np.zeros(p.shape)) for p in params]
    for step in range(10):
        lr = optimizer.lr = 0.1 * 0.9**step
        for i, (p, g) in enumerate(zip(params, gradients(step), strict=True)):
            p.grad = g if (step + i) % 4 else None
            if p.grad is not None:
                values[i] = by_hand(values[i][0], g, values[i][1], lr, options)
        optimizer.step()
        for p, (w, _) in zip(params, values, strict=True):
            np.testing.assert_allclose(p.data, w, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("law", "options"), OPTIONS, ids=law_id)
def test_the_path_is_pytorchs_as_far_as_its_bfloat16_goes(law, options, torch):
    ours = parameters()
    theirs = [torch.nn.Parameter(torch.tensor(p.data.copy())) for p in ours]
    mine, other = law(ours, lr=0.1, **options), torch.optim.Muon(theirs, lr=0.1, **options)
    for step in range(10):
        for p, q, g in zip(ours, theirs, gradients(step), strict=True):
            p.grad, q.grad = g, torch.tensor(g)
        mine.step()
        other.step()
    for p, q, start in zip(ours, theirs, parameters(), strict=True):
        moved = np.abs(p.data - start.data).max(initial=0)
        np.testing.assert_allclose(p.data, q.detach(), rtol=0, atol=0.05 * moved)


@pytest.mark.parametrize("shape", [(5, 5), (20, 3), (3, 20)])
def test_a_step_is_nearly_orthogonal(shape):
    x = np.random.default_rng(0).standard_normal(shape)
    values = np.linalg.svd(orthogonal(x, (3.4445, -4.775, 2.0315), 5, 1e-7), compute_uv=False)
    assert ((values > 0.6) & (values < 1.3)).all()


def test_five_steps_and_five_from_their_state_are_ten():
    whole, first, second = parameters(), parameters(), parameters()

    def steps(optimizer, numbers):
        for step in numbers:
            for p, g in zip(optimizer.params, gradients(step), strict=True):
                p.grad = g
            optimizer.step()

    steps(Muon(whole, lr=0.1, nesterov=False), range(10))
    before = Muon(first, lr=0.1, nesterov=False)
    steps(before, range(5))
    for p, q in zip(second, first, strict=True):
        p.assign(q.data)
    after = Muon(second)
    after.load_state_dict(before.state_dict())
    steps(after, range(5, 10))
    for p, q in zip(second, whole, strict=True):
        np.testing.assert_array_equal(p.data, q.data)


@pytest.mark.parametrize(
    "state",
    [
        {"m": np.zeros((4, 4))},
        {"v": np.zeros((4, 4)), "t": 1},
        {"v": 3.0},
        {"v": np.zeros((4, 4), int)},
        {"v": np.zeros((3, 4))},
    ],
    ids=str,
)
def test_a_state_that_does_not_fit_is_refused(state):
    optimizer = Muon(parameters()[:1])
    whole = optimizer.state_dict() | {"state": {0: state}}
    with pytest.raises(ValueError, match=r"Muon\.load_state_dict: state\[0\].*nothing was loaded"):
        optimizer.load_state_dict(whole)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"momentum": 1}, "Muon: momentum .*1"),
        ({"ns_coefficients": (1, 2)}, r"Muon: ns_coefficients must be 3 numbers, not \(1, 2\)"),
        ({"ns_steps": 0}, "Muon: ns_steps must be an integer >= 1, not 0"),
        ({"adjust_lr_fn": "rms"}, "Muon: adjust_lr_fn must be None or 'original' or .*'rms'"),
    ],
    ids=str,
)
def test_a_bad_option_raises_and_names_the_value(options, words):
    with pytest.raises(ValueError, match=words):
        Muon(parameters(), **options)


def test_what_is_no_matrix_is_refused_with_the_remedy():
    net = nn.Linear(2, 3)
    with pytest.raises(ValueError, match=r"Muon: params\[1\] has shape \(3,\).*AdamW"):
        Muon(net.parameters())
    optimizer = Muon([net.weight])
    with pytest.raises(ValueError, match=r"Muon: param_groups\[1\]: params\[0\] has shape"):
        optimizer.add_param_group({"params": [net.bias]})
    assert len(optimizer.param_groups) == 1
