"""Push queries that stand at the same place of the same plan run as one: a cohort.

    subscribers with equal plan and positions ──▶ one transient topology ──▶ rows, rendered once, for all of them

Without state and over one topic, what a query gives depends on its position only.  So cohorts of one plan merge where
they meet, and a subscriber that cannot take more leaves its cohort without holding the others up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from kappaflow.client.fetched_chunk import FetchedChunk
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import KappaError
from kappaflow.server.rows import result_renderer
from kappaflow.server.worker.cohort_columns import CHUNK_BYTES_MIN, cohort_columns
from kappaflow.sql.queries import PushQuery
from kappaflow.state import MemoryStore
from kappaflow.streams.execution.encode import encode_record
from kappaflow.streams.execution.partition_group import PartitionGroup
from kappaflow.streams.execution.row_task import RawRecord, RowTask
from kappaflow.streams.record import Record
from kappaflow.streams.topology import Topology
from kappaflow.streams.topology import nodes as n

Part = dict[str, Any]
PART_ROWS_MAX = 5_000


@dataclass(slots=True, eq=False)
class Subscriber:
    """A push query that runs.

    Attributes:
        target: where its parts go; known to `deliver` only.
        on_end: called once, with the error that ended it or None.
        left: rows until its LIMIT; None without one.
        held: it cannot take more for now.
    """

    query: PushQuery
    target: Any
    on_end: Callable[[KappaError | None], None]
    left: int | None = None
    held: bool = False
    finished: bool = False


Deliver = Callable[[Sequence[Subscriber], Part], None]


@dataclass(slots=True)
class _Partition:
    """The tasks of one partition number of the topology.

    Attributes:
        pending: records wait for `Cohort.run`.
    """

    tasks: list[RowTask]
    group: PartitionGroup[RawRecord]
    pending: bool = False


def is_shareable(topology: Topology) -> bool:
    """Tell whether what a topology gives depends on positions only: no stores, one topic, nothing repartitioned."""
    return not topology.stores and len(topology.source_topics) == 1 and not topology.repartition_nodes


class Cohort:
    """Subscribers that run as one.

    Args:
        key: equal for subscribers that may share; None for those that may not.
        positions: the next offset of each partition.
        ends: where to stop, for queries over what is there now; empty for push queries.
        has_more: tells whether a partition is known to have records that were not fetched yet.
    """

    def __init__(
        self,
        key: Any,
        topology: Topology,
        positions: dict[TopicPartition, int],
        ends: dict[TopicPartition, int],
        subscribers: list[Subscriber],
        has_more: Callable[[TopicPartition], bool],
    ) -> None:
        self.key = key
        self.topology = topology
        self.positions = positions
        self.ends = ends
        self.subscribers = subscribers
        self._has_more = has_more
        self._query = subscribers[0].query
        self._render = result_renderer(self._query.schema, self._query.rows_as)
        self._rows: list[tuple[str, bool]] = []
        self._stores = {spec.name: MemoryStore() for spec in topology.stores}
        self._form = cohort_columns(topology, subscribers[0].query) if is_shareable(topology) else None
        numbers = sorted({partition.partition for partition in positions})
        self._partitions = {number: self._partition(number) for number in numbers}

    @property
    def held(self) -> bool:
        """Whether a subscriber cannot take more."""
        return any(subscriber.held for subscriber in self.subscribers)

    @property
    def at_end(self) -> bool:
        """Whether everything that the query was to read has been read."""
        return bool(self.ends) and all(self.positions[p] >= end for p, end in self.ends.items())

    def _partition(self, number: int) -> _Partition:
        topics = [topic for sub in self.topology.subtopologies for topic in sub.sources]
        group = PartitionGroup[RawRecord](topics, lambda topic: self._has_more(TopicPartition(topic, number)))

        def produce(node: n.Sink | n.Repartition, record: Record) -> None:
            if node.topic is None:
                self._collect(record)
            else:
                # A transient query keeps its repartitioned records to itself.
                raw = encode_record(node, record)
                group.add(node.topic, [(raw.timestamp, raw, 0)])

        topology = self.topology
        tasks = [RowTask(topology, sub, self._stores, produce, _ignore) for sub in topology.subtopologies]
        for task in tasks:
            # Final results and unmatched rows go to their readers as soon as their windows close.
            task.context.emit_interval_ms = task.context.outer_interval_ms = 0
        return _Partition(tasks, group)

    def _collect(self, record: Record) -> None:
        if record.value is not None:
            self._rows.append((self._render(record.value), False))
        elif self._query.is_table:
            self._rows.append((self._render(self._query.tombstone(record)), True))

    def add(self, partition: TopicPartition, records: Sequence[RawRecord], next_offset: int) -> None:
        """Take records of one partition; `run` follows when those of all that were fetched together are there."""
        position, end = self.positions[partition], self.ends.get(partition)
        mine = [r for r in records if r.offset >= position and (end is None or r.offset < end)]
        self.positions[partition] = next_offset
        part = self._partitions[partition.partition]
        part.group.add(partition.topic, ((raw.timestamp, raw, raw.offset + 1) for raw in mine))
        part.pending = True

    def run(self) -> None:
        """Run what was added through the topology, the earliest record of all topics first.

        Raises:
            KappaError: the topology failed; the cohort cannot go on.
        """
        for part in self._partitions.values():
            if not part.pending:
                continue
            for _, _, raw, _ in part.group.take():
                for task in part.tasks:
                    if raw is not None and raw.topic in task.subtopology.sources:
                        task.process(raw)
            part.pending = len(part.group) > 0  # they wait for a topic that has more

    def takes_columns(self, chunk: FetchedChunk) -> bool:
        """Tell whether a chunk is quicker by `process_columns` than by `add` and `run`."""
        return self._form is not None and len(chunk.records) >= CHUNK_BYTES_MIN

    def process_columns(self, chunk: FetchedChunk) -> None:
        """Run a chunk through the column form of the topology.

        Raises:
            KappaError: the chunk is damaged; the cohort cannot go on.
        """
        assert self._form is not None
        self.run()  # what was added before it comes first
        partition = chunk.partition
        texts = self._form.rows(chunk, self.positions[partition], self.ends.get(partition))
        self._rows += [(text, False) for text in texts]
        self.positions[partition] = chunk.next_offset

    def flush(self, deliver: Deliver) -> list[Subscriber]:
        """Hand out the rows that came together, and return the subscribers that reached their limits."""
        rows, self._rows = self._rows, []
        start = 0
        while start < len(rows):
            stop = start
            while stop < len(rows) and stop - start < PART_ROWS_MAX and rows[stop][1] == rows[start][1]:
                stop += 1
            self._hand_out([text for text, _ in rows[start:stop]], rows[start][1], deliver)
            start = stop
        return [s for s in self.subscribers if s.left == 0]

    def _hand_out(self, texts: list[str], tombstones: bool, deliver: Deliver) -> None:
        sizes: dict[int, list[Subscriber]] = {}
        for subscriber in self.subscribers:
            size = len(texts) if subscriber.left is None else min(subscriber.left, len(texts))
            if subscriber.left is not None:
                subscriber.left -= size
            if size and not subscriber.finished:
                sizes.setdefault(size, []).append(subscriber)
        for size, takers in sizes.items():
            part: Part = {"rows": texts[:size]}
            if tombstones:
                part["tombstones"] = True
            deliver(takers, part)

    def split_off(self, leaving: list[Subscriber]) -> Cohort:
        """Return a cohort of these subscribers at the same positions; only for shareable topologies."""
        self.subscribers = [s for s in self.subscribers if s not in leaving]
        topology = leaving[0].query.build_topology()
        return Cohort(self.key, topology, dict(self.positions), dict(self.ends), leaving, self._has_more)


def merged(cohorts: Sequence[Cohort]) -> list[Cohort]:
    """Return the cohorts, with those of one plan that stand at the same positions made one."""
    kept: dict[Any, Cohort] = {}
    for cohort in cohorts:
        if not cohort.subscribers:
            continue
        place: Any = id(cohort)
        if cohort.key is not None and not cohort.held:
            place = (cohort.key, frozenset(cohort.positions.items()), frozenset(cohort.ends.items()))
        if place in kept:
            kept[place].subscribers += cohort.subscribers
        else:
            kept[place] = cohort
    return list(kept.values())


def _ignore(_raw: RawRecord, _error: KappaError) -> None:
    """Records that cannot be decoded are dropped, as persistent queries do."""
