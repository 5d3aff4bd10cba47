"""What the record kernels take and give: columns of fetched records, and encoded batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kappaflow.errors import UsageError

Int64s = npt.NDArray[np.int64]
Int32s = npt.NDArray[np.int32]
ArrowArray = Any  # pyarrow.Array: pyarrow ships no types

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
MAX_BATCH_BYTES = 1_000_000


class RecordError(NamedTuple):
    """Why decoding stopped.

    Attributes:
        position: byte position of the refused batch in the buffer.
        message: what is wrong with it.
    """

    position: int
    message: str


@dataclass(slots=True)
class RecordColumns:
    """Records of one partition, in offset order.

    Attributes:
        offset: int64.
        timestamp: int64, milliseconds since the epoch.
        key, value: Arrow binary_view, null where the record has none.
        headers: Arrow list<struct<key: string, value: binary>>, or None when not asked for.
        next_offset: the offset to fetch next; also beyond control, aborted and skipped records.
        error: set when a batch was refused; the columns then hold what came before it, and `next_offset` is
            not beyond it.
    """

    offset: Int64s
    timestamp: Int64s
    key: ArrowArray
    value: ArrowArray
    headers: ArrowArray | None
    next_offset: int
    error: RecordError | None

    def __len__(self) -> int:
        return len(self.offset)


@dataclass(slots=True)
class EncodedBatch:
    """One record batch, ready for a Produce request.

    Attributes:
        data: the batch with base offset 0.
        record_count: its records.
        rows: int64, the input row of each record.
    """

    data: bytes
    record_count: int
    rows: Int64s


@dataclass(slots=True)
class EncodedRecords:
    """The batches of one call.

    Attributes:
        partitions: batches in order, by partition; partitions without records are left out.
        sticky_partition: to be passed to the next call, so that rows without key spread over the partitions.
    """

    partitions: dict[int, list[EncodedBatch]]
    sticky_partition: int


def codec_number(codec: str) -> int:
    """The number of a codec in batch attributes.

    Raises:
        UsageError: there is no such codec.
    """
    try:
        return CODECS[codec]
    except KeyError:
        raise UsageError(f"compression {codec!r} is not known; use one of {', '.join(CODECS)}") from None
