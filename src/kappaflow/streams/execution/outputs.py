"""What tasks write: collected as rows, encoded as whole record batches, handed to the producer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from kappaflow import kernel
from kappaflow.client.produce import BatchProducer
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.client.transactions import TransactionalProducer
from kappaflow.errors import KappaError, StreamsError
from kappaflow.kernel.record_columns import MAX_BATCH_BYTES
from kappaflow.streams.batch import ArrowArray, Int64s
from kappaflow.streams.execution.record_sizes import rows_above
from kappaflow.streams.execution.row_task import RawRecord

_compute: Any = pyarrow.compute  # its functions are made at import and have no types
OnTooLarge = Callable[[str, RawRecord | None, KappaError], None]
_BATCH_OVERHEAD_BYTES = 100
_HEADERS = pa.list_(pa.struct([pa.field("key", pa.string()), pa.field("value", pa.binary())]))


class OutputBuffer:
    """Writes records and columns of records to their topics.

    Args:
        counts: number of partitions by topic.
        limits: ``max.message.bytes`` of the topics where it is known.
        find_count: asks the cluster for the number of partitions of a topic that is chosen record by record.

    Attributes:
        on_too_large: told of a record that its topic does not take, with the topic and the record it was made of;
            where it is None, such a record fails the producer.
    """

    def __init__(
        self,
        producer: BatchProducer | TransactionalProducer,
        counts: dict[str, int],
        limits: Mapping[str, int] | None = None,
        find_count: Callable[[str], int] | None = None,
    ) -> None:
        self._producer = producer
        self._counts = counts
        self._limits = limits or {}
        self._find_count = find_count
        self.on_too_large: OnTooLarge | None = None
        self._sticky: dict[str, int] = {}
        self._rows: dict[tuple[str, int | None, int], list[tuple[RawRecord, RawRecord | None]]] = {}

    def add(
        self,
        record: RawRecord,
        partition: int | None = None,
        window_bytes: int = 0,
        source: RawRecord | None = None,
    ) -> None:
        """Collect one record; see `send_columns`."""
        self._rows.setdefault((record.topic, partition, window_bytes), []).append((record, source))

    def partitions(self, topic: str) -> int:
        """Return the number of partitions of a topic.

        Raises:
            StreamsError: it is not known.
        """
        count = self._counts.get(topic)
        if count is None and self._find_count is not None:
            count = self._counts[topic] = self._find_count(topic)
        if count is None:
            raise StreamsError(f"The number of partitions of {topic} is not known.")
        return count

    def send_rows(self) -> None:
        """Encode and send what was collected."""
        while self._rows:  # dead letters of what is sent come on top
            collected, self._rows = self._rows, {}
            self._send(collected)

    def _send(self, collected: Mapping[tuple[str, int | None, int], list[tuple[RawRecord, RawRecord | None]]]) -> None:
        for (topic, partition, window_bytes), pairs in collected.items():
            rows = [row for row, _ in pairs]
            headers = None
            if any(row.headers for row in rows):
                listed = [[{"key": k, "value": v} for k, v in row.headers] for row in rows]
                headers = pa.array(listed, type=_HEADERS)
            keys = pa.array([row.key for row in rows], pa.binary())
            values = pa.array([row.value for row in rows], pa.binary())
            times = np.fromiter((row.timestamp for row in rows), np.int64, len(rows))
            self.send_columns(
                topic, keys, values, times, headers, partition, window_bytes, lambda row, each=pairs: each[row][1]
            )

    def send_columns(
        self,
        topic: str,
        keys: ArrowArray,
        values: ArrowArray,
        timestamps: Int64s,
        headers: ArrowArray | None = None,
        partition: int | None = None,
        window_bytes: int = 0,
        source: Callable[[int], RawRecord | None] = lambda _: None,
        chosen: Int64s | None = None,
    ) -> None:
        """Encode and send columns of serialised keys and values.

        Args:
            partition: None chooses by the key.
            window_bytes: how many bytes of window bounds end a key; they do not choose the partition.
            source: gives the record that a row was made of, where it is known.
            chosen: partitions of rows, -1 for that of the key; None chooses all of them by the key.
        """
        count = self.partitions(topic)
        limit = self._limits.get(topic)
        if limit is not None and self.on_too_large is not None:
            large = rows_above(limit, keys, values, headers)
            for row, size in large.items():
                self.on_too_large(topic, source(row), _too_large(topic, size, limit))
            if large:
                kept = np.ones(len(timestamps), np.bool_)
                kept[list(large)] = False
                mask = pa.array(kept)
                keys, values = (column.cast(pa.binary()).filter(mask) for column in (keys, values))
                timestamps = timestamps[kept]
                headers = None if headers is None else headers.filter(mask)
                chosen = None if chosen is None else chosen[kept]
        if partition is not None:
            chosen = np.full(len(timestamps), partition, np.int64)
        elif window_bytes or (chosen is not None and (chosen < 0).any()):
            inner = _compute.binary_slice(keys, 0, -window_bytes) if window_bytes else keys
            by_key = (kernel.murmur2_column(inner).astype(np.int64) & 0x7FFFFFFF) % count
            chosen = by_key if chosen is None else np.where(chosen < 0, by_key, chosen)
        encoded = kernel.encode_records(
            keys,
            values,
            timestamps,
            headers=headers,
            partition=chosen,
            partitions=count,
            sticky_partition=self._sticky.get(topic, 0),
            max_batch_bytes=MAX_BATCH_BYTES if limit is None else min(MAX_BATCH_BYTES, limit - _BATCH_OVERHEAD_BYTES),
        )
        self._sticky[topic] = encoded.sticky_partition
        for number, batches in encoded.partitions.items():
            for batch in batches:
                self._producer.send(TopicPartition(topic, number), batch.data)


def _too_large(topic: str, size: int, limit: int) -> StreamsError:
    return StreamsError(f"A record of {size} bytes is larger than max.message.bytes={limit} of {topic}.")
