"""Tasks that keep no state go through their operators together, and write what each would write alone."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from random import Random
from typing import Any, cast

import pytest

from kappaflow.client.fetched_chunk import FetchedChunk, next_offset_after
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.sql.engine import Engine
from kappaflow.streams.execution import joined_run
from kappaflow.streams.execution.columnar_task import ColumnarTask
from kappaflow.streams.execution.error_handling import CONTINUE, ErrorHandler, ErrorPolicy, RecordProblem
from kappaflow.streams.execution.joined_run import run_tasks
from kappaflow.streams.execution.outputs import OutputBuffer
from kappaflow.streams.execution.task_assignor import TaskId
from kappaflow.streams.topology import Topology
from kappaflow.wire.record_batch import build_batch, iterate_headers, read_records

STREAM = "CREATE STREAM a (k STRING KEY, v INT, s STRING) WITH (kafka_topic='a', value_format='JSON', partitions=4);"
FILTER = "CREATE STREAM f WITH (partitions=3) AS SELECT k, v * 2 AS w, s FROM a WHERE v > 3;"
BY_KEY = "CREATE STREAM f WITH (partitions=3) AS SELECT v, s FROM a PARTITION BY v;"
LONG = "CREATE STREAM f WITH (partitions=3) AS SELECT k, RPAD('', v * 30, 'x') AS s FROM a WHERE v IS NOT NULL;"
PLACES = "CREATE STREAM f AS SELECT k, ROWPARTITION AS p, ROWOFFSET AS o FROM a;"
TASKS, OUTPUTS = 4, 3
SERVER = ErrorPolicy("continue", "continue", "fail")
"""What a server does where nothing is set."""
Row = tuple[bytes | None, bytes | None, int, tuple[tuple[str, bytes | None], ...]]


def topology_of(*statements: str) -> Topology:
    engine = Engine("default_", {})
    for number, statement in enumerate(statements):
        (parsed,) = engine.parse(statement)
        engine.apply(engine.plan(parsed, {}, number))
    (query,) = engine.metastore.queries.values()
    return query.build_topology()


class Sent:
    """A producer that keeps what it is given."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, bytes]] = []

    def send(self, partition: TopicPartition, batch: bytearray) -> None:
        self.batches.append((partition.partition, bytes(batch)))

    def rows(self) -> tuple[dict[int, list[Row]], list[Row]]:
        """What each partition got, in its order; rows without a key go to another with every batch, so apart."""
        found: dict[int, list[Row]] = {}
        without_key: list[Row] = []
        for partition, data in self.batches:
            for position, header in iterate_headers(data):
                for row in read_records(memoryview(data)[position : position + header.size]):
                    target = without_key if row.key is None else found.setdefault(partition, [])
                    target.append((row.key, row.value, row.timestamp, row.headers))
        return found, sorted(without_key, key=repr)


def tasks_of(
    topology: Topology, policy: ErrorPolicy = CONTINUE, largest: int = 1_000_000
) -> tuple[list[ColumnarTask], Sent]:
    sent = Sent()
    outputs = OutputBuffer(cast("Any", sent), {"F": OUTPUTS}, {"F": largest})
    errors = ErrorHandler(policy, outputs, lambda *_: None)
    outputs.on_too_large = errors.production
    (sub,) = topology.subtopologies
    tasks = [
        ColumnarTask(
            topology,
            sub,
            TaskId(sub.number, number),
            {},
            outputs,
            {TopicPartition("a", number): 0},
            lambda _: False,
            lambda *_: None,
            errors=errors,
        )
        for number in range(TASKS)
    ]
    return tasks, sent


def random_chunk(rng: Random, partition: int, offset: int) -> FetchedChunk:
    values = [None, b'{"V":7,"S":"\xc3\xa4"}', b'{"V":null}', b"{}", b"broken", b'{"V":"text"}', b'{"V":99}']
    count = rng.randint(1, 6)
    rows = [
        (
            rng.choice([None, b"key-%d" % rng.randint(0, 9)]),
            rng.choice([*values, b'{"V":%d,"S":"x"}' % rng.randint(0, 9)]),
        )
        for _ in range(count)
    ]
    times = [rng.choice([-1, 5, 1_000 + rng.randint(0, 50)]) for _ in rows]
    headers = [("h", b"1")] if rng.random() < 0.3 else []
    batch = build_batch(rows, timestamp_ms=times, headers=headers)
    data = struct.pack(">q", offset) + bytes(batch)[8:]
    return FetchedChunk(TopicPartition("a", partition), offset, next_offset_after(data) or 0, data, 10_000, 10_000)


def drive(
    statement: str, seed: int, most_rows: int, policy: ErrorPolicy = CONTINUE, largest: int = 1_000_000
) -> tuple[Any, int]:
    """Some rounds of chunks through four tasks: what was written and where the tasks stand, and how many batches."""
    rng = Random(seed)
    tasks, sent = tasks_of(topology_of(STREAM, statement), policy, largest)
    offsets = [0] * TASKS
    counts: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joined_run, "JOINED_ROWS_MAX", most_rows)
        for _ in range(12):
            for number in rng.sample(range(TASKS), rng.randint(1, TASKS)):
                for _ in range(rng.randint(1, 2)):
                    chunk = random_chunk(rng, number, offsets[number])
                    offsets[number] = chunk.next_offset
                    tasks[number].add(chunk)
            counts.append(run_tasks(tasks))
    states = [(task.committed(), task.records_processed, task.buffered) for task in tasks]
    assert [task.positions[TopicPartition("a", number)] for number, task in enumerate(tasks)] == offsets
    return (sent.rows(), states, counts), len(sent.batches)


@pytest.mark.parametrize("statement", [FILTER, BY_KEY], ids=["filter", "key"])
@pytest.mark.parametrize("seed", range(5))
def test_writes_what_each_task_would_write_alone(statement: str, seed: int) -> None:
    joined, _ = drive(statement, seed, most_rows=1_000)
    alone, _ = drive(statement, seed, most_rows=0)
    assert joined == alone
    assert joined[0][0]


@pytest.mark.parametrize("policy", [CONTINUE, SERVER], ids=["continue", "fail"])
def test_few_rows_of_several_tasks_become_few_batches(policy: ErrorPolicy) -> None:
    _, joined = drive(FILTER, 1, most_rows=1_000, policy=policy)
    _, alone = drive(FILTER, 1, most_rows=0, policy=policy)
    assert joined < 0.7 * alone


def test_what_cannot_be_written_is_told_with_the_record_of_its_own_task() -> None:
    def told(most_rows: int) -> list[str]:
        problems: list[RecordProblem] = []
        policy = ErrorPolicy("continue", "continue", lambda _: "continue", listener=problems.append)
        drive(LONG, 1, most_rows, policy, largest=250)
        found = [(problem.record, str(problem.error)) for problem in problems if problem.kind == "production"]
        return sorted(map(repr, found))

    joined = told(most_rows=1_000)
    assert joined == told(most_rows=0)
    assert len(joined) > 10
    assert not any("(None," in problem for problem in joined)
    assert all(any(f"partition={number}," in problem for problem in joined) for number in range(TASKS))


def test_rows_that_depend_on_their_task_stay_with_it() -> None:
    def joins(*statements: str) -> Sequence[bool]:
        return [task.joins for task in tasks_of(topology_of(*statements))[0]]

    assert joins(STREAM, FILTER) == [True] * TASKS
    assert joins(STREAM, BY_KEY) == [False] * TASKS  # it counts rows that it drops
    assert joins(STREAM, PLACES) == [False] * TASKS
