"""Records of a topic as a batch, with the rows that cannot go on marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from kappaflow.errors import SerializationError
from kappaflow.kernel import RecordColumns
from kappaflow.serde import WindowedKeySerde
from kappaflow.serde.face import Decoded
from kappaflow.streams.batch import ArrowArray, Batch, Mask
from kappaflow.streams.columns.change_bytes import decode_changes, there
from kappaflow.streams.execution.row_task import OnBadRecord, RawRecord
from kappaflow.streams.processors.base import TaskContext
from kappaflow.streams.topology import nodes as n


@dataclass(slots=True)
class SourceBatch:
    """Rows of one topic.

    Attributes:
        batch: all records, those that cannot go on included; `ord` is not set yet.
        bad: rows without a usable key, value or time; None when there are none.
        messages: why, by position, where more than the time is wrong.
        bad_keys: the positions where that is said of the key.
        partition: of the topic.
        records: as they came; None where nobody needs them.
    """

    batch: Batch
    bad: Mask | None
    messages: Mapping[int, str]
    partition: int = 0
    records: RecordColumns | None = None
    bad_keys: Set[int] = frozenset()

    def raw(self, row: int, topic: str) -> RawRecord:
        """A record as it came."""
        records = self.records
        assert records is not None
        listed = records.headers[row].as_py() if records.headers is not None else None
        return RawRecord(
            topic,
            _bytes(records.key[row].as_py()),
            _bytes(records.value[row].as_py()),
            int(records.timestamp[row]),
            tuple((header["key"], header["value"]) for header in listed or ()),
            self.partition,
            int(records.offset[row]),
        )


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


def decode_columns(
    node: n.Source | n.Repartition,
    records: RecordColumns,
    partition: int,
    projection: Sequence[int] | None,
    *,
    keep_records: bool = False,
) -> SourceBatch:
    """Decode keys, values and times.

    Args:
        projection: positions of the value columns that anything reads; None for all.
        keep_records: whether the bytes of rows that can go on are needed later.
    """
    if isinstance(node, n.Repartition) and node.carries_changes:
        return _changes(node, records, partition, keep_records=keep_records)
    return _decoded(node, records, partition, projection, keep_records=keep_records)


def _changes(node: n.Repartition, records: RecordColumns, partition: int, *, keep_records: bool) -> SourceBatch:
    """Decode the changes of a regrouped table."""
    changes = decode_changes(node.value_serde, records.value)
    made = _decoded(node, records, partition, None, keep_records=keep_records, values=changes.new)
    batch, count = made.batch, len(records)
    batch.old, batch.old_valid = changes.old.columns, there(changes.old, count)
    messages = {**changes.old.messages, **made.messages}
    if len(messages) == len(made.messages):
        return made
    bad = np.zeros(count, np.bool_) if made.bad is None else made.bad
    bad[list(messages)] = True
    return SourceBatch(batch, bad, messages, partition, records, made.bad_keys)


def _decoded(
    node: n.Source | n.Repartition,
    records: RecordColumns,
    partition: int,
    projection: Sequence[int] | None,
    *,
    keep_records: bool,
    values: Decoded | None = None,
) -> SourceBatch:
    count = len(records)
    values = node.value_serde.decode(records.value, projection) if values is None else values
    batch = Batch(
        ord=records.offset,
        timestamp=records.timestamp,
        key=[],
        value=values.columns if projection is None else _spread(node, values.columns, projection, count),
        value_valid=values.valid,
        key_format=node.key_serde.inner.name if isinstance(node.key_serde, WindowedKeySerde) else node.key_serde.name,
        partition=np.full(count, partition, np.int32),
        offset=records.offset,
        headers=records.headers if records.headers is not None and len(records.headers.values) else None,
    )
    if isinstance(node.key_serde, WindowedKeySerde):
        windowed = node.key_serde.decode(records.key)
        keys, batch.window_start, batch.window_end = windowed.keys, windowed.start, windowed.end
    else:
        keys = node.key_serde.decode(records.key)
        # Other formats may spell the same key in several ways; a sink writes the one spelling.
        batch.key_bytes = records.key if node.key_serde.name == "KAFKA" else None
    batch.key, batch.key_valid = keys.columns, keys.valid
    messages = {**values.messages, **keys.messages}
    if isinstance(node, n.Source) and node.timestamp is not None:
        extracted = node.timestamp.column(batch)
        batch.timestamp = extracted.times
        messages = {**extracted.messages, **messages}
    negative = batch.timestamp < 0
    if not messages and not negative.any():
        return SourceBatch(batch, None, messages, partition, records if keep_records else None)
    bad = negative.copy()
    bad[list(messages)] = True
    return SourceBatch(batch, bad, messages, partition, records, keys.messages.keys())


def _spread(
    node: n.Source | n.Repartition, columns: Sequence[ArrowArray], projection: Sequence[int], count: int
) -> list[ArrowArray]:
    """Put projected columns at their positions; nothing reads the others."""
    placed = dict(zip(projection, columns, strict=True))
    unread = pa.nulls(count)
    return [placed.get(i, unread) for i in range(len(node.value_serde.columns))]


def report_bad(
    source: SourceBatch, start: int, end: int, topic: str, context: TaskContext, on_bad_record: OnBadRecord
) -> None:
    """Count the rows in [start, end) that cannot go on, and tell why."""
    if source.bad is None:
        return
    for row in (start + np.flatnonzero(source.bad[start:end])).tolist():
        message = source.messages.get(row)
        if message is None:
            context.drop("negative-timestamp")
            continue
        context.drop("deserialization")
        error = SerializationError(message)
        error.is_key = row in source.bad_keys
        on_bad_record(source.raw(row, topic), error)
