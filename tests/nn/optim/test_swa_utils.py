"""Averaged models beside PyTorch's: SWA and EMA, buffers, BatchNorm's statistics, state both ways."""

import copy

import numpy as np
import pytest

import minigrad
import nn
from minigrad import Tensor, cross_entropy
from nn.optim.swa_utils import AveragedModel, get_ema_avg_fn, get_swa_avg_fn, update_bn


def models(torch):
    """A net with BatchNorm in both, of float64 and the same weights."""
    ours = nn.Sequential(nn.Linear(4, 6, dtype="float64"), nn.BatchNorm1d(6, dtype="float64"))
    theirs = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.BatchNorm1d(6)).double()
    theirs.load_state_dict({k: torch.tensor(v) for k, v in ours.state_dict().items()})
    return ours, theirs


def batches(count=6):
    return [np.random.default_rng(i).standard_normal((5, 4)) for i in range(count)]


def assert_states_equal(ours, theirs):
    state, other = ours.state_dict(), theirs.state_dict()
    assert list(state) == list(other)
    for name, array in state.items():
        np.testing.assert_allclose(array, other[name].numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("decay", [None, 0.9])
@pytest.mark.parametrize("use_buffers", [False, True])
def test_the_averages_are_pytorchs(torch, decay, use_buffers):
    swa = torch.optim.swa_utils
    ours, theirs = models(torch)
    options = {"use_buffers": use_buffers}
    mine = AveragedModel(ours, avg_fn=decay and get_ema_avg_fn(decay), **options)
    other = swa.AveragedModel(theirs, avg_fn=decay and swa.get_ema_avg_fn(decay), **options)
    steps = nn.optim.SGD(ours.parameters(), 0.1), torch.optim.SGD(theirs.parameters(), 0.1)
    for x in batches():
        for optimizer, net, a in zip(
            steps, (ours, theirs), (Tensor(x), torch.tensor(x)), strict=True
        ):
            optimizer.zero_grad()
            (net(a) ** 2 * a[:, :1]).sum().backward()
            optimizer.step()
        mine.update_parameters(ours)
        other.update_parameters(theirs)
        assert_states_equal(mine, other)
    assert mine.state_dict()["n_averaged"] == 6
    mine.eval(), other.eval()
    np.testing.assert_allclose(
        mine(Tensor(x)).detach(), other(torch.tensor(x)).detach(), rtol=1e-12, atol=1e-14
    )
    update_bn(batches(), mine)
    swa.update_bn(map(torch.tensor, batches()), other)
    assert_states_equal(mine, other)
    assert not mine.module[1].training
    assert mine.module[1].momentum == 0.1


def test_a_state_goes_both_ways(torch):
    ours, theirs = models(torch)
    mine, other = AveragedModel(ours), torch.optim.swa_utils.AveragedModel(theirs)
    for _ in range(2):
        mine.update_parameters(ours)
    other.load_state_dict({k: torch.tensor(v) for k, v in mine.state_dict().items()})
    assert_states_equal(mine, other)
    AveragedModel(ours).load_state_dict(other.state_dict())


def test_the_default_is_the_mean_of_the_values_and_ema_a_running_one():
    net = nn.Linear(1, 1)
    mean, running = AveragedModel(net), AveragedModel(net, avg_fn=get_ema_avg_fn(0.75))
    for value in (1.0, 2.0, 6.0):
        net.bias.assign([value])
        mean.update_parameters(net)
        running.update_parameters(net)
    assert mean.module.bias.item() == pytest.approx(3.0)
    assert running.module.bias.item() == pytest.approx(0.75 * (0.75 * 1 + 0.25 * 2) + 0.25 * 6)
    assert get_swa_avg_fn()(1.0, 4.0, 2) == 2.0


def test_a_shared_parameter_is_averaged_once():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[1].weight = net[0].weight
    mean = AveragedModel(net)
    for value in (0.0, 1.0):
        net[0].weight.assign(np.full((2, 2), value))
        mean.update_parameters(net)
    assert mean.module[1].weight is mean.module[0].weight
    np.testing.assert_array_equal(mean.module[0].weight.data, np.full((2, 2), 0.5))


def test_an_update_between_forward_and_backward_of_the_average_makes_backward_raise():
    net = nn.Linear(2, 2)
    mean = AveragedModel(net)
    x = Tensor(np.ones((1, 2), np.float32), requires_grad=True)
    loss = mean(x).sum()
    mean.update_parameters(net)
    with pytest.raises(RuntimeError, match="written after the forward pass"):
        loss.backward()


def test_statistics_are_computed_anew_even_from_nan_and_put_back_what_they_found():
    net = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5))
    net[0].running_mean.assign(np.full(4, np.nan))
    net[1].eval()
    x = np.random.default_rng(0).standard_normal((2, 50, 4)).astype(np.float32)
    update_bn([(batch, "label") for batch in x], net)
    np.testing.assert_allclose(net[0].running_mean.data, x.mean((0, 1)), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(net[0].running_var.data, x.var(1, ddof=1).mean(0), rtol=1e-4)
    assert (net[0].training, net[1].training) == (True, False)
    with pytest.raises(ValueError, match="channels"):
        update_bn([x[0][:, :3]], net)
    assert net[0].momentum == 0.1


def test_in_a_compiled_step_the_average_leaves_the_same_bits():
    def run(make):
        minigrad.seed(0)
        net = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
        mean = AveragedModel(net, avg_fn=get_ema_avg_fn(0.5))
        optimizer = nn.optim.Adamax(net.parameters(), 0.1)

        def step(x):
            optimizer.zero_grad()
            loss = cross_entropy(net(x), np.arange(5) % 3)
            loss.backward()
            optimizer.step()
            mean.update_parameters(net)
            return loss

        made = make(step)
        return [made(x.astype(np.float32)).item() for x in batches()], mean.state_dict()

    np.testing.assert_equal(run(minigrad.compile), run(lambda f: f))


def test_what_does_not_fit_is_refused():
    with pytest.raises(TypeError, match="AveragedModel: the model is a list"):
        AveragedModel([nn.Linear(1, 1)])
    with pytest.raises(ValueError, match="decay must be a number in"):
        get_ema_avg_fn(2)
    others = (
        nn.MLP([3, 4]),
        nn.Linear(3, 1),
        nn.Linear(3, 4, bias=False),
        nn.Linear(3, 4, dtype="f8"),
    )
    for other in others:
        mean = AveragedModel(nn.Linear(3, 4))
        with pytest.raises(ValueError, match=r"AveragedModel: .* is in one of the two models only"):
            mean.update_parameters(other)
        assert mean.n_averaged.item() == 0


def test_an_average_trains_along_in_a_fit_and_goes_on_from_its_state():
    net = nn.MLP([4, 5, 3])
    mean = AveragedModel(net, avg_fn=get_ema_avg_fn(0.9))
    optimizer = nn.optim.RAdam(net.parameters(), 0.1)

    def train(net, mean, optimizer, count):
        for x in batches(count):
            optimizer.zero_grad()
            cross_entropy(net(x.astype(np.float32)), np.arange(5) % 3).backward()
            optimizer.step()
            mean.update_parameters(net)

    train(net, mean, optimizer, 3)
    twin, its_optimizer, its_mean = copy.deepcopy((net, optimizer, mean))
    train(net, mean, optimizer, 4)
    train(twin, its_mean, its_optimizer, 4)
    np.testing.assert_equal(its_mean.state_dict(), mean.state_dict())
