"""Keeping freed memory in the process, so that a training step reuses the pages of the last one.

glibc returns the top of its heap to the system when more than a threshold of it is free. Each training step then asks
for the same pages again: a page fault per 4 kB, a quarter of the time of a step of a small convolutional net. The
threshold adapts: when a block of up to 32 MiB that was mapped by itself is freed, it becomes twice the size of that
block, because a program that frees such blocks will want them again (mallopt(3), M_MMAP_THRESHOLD). A training step
does, but its own blocks may be small, or come from the heap. So one large block is mapped and freed once. Nothing is
written to it, so that it takes no memory, and some ten microseconds.

A threshold that the user set (MALLOC_TRIM_THRESHOLD_) stays, and allocators other than glibc's just see one more block
come and go.
"""

from __future__ import annotations

import numpy as np

# bytes: the largest block to which glibc adapts, 32 MiB, less what the allocator and NumPy add to it
LARGEST = 2**25 - 2**13


def keep_freed_memory() -> None:
    """Let up to 64 MiB of the heap's top stay with the process when it is free."""
    np.empty(LARGEST, np.uint8)
