"""Which transactions of a log were aborted, and which of their markers still have data: read from batch headers.

A data batch belongs to the transaction that its producer's next marker ends. Compaction never reaches the first
offset of an open transaction, so every transaction that it meets has a marker.

Source: KIP-98, https://kafka.apache.org/documentation/#controlbatch
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from kappaflow.storage.record_extents import batch_body, record_extents
from kappaflow.storage.segment import LogSegment
from kappaflow.wire.record_batch import ByteBuffer, RecordBatchHeader

ABORT, COMMIT = 0, 1


@dataclass(slots=True)
class TransactionScan:
    """The transactions found.

    Attributes:
        markers_with_data: offsets of markers whose transaction has a data batch in the log.
        first_unstable_offset: where the oldest open transaction starts; None where none is open.
        ends: by producer id the offsets of its markers, ascending.
        aborted_markers: offsets of the markers that abort.
    """

    markers_with_data: set[int] = field(default_factory=set[int])
    first_unstable_offset: int | None = None
    ends: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    aborted_markers: set[int] = field(default_factory=set[int])

    def is_aborted(self, header: RecordBatchHeader) -> bool:
        """Whether a data batch belongs to an aborted transaction."""
        if not header.is_transactional or header.is_control:
            return False
        ends = self.ends.get(header.producer_id, [])
        slot = bisect_left(ends, header.base_offset)
        return slot < len(ends) and ends[slot] in self.aborted_markers


def scan_transactions(segments: Iterable[LogSegment], pace: Callable[[], None] = lambda: None) -> TransactionScan:
    """Read the headers of all batches, and the markers; `pace` is called after every batch.

    Raises:
        CorruptRecordError: a batch contradicts itself.
        OSError: a file cannot be read.
    """
    scan = TransactionScan()
    open_since: dict[int, int] = {}
    for segment in segments:
        for position, header in segment.headers():
            pace()
            if header.is_control:
                kind = control_type(header, segment.batch_at(position, header.size))
                if kind not in (ABORT, COMMIT):
                    continue
                scan.ends.setdefault(header.producer_id, []).append(header.base_offset)
                if kind == ABORT:
                    scan.aborted_markers.add(header.base_offset)
                if open_since.pop(header.producer_id, None) is not None:
                    scan.markers_with_data.add(header.base_offset)
            elif header.is_transactional:
                open_since.setdefault(header.producer_id, header.base_offset)
    scan.first_unstable_offset = min(open_since.values(), default=None)
    return scan


def control_type(header: RecordBatchHeader, batch: ByteBuffer) -> int:
    """The type of a control batch's record: 0 abort, 1 commit, others unknown; -1 for an empty batch."""
    for extent in record_extents(header, batch_body(header, batch)):
        if extent.key is not None and len(extent.key) >= 4:
            return int.from_bytes(extent.key[2:4], "big", signed=True)
    return -1
