"""Sessions as columns and by rows: keys in order, keys out of order and keys too late in one batch, cut anywhere.

Results are equal record for record, and so is what the stores hold in the end.
"""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kappaflow.sql.engine import Engine
from kappaflow.sql.statement_plan import TopicInfo
from kappaflow.streams.columns import session
from kappaflow.streams.execution.row_task import RawRecord
from kappaflow.testing.batch_driver import BatchTopologyDriver, Form

WINDOWS = (
    "30 MILLISECONDS",
    "30 MILLISECONDS, GRACE PERIOD 0 MILLISECONDS",
    "20 MILLISECONDS, GRACE PERIOD 25 MILLISECONDS",
    "10 MILLISECONDS, RETENTION 300 MILLISECONDS, GRACE PERIOD 40 MILLISECONDS",
)
SOURCE = (
    "CREATE STREAM a (k STRING KEY, d DOUBLE, s STRING, i INT)"
    " WITH (kafka_topic='a', value_format='JSON', partitions=1);"
)
FOLDS = "COUNT(*) c, SUM(d) s, MAX(i) m, LATEST_BY_OFFSET(s) l, COUNT(s) n"
RECORDS = 200


class OnePartition:
    """All topics have one partition."""

    def describe(self, _name: str) -> TopicInfo:
        return TopicInfo(1, 1)


def topology_of(window: str) -> Any:
    engine = Engine("default_", {}, OnePartition())
    for text in (SOURCE, f"CREATE TABLE o AS SELECT k, {FOLDS} FROM a WINDOW SESSION ({window}) GROUP BY k;"):
        (parsed,) = engine.parse(text)
        engine.apply(engine.plan(parsed, {}, 1))
    return next(iter(engine.metastore.queries.values())).build_topology()


def records_of(rng: random.Random) -> list[RawRecord]:
    keys = [*(b"k%d" % number for number in range(rng.choice([1, 3, 20]))), None]
    jitter, step = rng.choice([0, 0, 5, 60]), rng.choice([0, 1, 3, 12])
    made: list[RawRecord] = []
    for number in range(RECORDS):
        row = {"D": rng.choice([1.5, 0.1, None]), "S": rng.choice(["x", None, "y"]), "I": rng.choice([1, 5, None])}
        value = None if rng.random() < 0.05 else json.dumps(row).encode()
        time = 1000 + step * number + rng.randint(-jitter, jitter)
        made.append(RawRecord("a", rng.choice(keys), value, time, (), 0, number))
    return made


def outcome(topology: Any, form: Form, records: list[RawRecord], rng: random.Random) -> tuple[Any, ...]:
    driver = BatchTopologyDriver(topology, form=form)
    assert form == "row" or not driver.by_rows
    at = 0
    while at < len(records):
        size = rng.choice([1, 5, 40, 100])
        driver.pipe(*records[at : at + size])
        at += size
    written = [(record.key, record.value, record.timestamp) for record in driver.take("O")]
    return written, {name: list(store.range()) for name, store in driver.stores.items()}


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_rows_and_columns_agree(seed: int) -> None:
    rng = random.Random(seed)
    topology, records = topology_of(rng.choice(WINDOWS)), records_of(rng)
    assert outcome(topology, "column", records, rng) == outcome(topology, "row", records, rng)


def test_keys_in_order_are_folded_as_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    one_by_one: list[bytes] = []
    take = session.SessionColumns._take

    def told(self: Any, row: int, key: bytes, *rest: Any) -> int:
        one_by_one.append(key)
        return take(self, row, key, *rest)

    monkeypatch.setattr(session.SessionColumns, "_take", told)
    times = [(b"a", 0), (b"b", 1), (b"a", 50), (b"b", 90), (b"a", 20), (b"b", 95)]
    records = [RawRecord("a", key, b'{"I": 1}', 1000 + at, (), 0, n) for n, (key, at) in enumerate(times)]
    driver = BatchTopologyDriver(topology_of("30 MILLISECONDS"), form="column")
    driver.pipe(*records)
    assert one_by_one == [b"a", b"a", b"a"]  # the last of them is out of order
    assert len(driver.take("O")) == len(records) + 3  # 20 makes one session of two, 95 makes one longer
