"""Where ours does something else with a program than Kafka Streams, or one form something else than the other."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from kappaflow.errors import TopologyError
from kappaflow.streams.dsl.stores import VersionedKeyValueStore
from kappaflow.streams.dsl.topology import Topology
from kappaflow.streams.execution.row_task import RawRecord
from kappaflow.testing.batch_driver import BatchTopologyDriver
from kappaflow.testing.described_streams.build import build
from kappaflow.testing.described_streams.expressed import build_expressed
from kappaflow.testing.described_streams.program import Program, Trace
from kappaflow.testing.topology_test_driver import TopologyTestDriver

KEYS = ("a", "b", "c", "k0", "k1", "k2", "k3", "kn", "none")
APPLICATION = "app"
MOST_AT_ONCE = 9
Make = Callable[[Program], Topology]


def contents(records: Sequence[RawRecord]) -> list[Any]:
    """Return what topics are compared by."""
    return [(record.key, record.value, record.timestamp, record.headers) for record in records]


def versions(store: VersionedKeyValueStore, program: Program) -> list[list[Any]]:
    """Return what was valid of some keys at the times of all records."""
    times = sorted({record.timestamp for record in program.records})
    found = ((key, time, store.get(key, time)) for key in KEYS for time in times)
    return [[key, time, str(v.value), v.timestamp] for key, time, v in found if v is not None]


def is_buffer(trace: Trace, topic: str) -> bool:
    """Tell whether a topic is the changelog of changes that are held back.

    Kafka Streams writes what a commit has of it in no order, without times.
    """
    records: Any = trace.outputs.get(topic, [])
    return topic.endswith("-changelog") and any(each.timestamp is None for each in records)


def by_key(records: Sequence[Any]) -> list[Any]:
    """Return records without their times, in the order of keys, and of writing within a key."""
    return sorted(((key, value, headers) for key, value, _, headers in records), key=lambda each: each[0])


def play(driver: TopologyTestDriver, program: Program, rng: random.Random, restarts: float = 0.0) -> None:
    """Let a driver take the records of a program, and the clock go on between them; at last it commits.

    Args:
        restarts: how often a record is followed by a restart of the task.
    """
    for position, record in enumerate(program.records):
        for milliseconds in (span for at, span in program.ticks if at == position):
            driver.advance_wall_clock_time(milliseconds)
        driver.pipe(record)
        if rng.random() < restarts:
            driver.restart()
    driver.commit()


def driver_of(program: Program, make: Make = build) -> TopologyTestDriver:
    """Return a driver that commits, and holds back, as a program says."""
    return TopologyTestDriver(
        make(program),
        application_id=APPLICATION,
        caching=program.commit_every > 0,
        commit_every=max(1, program.commit_every),
        cache_max_bytes=program.cache_bytes or None,
    )


def evicts_under_scans(program: Program) -> bool:
    """Tell whether Kafka Streams passes over windows of a program, see `TopologyTestDriver.evicted_under_scans`."""
    driver = driver_of(program)
    play(driver, program, random.Random(0))
    return driver.evicted_under_scans > 0


def difference(seed: int, program: Program, trace: Trace, restarts: float = 0.0, make: Make = build) -> str:
    """Say where ours writes or keeps something else than Kafka Streams; empty when it does not.

    Args:
        restarts: how often a record is followed by a restart of the task.
        make: makes the topology.
    """
    driver = driver_of(program, make)
    play(driver, program, random.Random(seed), restarts)
    for topic in sorted({*trace.outputs, *driver.outputs}):
        expected, actual = contents(trace.outputs.get(topic, [])), contents(driver.take(topic))
        if is_buffer(trace, topic):
            expected, actual = by_key(expected), by_key(actual)
        for position, (theirs, ours) in enumerate(zip(expected, actual, strict=False)):
            if theirs != ours:
                return f"seed {seed}, {topic} record {position}: Kafka Streams {theirs}, ours {ours}"
        if len(expected) != len(actual):
            return f"seed {seed}, {topic}: Kafka Streams wrote {len(expected)} records, ours {len(actual)}"
    for name, rows in trace.stores.items():
        timed = all(time >= 0 for _, _, time in rows)
        held = [[key, str(value), time if timed else -1] for key, value, time in driver.rows_of(name)]
        if held != rows:
            return f"seed {seed}, store {name}: Kafka Streams has {rows}, ours {held}"
    for name, rows in trace.versions.items():
        held = versions(driver.get_state_store(name), program)
        if held != rows:
            return f"seed {seed}, versions of {name}: Kafka Streams has {rows}, ours {held}"
    return ""


class Forms(NamedTuple):
    """What the comparison of both forms found.

    Attributes:
        as_columns: how many parts of the topology ran as columns.
        parts: how many there are.
        difference: where both differ; empty where they do not.
    """

    as_columns: int
    parts: int
    difference: str


def compare_forms(seed: int, program: Program, *, functions: bool = True) -> Forms:
    """Hold a program's columns, under random cuts of its records, against its rows.

    Args:
        functions: see `build_expressed`.
    """
    try:
        bound = build_expressed(program, functions=functions).bind(APPLICATION)
    except TopologyError:  # two operators of one name, which Kafka Streams refuses as well
        return Forms(0, 0, "")
    if any(sub.is_global for sub in bound.subtopologies):
        return Forms(0, 0, "")
    columns = BatchTopologyDriver(bound, emit_interval_ms=0, outer_interval_ms=0, form="column")
    parts = len(bound.subtopologies)
    if len(columns.by_rows) == parts:
        return Forms(0, parts, "")
    again = build_expressed(program, functions=functions).bind(APPLICATION)
    rows = BatchTopologyDriver(again, emit_interval_ms=0, outer_interval_ms=0, form="row")
    rng, rest = random.Random(seed), list(program.records)
    while rest:
        size = rng.randint(1, MOST_AT_ONCE)
        rows.pipe(*rest[:size], together=rows.has_turns)
        columns.pipe(*rest[:size])
        rest = rest[size:]
    return Forms(parts - len(columns.by_rows), parts, _form_difference(seed, columns, rows))


def compare_cached_forms(seed: int, program: Program, *, functions: bool = True) -> Forms:
    """Hold a program's columns against its rows where results wait for commits, which come at the same places in both.

    Args:
        functions: see `build_expressed`.
    """
    try:
        bound = build_expressed(program, functions=functions).bind(APPLICATION)
    except TopologyError:
        return Forms(0, 0, "")
    if any(sub.is_global for sub in bound.subtopologies):
        return Forms(0, 0, "")
    make = lambda form: BatchTopologyDriver(  # noqa: E731
        build_expressed(program, functions=functions).bind(APPLICATION),
        emit_interval_ms=0,
        outer_interval_ms=0,
        form=form,
        caching=True,
    )
    columns, parts = make("column"), len(bound.subtopologies)
    if len(columns.by_rows) == parts:
        return Forms(0, parts, "")
    rows, rng, rest = make("row"), random.Random(seed), list(program.records)
    while rest:
        size = rng.randint(1, MOST_AT_ONCE)
        rows.pipe(*rest[:size], together=rows.has_turns)
        columns.pipe(*rest[:size])
        rest = rest[size:]
        if rng.random() < 1 / max(1, program.commit_every):
            rows.commit()
            columns.commit()
    rows.commit()
    columns.commit()
    return Forms(parts - len(columns.by_rows), parts, _form_difference(seed, columns, rows))


def _form_difference(seed: int, columns: BatchTopologyDriver, rows: BatchTopologyDriver) -> str:
    for topic in sorted({*columns.outputs, *rows.outputs}):
        one, two = contents(columns.outputs.get(topic, [])), contents(rows.outputs.get(topic, []))
        if one != two:
            at = next((at for at, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
            return f"seed {seed}, {topic} record {at}: columns {one[at : at + 1]}, rows {two[at : at + 1]}"
    for name, store in rows.stores.items():
        if list(columns.stores[name].range()) != list(store.range()):
            return f"seed {seed}, store {name}: columns and rows keep different rows"
    return ""
