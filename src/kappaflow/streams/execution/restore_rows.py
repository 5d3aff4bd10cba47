"""What records of a changelog say of a store: keys, and rows packed as the database keeps them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from kappaflow import kernel
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import SerializationError
from kappaflow.state import VersionedStore
from kappaflow.state.rows import RowCodec
from kappaflow.streams.batch import ArrowArray
from kappaflow.streams.topology import StoreSpec

_compute: Any = pyarrow.compute  # its functions are made at import and have no types
Columns = tuple[ArrowArray, ArrowArray]


def restored_columns(
    records: kernel.RecordColumns, end: int, codec: RowCodec, spec: StoreSpec, changelog: TopicPartition
) -> Columns:
    """Return keys and packed rows of the records before the offset `end`, in the order of the log.

    Returns:
        Arrow binary columns; a record without a key says nothing, a null row deletes.

    Raises:
        SerializationError: a record cannot be read.
    """
    count = int(np.searchsorted(records.offset, end))
    keys, values, times = records.key[:count], records.value[:count], records.timestamp[:count]
    serde = spec.value_serde
    if spec.key_suffix:  # the store does not keep what its changelog has behind every key
        keys = _compute.binary_slice(keys.cast(pa.binary()), 0, -len(spec.key_suffix))
    if not codec.is_packed:
        rows = [serde.deserialize(value) for value in values.to_pylist()]
        pairs = zip(rows, times.tolist(), strict=True)
        packed = [None if row is None else codec.write(row, time_ms) for row, time_ms in pairs]
        return keys, pa.array(packed, pa.binary())
    decoded = serde.decode(values)
    if decoded.errors is not None and decoded.errors.any():
        row = int(np.flatnonzero(decoded.errors)[0])
        raise SerializationError(f"{changelog} at {records.offset[row]}: {decoded.messages.get(row, '')}")
    return keys, kernel.pack_rows(times, decoded.columns, codec.type_names, decoded.valid)


def pairs_of(columns: Columns) -> Iterator[tuple[bytes, bytes | None]]:
    """Yield the keys and packed rows of columns."""
    keys, rows = columns
    return ((key, row) for key, row in zip(keys.to_pylist(), rows.to_pylist(), strict=True) if key is not None)


def put_versions(store: VersionedStore, records: kernel.RecordColumns, end: int) -> None:
    """Put what a changelog has before an offset, in its order; what was too old then is too old again."""
    count = int(np.searchsorted(records.offset, end))
    rows = zip(
        records.key[:count].to_pylist(),
        records.value[:count].to_pylist(),
        records.timestamp[:count].tolist(),
        strict=True,
    )
    for key, value, time_ms in rows:
        if key is not None:
            store.put_bytes(key, value, time_ms)
