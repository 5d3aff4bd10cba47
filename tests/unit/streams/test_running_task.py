"""A running task passes what it has processed, and nothing else."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kappaflow.client.fetched_chunk import FetchedChunk, next_offset_after
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import KappaError
from kappaflow.sql.engine import Engine
from kappaflow.state.database import StateDatabase
from kappaflow.storage.transaction_markers import build_marker
from kappaflow.streams.columns import reason_for_rows
from kappaflow.streams.execution.columnar_task import ColumnarTask
from kappaflow.streams.execution.running_task import RunningTask
from kappaflow.streams.execution.task_assignor import TaskId
from kappaflow.streams.topology import Topology
from kappaflow.wire.record_batch import TRANSACTIONAL_BIT, build_batch

A, B = TopicPartition("a", 0), TopicPartition("b", 0)
STREAMS = (
    "CREATE STREAM a (k INT KEY, v INT) WITH (kafka_topic='a', value_format='JSON', partitions=1);",
    "CREATE STREAM b (k INT KEY, v INT) WITH (kafka_topic='b', value_format='JSON', partitions=1);",
)
TABLE_B = "CREATE TABLE b (k INT PRIMARY KEY, v INT) WITH (kafka_topic='b', value_format='JSON', partitions=1);"
ROWS_JOIN = "CREATE STREAM j AS SELECT a.k AS k, a.v AS x, b.v AS y FROM a JOIN b WITHIN 1 HOUR ON a.k = b.k;"
COLUMNS_JOIN = "CREATE STREAM j AS SELECT a.k AS k, a.v AS x, b.v AS y FROM a JOIN b ON a.k = b.k;"
COUNT = "CREATE TABLE c AS SELECT k, COUNT(*) AS n FROM a GROUP BY k;"


class Written:
    """Collects what tasks write, by topic."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def add(self, record: Any, *_: Any, **__: Any) -> None:
        self.counts[record.topic] = self.counts.get(record.topic, 0) + 1

    def send_columns(self, topic: str, keys: Any, *_: Any, **__: Any) -> None:
        self.counts[topic] = self.counts.get(topic, 0) + len(keys)

    def send_rows(self) -> None:
        pass


def topology_of(*statements: str) -> Topology:
    engine = Engine("default_", {})
    for number, statement in enumerate(statements):
        (parsed,) = engine.parse(statement)
        engine.apply(engine.plan(parsed, {}, number))
    (query,) = engine.metastore.queries.values()
    return query.build_topology()


def _refuse(place: str, error: KappaError) -> None:
    raise AssertionError(f"{place}: {error}")


@pytest.fixture
def open_task(tmp_path: Path) -> Callable[..., Any]:
    database = StateDatabase(tmp_path)

    def create(
        topology: Topology,
        positions: dict[TopicPartition, int],
        ahead: TopicPartition | None,
        report: Callable[[str, KappaError], None] = _refuse,
    ) -> Any:
        """A task for which the broker is known to have more of the partition `ahead`."""
        (sub,) = topology.subtopologies
        stores = {spec.name: database.store("task", spec.name, spec.types) for spec in sub.stores}
        written = Written()
        form = RunningTask if reason_for_rows(topology, sub) else ColumnarTask
        task = form(
            topology,
            sub,
            TaskId(0, 0),
            stores,
            written,  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
            positions,
            lambda partition: partition == ahead,
            report,
            caching=True,
        )
        return task, written

    return create


def chunk(partition: TopicPartition, batch: bytes, offset: int) -> FetchedChunk:
    data = struct.pack(">q", offset) + bytes(batch)[8:]
    return FetchedChunk(partition, offset, next_offset_after(data) or 0, data, 100, 100)


def rows(*values: int, time_ms: int = 1000) -> bytes:
    records = [(struct.pack(">i", 1), b'{"V":%d}' % value) for value in values]
    return build_batch(
        records, timestamp_ms=time_ms, attributes=TRANSACTIONAL_BIT, producer_id=7, producer_epoch=0, base_sequence=0
    )


def marker() -> bytes:
    return bytes(build_marker(7, 0, committed=True, coordinator_epoch=0, time_ms=1000))


@pytest.mark.parametrize(
    "statements", [(*STREAMS, ROWS_JOIN), (STREAMS[0], TABLE_B, COLUMNS_JOIN)], ids=["rows", "columns"]
)
def test_a_marker_is_passed_behind_the_records_that_wait_before_it(
    open_task: Callable[..., Any], statements: tuple[str, ...]
) -> None:
    positions = {A: 0, B: 0}
    task, _ = open_task(topology_of(*statements), positions, B)
    task.add(chunk(A, rows(1, 2, 3), 0))
    task.add(chunk(A, marker(), 3))
    assert task.run() == 0
    assert positions == {A: 0, B: 0}, "nothing was processed, so nothing is passed"
    assert task.waiting(A) >= 3


def test_a_marker_behind_processed_records_is_passed(open_task: Callable[..., Any]) -> None:
    positions = {A: 0, B: 0}
    task, _ = open_task(topology_of(*STREAMS, ROWS_JOIN), positions, None)
    task.add(chunk(A, rows(1, 2, 3), 0))
    task.add(chunk(A, marker(), 3))
    assert task.run() == 3
    assert positions[A] == 4


@pytest.mark.parametrize(
    "statements", [(*STREAMS, ROWS_JOIN), (STREAMS[0], TABLE_B, COLUMNS_JOIN)], ids=["rows", "columns"]
)
def test_positions_follow_a_topic_that_begins_anew(open_task: Callable[..., Any], statements: tuple[str, ...]) -> None:
    positions = {A: 10, B: 0}
    task, _ = open_task(topology_of(*statements), positions, None)
    task.add(chunk(A, rows(1, 2), 0))
    task.run()
    assert positions[A] == 2


def test_showing_states_forwards_nothing(open_task: Callable[..., Any]) -> None:
    task, written = open_task(topology_of(STREAMS[0], COUNT), {A: 0}, None)
    for number in range(4):
        task.add(chunk(A, rows(number), number))
        task.run()
        task.sync_stores()
        (store,) = task.stores.values()
        assert [row for _, (row, _) in store.range()] == [(number + 1,)]
        assert written.counts == {}
    task.before_commit()
    assert set(written.counts.values()) == {1}, "each key once: its changelog and its result"
    task.before_commit()
    assert set(written.counts.values()) == {1}


def test_a_record_that_an_aggregate_cannot_take_is_reported_and_passed(open_task: Callable[..., Any]) -> None:
    source = "CREATE STREAM a (k INT KEY, v DECIMAL(3, 1)) WITH (kafka_topic='a', value_format='JSON', partitions=1);"
    told: list[str] = []
    positions = {A: 0}
    task, written = open_task(
        topology_of(source, "CREATE TABLE c AS SELECT k, SUM(v) AS s FROM a GROUP BY k;"),
        positions,
        None,
        lambda place, error: told.append(f"{place}: {error}"),
    )
    task.add(chunk(A, rows(99, 99, -5), 0))
    assert task.run() == 3
    task.before_commit()
    assert told == ["a-0@1: Numeric field overflow"]
    assert positions[A] == 3
    assert task.dropped["processing"] == 1
    assert written.counts["C"] == 1
