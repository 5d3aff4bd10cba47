"""Random topologies and random records, from a seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from kappaflow.streams.execution.row_task import RawRecord
from kappaflow.streams.record import Headers
from kappaflow.testing.described_topologies.case import Case

OUTER_JOIN_INTERVAL = "__emit.interval.ms.kstreams.outer.join.spurious.results.fix__"
WINDOWED_INTERVAL = "__emit.interval.ms.kstreams.windowed.aggregation__"
STORE_SUPPLIERS = "dsl.store.suppliers.class"
IN_MEMORY = "org.apache.kafka.streams.state.BuiltInDslStoreSuppliers$InMemoryDslStoreSuppliers"
KEYS = (b"a", b"b", b"c", b"")
RECORDS_MAX = 90


class _Draft:
    """Collects nodes; ids are numbered."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.nodes: list[dict[str, Any]] = []
        self.inputs: list[str] = []
        self.outputs: list[str] = []
        self.window_ms = rng.choice([1, 10, 20, 60])
        self.grace_ms = rng.choice([0, 0, 5, 30])

    def add(self, op: str, *parents: str, **parameters: Any) -> str:
        name = f"n{len(self.nodes)}"
        self.nodes.append({"id": name, "op": op, "parents": list(parents), **parameters})
        return name

    def stream(self) -> str:
        topic = f"stream-{len(self.inputs)}"
        self.inputs.append(topic)
        return self.add("stream", topic=topic)

    def table(self, *, stored: bool = True) -> str:
        topic = f"table-{len(self.inputs)}"
        self.inputs.append(topic)
        return self.add("table", topic=topic, store=f"{topic}-store" if stored else "")

    def sink(self, parent: str, topic: str = "", **parameters: Any) -> None:
        name = topic or f"out-{len(self.outputs)}"
        if name not in self.outputs:
            self.outputs.append(name)
        self.add("sink", parent, topic=name, **parameters)

    def chain(self, parent: str, length: int) -> str:
        """Add filters and maps."""
        for _ in range(self.rng.randint(0, length)):
            if self.rng.random() < 0.5:
                nulls = self.rng.random() < 0.6
                parent = self.add("filter", parent, min=self.rng.randint(-12, 4), nulls=nulls)
            else:
                parent = self.add("map", parent, add=self.rng.randint(-5, 9))
        return parent

    def table_chain(self, parent: str, length: int, *, tracked: bool = True) -> str:
        for _ in range(self.rng.randint(0, length)):
            if self.rng.random() < 0.5:
                parent = self.add("table_filter", parent, min=self.rng.randint(-10, 12), tracked=tracked)
            else:
                parent = self.add("table_map", parent, add=self.rng.randint(-5, 9))
        return parent

    def rekeyed(self, parent: str, *, keeps_null: bool = False) -> str:
        """Give new keys and send them through a topic; null keys are kept before a left join only."""
        nulls = self.rng.random() < 0.4
        parent = self.add("select_key", parent, mod=self.rng.randint(1, 4), nulls=nulls, keeps_null=keeps_null)
        name = f"exchange-{len(self.nodes)}"
        self.outputs.append(f"case-{name}-repartition")
        return self.add("repartition", parent, name=name)

    def grouped(self, parent: str) -> str:
        if self.rng.random() < 0.5:
            return self.add("group_by_key", parent)
        name = f"group-{len(self.nodes)}"
        self.outputs.append(f"case-{name}-repartition")
        return self.add("group", parent, mod=self.rng.randint(1, 4), nulls=self.rng.random() < 0.4, name=name)


def _stateless(draft: _Draft) -> None:
    source = draft.chain(draft.stream(), 3)
    if draft.rng.random() < 0.5:
        source = draft.chain(draft.rekeyed(source), 2)
    draft.sink(source)


def _branches(draft: _Draft) -> None:
    source = draft.chain(draft.stream(), 1)
    left, right = draft.chain(source, 2), draft.add("map", draft.chain(source, 1), add=1)
    other = draft.chain(draft.stream(), 1)
    merged = draft.add("merge", left, right)
    if draft.rng.random() < 0.5:
        merged = draft.add("merge", merged, other)
    else:
        draft.sink(other, "out-shared")
    draft.sink(draft.chain(merged, 1), "out-shared")
    draft.sink(left)


def _flat(draft: _Draft) -> None:
    spread = draft.add("flat_map", draft.chain(draft.stream(), 1))
    draft.sink(draft.chain(spread, 1), "out-shared")
    draft.sink(draft.chain(spread, 1), "out-shared")


def _aggregate(draft: _Draft) -> None:
    source = draft.chain(draft.stream(), 2)
    if draft.rng.random() < 0.3:
        source = draft.rekeyed(source)
    table = draft.add("aggregate", draft.grouped(source), store="counts")
    table = draft.table_chain(table, 2)
    draft.sink(draft.add("to_stream", table))


def _windowed(draft: _Draft) -> None:
    source = draft.grouped(draft.chain(draft.stream(), 2))
    size = draft.window_ms
    advance = size if draft.rng.random() < 0.6 else draft.rng.randint(1, size)
    table = draft.add("windowed", source, store="windows", size=size, advance=advance, grace=draft.grace_ms)
    table = draft.table_chain(table, 2)
    draft.sink(draft.add("to_stream", table), window="time", size=size)


def _final(draft: _Draft) -> None:
    source = draft.grouped(draft.stream())
    size, grace = draft.window_ms, draft.grace_ms
    if draft.rng.random() < 0.5:
        table = draft.add("windowed", source, store="windows", size=size, advance=size, grace=grace, final=True)
    else:
        table = draft.add("windowed", source, store="windows", size=size, advance=size, grace=grace)
        table = draft.add("suppress", table, grace=grace)
    draft.sink(draft.add("to_stream", table), window="time", size=size)


def _session(draft: _Draft) -> None:
    source = draft.grouped(draft.chain(draft.stream(), 1))
    final = draft.rng.random() < 0.3
    table = draft.add("session", source, store="sessions", gap=draft.window_ms, grace=draft.grace_ms, final=final)
    draft.sink(draft.add("to_stream", table), window="session")


def _table(draft: _Draft) -> None:
    stored = draft.rng.random() < 0.5
    draft.sink(draft.add("to_stream", draft.table_chain(draft.table(stored=stored), 3, tracked=stored)))


def _table_groups(draft: _Draft) -> None:
    table = draft.table_chain(draft.table(), 2)
    name = "regrouped"
    draft.outputs.append(f"case-{name}-repartition")
    nulls = draft.rng.random() < 0.4
    grouped = draft.add("group_table", table, mod=draft.rng.randint(1, 4), nulls=nulls, name=name)
    draft.sink(draft.add("to_stream", draft.add("table_aggregate", grouped, store="groups")))


def _stream_table(draft: _Draft) -> None:
    table = draft.table_chain(draft.table(), 2)
    source = draft.chain(draft.stream(), 2)
    left = draft.rng.random() < 0.5
    if draft.rng.random() < 0.4:
        source = draft.rekeyed(source, keeps_null=left)
    joined = draft.add("join_table", source, table, left=left, left_width=2, right_width=2)
    if draft.rng.random() < 0.4:
        table = draft.add("aggregate", draft.grouped(draft.chain(joined, 1)), store="counts")
        joined = draft.add("to_stream", table)
    draft.sink(draft.chain(joined, 1))


def _tables(draft: _Draft) -> None:
    left, right = draft.table(), draft.table()
    kind = draft.rng.choice(["inner", "left", "outer"])
    joined = draft.add("table_join", left, right, kind=kind, left_width=2, right_width=2)
    draft.sink(draft.add("to_stream", joined))


def _streams(draft: _Draft) -> None:
    left, right = draft.chain(draft.stream(), 1), draft.chain(draft.stream(), 1)
    before, after = draft.rng.choice([0, 5, 20]), draft.rng.choice([0, 5, 20])
    kind = draft.rng.choice(["inner", "left", "outer"])
    joined = draft.add(
        "stream_join",
        left,
        right,
        kind=kind,
        before=before,
        after=after,
        grace=draft.grace_ms,
        left_width=2,
        right_width=2,
    )
    draft.sink(joined)


SHAPES: dict[str, Callable[[_Draft], None]] = {
    "stateless": _stateless,
    "branches": _branches,
    "flat": _flat,
    "aggregate": _aggregate,
    "windowed": _windowed,
    "final": _final,
    "session": _session,
    "table": _table,
    "table-groups": _table_groups,
    "stream-table": _stream_table,
    "tables": _tables,
    "streams": _streams,
}
_COMMON = ("stateless", "aggregate", "windowed", "table", "stream-table")


def _headers(rng: random.Random) -> Headers:
    if rng.random() < 0.8:
        return ()
    return tuple((rng.choice(["h", "trace", ""]), rng.choice([None, b"", b"v"])) for _ in range(rng.randint(1, 2)))


def _value(rng: random.Random) -> bytes | None:
    kind = rng.random()
    if kind < 0.15:
        return None
    if kind < 0.2:
        return b",x"
    if kind < 0.22:
        return b"%d,big" % rng.choice([2**62, -(2**62), 2**63 - 1])
    return b"%d,%s" % (rng.randint(-10, 12), rng.choice([b"x", b"y", b"z1"]))


def random_records(rng: random.Random, topics: list[str], scale_ms: int) -> tuple[RawRecord, ...]:
    """Return records with ties, disorder, nulls and tombstones; times move on by about `scale_ms`."""
    records: list[RawRecord] = []
    now = 0
    step_ms = max(1, scale_ms // 3) if rng.random() < 0.25 else 1  # coarse clocks make many ties
    offsets = dict.fromkeys(topics, 0)
    for _ in range(rng.randint(1, RECORDS_MAX)):
        topic = rng.choice(topics)
        step = rng.random()
        if step < 0.55:
            now += rng.randint(0, max(1, scale_ms // 2))
        elif step < 0.6:
            now += scale_ms * 3
        late = rng.choice([0, 0, 0, 1, scale_ms, scale_ms + 5, rng.randint(0, 4 * scale_ms)])
        key = None if rng.random() < 0.08 else rng.choice(KEYS)
        timestamp = max(0, now - late) // step_ms * step_ms
        records.append(RawRecord(topic, key, _value(rng), timestamp, _headers(rng), 0, offsets[topic]))
        offsets[topic] += 1
    return tuple(records)


def random_case(seed: int, shape: str = "") -> Case:
    """Return the case of a seed.

    Args:
        shape: one of `SHAPES`; empty chooses one.
    """
    rng = random.Random(seed)
    draft = _Draft(rng)
    name = shape or rng.choice([*SHAPES, *_COMMON])
    SHAPES[name](draft)
    interval = rng.choice(["0", "0", "1000"])
    settings = {OUTER_JOIN_INTERVAL: interval, WINDOWED_INTERVAL: interval}
    if not any(node.get("final") for node in draft.nodes):
        settings[STORE_SUPPLIERS] = IN_MEMORY  # much faster; it forgets closed windows one millisecond earlier
    records = random_records(rng, draft.inputs, draft.window_ms)
    return Case("case", tuple(draft.nodes), records, tuple(draft.outputs), settings)
