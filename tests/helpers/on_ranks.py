"""Programs for several ranks: mpiexec -n 3 python on_ranks.py NAME..., of functions below: they assert what holds."""

import sys

import numpy as np
import pytest
from accidents_on_ranks import one_ends, one_is_killed, one_raises, one_saves
from exchange_on_ranks import (
    a_gradient_keeps_the_order_of_memory_of_its_parameter,
    arrays_of_every_size_order_and_kind_become_their_means,
)
from runs_on_ranks import (
    a_run_goes_on_bit_for_bit_with_noise,
    a_run_is_that_of_one_process,
    a_run_that_one_rank_is_asked_to_stop_goes_on_bit_for_bit,
    a_run_to_its_end,
    a_watch_is_one_ranks,
    accumulated_batches_are_one,
    files_that_are_not_on_all_ranks_are_told,
    half_a_run,
    orders_that_differ_are_told,
    small_batches_end_on_every_rank,
    the_other_half,
)
from shares import FLOAT, assert_the_same_on_all, batch, digest, ranks

import minigrad as mg
import nn
from minigrad.trust.other_library import OnDevice
from nn.parallel import DataParallel


def own(n):
    """The place of this rank's rows among n."""
    return slice(n * ranks.rank // ranks.size, n * (ranks.rank + 1) // ranks.size)


def mlp(rng, dtype=FLOAT):
    return nn.MLP([6, 8, 3], rng=rng, dtype=dtype), (6,)


def cnn(rng, dtype=FLOAT):
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, rng=rng, dtype=dtype), nn.BatchNorm2d(4, dtype=dtype), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 3, rng=rng, dtype=dtype), nn.BatchNorm1d(3, dtype=dtype),
    )  # fmt: skip
    return model, (2, 4, 4)


class Last(nn.Module):
    """A linear map of the last step of a sequence."""

    def __init__(self, layer, width, rng, dtype):
        self.layer, self.head = layer, nn.Linear(width, 3, rng=rng, dtype=dtype)

    def forward(self, x):
        y = self.layer(x)
        return self.head((y[0] if isinstance(y, tuple) else y)[:, -1])


def lstm(rng, dtype=FLOAT):
    return Last(nn.LSTM(4, 5, batch_first=True, rng=rng, dtype=dtype), 5, rng, dtype), (6, 4)


def transformer(rng, dtype=FLOAT):
    layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0, batch_first=True, rng=rng, dtype=dtype)
    return Last(layer, 4, rng, dtype), (6, 4)


def norm_first(rng, dtype=FLOAT):
    """Of arrays, which carry no gradient."""
    return nn.Sequential(nn.BatchNorm1d(6, dtype=dtype), nn.Linear(6, 3, rng=rng, dtype=dtype)), (
        6,
    )


MODELS = {"mlp": mlp, "cnn": cnn, "lstm": lstm, "transformer": transformer, "norm": norm_first}


def gradients(model):
    return {name: p.grad.data for name, p in model.named_parameters() if p.grad is not None}


def assert_near(ours, theirs, tolerance):
    assert ours.keys() == theirs.keys()
    size = max(np.linalg.norm(g) for g in theirs.values())
    for name, g in theirs.items():
        error = np.linalg.norm(ours[name] - g)
        assert error <= tolerance * np.linalg.norm(g) + 1e-14 * size, (name, error)


def the_gradient_is_that_of_the_whole_batch():
    for name, make in MODELS.items():
        for n in (2 * ranks.size, 11):  # also uneven
            model, shape = make(np.random.default_rng(ranks.rank))
            together = DataParallel(model, ranks, synchronised=True)
            x, y = batch(shape, n)
            here = own(n)
            mg.cross_entropy(model(x[here]), y[here]).backward()
            together.average(len(y[here]))
            whole, _ = make(np.random.default_rng(0))
            mg.cross_entropy(whole(x), y).backward()
            assert_near(gradients(model), gradients(whole), 1e-10), name
            for a, b in zip(model.state_dict().values(), whole.state_dict().values(), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def two_ranks_are_one_process_that_adds_to_the_bit():
    if ranks.size != 2:
        return  # of more, the order of the sum is MPI's
    for make in (mlp, lstm, transformer):
        model, shape = make(np.random.default_rng(0), np.float32)
        together = DataParallel(model, ranks)
        x, y = batch(shape, 9, np.float32)
        shards = []
        for rank in range(2):
            here = slice(9 * rank // 2, 9 * (rank + 1) // 2)
            model.zero_grad()
            mg.cross_entropy(model(x[here]), y[here]).backward()
            shards.append([g * (len(y[here]) / 9) for g in gradients(model).values()])
        model.zero_grad()
        mg.cross_entropy(model(x[own(9)]), y[own(9)]).backward()
        together.average(len(y[own(9)]))
        for ours, first, second in zip(gradients(model).values(), *shards, strict=True):
            assert ours.tobytes() == (first + second).tobytes()


def weights_of_classes_count():
    model, shape = mlp(np.random.default_rng(0))
    together = DataParallel(model, ranks)
    x, y = batch(shape, 11)
    y[3] = -100
    w = np.array([0.5, 2.0, 3.0])
    here = own(11)
    kept = y[here][y[here] >= 0]
    mg.cross_entropy(model(x[here]), y[here], weight=w).backward()
    together.average(w[kept].sum())
    ours = gradients(model)
    model.zero_grad()
    mg.cross_entropy(model(x), y, weight=w).backward()
    assert_near(ours, gradients(model), 1e-12)


def a_rank_without_rows_adds_nothing():
    model, shape = cnn(np.random.default_rng(0))
    for synchronised in (True, False):
        together = DataParallel(model, ranks, synchronised=synchronised)
        x, y = batch(shape, 8)
        here = slice(0, 8) if ranks.rank == ranks.size - 1 else slice(0, 0)
        with np.errstate(all="ignore"):
            mg.cross_entropy(model(x[here]), y[here]).backward()
        together.average(len(y[here]))
        ours = gradients(model)
        assert_the_same_on_all(digest(model))
        model.zero_grad()
        twin, _ = cnn(np.random.default_rng(0))
        mg.cross_entropy(twin(x), y).backward()
        if synchronised:
            assert_near(ours, gradients(twin), 1e-10)
        assert all(np.isfinite(g).all() for g in ours.values())
        assert model[1].num_batches_tracked.item() == 1 + (not synchronised)
        if not synchronised:  # nor does one that had rows before count less
            model(x[:2]), model(x[here])
            together.average(2 + len(y[here]))
            assert_the_same_on_all(digest(model))
        for module in model.modules():
            module.ranks = None


class Odd(nn.Module):
    """A model with a parameter that only rank 1 uses, one that nobody uses, a frozen and a tied one."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.a = nn.Linear(6, 6, rng=rng, dtype=FLOAT)
        self.b = nn.Linear(6, 6, rng=rng, dtype=FLOAT)
        self.b.weight = self.a.weight
        self.seldom = nn.Parameter(np.ones(6))
        self.never = nn.Parameter(np.ones(6))
        self.frozen = nn.Parameter(np.full(6, 2.0), requires_grad=False)
        self.half = nn.Parameter(np.ones(6, np.float16))

    def forward(self, x, seldom):
        y = self.b(np.tanh(self.a(x))) * self.frozen * self.half.astype(FLOAT)
        return y * self.seldom if seldom else y


def odd_parameters_are_right():
    model = Odd()
    together = DataParallel(model, ranks)
    x, y = batch((6,), 11)
    here = own(11)
    mg.cross_entropy(model(x[here], ranks.rank == 1), y[here]).backward()
    together.average(len(y[here]))
    assert model.never.grad is None
    assert model.frozen.grad is None
    assert model.half.grad.dtype == np.float16
    ours = gradients(model)
    model.zero_grad()
    total = 0
    for rank in range(ranks.size):
        rows = slice(11 * rank // ranks.size, 11 * (rank + 1) // ranks.size)
        total = total + mg.cross_entropy(model(x[rows], rank == 1), y[rows]) * (len(y[rows]) / 11)
    total.backward()
    theirs = gradients(model)
    np.testing.assert_allclose(ours.pop("half"), theirs.pop("half"), rtol=2e-3)
    assert_near(ours, theirs, 1e-12)


def accumulation_and_clipping_are_those_of_one_process():
    model, shape = mlp(np.random.default_rng(0))
    together = DataParallel(model, ranks)
    optimizer = nn.optim.Adam(model.parameters())
    x, y = batch(shape, 22)
    parts = [slice(0, 9), slice(9, 22)]
    mine = [(x[part][own(len(y[part]))], y[part][own(len(y[part]))]) for part in parts]
    rows = sum(len(b) for _, b in mine)
    for a, b in mine:
        (mg.cross_entropy(model(a), b) * (len(b) / rows)).backward()
    together.average(rows)
    norm = nn.optim.clip_grad_norm_(optimizer.params, 0.01)
    optimizer.step()
    twin, _ = mlp(np.random.default_rng(0))
    theirs = nn.optim.Adam(twin.parameters())
    mg.cross_entropy(twin(x), y).backward()
    assert abs(norm - nn.optim.clip_grad_norm_(theirs.params, 0.01)) < 1e-12 * norm
    theirs.step()
    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(a.data, b.data, rtol=1e-12, atol=1e-15)
    assert_the_same_on_all(digest(model, optimizer))


def masks_differ_between_ranks_and_follow_from_the_seed():
    def masks():
        mg.seed(3)
        model = nn.Sequential(nn.Dropout(), nn.Dropout(rng=np.random.default_rng(4)))
        DataParallel(model, ranks)
        return [layer(np.ones(200, np.float32)).data.tobytes() for layer in model]

    mine = masks()
    assert mine == masks()
    for k in range(2):
        assert len({*ranks.gather(mine[k])}) == ranks.size


def models_that_differ_are_named():
    for make, what in (
        (lambda: nn.Linear(2, 2 + (ranks.rank == 1)), "weight float32 (3, 2)"),
        (lambda: nn.Linear(2, 2, dtype=FLOAT if ranks.rank == 1 else None), "float64"),
        (lambda: nn.Linear(2, 2).requires_grad_(ranks.rank != 1), "frozen"),
    ):
        with pytest.raises(ValueError, match="rank 1 is not that of rank 0") as caught:
            DataParallel(make(), ranks)
        assert what in str(caught.value)


def weights_are_checked():
    model = nn.Linear(2, 2)
    together = DataParallel(model, ranks)
    for weight in (0, -1 if ranks.rank else 3, np.nan if ranks.rank else 1):
        with pytest.raises(ValueError, match="weights of the ranks"):
            together.average(weight)
    model, shape = cnn(np.random.default_rng(0))
    together = DataParallel(model, ranks, synchronised=True)
    x, y = batch(shape, 6)
    mg.cross_entropy(model(x), y).backward()
    with pytest.raises(ValueError, match=r"rows of theirs.*expect\(weight\)"):
        together.average(6 + ranks.rank)
    together.expect(6 + ranks.rank)
    mg.cross_entropy(model(x), y).backward()
    with mg.no_grad():  # which nothing walks back through
        model(x[ranks.rank :])
    together.average(6 + ranks.rank)


def parameters_that_come_apart_are_told():
    def updated_alone(model):
        model[0].bias.assign(model[0].bias.data + ranks.rank)

    def begun_later(model):
        model.add_module("2", nn.Linear(8, 2))  # by the default generator, which differs

    for change, what in ((updated_alone, "0.bias="), (begun_later, "2.weight=")):
        model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8))
        together = DataParallel(model, ranks)
        together.average(1)
        change(model)
        with pytest.raises(ValueError, match="rank 1 is not that of rank 0") as caught:
            together.average(1)
        assert what in str(caught.value)


def acts_that_differ_are_told():
    with pytest.raises(RuntimeError, match="rank 0: the sum of 1 numbers, rank 1: the sum of 2"):
        ranks.totals(*range(1 + min(ranks.rank, 1)))
    model = nn.Sequential(nn.BatchNorm1d(3), nn.BatchNorm1d(3))
    DataParallel(model, ranks, synchronised=True)
    with pytest.raises(
        RuntimeError, match="rank 0: BatchNorm 1 over all ranks, rank 1: BatchNorm 2"
    ):
        model[min(ranks.rank, 1)](np.ones((2, 3), np.float32))
    for wrong in (nn.fit, None, 2):
        with pytest.raises(TypeError, match="world"):
            DataParallel(model, wrong)


def a_batch_that_is_computed_again_counts_once():
    found = []
    for again in (False, True):
        model, shape = cnn(np.random.default_rng(0))
        together = DataParallel(model, ranks, synchronised=True)
        x, y = batch(shape, 11)
        output = (mg.checkpoint(model) if again else model)(x[own(11)])
        mg.cross_entropy(output, y[own(11)]).backward()
        together.average(len(y[own(11)]))
        found.append(
            [a.tobytes() for a in [*gradients(model).values(), *model.state_dict().values()]]
        )
    assert found[0] == found[1]


def second_order_goes_through_the_statistics():
    model, shape = cnn(np.random.default_rng(0))
    together = DataParallel(model, ranks, synchronised=True)
    x, y = batch(shape, 4 * ranks.size)

    def penalty(model, x, y):
        grads = mg.grad(mg.cross_entropy(model(x), y), [*model.parameters()], create_graph=True)
        return sum((g * np.cos(np.arange(g.size).reshape(g.shape))).sum() for g in grads)

    # of each rank's loss, whose mean over the ranks is that of all: with equal rows on each
    penalty(model, x[own(len(y))], y[own(len(y))]).backward()
    together.average(4)
    ours = gradients(model)
    twin, _ = cnn(np.random.default_rng(0))
    penalty(twin, x, y).backward()
    assert_near(ours, gradients(twin), 1e-9)


def gradients_on_a_device_are_those_on_the_host():
    found = []
    for place in (np.asarray, OnDevice.asarray):
        model, shape = cnn(np.random.default_rng(0))
        together = DataParallel(model.to(place), ranks, synchronised=True)
        x, y = batch(shape, 11)
        here = own(11)
        mg.cross_entropy(model(place(x[here])), place(y[here])).backward()
        waits = OnDevice.waits
        together.average(len(y[here]))
        assert OnDevice.waits - waits == (place is not np.asarray and ranks.size > 1)
        found.append({name: mg.on_host(g) for name, g in gradients(model).items()})
        assert all(type(p.grad.data) is type(p.data) for p in model.parameters())
    assert_near(*found, 1e-12)


HOLD = [
    the_gradient_is_that_of_the_whole_batch, two_ranks_are_one_process_that_adds_to_the_bit, weights_of_classes_count,
    a_rank_without_rows_adds_nothing, odd_parameters_are_right, accumulation_and_clipping_are_those_of_one_process,
    masks_differ_between_ranks_and_follow_from_the_seed, second_order_goes_through_the_statistics,
    a_run_is_that_of_one_process, a_run_goes_on_bit_for_bit_with_noise,
    a_run_that_one_rank_is_asked_to_stop_goes_on_bit_for_bit, small_batches_end_on_every_rank,
    accumulated_batches_are_one, a_batch_that_is_computed_again_counts_once, a_watch_is_one_ranks,
    gradients_on_a_device_are_those_on_the_host,
    arrays_of_every_size_order_and_kind_become_their_means, a_gradient_keeps_the_order_of_memory_of_its_parameter,
]  # fmt: skip
OF_SEVERAL = [
    models_that_differ_are_named, weights_are_checked, orders_that_differ_are_told, acts_that_differ_are_told,
    parameters_that_come_apart_are_told, files_that_are_not_on_all_ranks_are_told,
]  # fmt: skip
HALVES = half_a_run, the_other_half
WHOLE = a_run_to_its_end
FAIL = {
    one_raises: ["ArithmeticError: of rank one alone", "rank 2 of 3 failed"],
    one_ends: ["rank 1: average, rank 2: the end of its program"],
    one_is_killed: ["rank 2", "signal 9"],
    one_saves: ["rank 1: average, rank 2: save"],
}

if __name__ == "__main__":
    for name in sys.argv[1:]:
        globals()[name]()
