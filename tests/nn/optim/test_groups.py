"""Groups of parameters: each with options of its own, beside PyTorch's; `lr` of all; what is refused."""

import copy
import pickle

import numpy as np
import pytest
from optimisers import EVERY, IN_PYTORCH, has_option, law_id

import nn
from nn.optim import LBFGS, SGD, Adam, AdamW, Optimizer

SHAPES = [(3, 4), (5,), (2, 2), (1,), (4,)]
laws = pytest.mark.parametrize(("law", "options"), EVERY, ids=law_id)


def parameters(shapes=SHAPES, seed=0):
    rng = np.random.default_rng(seed)
    return [nn.Parameter(rng.standard_normal(shape)) for shape in shapes]


def in_groups(params, law=SGD):
    """Three groups: one with the optimiser's options, two with their own."""
    decay = {"weight_decay": 0.2} if has_option(law, "weight_decay") else {}
    return [
        {"params": params[:2]},
        {"params": params[2:4], "lr": 0.01} | decay,
        {"params": iter(params[4:]), "lr": 0.3},
    ]


def give(params, step):
    rng = np.random.default_rng(step)
    for p in params:
        p.grad = rng.standard_normal(p.shape)


def arrays(params):
    return [p.detach().numpy().copy() for p in params]


@laws
def test_a_group_is_stepped_as_by_an_optimiser_of_its_own(law, options):
    ours, theirs = parameters(), parameters()
    together = law(in_groups(ours, law), lr=0.1, **options)
    alone = [
        law(group.pop("params"), **{"lr": 0.1} | options | group)
        for group in in_groups(theirs, law)
    ]
    for step in range(10):
        give(ours, step)
        give(theirs, step)
        together.step()
        for optimizer in alone:
            optimizer.step()
        np.testing.assert_equal(arrays(ours), arrays(theirs))


@pytest.mark.parametrize("law", [law.__name__ for law in {law: 0 for law, _ in IN_PYTORCH}])
def test_groups_are_pytorchs(law, torch_in_float64):
    torch = torch_in_float64
    ours = parameters()
    theirs = [torch.nn.Parameter(torch.tensor(p.data.copy())) for p in ours]
    mine = getattr(nn.optim, law)(in_groups(ours[:-1] + ours[-1:], getattr(nn.optim, law)), lr=0.1)
    other = getattr(torch.optim, law)(
        [{**g, "params": list(g["params"])} for g in in_groups(theirs, getattr(nn.optim, law))],
        lr=0.1,
    )
    late = nn.Parameter(np.ones(3))
    late_theirs = torch.nn.Parameter(torch.ones(3, dtype=torch.float64))
    for step in range(10):
        if step == 4:
            mine.add_param_group({"params": [late], "lr": 0.5})
            other.add_param_group({"params": [late_theirs], "lr": 0.5})
            ours, theirs = [*ours, late], [*theirs, late_theirs]
        for groups in (mine.param_groups, other.param_groups):
            groups[step % 3]["lr"] *= 0.8
        give(ours, step)
        for p, q in zip(ours, theirs, strict=True):
            q.grad = torch.tensor(p.grad.numpy().copy())
        mine.step()
        other.step()
        for p, q in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(p.data, q.detach(), rtol=1e-12, atol=1e-12)


def test_a_group_has_every_option_and_the_optimisers_where_it_says_nothing():
    params = parameters()
    optimizer = AdamW(in_groups(params), lr=0.1, betas=[0.5, 0.6])
    first, second, third = optimizer.param_groups
    assert {n: v for n, v in first.items() if n != "params"} == {
        "lr": 0.1, "betas": (0.5, 0.6), "eps": 1e-8, "weight_decay": 1e-2, "amsgrad": False,
        "maximize": False,
    }  # fmt: skip
    assert (second["lr"], second["weight_decay"], third["lr"]) == (0.01, 0.2, 0.3)
    assert [p for group in optimizer.param_groups for p in group["params"]] == params
    assert all(p is q for p, q in zip(optimizer.params, params, strict=True))


def test_zero_grad_reaches_every_group():
    params = parameters()
    give(params, 0)
    SGD(in_groups(params)).zero_grad()
    assert [p.grad for p in params] == [None] * len(params)


def test_lr_speaks_for_all_groups_while_they_agree():
    params = parameters()
    optimizer = SGD([{"params": params[:2]}, {"params": params[2:]}], lr=0.1)
    assert optimizer.lr == 0.1
    optimizer.lr = np.float64(0.2)
    assert [group["lr"] for group in optimizer.param_groups] == [0.2, 0.2]
    assert type(optimizer.lr) is float
    optimizer.param_groups[1]["lr"] = 0.3
    words = r"SGD: the groups have different lr: \[0\.2, 0\.3\]; use optimizer\.param_groups\[i\]"
    with pytest.raises(ValueError, match=words):
        _ = optimizer.lr
    with pytest.raises(ValueError, match=words):
        optimizer.lr = 0.1
    assert [group["lr"] for group in optimizer.param_groups] == [0.2, 0.3]


def test_lr_is_checked_when_it_is_set():
    optimizer = Adam(parameters())
    for bad in (-0.1, float("nan"), "fast", None):
        with pytest.raises(ValueError, match="Adam: lr must be a number >= 0"):
            optimizer.lr = bad
    assert optimizer.lr == 1e-3


def test_params_that_are_replaced_are_refused_instead_of_left_alone():
    old, new = parameters(), parameters()
    optimizer = SGD(old, lr=0.1)
    give(new, 0)
    optimizer.param_groups[0]["params"] = new
    with pytest.raises(ValueError, match='the "params" of a group were replaced'):
        optimizer.step()


def test_param_groups_are_changed_by_add_param_group_alone():
    optimizer = SGD(parameters())
    with pytest.raises(AttributeError):
        optimizer.param_groups = []
    with pytest.raises(AttributeError):
        optimizer.param_groups.append({"params": parameters()})


@pytest.mark.parametrize("twin_of", [copy.deepcopy, lambda both: pickle.loads(pickle.dumps(both))])
def test_a_copy_has_groups_of_its_own(twin_of):
    params = parameters()
    optimizer = Adam(in_groups(params), lr=0.1)
    for step in range(3):
        give(params, step)
        optimizer.step()
    twins, its_optimizer = twin_of((params, optimizer))
    its_optimizer.param_groups[0]["lr"] = 0.0
    before = arrays(params)
    give(twins, 4)
    its_optimizer.step()
    np.testing.assert_equal(arrays(params), before)
    np.testing.assert_equal(arrays(twins)[:2], before[:2])
    assert not np.array_equal(twins[2].data, before[2])


def test_a_shared_parameter_within_a_group_is_updated_once_and_in_two_groups_refused():
    p, q = parameters([(3,), (3,)])
    optimizer = SGD([{"params": [p, p]}, {"params": [q]}], lr=1.0)
    p.grad = np.ones(3)
    before = arrays([p])[0]
    optimizer.step()
    np.testing.assert_array_equal(p.data, before - 1)
    with pytest.raises(ValueError, match=r"SGD: param_groups\[1\]: params\[1\].*another group"):
        SGD([{"params": [p]}, {"params": [q, p]}])
    with pytest.raises(ValueError, match=r"SGD: param_groups\[2\]: params\[0\].*another group"):
        optimizer.add_param_group({"params": [q]})
    assert len(optimizer.param_groups) == 2


@pytest.mark.parametrize(
    ("group", "words"),
    [
        ({"lr": -1}, r"SGD: param_groups\[1\]: lr must be a number >= 0, not -1"),
        ({"nesterov": True}, r"SGD: param_groups\[1\]: nesterov needs momentum"),
        (
            {"momentun": 0.9},
            r"SGD: param_groups\[1\]: there is no option 'momentun'; there are lr, m",
        ),
        ({"params": []}, r"SGD: param_groups\[1\]: there are no parameters"),
        ({"params": None}, r"SGD: param_groups\[1\]: params is a NoneType"),
        ({"params": [1.0]}, r"SGD: param_groups\[1\]: params\[0\] is a float"),
    ],
    ids=str,
)
def test_a_bad_group_is_named_and_not_added(group, words):
    first, second = parameters([(2,), (3,)])
    with pytest.raises((TypeError, ValueError), match=words):
        SGD([{"params": [first]}, {"params": [second]} | group])
    optimizer = SGD([first])
    with pytest.raises((TypeError, ValueError), match=words):
        optimizer.add_param_group({"params": [second]} | group)
    assert len(optimizer.param_groups) == 1


@pytest.mark.parametrize("group", [None, [], {"lr": 0.1}])
def test_a_group_is_a_dict_with_params(group):
    with pytest.raises(TypeError, match=r"SGD: param_groups\[1\].*without 'params'"):
        SGD(parameters([(2,)])).add_param_group(group)


def test_lbfgs_has_one_group():
    first, second = parameters([(2,), (3,)])
    optimizer = LBFGS([{"params": [first], "lr": 0.5}])
    assert optimizer.lr == 0.5
    with pytest.raises(ValueError, match=r"LBFGS: param_groups\[1\]: .*one group"):
        optimizer.add_param_group({"params": [second]})


def test_a_law_of_ones_own_has_options_per_group():
    class Decay(Optimizer):
        def __init__(self, params, lr, factor=0.5):
            super().__init__(params, lr, factor=factor)

        def _update(self, w, g, state, group, room):
            w *= group["factor"]

    first, second = nn.Parameter([8.0]), nn.Parameter([8.0])
    optimizer = Decay([{"params": [first]}, {"params": [second], "factor": 0.25}], lr=0.1)
    first.grad = second.grad = [1.0]
    optimizer.step()
    assert (first.item(), second.item()) == (4.0, 2.0)
