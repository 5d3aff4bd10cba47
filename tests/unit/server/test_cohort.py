"""Cohorts: subscribers at one place share one run; limits, slow readers and merging keep each one's rows exact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from kappaflow.client.topic_partition import TopicPartition
from kappaflow.server.worker.cohort import Cohort, Part, Subscriber, is_shareable, merged
from kappaflow.sql.engine import Engine
from kappaflow.sql.queries import PushQuery
from kappaflow.streams.execution.row_task import RawRecord

P0, P1 = TopicPartition("s", 0), TopicPartition("s", 1)


@pytest.fixture(scope="module")
def engine() -> Engine:
    made = Engine("default_")
    text = "CREATE STREAM s (k STRING KEY, v INT) WITH (kafka_topic='s', value_format='JSON', partitions=2);"
    made.apply(made.plan(text, {}, 0))
    return made


@pytest.fixture(scope="module")
def query(engine: Engine) -> PushQuery:
    return engine.plan_push("SELECT k, v FROM s WHERE v >= 0 EMIT CHANGES;")


class Seen:
    """What each subscriber got."""

    def __init__(self) -> None:
        self.rows: dict[str, list[str]] = {}
        self.parts = 0

    def deliver(self, subscribers: Sequence[Subscriber], part: Part) -> None:
        self.parts += 1
        for subscriber in subscribers:
            self.rows.setdefault(subscriber.target, []).extend(part["rows"])


def subscriber(query: PushQuery, name: str, left: int | None = None) -> Subscriber:
    return Subscriber(query, name, lambda _error: None, left)


def cohort(query: PushQuery, *names: str, at: int = 0, ends: dict[TopicPartition, int] | None = None) -> Cohort:
    subscribers = [subscriber(query, name) for name in names]
    return Cohort(1, query.build_topology(), {P0: at, P1: 0}, ends or {}, subscribers, lambda _p: False)


def records(*offsets: int) -> list[RawRecord]:
    return [RawRecord("s", b"k", b'{"V":%d}' % n, n, (), 0, n) for n in offsets]


def test_rows_are_rendered_once_for_all(query: PushQuery) -> None:
    seen, both = Seen(), cohort(query, "a", "b")
    both.add(P0, records(0, 1), 2)
    both.run()
    assert both.flush(seen.deliver) == []
    assert seen.rows == {"a": ['["k",0]', '["k",1]'], "b": ['["k",0]', '["k",1]']}
    assert seen.parts == 1
    assert both.positions == {P0: 2, P1: 0}


def test_what_was_seen_is_skipped(query: PushQuery) -> None:
    seen, late = Seen(), cohort(query, "a", at=2)
    late.add(P0, records(0, 1, 2, 3), 4)
    late.run()
    late.flush(seen.deliver)
    assert seen.rows == {"a": ['["k",2]', '["k",3]']}


def test_each_subscriber_has_its_own_limit(query: PushQuery) -> None:
    seen, shared = Seen(), cohort(query, "all")
    shared.subscribers += [subscriber(query, "one", 1), subscriber(query, "three", 3)]
    shared.add(P0, records(0, 1), 2)
    shared.run()
    assert [s.target for s in shared.flush(seen.deliver)] == ["one"]
    shared.add(P0, records(2, 3), 4)
    shared.run()
    assert {s.target for s in shared.flush(seen.deliver)} == {"one", "three"}
    assert {name: len(rows) for name, rows in seen.rows.items()} == {"all": 4, "one": 1, "three": 3}


def test_a_scan_stops_at_its_end(query: PushQuery) -> None:
    seen, scan = Seen(), cohort(query, "a", ends={P0: 2, P1: 0})
    assert not scan.at_end
    scan.add(P0, records(0, 1, 2, 3), 4)
    scan.run()
    scan.flush(seen.deliver)
    assert scan.at_end
    assert seen.rows == {"a": ['["k",0]', '["k",1]']}


def test_a_slow_reader_leaves_and_comes_back(query: PushQuery) -> None:
    seen, both = Seen(), cohort(query, "quick", "slow")
    slow = both.subscribers[1]
    slow.held = True
    apart = both.split_off([slow])
    assert apart.held and not both.held
    assert len(merged([both, apart])) == 2
    both.add(P0, records(0, 1), 2)
    both.run()
    both.flush(seen.deliver)
    slow.held = False
    assert len(merged([both, apart])) == 2  # it stands elsewhere
    apart.add(P0, records(0, 1), 2)
    apart.run()
    apart.flush(seen.deliver)
    (again,) = merged([both, apart])
    assert [s.target for s in again.subscribers] == ["quick", "slow"]
    assert seen.rows["quick"] == seen.rows["slow"]


@pytest.mark.parametrize(
    ("text", "shared"),
    [
        ("SELECT v FROM s EMIT CHANGES;", True),
        ("SELECT k, COUNT(*) FROM s GROUP BY k EMIT CHANGES;", False),
        ("SELECT v, k FROM s PARTITION BY v EMIT CHANGES;", True),
    ],
)
def test_only_queries_without_state_share(engine: Engine, text: str, shared: Any) -> None:
    assert is_shareable(engine.plan_push(text).build_topology()) is shared


def test_of_what_is_fetched_together_the_earliest_comes_first() -> None:
    engine = Engine("default_")
    for name in ("l", "r"):
        columns = f"CREATE STREAM {name} (k STRING KEY, v INT)"
        text = f"{columns} WITH (kafka_topic='{name}', value_format='JSON', partitions=1);"
        engine.apply(engine.plan(text, {}, 0))
    join = "l LEFT JOIN r WITHIN 10 SECONDS GRACE PERIOD 5 SECONDS ON l.k = r.k"
    query = engine.plan_push(f"SELECT l.k, l.v, r.v FROM {join} EMIT CHANGES;")
    left, right = TopicPartition("l", 0), TopicPartition("r", 0)
    seen = Seen()
    joined = Cohort(
        None, query.build_topology(), {left: 0, right: 0}, {}, [subscriber(query, "a")], lambda _partition: False
    )
    lefts = [RawRecord("l", b"k", b'{"V":%d}' % n, n * 30_000, (), 0, n) for n in range(3)]
    joined.add(left, lefts, 3)
    joined.add(right, [RawRecord("r", b"k", b'{"V":10}', 3_000, (), 0, 0)], 1)
    joined.run()
    joined.flush(seen.deliver)
    assert seen.rows["a"][0] == '["k",0,10]'
