"""Data sets and functions for loaders with workers: in a module that these can import."""

import multiprocessing
import os
import signal
import threading
from collections import namedtuple
from pathlib import Path

import numpy as np
from squares import Squares

from nn.data import DataLoader

Pair = namedtuple("Pair", "image label")


def noisy(batch, rng):
    return batch[0] + rng.random(batch[0].shape), batch[1]


def infinite(batch, rng):
    return np.ones(2) / np.zeros(2)


class Kinds:
    """A data set whose batches hold arrays of many kinds in containers of many kinds."""

    def __len__(self):
        return 6

    def __getitem__(self, i):
        return i

    def batch(self, indices):
        if multiprocessing.parent_process() is not None:
            os.kill(os.getpid(), signal.SIGUSR1)  # which asks a run to stop, and not its workers
        grid = np.arange(24.0).reshape(2, 3, 4) + indices[0]
        return {
            "gaps": grid[::, ::2, ::-1],
            "turned": grid.T,
            "pair": Pair(grid.astype(np.float16), np.array([True, False])),
            "empty": [np.zeros((0, 3), np.uint8), np.float32(indices[0])],
            "text": (f"batch {indices[0]}", None, 3),
        }


class TwoWords(Exception):
    """An exception that a pickle cannot bring back."""

    def __init__(self, one, other):
        super().__init__(f"{one} {other}")


class Failing(Squares):
    """Item 7 raises what it is told to."""

    def __init__(self, length, error):
        super().__init__(length)
        self.error = error

    def __getitem__(self, i):
        if i == 7:
            if self.error == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.error == "exit":
                raise SystemExit(3)
            if self.error == "two words":
                raise TwoWords("no", "way")
            raise KeyError("the file of item seven")
        return super().__getitem__(i)


class Half(Squares):
    """Each batch kills its worker when the memory for it has a name and no size yet."""

    def __getitem__(self, i):
        os.ftruncate = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(i)


class Nested(Squares):
    """Item i is read by a loader with that many workers."""

    def __init__(self, length, workers):
        super().__init__(length)
        self.workers = workers

    def __getitem__(self, i):
        return [batch[1] for batch in DataLoader(Squares(1), num_workers=self.workers)]


class Stuck(Squares):
    """The item numbered `at` leaves a file at `path` and then, if it `stays`, never comes."""

    def __init__(self, length, at, path, stays=True):
        super().__init__(length)
        self.at, self.path, self.stays = at, str(path), stays

    def __getitem__(self, i):
        if i == self.at:
            Path(self.path).touch()
            if self.stays:
                threading.Event().wait()
        return super().__getitem__(i)
