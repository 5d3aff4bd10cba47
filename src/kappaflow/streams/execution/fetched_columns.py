"""What one fetch returned, as columns."""

from __future__ import annotations

from kappaflow import kernel
from kappaflow.client.fetched_chunk import FetchedChunk
from kappaflow.errors import CorruptRecordError


def decode_fetched(chunk: FetchedChunk, *, with_headers: bool = False) -> kernel.RecordColumns:
    """Return the records of a chunk, without control records and those of aborted transactions.

    Raises:
        CorruptRecordError: a batch is damaged.
    """
    columns = kernel.decode_records(
        chunk.records,
        fetch_offset=chunk.fetch_offset,
        read_committed=bool(chunk.aborted),  # a fetch that is not for committed records lists none
        aborted=[(row.producer_id, row.first_offset) for row in chunk.aborted],
        with_headers=with_headers,
    )
    if columns.error is not None:
        raise CorruptRecordError(f"{chunk.partition} at {columns.next_offset}: {columns.error.message}")
    return columns
