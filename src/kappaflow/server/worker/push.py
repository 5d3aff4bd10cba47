"""Serve push queries: transient topologies over shared fetches.

All push queries of a worker read through one fetcher.  It stands at the smallest position that any of them needs; a
query that is further on skips what it has seen.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kappaflow.client.admin import EARLIEST, LATEST, Admin
from kappaflow.client.connection import ClientConfig
from kappaflow.client.fetch import FetchedChunk, Fetcher
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import KappaError
from kappaflow.server.rows import row_renderer
from kappaflow.sql.queries import PushQuery
from kappaflow.state import MemoryStore
from kappaflow.streams.execution.encode import encode_record
from kappaflow.streams.execution.partition_group import PartitionGroup
from kappaflow.streams.execution.raw_records import decode_chunk
from kappaflow.streams.execution.row_task import RawRecord, RowTask
from kappaflow.streams.record import Record
from kappaflow.streams.topology import Topology
from kappaflow.streams.topology import nodes as n

logger = logging.getLogger(__name__)
Deliver = Callable[[dict[str, Any] | None], None]
POLL_SECONDS = 0.1


@dataclass(slots=True)
class _Partition:
    """The tasks of one partition number of a transient topology."""

    tasks: list[RowTask]
    group: PartitionGroup


@dataclass(slots=True)
class Subscriber:
    """A push query that runs.

    Attributes:
        deliver: takes parts of the answer from any thread; None ends it.
        positions: the next offset of each partition.
        ends: where to stop, for queries over what is there now; empty for push queries.
    """

    query: PushQuery
    topology: Topology
    deliver: Deliver
    positions: dict[TopicPartition, int]
    partitions: dict[int, _Partition] = field(default_factory=dict[int, _Partition])
    ends: dict[TopicPartition, int] = field(default_factory=dict[TopicPartition, int])
    rows: list[tuple[str, bool]] = field(default_factory=list[tuple[str, bool]])
    count: int = 0
    finished: bool = False


class PushServer:
    """Runs the push queries of a worker in one thread."""

    def __init__(self, client: ClientConfig) -> None:
        self._client = client
        self._admin = Admin(client)
        self._fetcher = Fetcher(client, offset_reset="earliest", max_wait_ms=100)
        self._lock = threading.Lock()
        self._subscribers: list[Subscriber] = []
        self._changed = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="push", daemon=True)
        self._thread.start()

    def subscribe(self, query: PushQuery, reset: str, deliver: Deliver) -> Subscriber:
        """Start a push query; its header is delivered first.

        Raises:
            KappaError: a topic is gone, or the topology cannot run.
        """
        topology = query.build_topology()
        counts = {topic: self._admin.partitions_for(topic) for topic in topology.source_topics}
        partitions = [TopicPartition(topic, i) for topic, count in counts.items() for i in range(count)]
        tables = {node.topic for node in topology.nodes.values() if isinstance(node, n.TableSource)}
        which = {p: EARLIEST if reset == "earliest" or p.topic in tables else LATEST for p in partitions}
        positions = {p: listed.offset for p, listed in self._admin.list_offsets(which).items()}
        subscriber = Subscriber(query, topology, deliver, positions)
        stores = {spec.name: MemoryStore() for spec in topology.stores}
        for number in range(max(counts.values(), default=0)):
            subscriber.partitions[number] = self._partition(subscriber, number, stores)
        columns = list(query.schema)
        names, types = [c.name for c in columns], [str(c.type) for c in columns]
        deliver({"header": {"schema": str(query.schema), "names": names, "types": types}})
        if query.limit == 0:
            deliver({"end": "Limit Reached"})
            deliver(None)
            subscriber.finished = True
            return subscriber
        with self._lock:
            self._subscribers.append(subscriber)
        self._changed.set()
        return subscriber

    def _partition(self, subscriber: Subscriber, number: int, stores: dict[str, MemoryStore]) -> _Partition:
        topology, render = subscriber.topology, row_renderer([c.type for c in subscriber.query.schema])
        topics = [topic for sub in topology.subtopologies for topic in sub.sources]
        group = PartitionGroup(topics, lambda topic: self._has_more(TopicPartition(topic, number)))

        def produce(node: n.Sink | n.Repartition, record: Record) -> None:
            if node.topic is None:
                self._collect(subscriber, record, render)
            else:
                # A transient query keeps its repartitioned records to itself.
                group.add(node.topic, [encode_record(node, record)])

        tasks = [RowTask(topology, sub, stores, produce, _ignore) for sub in topology.subtopologies]
        return _Partition(tasks, group)

    def _collect(self, subscriber: Subscriber, record: Record, render: Callable[[Any], str]) -> None:
        limit = subscriber.query.limit
        if limit is not None and subscriber.count >= limit:
            return
        subscriber.count += 1
        if record.value is None:
            columns = list(subscriber.query.schema)
            key = record.key.key if hasattr(record.key, "key") else record.key or ()
            row = (*key, *[None] * (len(columns) - len(key)))
            subscriber.rows.append((render(row), True))
        else:
            subscriber.rows.append((render(record.value), False))

    def _has_more(self, partition: TopicPartition) -> bool:
        if partition not in self._fetcher.assignment():
            return False
        end, position = self._fetcher.high_watermark(partition), self._fetcher.position(partition)
        return end < 0 or position < 0 or position < end

    def cancel(self, subscriber: Subscriber) -> None:
        """End a push query."""
        with self._lock:
            subscriber.finished = True
        self._changed.set()

    # ---- the thread's side ----

    def _run(self) -> None:
        while not self._stopping.is_set():
            if self._changed.is_set():
                self._changed.clear()
                self._rearrange()
            if not self._subscribers:
                self._changed.wait(1.0)
                continue
            try:
                for chunk in self._fetcher.poll(POLL_SECONDS):
                    self._give(chunk)
            except KappaError as error:
                self._fail(error)

    def _rearrange(self) -> None:
        """Fetch what the queries need, from the smallest position that any of them has."""
        with self._lock:
            self._subscribers = [s for s in self._subscribers if not s.finished]
            wanted: dict[TopicPartition, int] = {}
            for subscriber in self._subscribers:
                for partition, offset in subscriber.positions.items():
                    wanted[partition] = min(offset, wanted.get(partition, offset))
        assigned = self._fetcher.assignment()
        self._fetcher.remove([p for p in assigned if p not in wanted])
        moved = {p: offset for p, offset in wanted.items() if p not in assigned or offset < self._fetcher.position(p)}
        if moved:
            self._fetcher.add(moved)

    def _give(self, chunk: FetchedChunk) -> None:
        with self._lock:
            takers = [s for s in self._subscribers if not s.finished and chunk.partition in s.positions]
        records: list[RawRecord] | None = None
        for subscriber in takers:
            position = subscriber.positions[chunk.partition]
            if position >= chunk.next_offset or position < chunk.fetch_offset:
                continue
            if records is None:
                records = decode_chunk(chunk)
            self._process(subscriber, chunk, [r for r in records if r.offset >= position])

    def _process(self, subscriber: Subscriber, chunk: FetchedChunk, records: list[RawRecord]) -> None:
        subscriber.positions[chunk.partition] = chunk.next_offset
        part = subscriber.partitions[chunk.partition.partition]
        part.group.add(chunk.partition.topic, records)
        try:
            for raw in part.group.take():
                for task in part.tasks:
                    if raw.topic in task.subtopology.sources:
                        task.process(raw)
        except KappaError as error:
            self._end(subscriber, str(error))
            return
        self._flush(subscriber)

    def _flush(self, subscriber: Subscriber) -> None:
        rows, subscriber.rows = subscriber.rows, []
        start = 0
        while start < len(rows):
            stop = start
            while stop < len(rows) and rows[stop][1] == rows[start][1]:
                stop += 1
            part: dict[str, Any] = {"rows": [text for text, _ in rows[start:stop]]}
            if rows[start][1]:
                part["tombstones"] = True
            subscriber.deliver(part)
            start = stop
        limit = subscriber.query.limit
        if limit is not None and subscriber.count >= limit:
            self._end(subscriber, "Limit Reached")

    def _end(self, subscriber: Subscriber, message: str) -> None:
        subscriber.finished = True
        subscriber.deliver({"end": message})
        subscriber.deliver(None)
        self._changed.set()

    def _fail(self, error: KappaError) -> None:
        logger.warning("Push queries were interrupted: %s", error)
        with self._lock:
            subscribers = list(self._subscribers)
        for subscriber in subscribers:
            self._end(subscriber, f"The query ended: {error}")
        self._fetcher.close()
        self._fetcher = Fetcher(self._client, offset_reset="earliest", max_wait_ms=100)

    def stop(self) -> None:
        """Stop serving."""
        self._stopping.set()
        self._changed.set()
        self._fetcher.close()


def _ignore(_raw: RawRecord, _error: KappaError) -> None:
    """Records that cannot be decoded are dropped, as persistent queries do."""
