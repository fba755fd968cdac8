"""Freed memory stays with the process: a step's arrays are then made of pages that the last step used.

glibc gives the top of its heap back to the system as soon as more than a threshold of it is free, so that each
training step asks for the same pages again: a fault for every 4 kB, a quarter of a step of a small convolutional net.
The threshold adapts: when a block is freed that was mapped by itself and has up to 32 MiB, it becomes twice that
block's size, because a program that frees such blocks will want them again (mallopt(3), M_MMAP_THRESHOLD). A training
step is such a program, but its blocks may be small, or come from the heap. So one is mapped and freed on its behalf;
as nothing is written to it, it takes no memory and some ten microseconds.

Where the user set a threshold (MALLOC_TRIM_THRESHOLD_) it stands, and other allocators than glibc's see one more
block come and go.
"""

from __future__ import annotations

import numpy as np

LARGEST = (
    2**25 - 2**13
)  # bytes: the largest block to learn from, 32 MiB, less the allocator's own and NumPy's lines


def keep_freed_memory() -> None:
    """Let up to 64 MiB of the heap's top stay with the process when it is free."""
    np.empty(LARGEST, np.uint8)
