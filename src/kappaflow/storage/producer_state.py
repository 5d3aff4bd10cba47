"""What a partition remembers of its idempotent producers, and the snapshot file of it.

For every producer id the last five batches are kept. A repeated batch is answered with the offset it got the
first time; a gap is refused. With nothing known of a producer any first sequence is taken.

Snapshot file: version int16 = 1, CRC-32C of what follows uint32, count int32, then for every batch, oldest first:
producer id int64, epoch int16, last sequence int32, last offset int64, offset delta int32, timestamp int64,
coordinator epoch int32, first offset of the open transaction int64 (-1: none). Kafka writes the last batch only;
readers that expect one entry a producer keep the last, so several are compatible.

Source: KIP-98, KIP-360
"""

from __future__ import annotations

from collections import deque
from pathlib import Path
from struct import Struct
from typing import NamedTuple

from crc32c import crc32c

from kappaflow.runtime.disk import Disk, replace_file
from kappaflow.storage.append_errors import (
    InvalidProducerEpoch,
    InvalidTransactionState,
    OutOfOrderSequence,
)
from kappaflow.wire.record_batch import RecordBatchHeader

BATCHES_TO_KEEP = 5
UNWRITTEN_MAX = 1_000
READ_AGAIN_GRACE_MS = 3_600_000
"""For so long producers that were read at start are remembered at least."""
_HEAD = Struct(">hI")
_COUNT = Struct(">i")
_ENTRY = Struct(">qhiqiqiq")
_VERSION = 1
_SEQUENCE_MASK = 0x7FFFFFFF


class BatchMetadata(NamedTuple):
    """One appended batch of a producer; timestamp in milliseconds."""

    last_sequence: int
    last_offset: int
    offset_delta: int
    timestamp: int

    @property
    def first_sequence(self) -> int:
        """Sequence of the first record."""
        return (self.last_sequence - self.offset_delta) & _SEQUENCE_MASK

    @property
    def first_offset(self) -> int:
        """Offset of the first record."""
        return self.last_offset - self.offset_delta


class ProducerEntry:
    """One producer: its epoch and its last batches, oldest first.

    Attributes:
        last_timestamp: the largest of its last batch; producers choose it.
        used_ms: when it wrote last by the broker's clock; -1 where another run of the broker knew.
    """

    __slots__ = (
        "batches",
        "coordinator_epoch",
        "current_txn_first_offset",
        "epoch",
        "last_timestamp",
        "producer_id",
        "used_ms",
    )

    def __init__(self, producer_id: int, epoch: int) -> None:
        self.producer_id = producer_id
        self.epoch = epoch
        self.last_timestamp = -1
        self.used_ms = -1
        self.coordinator_epoch = -1
        self.current_txn_first_offset = -1
        self.batches: deque[BatchMetadata] = deque(maxlen=BATCHES_TO_KEEP)

    def find_duplicate(self, header: RecordBatchHeader) -> BatchMetadata | None:
        """The kept batch with the same epoch and sequences."""
        if header.producer_epoch != self.epoch:
            return None
        for batch in self.batches:
            if batch.last_sequence == header.last_sequence and batch.first_sequence == header.base_sequence:
                return batch
        return None


class ProducerState:
    """All producers of one partition.

    Attributes:
        end_offset: everything before this offset is accounted for.
        begin_at_zero: whether producers of which nothing is known have to begin with sequence 0.
    """

    def __init__(self, expiration_ms: int) -> None:
        self.end_offset = 0
        self.begin_at_zero = False
        self._expiration_ms = expiration_ms
        self._producers: dict[int, ProducerEntry] = {}
        self._open: dict[int, int] = {}
        self._unwritten: dict[int, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self._producers)

    @property
    def first_unstable_offset(self) -> int | None:
        """Where the oldest open transaction starts; None where none is open."""
        # Transactions are opened in the order of their first offsets, and a dict keeps that order.
        return next(iter(self._open.values()), None)

    def open_transactions(self) -> dict[int, int]:
        """The first offsets of open transactions, by producer id."""
        return dict(self._open)

    def find(self, producer_id: int) -> ProducerEntry | None:
        """What is known of one producer."""
        return self._producers.get(producer_id)

    def producers(self) -> list[ProducerEntry]:
        """Every producer that is remembered."""
        return list(self._producers.values())

    def check(self, header: RecordBatchHeader) -> BatchMetadata | None:
        """Judge a batch before it is appended.

        Returns:
            The batch as appended before, where this one repeats it; None where it is new.

        Raises:
            InvalidProducerEpoch: a newer epoch of this producer has written.
            InvalidTransactionState: a transaction is open, and the batch is not part of it.
            OutOfOrderSequence: records are missing before it, or it repeats a batch that is no longer remembered.
        """
        entry = self._producers.get(header.producer_id)
        epoch, sequence = self._unwritten.get(header.producer_id, (-1, -1))
        if epoch == header.producer_epoch and header.base_sequence > sequence and not header.is_control:
            raise OutOfOrderSequence(
                f"producer {header.producer_id} sent sequence {header.base_sequence}, "
                f"but the batch before, from {sequence} on, could not be written"
            )
        if entry is None and self.begin_at_zero and header.base_sequence > 0:
            raise OutOfOrderSequence(f"producer {header.producer_id} begins with sequence {header.base_sequence}")
        if entry is None:
            return None
        if header.producer_epoch < entry.epoch:
            raise InvalidProducerEpoch(
                f"producer {header.producer_id} has epoch {header.producer_epoch}, "
                f"but epoch {entry.epoch} has written to this partition"
            )
        if header.is_control:
            return None
        if entry.current_txn_first_offset >= 0 and not header.is_transactional:
            raise InvalidTransactionState(
                f"producer {header.producer_id} sent a batch outside of its transaction, which is open"
            )
        if header.producer_epoch > entry.epoch:
            if header.base_sequence != 0:
                raise OutOfOrderSequence(
                    f"producer {header.producer_id} starts epoch {header.producer_epoch} "
                    f"with sequence {header.base_sequence}, not 0"
                )
            return None
        if duplicate := entry.find_duplicate(header):
            return duplicate
        # Of an epoch that has only been ended here so far nothing was written: it begins with 0.
        expected = (entry.batches[-1].last_sequence + 1) & _SEQUENCE_MASK if entry.batches else 0
        if header.base_sequence == expected:
            return None
        raise OutOfOrderSequence(
            f"producer {header.producer_id} sent sequence {header.base_sequence} where {expected} is next"
        )

    def update(self, header: RecordBatchHeader, base_offset: int, timestamp: int, now_ms: int = -1) -> None:
        """Account for a batch that was appended at `base_offset`, now or, without a time, in another run."""
        self.end_offset = base_offset + header.last_offset_delta + 1
        if header.producer_id < 0:
            return
        self._unwritten.pop(header.producer_id, None)
        entry = self._producers.get(header.producer_id)
        if entry is None:
            entry = self._producers[header.producer_id] = ProducerEntry(header.producer_id, header.producer_epoch)
        elif header.producer_epoch > entry.epoch:
            entry.epoch = header.producer_epoch
            entry.batches.clear()
        entry.last_timestamp, entry.used_ms = timestamp, now_ms
        if header.is_control:
            return
        entry.batches.append(
            BatchMetadata(
                header.last_sequence,
                base_offset + header.last_offset_delta,
                header.last_offset_delta,
                timestamp,
            )
        )
        if header.is_transactional and entry.current_txn_first_offset < 0:
            entry.current_txn_first_offset = self._open[header.producer_id] = base_offset

    def not_written(self, header: RecordBatchHeader) -> None:
        """Note that a producer's first batch was refused by the disk: those behind it must not take its place.

        A producer of which nothing is known may begin with any sequence, so nothing else would hold them back.
        """
        entry = self._producers.get(header.producer_id)
        is_first = entry is None or entry.epoch < header.producer_epoch or not entry.batches
        if header.producer_id >= 0 and is_first and not header.is_control:
            if len(self._unwritten) >= UNWRITTEN_MAX:
                self._unwritten.clear()
            self._unwritten.setdefault(header.producer_id, (header.producer_epoch, header.base_sequence))

    def open_since(self, producer_id: int) -> int | None:
        """The first offset of a producer's open transaction; None where none is open here."""
        return self._open.get(producer_id)

    def first_unstable_without(self, producer_id: int) -> int | None:
        """The first offset of the oldest open transaction of another producer; None where there is none."""
        return min((first for other, first in self._open.items() if other != producer_id), default=None)

    def end_transaction(self, producer_id: int, *, coordinator_epoch: int) -> None:
        """Account for a marker after `update`."""
        entry = self._producers.get(producer_id)
        if entry is not None:
            entry.coordinator_epoch = coordinator_epoch
            entry.current_txn_first_offset = -1
            self._open.pop(producer_id, None)

    def expire(self, now_ms: int) -> int:
        """Forget producers that have not written for the expiration time; return how many.

        The time is the broker's: who writes records of long ago, as queries over old data do, is not idle, and a batch
        that it repeats would be written twice.
        """
        oldest_ms = now_ms - self._expiration_ms
        read_again_ms = oldest_ms + min(READ_AGAIN_GRACE_MS, self._expiration_ms)
        for entry in self._producers.values():
            if entry.used_ms < 0:
                entry.used_ms = max(min(entry.last_timestamp, now_ms), read_again_ms)
        old = [
            entry.producer_id
            for entry in self._producers.values()
            if entry.used_ms <= oldest_ms and entry.current_txn_first_offset < 0
        ]
        for producer_id in old:
            del self._producers[producer_id]
        return len(old)

    def clear(self) -> None:
        """Forget everything."""
        self._producers.clear()
        self._open.clear()
        self._unwritten.clear()
        self.end_offset = 0

    def write_snapshot(self, disk: Disk, path: Path, *, durable: bool) -> None:
        """Write the snapshot file.

        Raises:
            OSError: the disk is full or failed.
        """
        rows: list[bytes] = []
        for entry in self._producers.values():
            batches = list(entry.batches) or [BatchMetadata(-1, -1, 0, entry.last_timestamp)]
            for batch in batches:
                rows.append(
                    _ENTRY.pack(
                        entry.producer_id,
                        entry.epoch,
                        batch.last_sequence,
                        batch.last_offset,
                        batch.offset_delta,
                        batch.timestamp,
                        entry.coordinator_epoch,
                        entry.current_txn_first_offset,
                    )
                )
        body = _COUNT.pack(len(rows)) + b"".join(rows)
        replace_file(disk, path, _HEAD.pack(_VERSION, crc32c(body)) + body, durable=durable)

    def read_snapshot(self, path: Path, end_offset: int) -> bool:
        """Replace everything by the snapshot file; false where it is damaged, and then nothing is known."""
        self.clear()
        data = path.read_bytes()
        if len(data) < _HEAD.size + _COUNT.size:
            return False
        version, crc = _HEAD.unpack_from(data)
        body = memoryview(data)[_HEAD.size :]
        (count,) = _COUNT.unpack_from(body)
        if version != _VERSION or crc32c(body) != crc or len(body) != _COUNT.size + count * _ENTRY.size:
            return False
        for row in _ENTRY.iter_unpack(body[_COUNT.size :]):
            producer_id, epoch, last_sequence, last_offset, delta, timestamp, coordinator_epoch, first_offset = row
            entry = self._producers.get(producer_id)
            if entry is None:
                entry = self._producers[producer_id] = ProducerEntry(producer_id, epoch)
            entry.epoch = epoch
            entry.last_timestamp = timestamp
            entry.coordinator_epoch = coordinator_epoch
            entry.current_txn_first_offset = first_offset
            if last_sequence >= 0:
                entry.batches.append(BatchMetadata(last_sequence, last_offset, delta, timestamp))
        started = sorted((each.current_txn_first_offset, each.producer_id) for each in self._producers.values())
        self._open = {producer_id: first for first, producer_id in started if first >= 0}
        self.end_offset = end_offset
        return True
