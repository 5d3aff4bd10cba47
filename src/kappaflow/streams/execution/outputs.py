"""What tasks write: collected as rows, encoded as whole record batches, handed to the producer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from kappaflow import kernel
from kappaflow.client.produce import BatchProducer
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.client.transactions import TransactionalProducer
from kappaflow.errors import StreamsError
from kappaflow.streams.batch import ArrowArray, Int64s
from kappaflow.streams.execution.row_task import RawRecord

_compute: Any = pyarrow.compute  # its functions are made at import and have no types
_HEADERS = pa.list_(pa.struct([pa.field("key", pa.string()), pa.field("value", pa.binary())]))


class OutputBuffer:
    """Writes records and columns of records to their topics.

    Args:
        counts: number of partitions by topic.
    """

    def __init__(self, producer: BatchProducer | TransactionalProducer, counts: dict[str, int]) -> None:
        self._producer = producer
        self._counts = counts
        self._sticky: dict[str, int] = {}
        self._rows: dict[tuple[str, int | None, int], list[RawRecord]] = {}
        self.records_written = 0

    def add(self, record: RawRecord, partition: int | None = None, window_bytes: int = 0) -> None:
        """Collect one record; see `send_columns`."""
        self._rows.setdefault((record.topic, partition, window_bytes), []).append(record)

    def send_rows(self) -> None:
        """Encode and send what was collected."""
        for (topic, partition, window_bytes), rows in self._rows.items():
            headers = None
            if any(row.headers for row in rows):
                listed = [[{"key": k, "value": v} for k, v in row.headers] for row in rows]
                headers = pa.array(listed, type=_HEADERS)
            keys = pa.array([row.key for row in rows], pa.binary())
            values = pa.array([row.value for row in rows], pa.binary())
            times = np.fromiter((row.timestamp for row in rows), np.int64, len(rows))
            self.send_columns(topic, keys, values, times, headers, partition, window_bytes)
        self._rows.clear()

    def send_columns(
        self,
        topic: str,
        keys: ArrowArray,
        values: ArrowArray,
        timestamps: Int64s,
        headers: ArrowArray | None = None,
        partition: int | None = None,
        window_bytes: int = 0,
    ) -> None:
        """Encode and send columns of serialised keys and values.

        Args:
            partition: None chooses by the key.
            window_bytes: how many bytes of window bounds end a key; they do not choose the partition.
        """
        count = self._counts.get(topic)
        if count is None:
            raise StreamsError(f"The number of partitions of {topic} is not known.")
        chosen = None if partition is None else np.full(len(timestamps), partition, np.int64)
        if window_bytes and partition is None:
            inner = _compute.binary_slice(keys, 0, -window_bytes)
            chosen = (kernel.murmur2_column(inner).astype(np.int64) & 0x7FFFFFFF) % count
        encoded = kernel.encode_records(
            keys,
            values,
            timestamps,
            headers=headers,
            partition=chosen,
            partitions=count,
            sticky_partition=self._sticky.get(topic, 0),
        )
        self._sticky[topic] = encoded.sticky_partition
        for number, batches in encoded.partitions.items():
            for batch in batches:
                self._producer.send(TopicPartition(topic, number), batch.data)
        self.records_written += len(timestamps)
