"""What a check of a segment's batches in bulk tells."""

from __future__ import annotations

from typing import NamedTuple


class CheckedBatches(NamedTuple):
    """The good batches at the start of some bytes, and what indexes and epochs need of them.

    Attributes:
        size: bytes of the good batches.
        is_bad: the batch after them is damaged; otherwise the bytes end before it is whole.
        next_offset: the offset after the last good batch.
        bytes_since_entry: bytes of batches since the last index entry.
        largest: the largest timestamp (ms), and the last offset of the first batch that has it.
        first_timestamp: the largest timestamp of the first batch; None where there is no batch.
        entries: index entries: a batch's last offset, its position in the bytes, and `largest` up to there.
        epochs: leader epoch and base offset of the first batch, and of each whose epoch is not that of the one before.
    """

    size: int
    is_bad: bool
    next_offset: int
    bytes_since_entry: int
    largest: tuple[int, int]
    first_timestamp: int | None
    entries: list[tuple[int, int, int, int]]
    epochs: list[tuple[int, int]]
