"""How the C library keeps memory that was freed."""

from __future__ import annotations

import ctypes

KEPT_BLOCK_BYTES = 31 << 20


def keep_freed_memory() -> None:
    """Have glibc use freed blocks of up to 31 MB again, and keep up to 62 MB of free memory at the end of a heap.

    Fetched answers, columns and tables are blocks of some megabytes.  At first glibc gives such blocks back to the
    system at once, and each page of the next one is a page fault: a tenth of the processor time of a first restore, a
    quarter of that of the next.  It adapts to the largest block that it has seen freed; this shows it one, whose pages
    are never touched: bytes are zeros that the system gives, a bytearray would be filled.  Elsewhere nothing changes.
    """
    bytes(KEPT_BLOCK_BYTES)


def give_back_freed_memory() -> None:
    """Have glibc give all free memory back to the system, after work that took much of it; elsewhere do nothing."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return
    trim(0)
