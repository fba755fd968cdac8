"""A run that is saved and loaded goes on bit for bit; a state of another run is refused, and nothing is half loaded."""

import numpy as np
import pytest
from optimisers import has_option

import minigrad
import nn

pytest.importorskip("safetensors")

LAWS = [name for name in nn.optim.__all__ if isinstance(getattr(nn.optim, name), type)]
OPTIONS = {"SGD": {"momentum": 0.9}, "Adam": {"weight_decay": 0.01}, "RMSprop": {"momentum": 0.5}}


class Countdown:
    """A schedule as simple as one may be."""

    def __init__(self, optimizer, left=10):
        self.optimizer, self.left = optimizer, left

    def step(self):
        self.left -= 1
        self.optimizer.lr = self.optimizer.lr * 0.9

    def state_dict(self):
        return {"left": self.left}

    def load_state_dict(self, state):
        if not isinstance(state["left"], int):
            raise ValueError(f"left is {state['left']!r}, needed an integer")
        self.left = state["left"]


def net(seed, sizes=(4, 8, 8, 3)):
    rng = np.random.default_rng(seed)
    model = nn.MLP(list(sizes), rng=rng)
    return nn.Sequential(nn.BatchNorm1d(4), model, nn.Dropout(0.2, rng=rng)), rng


def optimizer_of(model, law="Adam", **options):
    params = [p for p in model.parameters() if law != "Muon" or p.ndim == 2]
    return getattr(nn.optim, law)(params, lr=0.01, **(OPTIONS.get(law, {}) | options))


def train(model, optimizer, rng, steps):
    losses = []
    for _ in range(steps):
        x = rng.standard_normal((6, 4)).astype(np.float32)
        y = rng.integers(0, 3, 6)

        def closure(x=x, y=y):
            optimizer.zero_grad()
            loss = minigrad.cross_entropy(model(x), y)
            loss.backward()
            losses.append(loss.item())
            return loss

        if isinstance(optimizer, nn.optim.LBFGS):
            optimizer.step(closure)
        else:
            closure()
            optimizer.step()
    return losses


def bits(model):
    return [(p.dtype, p.data.tobytes()) for _, p in model._walk()]


@pytest.mark.parametrize("law", [law for law in LAWS if law != "Optimizer"])
def test_a_run_goes_on_from_what_was_saved_bit_for_bit(path, law):
    model, rng = net(0)
    optimizer = optimizer_of(model, law)
    train(model, optimizer, rng, 5)
    nn.save(path, model, optimizer, step=5, rng=rng)
    losses = train(model, optimizer, rng, 5)
    other, other_rng = net(1)
    decays = {"weight_decay": 0.3} if has_option(getattr(nn.optim, law), "weight_decay") else {}
    other_optimizer = optimizer_of(other, law, **decays)
    train(other, other_optimizer, other_rng, 2)
    assert nn.load(path, other, other_optimizer, rng=other_rng).step == 5
    assert train(other, other_optimizer, other_rng, 5) == losses
    assert bits(other) == bits(model)


def test_an_optimizer_of_another_law_or_other_parameters_is_refused(path):
    model, _ = net(0)
    optimizer = optimizer_of(model)
    nn.save(path, model, optimizer)
    with pytest.raises(ValueError, match="optimizer: the state of Adam, needed AdamW"):
        nn.load(path, model, optimizer_of(model, "AdamW"))
    some = nn.optim.Adam([model[1][0].weight])
    with pytest.raises(
        ValueError, match=r"optimizer: its parameters are 0\.weight, .*; needed 1\.0\.weight$"
    ):
        nn.load(path, model, some)
    other, _ = net(0)
    with pytest.raises(ValueError, match=r"needed \(not the model's\), "):
        nn.load(path, model, optimizer_of(other))
    with pytest.raises(
        ValueError,
        match=r"the Adam updates a parameter of shape \(4,\) that is not one of this Seq",
    ):
        nn.save(path, model, optimizer_of(other))


def test_a_part_that_was_not_saved_is_missed(path):
    model, rng = net(0)
    optimizer = optimizer_of(model)
    nn.save(path, model, rng=rng)
    with pytest.raises(ValueError, match="optimizer: missing; it was saved without"):
        nn.load(path, model, optimizer, rng=rng)
    with pytest.raises(ValueError, match="schedule: missing; it was saved without"):
        nn.load(path, model, schedule=Countdown(optimizer), rng=rng)


def saved_run(path, left=7):
    model, rng = net(0)
    optimizer = optimizer_of(model)
    train(model, optimizer, rng, 3)
    nn.save(path, model, optimizer, Countdown(optimizer, left), 3, rng)


@pytest.mark.parametrize("wrong", ["model", "optimizer", "schedule", "rng"])
def test_where_one_part_does_not_fit_no_part_is_loaded(path, wrong):
    saved_run(path, left="seven" if wrong == "schedule" else 7)
    model, rng = net(1, (4, 8, 8, 4) if wrong == "model" else (4, 8, 8, 3))
    optimizer = optimizer_of(model, "SGD" if wrong == "optimizer" else "Adam")
    schedule = Countdown(optimizer, 9)
    train(model, optimizer, rng, 2)
    if wrong == "rng":
        rng = np.random.default_rng(5)

    def everything():
        return repr((bits(model), optimizer.state_dict(), schedule.left, rng.bit_generator.state))

    before = everything()
    with pytest.raises(
        ValueError,
        match=f"nothing was loaded(.|\n)*{ {'model': '1.4.weight'}.get(wrong, wrong) }: ",
    ):
        nn.load(path, model, optimizer, schedule, rng)
    assert everything() == before


def test_a_schedule_goes_on_where_it_was(path):
    saved_run(path)
    model, rng = net(1)
    optimizer = optimizer_of(model)
    schedule = Countdown(optimizer, 2)
    nn.load(path, model, optimizer, schedule, rng)
    assert schedule.left == 7


def test_a_rate_that_was_set_by_hand_beside_a_schedule_is_read_back(path):
    model, _ = net(0)
    optimizer = optimizer_of(model)
    schedule = nn.schedule.StepLR(optimizer, 2)
    schedule.step()
    optimizer.lr = 0.5
    nn.save(path, model, optimizer, schedule)
    other, _ = net(0)
    its_optimizer = optimizer_of(other)
    its_schedule = nn.schedule.StepLR(its_optimizer, 2)
    nn.load(path, other, its_optimizer, its_schedule)
    assert its_optimizer.lr == 0.5
    for both in (schedule, its_schedule):
        both.step()
    assert its_optimizer.lr == optimizer.lr != 0.5


def test_weights_load_without_the_rest_and_in_pytorch_by_names_without_a_slash(path):
    saved_run(path)
    model, _ = net(1)
    nn.load(path, model)
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file

    theirs = torch.nn.Sequential(
        torch.nn.BatchNorm1d(4),
        torch.nn.Sequential(
            torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3)
        ),
        torch.nn.Dropout(0.2),
    )  # fmt: skip
    loaded = load_file(path)
    assert any(name.startswith("optimizer/") for name in loaded)
    theirs.load_state_dict({name: w for name, w in loaded.items() if "/" not in name})
    x = np.random.default_rng(2).standard_normal((5, 4)).astype(np.float32)
    ours = model.eval()(minigrad.Tensor(x)).numpy()
    np.testing.assert_allclose(ours, theirs.eval()(torch.tensor(x)).detach().numpy(), atol=1e-6)
