"""Transaction markers: control batches of one record that end a transaction in a partition.

    key     version int16 = 0, type int16: 0 abort, 1 commit
    value   version int16 = 0, coordinator epoch int32

Source: https://kafka.apache.org/documentation/#controlbatch
"""

from __future__ import annotations

from struct import Struct

from kappaflow.errors import CorruptRecordError
from kappaflow.wire.record_batch import (
    CONTROL_BIT,
    TRANSACTIONAL_BIT,
    ByteBuffer,
    RecordBatchHeader,
    build_batch,
    read_records,
)

ABORT, COMMIT = 0, 1
UNKNOWN = -1

_KEY = Struct(">hh")
_VALUE = Struct(">hi")


def build_marker(
    producer_id: int, producer_epoch: int, *, committed: bool, coordinator_epoch: int, time_ms: int
) -> bytes:
    """The control batch that commits or aborts a producer's transaction."""
    key = _KEY.pack(0, COMMIT if committed else ABORT)
    return build_batch(
        [(key, _VALUE.pack(0, coordinator_epoch))],
        timestamp_ms=time_ms,
        attributes=TRANSACTIONAL_BIT | CONTROL_BIT,
        producer_id=producer_id,
        producer_epoch=producer_epoch,
    )


def read_marker(header: RecordBatchHeader, batch: ByteBuffer) -> tuple[int, int]:
    """(type, coordinator epoch) of a control batch; `UNKNOWN` where it is no marker, or cleaned away."""
    if header.record_count == 0 or header.compression:
        return UNKNOWN, -1
    try:
        record = next(read_records(batch))
    except CorruptRecordError:
        return UNKNOWN, -1
    if record.key is None or len(record.key) < _KEY.size:
        return UNKNOWN, -1
    value = record.value or b""
    coordinator_epoch = _VALUE.unpack_from(value)[1] if len(value) >= _VALUE.size else -1
    return _KEY.unpack_from(record.key)[1], coordinator_epoch
