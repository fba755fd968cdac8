"""Batches made by processes of their own, each started anew (spawn), and handed over in shared memory."""

from __future__ import annotations

import atexit
import multiprocessing.resource_tracker
import os
import pickle
import secrets
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from .shared import blocked, freed, making, put, taken, told

SPAWN = multiprocessing.get_context("spawn")
GUARD = 'a script that uses workers does its work below `if __name__ == "__main__":`, because each imports it'
PATIENCE = 5.0  # seconds that a process gets to end by itself
CAUSES = {
    -signal.SIGKILL: " by SIGKILL, as the system does where memory is short",
    -signal.SIGBUS: " by SIGBUS, as where shared memory (/dev/shm) is full",
    1: f"; its own error may stand above. Note: {GUARD}",
}


def batches_by_workers(recipe: Any, indices: Sequence[Any], workers: int, ahead: int) -> Any:
    """recipe.batch(k, indices[k]) for each k in order, up to `ahead` of them made before they are asked for.

    The workers start with the first batch, and end when this generator is exhausted, closed or dropped.
    """
    crew = _Crew(recipe, indices, min(workers, len(indices)))
    try:
        crew.start()
        crew.ask(ahead)
        for k in range(len(indices)):
            batch = crew.take(k)
            crew.ask(k + 1 + ahead)
            yield batch
    finally:
        crew.close()


class _Crew:
    """The workers of an epoch, as their parent sees them: worker i makes the batches i, i + workers, ..."""

    def __init__(self, recipe: Any, indices: Sequence[Any], workers: int) -> None:
        self.count, self.workers, self.asked, self.taken = len(indices), workers, 0, 0
        self.segment = f"mg_{secrets.token_hex(5)}_"  # macOS allows names of 31 characters
        self.processes, self.pipes = list[Any](), list[Any]()
        try:
            self.job = pickle.dumps((recipe, indices, np.geterr()))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise TypeError(
                f"DataLoader: the data set and its functions go to the workers as pickles, but: {error}. Define "
                "functions and classes at the top of a module, and open files in __getitem__"
            ) from error

    def start(self) -> None:
        if getattr(multiprocessing.current_process(), "_inheriting", False):
            raise RuntimeError(f"DataLoader: a worker that starts came upon its loader: {GUARD}")
        if multiprocessing.current_process().daemon:
            raise RuntimeError(
                "DataLoader: a worker starts no workers of its own; give the loader within it num_workers=0"
            )
        with blocked(signal.SIGUSR1):  # and so it is in this helper of the workers
            multiprocessing.resource_tracker.ensure_running()  # which lets Ctrl-C through again
        atexit.register(self.close)  # a traceback may keep the epoch alive until Python ends
        for i in range(self.workers):
            self._start(i)
        for i, pipe in enumerate(self.pipes):
            with self._alive(i):
                pipe.send_bytes(self.job)

    def _start(self, i: int) -> None:
        ours, its = SPAWN.Pipe()
        self.pipes.append(ours)
        # so little that it need not wait for the worker: the job follows when all have started
        work = (its, i, self.workers, self.segment)
        process = SPAWN.Process(target=_work, args=work, daemon=True, name=f"nn.data worker {i}")
        # and so they are in the worker: they ask the parent to stop, and mpiexec passes the second to all
        with its, blocked(signal.SIGINT, signal.SIGUSR1):
            process.start()
            self.processes.append(process)

    def ask(self, until: int) -> None:
        """Let the workers make all batches before number `until`."""
        for k in range(self.asked, min(until, self.count)):
            # first, as Ctrl-C may come between the two: what is made must be freed
            self.asked = k + 1
            with suppress(OSError):  # of a worker that has ended: told when that batch is due
                self.pipes[k % self.workers].send_bytes(b"next")

    def take(self, k: int) -> Any:
        """Batch k, which is waited for; an error of its worker is raised here."""
        with self._alive(k % self.workers):
            head, sizes, trace = self.pipes[k % self.workers].recv()
        if trace:
            head.add_note(f"The traceback in worker {k % self.workers}:\n{trace}")
            raise head
        batch = taken(f"{self.segment}{k}", head, sizes)
        self.taken = k + 1
        return batch

    @contextmanager
    def _alive(self, i: int) -> Iterator[None]:
        """A block that talks to worker i, and says so if that has ended."""
        try:
            yield
        except (EOFError, OSError):  # its end of the pipe is closed
            self.processes[i].join(PATIENCE)
            code = self.processes[i].exitcode or 0
            how = f"{'was killed' if code < 0 else 'ended'} ({code}) before its batch was done"
            raise RuntimeError(f"DataLoader: worker {i} {how}{CAUSES.get(code, '')}") from None

    def close(self) -> None:
        """End all workers, at once if they still make batches, and free the memory of batches that nobody took."""
        for pipe in self.pipes:
            pipe.close()  # which ends a worker that waits for a request
        for process in self.processes if self.taken < self.count else ():
            process.terminate()
        while self.processes:
            process = self.processes[-1]
            process.join(PATIENCE)
            process.kill()
            process.join()
            self.processes.pop().close()  # its files, which a traceback would keep open
        for k in range(self.taken, self.asked):
            freed(f"{self.segment}{k}")
        atexit.unregister(self.close)


def _work(pipe: Any, i: int, workers: int, segment: str) -> None:
    """Answer, in a worker, each request by its next batch, until the parent closes its end or is gone."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, OSError, StopIteration):  # the last: nothing follows an error
        answers = _answers(pipe.recv_bytes(), i, workers, segment)
        while pipe.recv_bytes():
            pipe.send(next(answers))


def _end_with_parent() -> None:
    parent: Any = multiprocessing.parent_process()
    parent.join()  # which returns if it is killed, too; the data set may be waiting for anything
    with making:
        os._exit(1)


def _answers(job: bytes, i: int, workers: int, segment: str) -> Iterator[tuple[Any, ...]]:
    """The batches as `put` leaves them, head and sizes; or, at last, an error and its traceback."""
    try:
        recipe, indices, errors = pickle.loads(job)
        np.seterr(**errors)
        for k in range(i, len(indices), workers):
            yield *put(recipe.batch(k, indices[k]), f"{segment}{k}"), ""
    except Exception as error:
        yield told(error)
