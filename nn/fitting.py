"""fit: the training loop that everybody writes, made safe to run unattended."""

from __future__ import annotations

import inspect
import math
import sys
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing, nullcontext
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

import minigrad

from . import threads
from .interrupt import Interrupt
from .modes import evaluating
from .module import Module
from .optim import LBFGS, clip_grad_norm_
from .optim.checks import natural, optional
from .progress import bar_class, progress_bar
from .saving import load, save
from .saving.generators import generators_of, restore, states_of

if TYPE_CHECKING:
    from minigrad.files import StrPath

Function = Callable[[Any, Any], Any]
Record = dict[str, Any]


def fit(
    model: Module,
    loader: Iterable[Any],
    optimizer: Any,
    loss: Function = minigrad.cross_entropy,
    epochs: int = 1,
    *,
    validation: Iterable[Any] | None = None,
    metrics: Mapping[str, Function] | None = None,
    schedule: Any = None,
    schedule_each: Literal["epoch", "step"] = "epoch",
    clip_norm: float | None = None,
    accumulate: int = 1,
    patience: int | None = None,
    callbacks: Iterable[Callable[[Record], Any]] = (),
    checkpoint: StrPath | None = None,
    resume: bool = False,
    rng: np.random.Generator | None = None,
    compile: bool = False,
    progress: bool = True,
) -> list[Record]:
    """Train the model, and return one record per epoch: epoch, step, lr, loss, and what was measured on `validation`.

    It does no more than this loop, which you may write instead, and change:

        history = []
        for epoch in range(epochs):
            model.train()
            total = rows = 0
            for x, y in loader:
                value = loss(model(x), y)
                if not math.isfinite(value.item()):
                    raise FloatingPointError(f"the loss is {value.item()} in epoch {epoch + 1}")
                optimizer.zero_grad()
                value.backward()
                nn.optim.clip_grad_norm_(optimizer.params, clip_norm)
                optimizer.step()
                total, rows = total + value.item() * len(y), rows + len(y)
            schedule.step()
            model.eval()
            with minigrad.no_grad():
                right = [(model(x).argmax(axis=1) == y).numpy() for x, y in validation]
            history.append({"loss": total / rows, "accuracy": np.concatenate(right).mean()})
            nn.save(checkpoint, model, optimizer, schedule, rng=rng, extra=history)

    loader         gives batches (x, y), and can be iterated again each epoch, as can `validation`. x and y may be
                   arrays, or tuples or dicts of arrays that `model` and `loss` take
    loss, metrics  functions of (output, y) that give means over the rows of a batch; metrics is a dict of them by name
    schedule       its `step()` is called after each epoch, or with schedule_each="step" after each update. If it takes
                   a loss, after an epoch it gets that of the validation, or that of the training without validation
    clip_norm      the largest norm that the gradients of all the optimizer's parameters may have together
    accumulate     batches per update, which is the update of one batch with the rows of all of them
    patience       epochs without a better validation loss (or training loss, without validation) that end the training
    callbacks      called with the record after each epoch; if one returns something true, the training ends
    checkpoint     the path to which all that the run needs to go on is saved, after each epoch and its callbacks and
                   on an interrupt
    resume         go on from the checkpoint, if there is one, bit for bit
    rng            the Generator that the loader shuffles with, if it is not the loader's attribute `rng`
    compile        True: forward and backward run as a program, see `minigrad.compile`; `model` and `loss` must have one
    progress       True: show a bar on stderr if that is a terminal and tqdm is installed, else write a line after each
                   epoch; and say once if BLAS has more threads than free cores

    A loss that is nan or infinite raises FloatingPointError before its update, and the checkpoint is kept. After an
    interrupt (Ctrl-C) the current update is finished and saved, and then KeyboardInterrupt is raised as usual.
    """
    _check(optimizer, epochs, accumulate, patience, schedule_each)
    if metrics and validation is None:
        raise ValueError("fit: metrics are measured on validation; pass a loader as validation=")
    if resume and checkpoint is None:
        raise ValueError("fit: to resume, pass the path as checkpoint=")
    rng = getattr(loader, "rng", None) if rng is None else rng
    file = _Checkpoint(checkpoint, model, optimizer, schedule, rng)
    run = _Run(
        model, loader, optimizer, loss, schedule, schedule_each, clip_norm, accumulate, file, compile, progress
    )  # fmt: skip
    if resume:
        run.resume()
    if progress:
        threads.say_once()
    with Interrupt() as interrupt:
        while len(run.history) < epochs and not _waited(run.history, patience):
            began = time.perf_counter()
            record = run.epoch(interrupt)
            if validation is not None:
                record |= evaluate(model, validation, {"validation_loss": loss, **(metrics or {})})
            run.end_epoch(record)
            if progress and bar_class() is None:
                print(_line(record, epochs, began), file=sys.stderr, flush=True)
            try:
                answers = [callback(record) for callback in callbacks]
            finally:  # saved with what they changed, such as a rate
                run.save()
            interrupt.raise_if_asked(run)
            if any(answers):
                break
    return run.history


def _check(
    optimizer: Any, epochs: int, accumulate: int, patience: int | None, schedule_each: str
) -> None:
    natural(epochs, "fit: epochs", least=0)
    natural(accumulate, "fit: accumulate")
    optional(natural)(patience, "fit: patience")
    if isinstance(optimizer, LBFGS):
        raise TypeError(
            "fit: a step of LBFGS asks for the loss several times; write the loop, with optimizer.step(closure)"
        )
    if schedule_each not in ("epoch", "step"):
        raise ValueError(f'fit: schedule_each must be "epoch" or "step", not {schedule_each!r}')


def evaluate(model: Module, loader: Iterable[Any], metrics: Mapping[str, Function]) -> Record:
    """The means of functions of (output, y) over all rows of a loader, with the model in evaluation mode."""
    sums, rows = dict.fromkeys(metrics, 0.0), 0
    with evaluating(model), minigrad.no_grad():
        for batch in loader:
            x, y = _pair(batch)
            output, here = model(x), _rows(batch)
            for name, metric in metrics.items():
                sums[name] += _number(metric(output, y)) * here
            rows += here
    if rows == 0:
        raise ValueError("fit: there is no batch to evaluate on; was the loader iterated before?")
    return {name: total / rows for name, total in sums.items()}


class _Run:
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
        checkpoint: _Checkpoint,
        compile: bool,
        progress: bool,
    ) -> None:
        self.model, self.loader, self.optimizer, self.loss = model, loader, optimizer, loss
        self.program = minigrad.compile(_step_of(model, loss)) if compile else None
        self.schedule, self.schedule_each = schedule, schedule_each
        self.clip_norm, self.accumulate = clip_norm, accumulate
        self.checkpoint, self.progress = checkpoint, progress
        self.history: list[Record] = []
        self.step = 0
        self.part: Record | None = None  # of an epoch that was interrupted

    def epoch(self, interrupt: Interrupt) -> Record:
        """Train on every batch once, or on those that were left at an interrupt."""
        part, groups = self._begin()
        self.model.train()
        new_bar = _bar(self.progress, self.loader, len(self.history) + 1, self.accumulate)
        with closing(groups), new_bar as bar:  # a traceback would keep the loader's workers
            for group in groups:
                part["total"] += self._update(group, part["updates"])
                part["rows"] += sum(map(_rows, group))
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
        groups = _groups(self.loader, self.accumulate)
        if part is None:
            return {"began": now, "updates": 0, "total": 0.0, "rows": 0}, groups
        restore(part["began"], generators)  # so that the loader shuffles as before
        for _ in islice(groups, part["updates"]):
            pass
        restore(now, generators)
        return part, groups

    def _update(self, group: list[Any], before: int) -> float:
        """Update once, by the gradient of the mean over all rows of the group; returns the sum of their losses."""
        total, counts = 0.0, [*map(_rows, group)]
        rows = sum(counts)
        self.optimizer.zero_grad()
        for i, (x, y) in enumerate(group):
            share = 1.0 if len(group) == 1 else counts[i] / rows
            program = self.program
            loss = self.loss(self.model(x), y) if program is None else program(x, y, share)
            value = _number(loss)
            if not math.isfinite(value):
                batch = before * self.accumulate + i + 1
                raise FloatingPointError(
                    f"fit: the loss is {value} at step {self.step + 1} (epoch {len(self.history) + 1}, batch {batch})"
                    f"{self.checkpoint}; the step again inside minigrad.debug() names the op"
                )
            if program is None:
                (loss if share == 1 else loss * share).backward()
            total += value * counts[i]
        if self.clip_norm is not None:
            clip_grad_norm_(self.optimizer.params, self.clip_norm)
        self.optimizer.step()
        self._step_schedule("step", total / rows)
        return total

    def end_epoch(self, record: Record) -> None:
        """Keep the record; step the schedule."""
        for name, parameter in self.model.named_parameters():
            if not np.isfinite(parameter.data).all():
                raise FloatingPointError(
                    f"fit: {name} is not finite after step {self.step} (epoch {record['epoch']}){self.checkpoint}"
                )
        self._step_schedule("epoch", _monitored(record))
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


def _step_of(model: Module, loss: Function) -> Callable[[Any, Any, float], Any]:
    """The loss of a batch, and the gradients of `share` of it, as one function."""

    def step(x: Any, y: Any, share: float) -> Any:
        value = loss(model(x), y)
        (value if share == 1 else value * share).backward()
        return value

    return step


class _Checkpoint:
    """The file, if any, in which a run is saved: its model, optimizer, schedule, rng, and what it has done."""

    def __init__(
        self,
        path: StrPath | None,
        model: Module,
        optimizer: Any,
        schedule: Any,
        rng: np.random.Generator | None,
    ) -> None:
        self.path, self.model, self.optimizer = path, model, optimizer
        self.schedule, self.rng = schedule, rng
        self.step: int | None = None  # the last one that is saved

    def save(self, step: int, extra: Record) -> None:
        if self.path is not None:
            save(self.path, self.model, self.optimizer, self.schedule, step, self.rng, extra)
            self.step = step

    def load(self) -> tuple[int, Record] | None:
        """The step and the extra that were saved; None if there is no file yet."""
        from .saving.file import read_file  # here, because it takes time to import

        assert self.path is not None
        try:
            parts = read_file(self.path)[1]
        except FileNotFoundError:
            return None
        extra = (parts or {}).get("extra")
        if not isinstance(extra, dict) or set(extra) != {"history", "part"}:
            raise ValueError(f"fit: {self.path} was not saved by fit, and says not where to go on")
        step, extra = load(self.path, self.model, self.optimizer, self.schedule, self.rng)
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


def _pair(batch: Any) -> Any:
    if not isinstance(batch, (tuple, list)) or len(batch) != 2:
        raise TypeError(f"fit: the loader gave a {type(batch).__name__}; a pair (x, y) is needed")
    return batch


def _rows(batch: Any) -> int:
    """The number of rows of a batch: those of y or, if y is not one array, those of x if that is one."""
    x, y = batch
    for part in (y, x):
        if hasattr(part, "shape"):
            return len(part)
    if isinstance(y, Mapping):
        y = tuple(y.values())
    return _rows((x, y[0])) if isinstance(y, tuple) else len(y)


def _groups(loader: Iterable[Any], size: int) -> Generator[list[Any], None, None]:
    """The batches of a loader, `size` of them at a time; the last group may be smaller."""
    batches = iter(loader)
    while group := [_pair(batch) for batch in islice(batches, size)]:
        yield group


def _number(value: Any) -> float:
    return float(value.item() if hasattr(value, "item") else value)


def _monitored(record: Record) -> float:
    return float(record["validation_loss" if "validation_loss" in record else "loss"])


def _waited(history: list[Record], patience: int | None) -> bool:
    """True if the loss has reached no new minimum for `patience` epochs."""
    best, since = math.inf, 0
    for record in history:
        loss = _monitored(record)
        best, since = (loss, 0) if loss < best else (best, since + 1)
    return patience is not None and since >= patience


def _line(record: Record, epochs: int, began: float) -> str:
    """An epoch in a log: what was measured, and the seconds since it began."""
    measured = [f"{k} {v:.4f}" for k, v in record.items() if k not in ("epoch", "step", "lr")]
    seconds = f"{time.perf_counter() - began:.1f} s"
    return "  ".join([f"epoch {record['epoch']}/{epochs}", *measured, seconds])


def _bar(progress: bool, loader: Any, epoch: int, accumulate: int) -> Any:
    """A bar that counts updates, or None."""
    if not progress:
        return nullcontext()
    total = math.ceil(len(loader) / accumulate) if hasattr(loader, "__len__") else None
    return progress_bar(f"epoch {epoch}", total)
