"""Fetched chunks as records of the row form."""

from __future__ import annotations

from kappaflow.client.fetched_chunk import FetchedChunk
from kappaflow.streams.execution.fetched_columns import decode_fetched
from kappaflow.streams.execution.row_task import RawRecord


def decode_chunk(chunk: FetchedChunk, *, with_headers: bool = True) -> list[RawRecord]:
    """Return the records of a chunk, without control and aborted ones.

    Raises:
        CorruptRecordError: a batch is damaged.
    """
    columns = decode_fetched(chunk, with_headers=with_headers)
    topic, partition = chunk.partition
    headers = columns.headers.to_pylist() if columns.headers is not None else None
    keys, values = columns.key.to_pylist(), columns.value.to_pylist()
    rows = zip(keys, values, columns.timestamp.tolist(), columns.offset.tolist(), strict=True)
    return [
        RawRecord(
            topic,
            key,
            value,
            timestamp,
            tuple((h["key"], h["value"]) for h in headers[i] or ()) if headers is not None else (),
            partition,
            offset,
        )
        for i, (key, value, timestamp, offset) in enumerate(rows)
    ]
