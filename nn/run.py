"""The training of `fit`: its updates and epochs, what it has done, and the file from which it goes on."""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing, nullcontext
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

import minigrad
from minigrad.devices import is_elsewhere, together_on_host

from .batches import moved
from .interrupt import Interrupt
from .module import Module
from .optim.clip import clip_unread
from .parallel.ranks import Ranks
from .progress import progress_bar
from .saving import load, save
from .saving.generators import generators_of, restore, states_of

if TYPE_CHECKING:
    from minigrad.files import StrPath
    from minigrad.picture import Watch

    from .parallel import DataParallel

Function = Callable[[Any, Any], Any]
Record = dict[str, Any]


class Run:
    """A training in progress: how it updates, what it has done, and how it is saved."""

    def __init__(
        self,
        model: Module,
        loader: Iterable[Any],
        optimizer: Any,
        loss: Function,
        schedule: Any,
        schedule_each: str,
        clip_norm: float | None,
        accumulate: int,
        checkpoint: Checkpoint,
        compile: bool,
        progress: bool,
        parallel: DataParallel | None,
    ) -> None:
        self.model, self.loader, self.optimizer, self.loss = model, loader, optimizer, loss
        self.program = minigrad.compile(step_of(model, loss)) if compile else None
        self.schedule, self.schedule_each = schedule, schedule_each
        self.clip_norm, self.accumulate = clip_norm, accumulate
        self.checkpoint, self.ranks = checkpoint, checkpoint.ranks
        self.progress = progress and self.ranks.rank == 0
        self.parallel = parallel
        self.watch: Watch | None = None
        self.history: list[Record] = []
        self.step = 0
        self.part: Record | None = None  # of an epoch that was interrupted

    def epoch(self, interrupt: Interrupt) -> Record:
        """Train on every batch once, or on those that were left at an interrupt."""
        part, groups = self._begin()
        self.model.train()
        new_bar = bar_of(self.progress, self.loader, len(self.history) + 1, self.accumulate)
        with closing(groups), new_bar as bar:  # a traceback would keep the loader's workers
            for group in groups:
                with self.watch or nullcontext():
                    total, rows = self._update(group, part["updates"])
                if self.watch is not None:
                    self.watch.note(loss=total / rows)
                part["total"] += total
                part["rows"] += rows
                part["updates"] += 1
                self.step += 1
                if bar is not None:
                    bar.set_postfix(loss=f"{part['total'] / part['rows']:.4f}", refresh=False)
                    bar.update()
                if interrupt.asked:
                    self.part = part
                    self.save()
                    interrupt.raise_if_asked(self)
        if part["rows"] == 0:
            raise ValueError(
                f"fit: the loader gave no batch in epoch {len(self.history) + 1}; it must be iterable anew each epoch"
            )
        lr = self.optimizer.param_groups[0]["lr"]
        return {
            "epoch": len(self.history) + 1, "step": self.step, "lr": lr, "loss": part["total"] / part["rows"]
        }  # fmt: skip

    def _begin(self) -> tuple[Record, Generator[list[Any], None, None]]:
        """The part of the epoch that is done, and the groups of batches that are left."""
        generators = generators_of(self.model, self.checkpoint.rng)
        now = states_of(generators)
        part, self.part = self.part, None
        groups = groups_of(beside(self.model, self.loader), self.accumulate)
        if part is None:
            return {"began": now, "updates": 0, "total": 0.0, "rows": 0}, groups
        restore(part["began"], generators)  # so that the loader shuffles as before
        for _ in islice(groups, part["updates"]):
            pass
        restore(now, generators)
        return part, groups

    def _update(self, group: list[Any], before: int) -> tuple[float, int]:
        """Update once, by the gradient of the mean over the rows of the group; their losses, summed, and how many."""
        total, counts = 0.0, [*map(rows_of, group)]
        rows = sum(counts)
        self.optimizer.zero_grad()
        if self.parallel is not None:
            self.parallel.expect(rows)
        for i, (x, y) in enumerate(group):
            share = 1.0 if len(group) == 1 else counts[i] / (rows or 1)
            value = self._walk_back(x, y, share, counts[i])
            if not math.isfinite(value):
                batch = before * self.accumulate + i + 1
                raise FloatingPointError(
                    f"fit: the loss is {value} at step {self.step + 1} (epoch {len(self.history) + 1}, batch {batch})"
                    f"{self.checkpoint}; the step again inside minigrad.debug() names the op"
                )
            total += value * counts[i]
        if self.parallel is not None:
            self.parallel.average(rows)
            total, rows = self.ranks.totals(total, rows)
        if self.clip_norm is not None:
            clip_unread(self.optimizer.params, self.clip_norm)
        self.optimizer.step()
        self._step_schedule("step", total / rows)
        return total, int(rows)

    def _walk_back(self, x: Any, y: Any, share: float, rows: int) -> float:
        """Add the gradient of a share of a batch's loss; returns the loss, 0 where a rank has no rows."""
        if not rows and self.parallel is not None:
            if self.parallel.synchronised:  # the others wait for its part of their means
                with np.errstate(all="ignore"):
                    (self.loss(self.model(x), y) * share).backward()
            return 0.0
        if self.program is not None and not minigrad.is_recording():  # a watch sees ops
            return number(self.program(x, y, share))
        loss = self.loss(self.model(x), y)
        value = number(loss)
        if math.isfinite(value):
            (loss if share == 1 else loss * share).backward()
        return value

    def end_epoch(self, record: Record) -> None:
        """Keep the record; step the schedule."""
        named = dict(self.model.named_parameters())
        finite = together_on_host([np.isfinite(p.data).all() for p in named.values()])
        for name, is_finite in zip(named, finite, strict=True):
            if not is_finite:
                raise FloatingPointError(
                    f"fit: {name} is not finite after step {self.step} (epoch {record['epoch']}){self.checkpoint}"
                )
        self._step_schedule("epoch", monitored(record))
        self.history.append(record)

    def _step_schedule(self, after: str, loss: float) -> None:
        """Step the schedule if it steps at this point, with the loss if it takes one."""
        if self.schedule is None or after != self.schedule_each:
            return
        step = self.schedule.step
        parameters = inspect.signature(step).parameters.values()
        needs_loss = any(
            p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters
        )
        step(*(loss,) * needs_loss)

    def save(self) -> None:
        self.checkpoint.save(self.step, {"history": self.history, "part": self.part})

    def resume(self) -> None:
        found = self.checkpoint.load()
        if found is not None:
            self.step, extra = found
            self.history, self.part = extra["history"], extra["part"]


def step_of(model: Module, loss: Function) -> Callable[[Any, Any, float], Any]:
    """The loss of a batch, and the gradients of `share` of it, as one function."""

    def step(x: Any, y: Any, share: float) -> Any:
        value = loss(model(x), y)
        (value if share == 1 else value * share).backward()
        return value

    return step


class Checkpoint:
    """The file, if any, in which a run is saved: its model, optimizer, schedule, rng, and what it has done."""

    def __init__(
        self,
        path: StrPath | None,
        model: Module,
        optimizer: Any,
        schedule: Any,
        rng: np.random.Generator | None,
        ranks: Ranks | None,
    ) -> None:
        self.ranks = Ranks() if ranks is None else ranks
        self.path, self.model, self.optimizer = path, model, optimizer
        self.schedule, self.rng = schedule, rng
        self.step: int | None = None  # the last one that is saved

    def save(self, step: int, extra: Record) -> None:
        if self.path is not None:
            save(
                self.path,
                self.model,
                self.optimizer,
                self.schedule,
                step,
                self.rng,
                extra,
                self.ranks,
            )
            self.step = step

    def load(self) -> tuple[int, Record] | None:
        """The step and the extra that were saved; None if there is no file yet."""
        from .saving.file import read_file  # here, because it takes time to import

        assert self.path is not None
        try:
            parts, found = read_file(self.path)[1], True
        except FileNotFoundError:
            parts, found = None, False
        on = self.ranks.meet("load", found)[:, 0]
        if on.any() and not on.all():
            raise FileNotFoundError(
                f"fit: {self.path} is there on rank {on.argmax()} and not on rank {on.argmin()}; it must be in a "
                "folder that all ranks share"
            )
        if not found:
            return None
        extra = (parts or {}).get("extra")
        if not isinstance(extra, dict) or set(extra) != {"history", "part"}:
            raise ValueError(f"fit: {self.path} was not saved by fit, and says not where to go on")
        step, extra = load(
            self.path, self.model, self.optimizer, self.schedule, self.rng, self.ranks
        )
        assert step is not None
        self.step = step
        return step, extra

    def __str__(self) -> str:
        """The end of an error message: where the run is saved, and after which step."""
        if self.path is None:
            return "; no checkpoint was kept, as no path was passed as checkpoint="
        if self.step is None:
            return "; there is no checkpoint yet"
        return f"; the checkpoint {self.path} is that after step {self.step}"


def pair(batch: Any) -> Any:
    if not isinstance(batch, (tuple, list)) or len(batch) != 2:
        raise TypeError(f"fit: the loader gave a {type(batch).__name__}; a pair (x, y) is needed")
    return batch


def rows_of(batch: Any) -> int:
    """The number of rows of a batch: those of y or, if y is not one array, those of x if that is one."""
    x, y = batch
    for part in (y, x):
        if hasattr(part, "shape"):
            return len(part)
    if isinstance(y, Mapping):
        y = tuple(y.values())
    return rows_of((x, y[0])) if isinstance(y, tuple) else len(y)


def beside(model: Module, loader: Iterable[Any]) -> Iterable[Any]:
    """The batches of a loader; those of the host are moved where the model computes."""
    like = next((value.data for _, value in model._walk()), None)
    if not is_elsewhere(like):
        return loader
    return (moved(batch, lambda array: minigrad.placed(array, like)) for batch in loader)


def groups_of(loader: Iterable[Any], size: int) -> Generator[list[Any], None, None]:
    """The batches of a loader, `size` of them at a time; the last group may be smaller."""
    batches = iter(loader)
    while group := [pair(batch) for batch in islice(batches, size)]:
        yield group


def number(value: Any) -> float:
    return float(value.item() if hasattr(value, "item") else value)


def unread(value: Any) -> Any:
    """A number; of a device the 0-d array, which `numbers` reads together with others."""
    data = value.data if isinstance(value, minigrad.Tensor) else value
    return data if is_elsewhere(data) else number(value)


def numbers(values: list[Any]) -> list[float]:
    return [*map(number, together_on_host(values))]


def monitored(record: Record) -> float:
    return float(record["validation_loss" if "validation_loss" in record else "loss"])


def waited(history: list[Record], patience: int | None) -> bool:
    """True if the loss has reached no new minimum for `patience` epochs."""
    best, since = math.inf, 0
    for record in history:
        loss = monitored(record)
        best, since = (loss, 0) if loss < best else (best, since + 1)
    return patience is not None and since >= patience


def line_of(record: Record, epochs: int, began: float) -> str:
    """An epoch in a log: what was measured, and the seconds since it began."""
    measured = [f"{k} {v:.4f}" for k, v in record.items() if k not in ("epoch", "step", "lr")]
    seconds = f"{time.perf_counter() - began:.1f} s"
    return "  ".join([f"epoch {record['epoch']}/{epochs}", *measured, seconds])


def bar_of(progress: bool, loader: Any, epoch: int, accumulate: int) -> Any:
    """A bar that counts updates, or None."""
    if not progress:
        return nullcontext()
    total = math.ceil(len(loader) / accumulate) if hasattr(loader, "__len__") else None
    return progress_bar(f"epoch {epoch}", total)
