"""Runs of fit, and loaders, on several ranks: functions for on_ranks.py, which assert what must hold."""

import os
import signal
from contextlib import nullcontext
from operator import attrgetter
from pathlib import Path

import numpy as np
import pytest
from shares import FLOAT, assert_the_same_on_all, batch, digest, ranks

import minigrad as mg
import nn
from minigrad import picture
from nn.data import BucketBatchSampler, DataLoader, RandomSampler, TensorDataset
from nn.parallel import DataParallel


class Run:
    """A training of 1,003 rows, on all ranks, or as one process does it."""

    def __init__(self, noise=0.0, *, alone=False, synchronised=True, rows=100):
        rng = np.random.default_rng(0)
        mg.seed(7)
        self.model = nn.Sequential(
            nn.Linear(6, 8, rng=rng, dtype=FLOAT), nn.BatchNorm1d(8, dtype=FLOAT), nn.Tanh(), nn.Dropout(noise),
            nn.Linear(8, 3, rng=rng, dtype=FLOAT), nn.Dropout(noise / 2, rng=np.random.default_rng(5)),
        )  # fmt: skip
        self.ranks = ranks
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
    if ranks.size == 1:
        assert digest(ours.model, ours.optimizer) == digest(theirs.model, theirs.optimizer)
    with pytest.raises(ValueError, match="of another model"):
        nn.fit(nn.Linear(2, 2), ours.loader, ours.optimizer, parallel=ours.together)


def accumulated_batches_are_one():
    """Also where they share the rows in other parts: the last has two."""
    ours, theirs = Run(rows=77), Run(alone=True, rows=77)
    for a, b in zip(ours.fit(1, accumulate=4), theirs.fit(1, accumulate=4), strict=True):
        np.testing.assert_allclose([*a.values()], [*b.values()], rtol=1e-10)
    for a, b in zip(ours.model.parameters(), theirs.model.parameters(), strict=True):
        np.testing.assert_allclose(a.data, b.data, rtol=1e-8, atol=1e-9)


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
    """Whatever it does then: forward, the exchange, the update, or the end of an epoch."""
    path = Path(os.environ["FOLDER"]) / f"asked{ranks.size}.safetensors"
    whole = Run(0.3)
    history = whole.fit(2)
    for owner, name, call, step in (
        ("model", "forward", 4, "4"),
        ("together", "average", 4, "4"),
        ("together._exchange", "mean", 4, "[45]"),
        ("optimizer", "step", 4, "[45]"),
        ("schedule", "step", 1, "11"),
    ):
        if ranks.size == 1 and name == "mean":
            continue
        path.unlink(missing_ok=True)
        begun = Run(0.3)
        meet_with(ask_to_stop, ranks.size - 1, attrgetter(owner)(begun), name, call)
        with pytest.raises(KeyboardInterrupt, match=rf"after step {step};.*the checkpoint"):
            begun.fit(2, path)
        rest = Run(0.3)
        assert rest.fit(2, path, resume=True) == history
        assert digest(rest.model, rest.optimizer) == digest(whole.model, whole.optimizer)


def ask_to_stop():
    os.kill(os.getpid(), signal.SIGUSR1 if ranks.size > 1 else signal.SIGINT)


def meet_with(accident, who, owner, name, call):
    """Let that happen to a rank as it begins that call of a method."""
    method, calls = getattr(owner, name), 0

    def begun(*args, **options):
        nonlocal calls
        calls += 1
        if calls == call and ranks.rank == who:
            accident()
        return method(*args, **options)

    vars(owner)[name] = begun


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
    sizes = DataLoader(data, 8 + ranks.rank, shard=ranks)
    next(iter(sizes))
    with pytest.raises(RuntimeError, match="different orders of the rows"):
        together.average(len(y))
    ranks.noted = 0.0
    buckets = BucketBatchSampler(range(20), 8)
    for drawn in ({"shuffle": True}, {"sampler": RandomSampler(data)}, {"batch_sampler": buckets}):
        with pytest.raises(ValueError, match="rng that starts alike"):
            DataLoader(
                data,
                **({} if "batch_sampler" in drawn else {"batch_size": 8}),
                shard=ranks,
                **drawn,
            )
    assert len(DataLoader(data, 8, sampler=np.arange(20), shard=ranks)) == 3
    with pytest.raises(TypeError, match="shard is a bool"):
        DataLoader(data, 8, shard=True)
    with pytest.raises(ValueError, match=f"too small for {ranks.size} ranks"):
        DataLoader(data, 1, shard=ranks)


def files_that_are_not_on_all_ranks_are_told():
    folder = Path(os.environ["FOLDER"]) / str(ranks.size)
    model = nn.Linear(2, 2)
    DataParallel(model, ranks)
    with pytest.raises(OSError, match="rank 0 could not write" if ranks.rank else "a device"):
        nn.save("/dev/null", model, ranks=ranks)
    own = folder / f"{ranks.rank}.safetensors"
    if ranks.rank == 0:
        nn.save(own, model)
    run = Run()
    with pytest.raises(FileNotFoundError, match="there on rank 0 and not on rank 1"):
        run.fit(1, own, resume=True)
    if ranks.rank:
        nn.save(own, nn.Linear(2, 2))
    with pytest.raises(ValueError, match="have read different files"):
        nn.load(own, model, ranks=ranks)


def a_watch_is_one_ranks():
    """It asks nothing of the others."""
    run, watch = Run(), None
    if ranks.rank == 0:
        watch = picture.watch(run.model, every=2)
    for x, y in run.loader:
        with watch or nullcontext():
            run.optimizer.zero_grad()
            mg.cross_entropy(run.model(x), y).backward()
            run.together.average(len(y))
            run.optimizer.step()
    assert_the_same_on_all(digest(run.model, run.optimizer))
    path = Path(os.environ["FOLDER"]) / f"watch{ranks.size}.html"
    if watch:
        assert watch.page(path).stat().st_size
        assert len(watch.samples) == 6


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


def a_run_to_its_end():
    """From its file, if there is one; ACCIDENT="HOW RANK OWNER METHOD CALL" happens to it."""
    folder = Path(os.environ["FOLDER"])
    run = Run(0.3)

    def accident():
        (folder / "accident").touch()  # which says when
        if how != "raise":
            os.kill(os.getpid(), signal.Signals[how])
        else:
            raise ArithmeticError(f"of rank {who} alone")

    if "ACCIDENT" in os.environ:
        how, who, owner, name, call = os.environ["ACCIDENT"].split()
        meet_with(accident, int(who), attrgetter(owner)(run), name, int(call))
    run.fit(4, folder / "run.safetensors", resume=True)
    assert_the_same_on_all(digest(run.model, run.optimizer))
    if ranks.rank == 0:
        print("digest", digest(run.model, run.optimizer))
