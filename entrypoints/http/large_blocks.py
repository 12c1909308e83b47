"""Memory of large bodies goes back to the system."""

from __future__ import annotations

import ctypes

M_MMAP_THRESHOLD = -3
LARGE_BYTES = 1024 * 1024


def return_large_blocks() -> bool:
    """For the whole process. glibc learns from large blocks that are freed to keep the next ones, for each thread its
    own: with some hundred threads that read pictures now and then, it keeps gigabytes. False where the C library is
    another one: macOS's returns such blocks by itself.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and mallopt(M_MMAP_THRESHOLD, LARGE_BYTES) == 1
