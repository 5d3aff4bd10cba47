"""From a described program to ours."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from kappaflow.streams.dsl.builder import StreamsBuilder
from kappaflow.streams.dsl.serdes import Serdes
from kappaflow.streams.dsl.stores import Materialized, key_value_store, lru_store, versioned_key_value_store
from kappaflow.streams.dsl.suppressed import Suppressed
from kappaflow.streams.dsl.topology import Topology
from kappaflow.streams.dsl.window_stores import session_store, window_store
from kappaflow.streams.dsl.windows import (
    JoinWindows,
    SessionWindows,
    SlidingWindows,
    TimeWindows,
    UnlimitedWindows,
)
from kappaflow.streams.record import Record
from kappaflow.testing.described_streams.functions import (
    Filling,
    Looking,
    Numbering,
    Op,
    Remembering,
    Transforming,
    Versioning,
    Windowing,
    add,
    cap,
    fold,
    group,
    join,
    keeps,
    key_text,
    shown,
)
from kappaflow.testing.described_streams.program import Program

TEXT = Serdes.string()


def build(program: Program) -> Topology:
    """Make the topology of a program."""
    return written_with(_Making(), program)


def written_with(making: _Making, program: Program) -> Topology:
    """Make the topology of a program, operator by operator."""
    for op in program.ops:
        making.made[op["id"]] = getattr(making, op["op"])(op, *(making.made[each] for each in op["in"]))
    return making.builder.build(program.optimize.split(",") if program.optimize else ())


class _Making:
    """One method an operator; its inputs are what earlier operators returned."""

    def __init__(self) -> None:
        self.builder = StreamsBuilder(key_serde=TEXT, value_serde=TEXT)
        self.made: dict[str, Any] = {}

    def stream(self, op: Op) -> Any:
        timestamp = _shifted(op["shift"]) if "shift" in op else None
        topics, name = op["topics"], op.get("name")
        return self.builder.stream(topics, key_serde=TEXT, value_serde=TEXT, timestamp=timestamp, name=name)

    def table(self, op: Op) -> Any:
        kept = stored(op) if "store" in op else None
        return self.builder.table(op["topic"], kept, key_serde=TEXT, value_serde=TEXT, name=op.get("name"))

    def global_table(self, op: Op) -> Any:
        return self.builder.global_table(op["topic"], key_serde=TEXT, value_serde=TEXT)

    def global_store(self, op: Op) -> str:
        store = key_value_store(op["store"], key_serde=TEXT, value_serde=TEXT)
        self.builder.add_global_store(store, op["topic"], lambda: Filling(op["store"]))
        return op["store"]

    def look_up(self, op: Op, stream: Any, store: str) -> Any:
        return stream.process(lambda: Looking(op, store), name=op.get("name"))

    def print(self, op: Op, stream: Any) -> None:
        stream.print(to=os.devnull, name=op.get("name"))

    def filter(self, op: Op, stream: Any) -> Any:
        return stream.filter(lambda value: keeps(op, value), name=op.get("name"))

    def filter_not(self, op: Op, stream: Any) -> Any:
        return stream.filter_not(lambda value: keeps(op, value), name=op.get("name"))

    def map_values(self, op: Op, stream: Any) -> Any:
        return stream.map_values(lambda value: add(op, value), name=op.get("name"))

    def flat_map_values(self, op: Op, stream: Any) -> Any:
        def several(value: str | None) -> list[str]:
            return [] if value is None else [cap(f"{value}{i}") for i in range(len(value) % 3)]

        return stream.flat_map_values(several, name=op.get("name"))

    def map(self, op: Op, stream: Any) -> Any:
        return stream.map(lambda value: (group(op, value), add(op, value)), name=op.get("name"))

    def flat_map(self, op: Op, stream: Any) -> Any:
        def several(value: str | None) -> list[tuple[str, str]]:
            return [] if value is None else [(f"k{i}", value) for i in range(len(value) % 3)]

        return stream.flat_map(several, name=op.get("name"))

    def select_key(self, op: Op, stream: Any) -> Any:
        return stream.select_key(lambda value: group(op, value), name=op.get("name"))

    def peek(self, op: Op, stream: Any) -> Any:
        return stream.peek(lambda _: None, name=op.get("name"))

    def merge(self, op: Op, stream: Any, other: Any) -> Any:
        return stream.merge(other, name=op.get("name"))

    def branch(self, op: Op, stream: Any) -> Any:
        branches = (
            stream.split(name=op.get("name"))
            .branch(lambda value: value is not None and len(value) % op["mod"] == 0, name="first")
            .branch(lambda key, _value: key is None, name="second")
            .default_branch(name="rest")
        )
        return next(branch for name, branch in branches.items() if name.endswith(op["branch"]))

    def repartition(self, op: Op, stream: Any) -> Any:
        return stream.repartition(name=op.get("name"), key_serde=TEXT, value_serde=TEXT)

    def process(self, op: Op, stream: Any) -> Any:
        self.builder.add_state_store(key_value_store(op["store"], key_serde=TEXT, value_serde=TEXT))
        return stream.process(lambda: Remembering(op), op["store"], name=op.get("name"))

    def versions(self, op: Op, stream: Any) -> Any:
        store = versioned_key_value_store(op["store"], op["history"], key_serde=TEXT, value_serde=TEXT)
        self.builder.add_state_store(store)
        return stream.process(lambda: Versioning(op), op["store"], name=op.get("name"))

    def windows(self, op: Op, stream: Any) -> Any:
        name, serdes = op["store"], dict[str, Any](key_serde=TEXT, value_serde=TEXT)
        memory = op.get("memory", False)
        self.builder.add_state_store(window_store(f"{name}-w", op["retention"], 5, **serdes, in_memory=memory))
        self.builder.add_state_store(session_store(f"{name}-s", op["retention"], **serdes, in_memory=memory))
        self.builder.add_state_store(lru_store(f"{name}-l", 2, **serdes))
        stores = (f"{name}-w", f"{name}-s", f"{name}-l")
        return stream.process(lambda: Windowing(op), *stores, name=op.get("name"))

    def with_keys(self, op: Op, stream: Any) -> Any:
        return stream.filter(lambda key, _value: key is not None, name=op.get("name"))

    def process_values(self, op: Op, stream: Any) -> Any:
        self.builder.add_state_store(key_value_store(op["store"], key_serde=TEXT, value_serde=TEXT))
        return stream.process_values(lambda: Numbering(op), op["store"], name=op.get("name"))

    def to_table(self, op: Op, stream: Any) -> Any:
        return stream.to_table(stored(op), name=op.get("name"))

    def to(self, op: Op, stream: Any) -> None:
        topic: Any = op["topic"]
        if op.get("chosen"):
            topic = _chosen(op["topic"])
        partitioner = _dropping(op["drops"]) if "drops" in op else None
        stream.to(topic, key_serde=TEXT, value_serde=TEXT, partitioner=partitioner, name=op.get("name"))

    def group_by_key(self, op: Op, stream: Any) -> Any:
        return stream.group_by_key(name=op.get("name"), key_serde=TEXT, value_serde=TEXT)

    def group_by(self, op: Op, stream: Any) -> Any:
        return stream.group_by(lambda value: group(op, value), name=op.get("name"), key_serde=TEXT, value_serde=TEXT)

    def counted(self, op: Op, grouped: Any) -> Any:
        kept = stored(op, Serdes.long()) if "store" in op else None
        return self._windowed(op, grouped).count(kept, name=op.get("name"))

    def _windowed(self, op: Op, grouped: Any) -> Any:
        windowed = grouped if not op.get("window") else grouped.windowed_by(windows_of(op))
        return windowed.emit_strategy("on_window_close") if op.get("final") else windowed

    def aggregate(self, op: Op, grouped: Any) -> Any:
        if op["how"] == "count":
            return self.counted(op, grouped).map_values(str)
        windowed, name, is_stored = self._windowed(op, grouped), op.get("name"), "store" in op
        match op["how"]:
            case "reduce":
                return windowed.reduce(join, stored(op) if is_stored else None, name=name)
            case _:
                merger = (join,) if op.get("window") == "session" else ()
                kept = stored(op)
                return windowed.aggregate(lambda: "i", fold, *merger, kept, name=name)

    def cogroup(self, op: Op, *grouped: Any) -> Any:
        cogrouped: Any = None
        for each, name in zip(grouped, op["in"], strict=True):

            def folding(value: Any, aggregate: str, name: str = name) -> str:
                return cap(aggregate + name + shown(value))

            cogrouped = each.cogroup(folding) if cogrouped is None else cogrouped.cogroup(each, folding)
        kept, name = stored(op), op.get("name")
        if not op.get("window"):
            return cogrouped.aggregate(lambda: "i", kept, name=name)
        merger = join if op["window"] == "session" else None
        return cogrouped.windowed_by(windows_of(op)).aggregate(lambda: "i", merger, kept, name=name)

    def join_streams(self, op: Op, left: Any, right: Any) -> Any:
        windows = JoinWindows(op["before"], op["after"], op["grace"])
        how = {"inner": left.join, "left": left.left_join, "outer": left.outer_join}[op["kind"]]
        return how(
            right,
            join,
            windows,
            key_serde=TEXT,
            value_serde=TEXT,
            other_value_serde=TEXT,
            name=op.get("name"),
            store_name=op.get("store"),
        )

    def join_table(self, op: Op, stream: Any, table: Any) -> Any:
        how = stream.left_join if op["kind"] == "left" else stream.join
        return how(table, join, key_serde=TEXT, value_serde=TEXT, grace=op.get("grace"), name=op.get("name"))

    def join_global(self, op: Op, stream: Any, table: Any) -> Any:
        how = stream.left_join if op["kind"] == "left" else stream.join
        return how(table, lambda value: group(op, value), join, name=op.get("name"))

    def table_filter(self, op: Op, table: Any) -> Any:
        return table.filter(lambda value: keeps(op, value), self._own(op), name=op.get("name"))

    def table_filter_not(self, op: Op, table: Any) -> Any:
        return table.filter_not(lambda value: keeps(op, value), self._own(op), name=op.get("name"))

    def table_map_values(self, op: Op, table: Any) -> Any:
        return table.map_values(lambda value: add(op, value), self._own(op), name=op.get("name"))

    def transform_values(self, op: Op, table: Any) -> Any:
        return table.transform_values(lambda: Transforming(op), materialized=self._own(op), name=op.get("name"))

    def foreach(self, op: Op, stream: Any) -> None:
        stream.foreach(lambda _: None, name=op.get("name"))

    def _own(self, op: Op) -> Materialized | None:
        if op.get("windowed") or not ("store" in op or op.get("materialized")):
            return None
        return stored(op)

    def to_stream(self, op: Op, table: Any) -> Any:
        mapper = (lambda key, _value: key_text(key)) if op.get("windowed") else None
        return table.to_stream(mapper, name=op.get("name"))

    def suppress(self, op: Op, table: Any) -> Any:
        if op.get("final"):
            return table.suppress(Suppressed.until_window_closes(name=op.get("name")))
        limits = dict[str, Any](max_records=op.get("records"), max_bytes=op.get("bytes"))
        limit = Suppressed.until_time_limit(op["wait"], **limits, name=op.get("name"))
        return table.suppress(limit)

    def table_group_by(self, op: Op, table: Any) -> Any:
        return table.group_by(
            lambda key, value: (group(op, value), cap(shown(key_text(key)) + value)),
            name=op.get("name"),
            key_serde=TEXT,
            value_serde=TEXT,
        )

    def table_aggregate(self, op: Op, grouped: Any) -> Any:
        name, is_stored = op.get("name"), "store" in op

        def subtract(value: str, aggregate: str) -> str:
            return cap(f"{aggregate}~{value}")

        match op["how"]:
            case "count":
                kept = stored(op, Serdes.long()) if is_stored else None
                return grouped.count(kept, name=name).map_values(str)
            case "reduce":
                kept = stored(op) if is_stored else None
                return grouped.reduce(join, lambda aggregate, value: subtract(value, aggregate), kept, name=name)
            case _:
                return grouped.aggregate(lambda: "i", fold, subtract, stored(op), name=name)

    def join_tables(self, op: Op, left: Any, right: Any) -> Any:
        how = {"inner": left.join, "left": left.left_join, "outer": left.outer_join}[op["kind"]]
        return how(right, join, self._own(op), name=op.get("name"))

    def join_foreign(self, op: Op, left: Any, right: Any) -> Any:
        how = left.left_join if op["kind"] == "left" else left.join
        kept = stored(op)
        return how(right, join, kept, foreign_key=lambda value: group(op, value), name=op.get("name"))


Making = _Making


def _shifted(by: int) -> Callable[[Record, int], int]:
    return lambda record, partition_time: max(record.timestamp + by, partition_time)


def _dropping(length: int) -> Callable[[Record, int], list[int]]:
    return lambda record, _count: [] if record.value is not None and len(record.value) % length == 0 else [0]


def _chosen(topic: str) -> Callable[[Record], str]:
    def chosen(record: Record) -> str:
        return topic + ("-null" if record.value is None else "")

    chosen.__qualname__ = "chosen"
    return chosen


def stored(op: Op, values: Any = TEXT) -> Materialized:
    """Return how the rows of an operator are kept."""
    return Materialized(
        op.get("store"),
        TEXT,
        values,
        history_retention_ms=op.get("history"),
        caching=not op.get("uncached", False),
        in_memory=op.get("memory", False),
    )


def windows_of(op: Op) -> Any:
    """Return the windows of an aggregation."""
    match op["window"]:
        case "session":
            return SessionWindows(op["gap"], op["grace"])
        case "sliding":
            return SlidingWindows(op["size"], op["grace"])
        case "unlimited":
            return UnlimitedWindows(op["start"])
        case _:
            return TimeWindows(op["size"], op["advance"], op["grace"])
