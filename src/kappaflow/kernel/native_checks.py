"""The native checks of batches behind the signatures of their twins."""

from __future__ import annotations

from kappaflow.kernel import _native
from kappaflow.kernel.checked_batches import CheckedBatches


def check_batches(
    buffer: bytes,
    *,
    base_offset: int,
    next_offset: int,
    index_interval_bytes: int,
    bytes_since_entry: int,
    largest: tuple[int, int],
) -> CheckedBatches:
    """See `kappaflow.kernel.batch_checks.check_batches`."""
    return CheckedBatches(
        *_native.check_batches(buffer, base_offset, next_offset, index_interval_bytes, bytes_since_entry, largest)
    )


def producer_batches(buffer: bytes) -> tuple[list[int], int, bool]:
    """See `kappaflow.kernel.batch_checks.producer_batches`."""
    return _native.producer_batches(buffer)
