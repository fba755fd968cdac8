"""Programs for several ranks: mpiexec -n 3 python on_ranks.py NAME..., of functions below: they assert what holds."""

import os
import signal
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
import nn
from nn.data import DataLoader, TensorDataset
from nn.parallel import DataParallel, world

ranks = world()
FLOAT = np.float64


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


MODELS = {"mlp": mlp, "cnn": cnn, "lstm": lstm, "transformer": transformer}


def batch(shape, n, dtype=FLOAT, seed=1):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, *shape)).astype(dtype), rng.integers(0, 3, n)


def gradients(model):
    return {name: p.grad.data for name, p in model.named_parameters() if p.grad is not None}


def assert_near(ours, theirs, tolerance):
    assert ours.keys() == theirs.keys()
    size = max(np.linalg.norm(g) for g in theirs.values())
    for name, g in theirs.items():
        error = np.linalg.norm(ours[name] - g)
        assert error <= tolerance * np.linalg.norm(g) + 1e-14 * size, (name, error)


def digest(model, optimizer=None):
    arrays = [*model.state_dict().values()]
    if optimizer is not None:
        for entry in optimizer.state_dict()["state"].values():
            arrays += [np.asarray(value) for value in entry.values()]
    crc = 0
    for array in arrays:
        crc = zlib.crc32(np.ascontiguousarray(array).tobytes(), crc)
    return crc


def assert_the_same_on_all(value):
    told = {*ranks.gather(repr(value).encode())}
    assert len(told) == 1, told


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
    with pytest.raises(ValueError, match="mean over rows"):
        together.average(6 + ranks.rank)


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


# Runs of fit --------------------------------------------------------------------------------------------


class Run:
    """A training of 1,003 rows, on all ranks, or as one process does it."""

    def __init__(self, noise=0.0, *, alone=False, synchronised=True, rows=100):
        rng = np.random.default_rng(0)
        mg.seed(7)
        self.model = nn.Sequential(
            nn.Linear(6, 8, rng=rng, dtype=FLOAT), nn.BatchNorm1d(8, dtype=FLOAT), nn.Tanh(), nn.Dropout(noise),
            nn.Linear(8, 3, rng=rng, dtype=FLOAT), nn.Dropout(noise / 2, rng=np.random.default_rng(5)),
        )  # fmt: skip
        self.together = None if alone else DataParallel(self.model, ranks, synchronised)
        self.optimizer = nn.optim.Adam(self.model.parameters(), lr=0.01)
        self.schedule = nn.schedule.CosineAnnealingLR(self.optimizer, 4)
        data = TensorDataset(*batch((6,), 1003))
        rng, shard = np.random.default_rng(3), None if alone else ranks
        self.loader = DataLoader(data, rows, shuffle=True, rng=rng, shard=shard)
        self.validation = DataLoader(data, 200, shard=shard)

    def fit(self, epochs, path=None, resume=False, **more):
        def right(output, y):
            return float((output.data.argmax(axis=1) == y).mean())

        return nn.fit(
            self.model, self.loader, self.optimizer, epochs=epochs, schedule=self.schedule, clip_norm=1.0,
            validation=self.validation, metrics={"accuracy": right}, checkpoint=path, resume=resume,
            parallel=self.together, progress=False, **more,
        )  # fmt: skip


def a_run_is_that_of_one_process():
    ours, theirs = Run(), Run(alone=True)
    for a, b in zip(ours.fit(2), theirs.fit(2), strict=True):
        assert a.keys() == b.keys()
        np.testing.assert_allclose([*a.values()], [*b.values()], rtol=1e-10)
    for a, b in zip(ours.model.parameters(), theirs.model.parameters(), strict=True):
        np.testing.assert_allclose(a.data, b.data, rtol=1e-8, atol=1e-9)
    assert_the_same_on_all(digest(ours.model, ours.optimizer))


def a_run_goes_on_bit_for_bit_with_noise():
    path = Path(os.environ["FOLDER"]) / f"noise{ranks.size}.safetensors"
    for synchronised in (True, False):
        # without them, a last batch of three rows would give some rank too few for a variance
        options = {"synchronised": synchronised, "rows": 100 if synchronised else 99}
        whole = Run(0.3, **options)
        history = whole.fit(3)
        assert_the_same_on_all(digest(whole.model, whole.optimizer))
        Run(0.3, **options).fit(1, path)
        rest = Run(0.3, **options)
        assert rest.fit(3, path, resume=True) == history
        assert digest(rest.model, rest.optimizer) == digest(whole.model, whole.optimizer)


def a_run_that_one_rank_is_asked_to_stop_goes_on_bit_for_bit():
    path = Path(os.environ["FOLDER"]) / f"asked{ranks.size}.safetensors"
    whole = Run(0.3)
    history = whole.fit(2)
    begun = Run(0.3)
    steps = 0

    def ask(module, args):
        nonlocal steps
        steps += module.training
        if steps == 4 and ranks.rank == ranks.size - 1:
            os.kill(os.getpid(), signal.SIGUSR1 if ranks.size > 1 else signal.SIGINT)

    hook = begun.model.register_forward_pre_hook(ask)
    with pytest.raises(KeyboardInterrupt, match=r"after step 4.*the checkpoint"):
        begun.fit(2, path)
    hook.remove()
    rest = Run(0.3)
    assert rest.fit(2, path, resume=True) == history
    assert digest(rest.model, rest.optimizer) == digest(whole.model, whole.optimizer)


def half_a_run():
    Run().fit(2, Path(os.environ["FOLDER"]) / "half.safetensors")


def the_other_half():
    """On another number of ranks than the first."""
    ours, theirs = Run(), Run(alone=True)
    found = ours.fit(4, Path(os.environ["FOLDER"]) / "half.safetensors", resume=True)
    for a, b in zip(found, theirs.fit(4), strict=True):
        np.testing.assert_allclose([*a.values()], [*b.values()], rtol=1e-10)


def orders_that_differ_are_told():
    data = TensorDataset(*batch((6,), 20))
    loader = DataLoader(data, 8, shuffle=True, rng=np.random.default_rng(ranks.rank), shard=ranks)
    model = nn.Linear(6, 3, dtype=FLOAT)
    together = DataParallel(model, ranks)
    x, y = next(iter(loader))
    mg.cross_entropy(model(x), y).backward()
    with pytest.raises(RuntimeError, match="different orders of the rows"):
        together.average(len(y))
    ranks.noted = 0.0
    with pytest.raises(ValueError, match="rng that starts alike"):
        DataLoader(data, 8, shuffle=True, shard=ranks)
    with pytest.raises(ValueError, match=f"too small for {ranks.size} ranks"):
        DataLoader(data, 1, shard=ranks)


def small_batches_end_on_every_rank():
    """Rows of all kinds of data sets, the last batch with fewer than there are ranks."""

    class Items:
        def __len__(self):
            return 13

        def __getitem__(self, i):
            return {"x": np.full(2, i, np.float32), "y": (i, [float(i)])}

    for data in (Items(), TensorDataset(np.arange(13))):
        loader = DataLoader(data, 6, shard=ranks)
        found = [b["y"][0] if isinstance(b, dict) else b[0] for b in loader]
        assert len(found) == 3
        assert ranks.totals(*map(len, found)) == [6, 6, 1]
        assert ranks.totals(*(b.sum() for b in found)) == [15, 51, 12]
        assert found[-1].dtype == np.int64


# Programs that must not hang ---------------------------------------------------------------------------


def forever():
    model = nn.Linear(2, 2)
    together = DataParallel(model, ranks)
    step = 0
    while True:
        model(np.ones((1, 2), np.float32)).sum().backward()
        together.average(1)
        step += 1
        if step == 3 and ranks.rank == ranks.size - 1:
            yield together


def one_raises():
    for _ in forever():
        raise ArithmeticError("of rank one alone")


def one_ends():
    for _ in forever():
        return


def one_is_killed():
    for _ in forever():
        os.kill(os.getpid(), signal.SIGKILL)


def one_saves():
    for together in forever():
        nn.save("/dev/null", together.model, ranks=ranks)


HOLD = [
    the_gradient_is_that_of_the_whole_batch, two_ranks_are_one_process_that_adds_to_the_bit, weights_of_classes_count,
    a_rank_without_rows_adds_nothing, odd_parameters_are_right, accumulation_and_clipping_are_those_of_one_process,
    masks_differ_between_ranks_and_follow_from_the_seed, second_order_goes_through_the_statistics,
    a_run_is_that_of_one_process, a_run_goes_on_bit_for_bit_with_noise,
    a_run_that_one_rank_is_asked_to_stop_goes_on_bit_for_bit, small_batches_end_on_every_rank,
]  # fmt: skip
OF_SEVERAL = [models_that_differ_are_named, weights_are_checked, orders_that_differ_are_told]
FAIL = {
    one_raises: ["ArithmeticError: of rank one alone", "rank 2 of 3 failed"],
    one_ends: ["rank 1: average, rank 2: the end of its program"],
    one_is_killed: ["rank 2", "signal 9"],
    one_saves: ["rank 1: average, rank 2: save"],
}

if __name__ == "__main__":
    for name in sys.argv[1:]:
        globals()[name]()
