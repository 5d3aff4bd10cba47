"""Serve push queries: transient topologies over shared fetches.

    subscribe ──▶ admission: offsets of all that wait, in one request ──▶ header, cohort
                                                                              │
    fetcher ──chunk──▶ decode once ──▶ each cohort that stands in it ──▶ rows to all its subscribers

All push queries of a worker read through one fetcher.  It stands at the smallest position that any of them needs; a
cohort that is further on skips what it has seen, one that is held back makes the fetcher return to it later.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from kappaflow.client.admin import EARLIEST, LATEST, Admin
from kappaflow.client.connection import ClientConfig
from kappaflow.client.fetch import Fetcher, IsolationLevel
from kappaflow.client.fetched_chunk import FetchedChunk
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import KappaError
from kappaflow.server.rows import result_header
from kappaflow.server.worker.cohort import Cohort, Deliver, Subscriber, is_shareable, merged
from kappaflow.sql.queries import PushQuery
from kappaflow.streams.execution.raw_records import decode_chunk
from kappaflow.streams.execution.row_task import RawRecord
from kappaflow.streams.topology import Topology
from kappaflow.streams.topology import nodes as n

logger = logging.getLogger(__name__)
POLL_SECONDS = 0.1
POLL_BYTES = 1 << 20
COMPLETED = "Query Completed"
LIMIT_REACHED = "Limit Reached"


@dataclass(slots=True)
class _Admission:
    """Queries that begin together: of one plan, at the same place."""

    query: PushQuery
    topology: Topology
    reset: str
    bounded: bool
    subscribers: list[Subscriber]
    partitions: list[TopicPartition] = field(default_factory=list[TopicPartition])

    def start_of(self, partition: TopicPartition) -> int:
        """Return where the queries begin in a partition; tables are always read as a whole."""
        nodes = self.topology.nodes.values()
        tables = {node.topic for node in nodes if isinstance(node, n.TableSource)}
        return EARLIEST if self.bounded or self.reset == "earliest" or partition.topic in tables else LATEST


class PushServer:
    """Runs the push queries of a worker.

    Args:
        deliver: takes parts of the answers, in threads of the server's own; may block to slow it down.
        isolation_level: whether answers wait for the end of transactions and leave out what is aborted.
    """

    def __init__(
        self, client: ClientConfig, deliver: Deliver, isolation_level: IsolationLevel = "read_uncommitted"
    ) -> None:
        self._client = client
        self._isolation: IsolationLevel = isolation_level
        self._deliver = deliver
        self._admin = Admin(client)
        self._fetcher = self._new_fetcher()
        self._lock = threading.Lock()
        self._waiting: queue.SimpleQueue[tuple[Subscriber, str, bool] | None] = queue.SimpleQueue()
        self._admitted: list[Cohort] = []
        self._cohorts: list[Cohort] = []
        self._changed = threading.Event()
        self._stopping = threading.Event()
        threading.Thread(target=self._admit_all, name="push-admission", daemon=True).start()
        threading.Thread(target=self._run, name="push", daemon=True).start()

    def _new_fetcher(self) -> Fetcher:
        return Fetcher(self._client, isolation_level=self._isolation, offset_reset="earliest", max_wait_ms=100)

    def subscribe(
        self,
        query: PushQuery,
        reset: str,
        target: Any,
        on_end: Callable[[KappaError | None], None],
        *,
        bounded: bool = False,
    ) -> Subscriber:
        """Start a query; its header is delivered first, when it is settled where the query begins.

        Args:
            reset: ``earliest`` or ``latest``.
            target: where its parts go, for `deliver`.
            on_end: called once in a thread of the server, with the error that kept the query from running, or None.
            bounded: read what is there now, from the beginning, and end.
        """
        subscriber = Subscriber(query, target, on_end, query.limit)
        self._waiting.put((subscriber, reset, bounded))
        return subscriber

    def cancel(self, subscriber: Subscriber) -> None:
        """End a push query."""
        subscriber.finished = True
        self._changed.set()

    def flow(self, subscriber: Subscriber, flows: bool) -> None:
        """Hold a query back whose reader is slow, or let it go on."""
        subscriber.held = not flows
        self._changed.set()

    # ---- the admission thread ----

    def _admit_all(self) -> None:
        """Settle where queries begin: one look-up of offsets for all that wait."""
        while (first := self._waiting.get()) is not None:
            waiting = [first]
            while not self._waiting.empty():
                if (more := self._waiting.get()) is None:
                    return
                waiting.append(more)
            admissions = self._together(waiting)
            try:
                self._find_partitions(admissions)
                self._admit([admission for admission in admissions if admission.partitions])
            except KappaError as error:
                _refuse(admissions, error)

    def _together(self, waiting: Sequence[tuple[Subscriber, str, bool]]) -> list[_Admission]:
        found: dict[tuple[int, str, bool], _Admission] = {}
        apart: list[_Admission] = []
        for subscriber, reset, bounded in waiting:
            same = found.get((id(subscriber.query), reset, bounded))
            if same is not None and is_shareable(same.topology):
                same.subscribers.append(subscriber)
                continue
            try:
                topology = subscriber.query.build_topology()
            except KappaError as error:
                subscriber.on_end(error)
                continue
            admission = _Admission(subscriber.query, topology, reset, bounded, [subscriber])
            found[id(subscriber.query), reset, bounded] = admission
            apart.append(admission)
        return apart

    def _find_partitions(self, admissions: Sequence[_Admission]) -> None:
        counts: dict[str, int] = {}
        for admission in admissions:
            try:
                for topic in admission.topology.source_topics:
                    if topic not in counts:
                        counts[topic] = self._admin.partitions_for(topic)
            except KappaError as error:
                _refuse([admission], error)
                continue
            topics = admission.topology.source_topics
            admission.partitions = [TopicPartition(topic, i) for topic in topics for i in range(counts[topic])]

    def _admit(self, admissions: Sequence[_Admission]) -> None:
        offsets: dict[int, dict[TopicPartition, int]] = {EARLIEST: {}, LATEST: {}}
        for which, found in offsets.items():
            pairs = [(admission, p) for admission in admissions for p in admission.partitions]
            wanted = {p: which for a, p in pairs if a.start_of(p) == which or (a.bounded and which == LATEST)}
            if wanted:
                found.update(
                    {p: listed.offset for p, listed in self._admin.list_offsets(wanted, self._isolation).items()}
                )
        fresh: list[Cohort] = []
        for admission in admissions:
            start = {p: offsets[admission.start_of(p)][p] for p in admission.partitions}
            ends = {p: offsets[LATEST][p] for p in admission.partitions} if admission.bounded else {}
            key = id(admission.query) if is_shareable(admission.topology) else None
            fresh.append(Cohort(key, admission.topology, start, ends, admission.subscribers, self._has_more))
            self._begin(admission)
        with self._lock:
            self._admitted += fresh
        self._changed.set()

    def _begin(self, admission: _Admission) -> None:
        header = result_header(admission.query.schema, admission.query.rows_as)
        self._deliver(admission.subscribers, {"header": header})
        for subscriber in admission.subscribers:
            if subscriber.left == 0:
                self._end(subscriber, LIMIT_REACHED)

    def _has_more(self, partition: TopicPartition) -> bool:
        if partition not in self._fetcher.assignment():
            return False
        end, position = self._fetcher.end_offset(partition), self._fetcher.position(partition)
        return end < 0 or position < 0 or position < end

    # ---- the thread's side ----

    def _run(self) -> None:
        while not self._stopping.is_set():
            if self._changed.is_set():
                self._changed.clear()
                self._rearrange()
            if not self._fetcher.assignment():
                self._changed.wait(1.0)
                continue
            try:
                self._give(self._fetcher.poll(POLL_SECONDS, POLL_BYTES))
            except KappaError as error:
                self._fail(error)

    def _rearrange(self) -> None:
        """Fetch what the queries need, from the smallest position that any of them has."""
        with self._lock:
            self._cohorts += self._admitted
            self._admitted = []
        split: list[Cohort] = []
        for cohort in self._cohorts:
            cohort.subscribers = [s for s in cohort.subscribers if not s.finished]
            slow = [s for s in cohort.subscribers if s.held]
            if slow and len(slow) < len(cohort.subscribers) and cohort.key is not None:
                split.append(cohort.split_off(slow))
        self._cohorts = merged(self._cohorts + split)
        self._end_bounded()
        wanted: dict[TopicPartition, int] = {}
        for cohort in self._cohorts:
            if not cohort.held:
                for partition, offset in cohort.positions.items():
                    wanted[partition] = min(offset, wanted.get(partition, offset))
        assigned = self._fetcher.assignment()
        self._fetcher.remove([p for p in assigned if p not in wanted])
        moved = {p: offset for p, offset in wanted.items() if p not in assigned or offset < self._fetcher.position(p)}
        if moved:
            self._fetcher.add(moved)

    def _give(self, chunks: Sequence[FetchedChunk]) -> None:
        for chunk in chunks:
            records: list[RawRecord] | None = None
            for cohort in self._cohorts:
                position = cohort.positions.get(chunk.partition)
                if position is None or cohort.held or not chunk.fetch_offset <= position < chunk.next_offset:
                    continue
                if not cohort.takes_columns(chunk):
                    records = decode_chunk(chunk) if records is None else records
                self._guarded(cohort, partial(_take, cohort, chunk, records))
        for cohort in self._cohorts:
            self._guarded(cohort, cohort.run)
            for subscriber in cohort.flush(self._deliver):
                self._end(subscriber, LIMIT_REACHED)
        self._end_bounded()
        if chunks and len(self._cohorts) > 1:
            self._cohorts = merged(self._cohorts)

    def _guarded(self, cohort: Cohort, step: Callable[[], None]) -> None:
        try:
            step()
        except KappaError as error:
            for subscriber in cohort.subscribers:
                self._end(subscriber, str(error))

    def _end_bounded(self) -> None:
        for cohort in self._cohorts:
            if cohort.at_end:
                for subscriber in cohort.subscribers:
                    self._end(subscriber, COMPLETED)

    def _end(self, subscriber: Subscriber, message: str) -> None:
        if subscriber.finished:
            return
        subscriber.finished = True
        self._deliver([subscriber], {"end": message})
        subscriber.on_end(None)
        self._changed.set()

    def _fail(self, error: KappaError) -> None:
        logger.warning("Push queries were interrupted: %s", error)
        for cohort in self._cohorts:
            for subscriber in cohort.subscribers:
                self._end(subscriber, f"The query ended: {error}")
        self._fetcher.close()
        self._fetcher = self._new_fetcher()

    def stop(self) -> None:
        """Stop serving."""
        self._stopping.set()
        self._waiting.put(None)
        self._changed.set()
        self._fetcher.close()


def _take(cohort: Cohort, chunk: FetchedChunk, records: list[RawRecord] | None) -> None:
    if cohort.takes_columns(chunk):
        cohort.process_columns(chunk)
    else:
        cohort.add(chunk.partition, records or [], chunk.next_offset)


def _refuse(admissions: Sequence[_Admission], error: KappaError) -> None:
    for admission in admissions:
        for subscriber in admission.subscribers:
            subscriber.on_end(error)
