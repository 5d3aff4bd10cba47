"""The column form of a cohort: a chunk of records becomes result rows without a Python object for each record.

It exists for plans that share (no stores, one topic) and whose every step runs as columns.  It serves chunks that are
large enough, as of a backlog or a busy topic; a trickle of records is quicker by rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kappaflow.client.fetched_chunk import FetchedChunk
from kappaflow.runtime.clock import SYSTEM_CLOCK
from kappaflow.serde.arrow import array_to_values
from kappaflow.server.rows import PROTOBUF, renderer
from kappaflow.sql.physical.column_report import takes_batches
from kappaflow.sql.queries import PushQuery
from kappaflow.streams.batch import Batch, Mask
from kappaflow.streams.columns.batches import take
from kappaflow.streams.columns.coverage import reason_for_rows
from kappaflow.streams.columns.subtopology import ColumnSubtopology
from kappaflow.streams.execution.fetched_columns import decode_fetched
from kappaflow.streams.execution.source_columns import decode_columns
from kappaflow.streams.processors.base import TaskContext
from kappaflow.streams.topology import Topology
from kappaflow.streams.topology import nodes as n

CHUNK_BYTES_MIN = 16 * 1024


class CohortColumns:
    """Runs chunks of one topic through a stateless topology."""

    def __init__(self, topology: Topology, query: PushQuery) -> None:
        (subtopology,) = topology.task_subtopologies
        ((self._topic, (source,)),) = subtopology.sources.items()
        assert isinstance(source, n.Source)
        self._source = source
        context = TaskContext(lambda _node, _record: None, SYSTEM_CLOCK.time_ms, caching=False)
        self._steps = ColumnSubtopology(topology, subtopology, {}, context, self._collect)
        self._types = [column.type for column in query.schema]
        self._renders = [renderer(data_type) for data_type in self._types]
        self._rows: list[str] = []

    def rows(self, chunk: FetchedChunk, start: int, end: int | None) -> list[str]:
        """Return the rows that the records with offsets in [start, end) give, as texts.

        Raises:
            CorruptRecordError: a batch is damaged.
        """
        records = decode_fetched(chunk)
        source = self._source
        decoded = decode_columns(source, records, chunk.partition.partition, source.projection)
        kept: Mask = records.offset >= start
        if end is not None:
            kept &= records.offset < end
        if decoded.bad is not None:
            kept &= ~decoded.bad
        batch = decoded.batch if kept.all() else take(decoded.batch, kept)
        batch.ord = np.arange(len(batch), dtype=np.int64)
        batch.partition = batch.offset = None
        if len(batch):
            self._steps.process({self._topic: batch})
        rows, self._rows = self._rows, []
        return rows

    def _collect(self, node: n.Node, batch: Batch) -> None:
        del node
        columns = [self._texts(index, column) for index, column in enumerate(batch.value)]
        texts = [f"[{','.join(parts)}]" for parts in zip(*columns, strict=True)]
        if batch.value_valid is None:
            self._rows += texts
        else:  # a null value of a stream is no row
            self._rows += [text for text, valid in zip(texts, batch.value_valid.tolist(), strict=True) if valid]

    def _texts(self, index: int, column: Any) -> list[str]:
        return list(map(self._renders[index], array_to_values(column, self._types[index])))


def cohort_columns(topology: Topology, query: PushQuery) -> CohortColumns | None:
    """Return the column form of a plan that shares, or None where a step has none."""
    if query.is_table or query.rows_as == PROTOBUF or not takes_batches(topology):
        return None
    (subtopology,) = topology.subtopologies
    if subtopology.is_global or reason_for_rows(topology, subtopology, collected=True):
        return None
    return CohortColumns(topology, query)
