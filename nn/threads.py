"""Threads of BLAS without a core of their own: found out before a training, and said once."""

from __future__ import annotations

import functools
import os
import sys

# of a container: microseconds of all cores together, in so many of one
QUOTA = "/sys/fs/cgroup/cpu.max"


@functools.cache
def say_once() -> None:
    """Write `advice()` to stderr, if there is any, the first time that a process asks."""
    text = advice()
    if text:
        print(text, file=sys.stderr)


def advice() -> str:
    """A sentence on what to set if BLAS has more threads than it finds free cores; empty if it has not.

    The threads of a product wait for the last of them. One that has no core comes last by far: small products, as in a
    small network, then take up to a hundred times as long.
    """
    threads, cores = _threads(), _cores()
    if threads > cores:
        why = f"BLAS may use {threads} threads, and {cores:g} cores are allowed here"
    elif threads > 1 and _load() >= cores:
        why = f"BLAS uses {threads} threads, and other work keeps all {cores:g} cores busy"
    else:
        return ""
    return (
        f"{why}: its threads will wait for each other, and a small network may take many times as long. Set "
        f"OPENBLAS_NUM_THREADS={max(int(cores), 1) if threads > cores else 1} before Python starts"
    )


def _threads() -> int:
    """The number of threads that OpenBLAS uses: as many as one of these says, or one for each core that it sees."""
    for name in ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS"):
        value = os.environ.get(name, "")
        if value.isdigit() and int(value):
            return int(value)
    return _seen()


def _seen() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cores() -> float:
    """The number of cores that this process may keep busy: those it sees, or fewer by the quota of its container."""
    try:
        with open(QUOTA, encoding="ascii") as file:
            quota, period = file.read().split()
        return min(_seen(), float(quota) / float(period))
    except (OSError, ValueError):  # there is none, or it is "max"
        return _seen()


def _load() -> float:
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
