"""fit: the training loop that everybody writes, made safe to run unattended."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

import minigrad

from . import threads
from .interrupt import Interrupt
from .modes import evaluating
from .module import Module
from .optim import LBFGS
from .optim.checks import natural, optional
from .parallel.ranks import Ranks
from .progress import bar_class
from .run import (
    Checkpoint,
    Function,
    Record,
    Run,
    beside,
    line_of,
    numbers,
    pair,
    rows_of,
    unread,
    waited,
)

if TYPE_CHECKING:
    from minigrad.files import StrPath
    from minigrad.picture import Watch

    from .parallel import DataParallel


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
    parallel: DataParallel | None = None,
    watch: bool | Watch = False,
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
                   arrays, or tuples or dicts of arrays that `model` and `loss` take; arrays of NumPy's are moved where
                   the parameters of the model are
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
    parallel       an `nn.parallel.DataParallel` of the model: the ranks train together, and report together what is
                   measured over the rows of all. Callbacks are called on each; rank 0 shows the bar and saves

    watch          True: say at the end, on stderr, what a `minigrad.picture.watch` of the training has found wrong,
                   with the line and the remedy; it looks at one update in 20. A Watch of the model does the same and
                   is yours to keep, with its page and, after a nan, its `rewind`

    A loss that is nan or infinite raises FloatingPointError before its update, and the checkpoint is kept. After an
    interrupt (Ctrl-C) the current update is finished and saved, and then KeyboardInterrupt is raised as usual. Of
    several ranks each stops so after SIGTERM or SIGUSR1, too, if any of them gets one; `mpiexec` sends the first for
    Ctrl-C, with little time to save, and passes the second on.
    """
    _check(optimizer, epochs, accumulate, patience, schedule_each)
    if metrics and validation is None:
        raise ValueError("fit: metrics are measured on validation; pass a loader as validation=")
    if resume and checkpoint is None:
        raise ValueError("fit: to resume, pass the path as checkpoint=")
    if parallel is not None and parallel.model is not model:
        raise ValueError("fit: parallel is a DataParallel of another model; make one of this")
    rng = getattr(loader, "rng", None) if rng is None else rng
    ranks = None if parallel is None else parallel.ranks
    file = Checkpoint(checkpoint, model, optimizer, schedule, rng, ranks)
    run = Run(
        model, loader, optimizer, loss, schedule, schedule_each, clip_norm, accumulate, file, compile, progress,
        parallel,
    )  # fmt: skip
    run.watch = _watch_of(model, watch, run)
    if resume:
        run.resume()
    if run.progress:
        threads.say_once()
    try:
        _train(run, model, epochs, validation, metrics, patience, callbacks)
    finally:
        if run.watch is not None and run.watch.samples:
            print(run.watch.judge(), file=sys.stderr, flush=True)
    return run.history


def _train(
    run: Run,
    model: Module,
    epochs: int,
    validation: Iterable[Any] | None,
    metrics: Mapping[str, Function] | None,
    patience: int | None,
    callbacks: Iterable[Callable[[Record], Any]],
) -> None:
    """The epochs that are left."""
    with Interrupt(run.ranks) as interrupt:
        while len(run.history) < epochs and not waited(run.history, patience):
            began = time.perf_counter()
            record = run.epoch(interrupt)
            if validation is not None:
                asked = {"validation_loss": run.loss, **(metrics or {})}
                measured = evaluate(model, validation, asked, run.ranks)
                record |= measured
                if run.watch is not None:
                    run.watch.note(**measured)
            run.end_epoch(record)
            if run.progress and bar_class() is None:
                print(line_of(record, epochs, began), file=sys.stderr, flush=True)
            try:
                answers = [callback(record) for callback in callbacks]
            finally:  # saved with what they changed, such as a rate
                run.save()
            stop = any(run.ranks.totals(any(answers)))
            interrupt.raise_if_asked(run)
            if stop:
                break


def _watch_of(model: Module, watch: bool | Watch, run: Run) -> Watch | None:
    """The watch over the training, on rank 0."""
    if watch is False or run.ranks.rank:
        return None
    from minigrad import picture  # here, because it takes time to import

    if watch is True:
        return picture.watch(model)
    if not isinstance(watch, picture.Watch) or watch.model is not model:
        raise TypeError(f"fit: watch must be True or a picture.watch of the model, not {watch!r}")
    return watch


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


def evaluate(
    model: Module,
    loader: Iterable[Any],
    metrics: Mapping[str, Function],
    ranks: Ranks | None = None,
) -> Record:
    """The means of functions of (output, y) over the rows of the ranks' loaders, with the model in evaluation mode."""
    found: list[Any] = []  # on a device they are read together, at the end
    rows, ranks = 0, ranks or Ranks()
    with evaluating(model), minigrad.no_grad():
        for batch in beside(model, loader):
            x, y = pair(batch)
            here = rows_of(batch)
            if here or ranks.size == 1:
                output = model(x)
                found += [(here, unread(metric(output, y))) for metric in metrics.values()]
            rows += here
    values = numbers([value for _, value in found])
    terms = [value * here for value, (here, _) in zip(values, found, strict=True)]
    count = len(metrics)
    rows, *totals = ranks.totals(rows, *[sum(terms[i::count]) for i in range(count)])
    if rows == 0:
        raise ValueError("fit: there is no batch to evaluate on; was the loader iterated before?")
    return {name: total / rows for name, total in zip(metrics, totals, strict=True)}
