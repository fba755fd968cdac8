"""Runs of fit, and loaders, on several ranks: functions for on_ranks.py, which assert what must hold."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from shares import FLOAT, assert_the_same_on_all, batch, digest, ranks

import minigrad as mg
import nn
from nn.data import DataLoader, TensorDataset
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


def a_run_to_its_end():
    """From its file, if there is one; with ACCIDENT="HOW RANK STEP" that rank fails so before that step."""
    how, who, when = os.environ.get("ACCIDENT", "none 0 0").split()
    run = Run(0.3)
    step = 0

    def fail(module, args):
        nonlocal step
        step += module.training
        if how != "none" and (int(who), int(when)) == (ranks.rank, step):
            if how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            raise ArithmeticError(f"before step {step}")

    run.model.register_forward_pre_hook(fail)
    run.fit(4, Path(os.environ["FOLDER"]) / "run.safetensors", resume=True)
    assert_the_same_on_all(digest(run.model, run.optimizer))
    if ranks.rank == 0:
        print("digest", digest(run.model, run.optimizer))
