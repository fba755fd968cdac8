"""Ranks: the processes of a run, and how they meet, so that none waits for ever for one that will not come."""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np

# what a launcher tells each process that it starts: how many there are
LAUNCHERS = {
    "OMPI_COMM_WORLD_SIZE": "Open MPI's mpiexec",
    "PMI_SIZE": "MPICH's, Intel MPI's or Slurm's launcher",
    "MV2_COMM_WORLD_SIZE": "MVAPICH's mpiexec",
    "SLURM_STEP_NUM_TASKS": "Slurm's srun",  # last: an mpiexec inside a job starts its servers by srun
}
# what the ranks do together, and how it is told
ACTS = {
    "end": "the end of its program",
    "average": "average",
    "sum": "the sum of {} numbers",
    "norm": "BatchNorm {} over all ranks",
    "gather": "gather",
    "save": "save",
    "load": "load",
}
NUMBERS = 5  # that a rank may tell the others when they meet

_world: Ranks | None = None


class Ranks:
    """The processes of a run: `rank`, which of them this is, and `size`, how many there are.

    What they do together they do at the same points of their programs. Before each such act they tell each other what
    it is; if one is somewhere else, or has ended, all raise an error that says where each is.
    """

    def __init__(self, comm: Any = None) -> None:
        self._comm = comm
        self.rank: int = 0 if comm is None else comm.Get_rank()
        self.size: int = 1 if comm is None else comm.Get_size()
        self.acts = 0  # how often they have met
        self.asking = self.asked = False  # to stop: this rank, and any of them when they met
        # that they must agree on when they meet the next time, such as an order of rows
        self.noted = 0.0
        # by which this rank's gradients will count, if that was said, and by which BatchNorm has counted those of all
        self.weight: float | None = None
        self.shares: set[tuple[float, ...]] = set()

    def __deepcopy__(self, memo: Any) -> Ranks:
        return self  # a copy of a model is on the same rank

    def __repr__(self) -> str:
        return f"Ranks(rank={self.rank}, size={self.size})"

    def meet(self, act: str, *numbers: float, which: int = 0) -> Any:
        """(size, ...): the numbers that each rank tells; RuntimeError if not all are there for the same act.

        which  of the acts of this name it is
        """
        kind = [*ACTS].index(act) + which * len(ACTS)
        mine = np.zeros(3 + NUMBERS)
        mine[: 3 + len(numbers)] = kind, self.noted, self.asking, *numbers
        told = np.empty((self.size, len(mine)))
        if self._comm is None:
            told[0] = mine
        else:
            self._comm.Allgather(mine, told)
        if (told[:, 0] != told[0, 0]).any():
            kinds, names = told[:, 0].astype(int), [*ACTS.values()]
            acts = [names[kind % len(names)].format(kind // len(names)) for kind in kinds]
            where = ", ".join(f"rank {r}: {act}" for r, act in enumerate(acts))
            raise RuntimeError(
                f"the ranks have come apart after {self.acts} acts together: {where}; every rank must make the same "
                "steps, as many of them, and save and load at the same points"
            )
        if (told[:, 1] != told[0, 1]).any():
            raise RuntimeError(
                "the ranks have drawn different orders of the rows: give DataLoader(shard=ranks) an rng of its own "
                "that starts alike on all ranks, such as rng=np.random.default_rng(0)"
            )
        self.acts += 1
        self.asked = bool(told[:, 2].any())
        return told[:, 3 : 3 + len(numbers)]

    def totals(self, *numbers: float) -> list[Any]:
        """The sum of each number over the ranks."""
        if self._comm is None:
            return [*numbers]
        self.meet("sum", which=len(numbers))
        return self.sum(np.array(numbers, np.float64)).tolist()

    def sum(self, array: Any) -> Any:
        """The sum of the arrays of all ranks, written over this one: the same bits on all."""
        if self._comm is not None:
            from mpi4py import MPI

            self._comm.Allreduce(MPI.IN_PLACE, array)
        return array

    def broadcast(self, array: Any, root: int = 0) -> Any:
        """The array of rank `root`, written over this one."""
        if self._comm is not None:
            self._comm.Bcast(array, root)
        return array

    def gather(self, data: bytes) -> list[bytes]:
        """The bytes of each rank, on all of them."""
        sizes = self.meet("gather", len(data))[:, 0].astype(int)
        if self._comm is None:
            return [data]
        all_of_them = np.empty(sizes.sum(), np.uint8)
        self._comm.Allgatherv(np.frombuffer(data, np.uint8), [all_of_them, sizes])
        ends = np.cumsum(sizes)
        return [all_of_them[e - n : e].tobytes() for e, n in zip(ends, sizes, strict=True)]


def world() -> Ranks:
    """The processes that `mpiexec` has started, of which this is one; alone, if no launcher has started it.

    Needs the package `mpi4py`, which `minigrad[mpi]` installs, if there are several. From now on an exception that
    ends this process ends all of them, after it is printed with the number of its rank: so call it early, as not every
    mpiexec ends the others when one fails while they are starting.
    """
    global _world
    if _world is None:
        told = [name for name in LAUNCHERS if os.environ.get(name, "").isdigit()]
        count = int(os.environ[told[0]]) if told else 1
        _world = Ranks(_communicator(count, LAUNCHERS[told[0]]) if count > 1 else None)
    return _world


def _communicator(count: int, launcher: str) -> Any:
    from multiprocessing import current_process, parent_process

    # the second while it imports the main module
    if parent_process() is not None or getattr(current_process(), "_inheriting", False):
        raise RuntimeError(
            "nn.parallel.world: this process was started by multiprocessing, such as a worker of a DataLoader, and is "
            'no rank; call it below `if __name__ == "__main__":`, which such a process leaves out'
        )
    try:
        from mpi4py import MPI
    except ImportError as error:
        raise RuntimeError(
            f"{launcher} has started this program {count} times, and without the package mpi4py each copy would train "
            "alone; install minigrad[mpi], or start it once"
        ) from error
    comm = MPI.COMM_WORLD
    if comm.Get_size() != count:
        library = MPI.Get_library_version().split(",")[0]
        raise RuntimeError(
            f"{launcher} has started {count} processes, and mpi4py, which uses {library}, sees {comm.Get_size()}: they "
            "are of two MPIs; start with the mpiexec of mpi4py's, or build mpi4py for this one"
        )
    _end_together(comm)
    return comm


def _end_together(comm: Any) -> None:
    """An exception of one rank ends all, and so does one that ends while others still wait for it."""
    import atexit

    before, rank, size = sys.excepthook, comm.Get_rank(), comm.Get_size()

    def failed(kind: Any, error: Any, traceback: Any) -> None:
        try:
            before(kind, error, traceback)
            print(
                f"rank {rank} of {size} failed so, and with it all end", file=sys.stderr, flush=True
            )
            sys.stdout.flush()
        finally:
            if "OMPI_COMM_WORLD_SIZE" in os.environ:
                # its mpiexec then ends the others, and has read what is printed above, unlike after Abort
                os._exit(1)
            comm.Abort(1)

    def ended() -> None:
        try:
            world().meet("end")
        except RuntimeError as error:
            failed(RuntimeError, error, None)

    sys.excepthook = failed
    atexit.register(ended)
