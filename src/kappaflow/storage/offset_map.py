"""The latest offset of each key in the dirty part of a log, bounded in entries."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import blake2b

from kappaflow.storage.record_extents import batch_body, record_extents
from kappaflow.storage.segment import LogSegment
from kappaflow.storage.transaction_scan import TransactionScan

_LONGEST_PLAIN_KEY = 24


class OffsetMap:
    """Offsets by key; long keys are held as digests.

    Args:
        max_entries: the most keys held at once.

    Attributes:
        end_offset: records from here on were not looked at, and none of them is replaced by what is known.
    """

    def __init__(self, max_entries: int) -> None:
        self.end_offset = 0
        self._max_entries = max_entries
        self._offsets: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._offsets)

    def is_latest(self, key: bytes, offset: int) -> bool:
        """Whether no later record of this key is known."""
        return offset >= self._offsets.get(_short(key), -1)

    def build(
        self,
        segments: Iterable[LogSegment],
        transactions: TransactionScan,
        start_offset: int,
        end_offset: int,
        pace: Callable[[], None] = lambda: None,
    ) -> None:
        """Read the keys from `start_offset` to `end_offset`, or until the map is full, which a batch more may exceed.

        Records of aborted transactions replace nothing. `pace` is called after every batch.

        Raises:
            CorruptRecordError: a batch cannot be read.
            OSError: a file cannot be read.
        """
        offsets = self._offsets
        self.end_offset = start_offset
        for segment in segments:
            for _, header, batch in segment.batches():
                pace()
                if header.last_offset < start_offset:
                    continue
                if header.base_offset >= end_offset:
                    break
                if len(offsets) >= self._max_entries:
                    return
                if header.record_count and not header.is_control and not transactions.is_aborted(header):
                    base = header.base_offset
                    for extent in record_extents(header, batch_body(header, batch)):
                        if extent.key is not None:
                            offsets[_short(extent.key)] = base + extent.offset_delta
                self.end_offset = header.last_offset + 1
        self.end_offset = end_offset


def _short(key: bytes) -> bytes:
    return key if len(key) <= _LONGEST_PLAIN_KEY else blake2b(key, digest_size=_LONGEST_PLAIN_KEY + 1).digest()
