"""Faults for the operators of the streams library: each must be seen by the differential against Kafka Streams."""

# pyright: reportPrivateUsage=false, reportUnknownLambdaType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Protocol

from kappaflow.state import JoinWindowStore, SessionStore, UnmatchedLists, VersionedStore
from kappaflow.streams.dsl import binding, processor_api, table_steps, transformed_table
from kappaflow.streams.dsl.processor_api import WALL_CLOCK_TIME
from kappaflow.streams.dsl.stores import KeyValueStore, StoreDefinition
from kappaflow.streams.dsl.table import KTable
from kappaflow.streams.dsl.window_stores import SessionStoreView, WindowStore
from kappaflow.streams.processors import (
    base,
    buffered_join,
    foreign_key_sides,
    records,
    self_join,
    sliding,
    stream_stream_join,
    suppress_buffer,
    table,
    table_regroup,
    unlimited,
    view_joins,
)
from kappaflow.streams.processors.foreign_key_protocol import Instruction
from kappaflow.streams.processors.table_views import FilterView, JoinView
from kappaflow.streams.record import Change, Record
from kappaflow.testing import topology_test_driver

Plant = Callable[["Patch"], None]


class Patch(Protocol):
    """Sets attributes until a test ends; pytest's monkeypatch."""

    def setattr(self, target: Any, name: str, value: Any, raising: bool = True) -> None:
        """Set an attribute."""
        ...


def _changed(owner: Any, name: str, change: Callable[[Any], Any]) -> Plant:
    """Replace a method by what `change` makes of it."""
    return lambda patch: patch.setattr(owner, name, change(vars(owner)[name]))


def _shifted(attribute: str, by: int) -> Callable[[Any], Any]:
    """A constructor that ends with another number."""

    def change(right: Any) -> Any:
        def init(self: Any, *arguments: Any, **named: Any) -> None:
            right(self, *arguments, **named)
            setattr(self, attribute, getattr(self, attribute) + by)

        return init

    return change


def _older(right: Any) -> Any:
    def process(self: Any, record: Record, port: int = 0) -> None:
        forward = self.forward

        def with_own_time(made: Record) -> None:
            made.timestamp = record.timestamp
            forward(made)

        self.forward = with_own_time
        right(self, record, port)
        del self.forward

    return process


def _without_headers(right: Any) -> Any:
    def process(self: Any, record: Record, port: int = 0) -> None:
        right(self, Record(record.key, record.value, record.timestamp, (), record.topic, 0, record.offset), port)

    return process


def _never_new(right: Any) -> Any:
    def process(self: Any, record: Record, port: int = 0) -> None:
        change: Change = record.value
        right(self, record.with_value(Change(change.new, None)), port)

    return process


def _addition_first(right: Any) -> Any:
    def process(self: Any, record: Record, port: int = 0) -> None:
        forward, held = self.forward, list[Record]()
        self.forward = held.append
        right(self, record, port)
        del self.forward
        for made in reversed(held):
            forward(made)

    return process


def _always_registers(right: Any) -> Any:
    def register(self: Any, record: Record, foreign: Any, instruction: Instruction) -> None:
        kept = Instruction.PROPAGATE_ONLY_IF_VALUE
        right(self, record, foreign, instruction if instruction is not Instruction.PROPAGATE_NULL_IF_NO_VALUE else kept)

    return register


def _believes_every_answer(patch: Patch) -> None:
    patch.setattr(foreign_key_sides, "murmur3_128", lambda _data: b"0" * 16)


def _takes_the_last(right: Any) -> Any:
    def init(self: Any, name: str, context: Any, choices: Any) -> None:
        right(self, name, context, choices)
        self._choices.reverse()

    return init


def _resets_the_time(right: Any) -> Any:
    def hold(self: Any, key: bytes, time: int, buffered: Any) -> None:
        if key in self._times:
            self._order.remove((self._times.pop(key), key))
        right(self, key, time, buffered)

    return hold


def _misses_intervals(right: Any) -> Any:
    def call(self: Any, now_ms: int) -> None:
        right(self, now_ms)
        self.next_ms = max(self.next_ms, now_ms + self.interval_ms)

    return call


def _without(right: Any, attribute: str) -> Any:
    """A constructor that ends without a choice."""

    def init(self: Any, *arguments: Any, **named: Any) -> None:
        right(self, *arguments, **named)
        setattr(self, attribute, False)

    return init


def _keeps_without_headers(self: Any, record: Record, port: int) -> None:
    self.context.headers = ()
    self.stores[port].add(self.write_keys[port](record.key), record.timestamp, record.value)


def _holds_all(self: Any, record: Record, port: int = 0) -> None:
    if record.key is None or record.value is None:
        view_joins.StreamViewJoinProcessor.process(self, record, port)
        return
    self._hold(record)
    self._release()


DSL_FAULTS: dict[str, Plant] = {
    "sliding windows are one short": _changed(
        sliding.SlidingAggregateProcessor, "__init__", _shifted("_difference", -1)
    ),
    "sliding grace is one long": _changed(sliding.SlidingAggregateProcessor, "__init__", _shifted("_grace", 1)),
    "no window begins behind a record": lambda patch: patch.setattr(
        sliding.SlidingAggregateProcessor, "_begin_right", lambda *_: None
    ),
    "an unlimited window begins late": _changed(
        unlimited.UnlimitedAggregateProcessor,
        "process",
        lambda right: (
            lambda self, record, port=0: right(self, record, port) if record.timestamp > self.start_ms + 5 else None
        ),
    ),
    "the last branch takes a record": _changed(records.BranchProcessor, "__init__", _takes_the_last),
    "a mapped record has no headers": _changed(records.MapProcessor, "process", _without_headers),
    "a joined row has the time of its change": _changed(view_joins.TableJoinSideProcessor, "process", _older),
    "an inner join keeps rows without a partner": _changed(
        table_steps.JoinSide,
        "__init__",
        lambda right: (
            lambda self, own, other, joiner, **_: right(self, own, other, joiner, keeps_own=True, keeps_other=True)
        ),
    ),
    "a filtered table shows all rows": lambda patch: patch.setattr(
        FilterView, "get", lambda self, key: self._parent.get(key)
    ),
    "a joined table shows no rows": lambda patch: patch.setattr(JoinView, "get", lambda _self, _key: None),
    "old rows stay in their group": _changed(table_regroup.RegroupTableProcessor, "process", _never_new),
    "additions come before subtractions": _changed(table_regroup.RegroupTableProcessor, "process", _addition_first),
    "a changed foreign key gives no deletion": _changed(
        foreign_key_sides.RegisteringProcessor, "_register", _always_registers
    ),
    "answers to older rows are believed": _believes_every_answer,
    "a later change waits anew": _changed(suppress_buffer.SuppressBufferProcessor, "_hold", _resets_the_time),
    "a full buffer holds one more": _changed(
        suppress_buffer.SuppressBufferProcessor,
        "_is_full",
        lambda _: lambda self: self._limits.records is not None and len(self._order) > self._limits.records + 1,
    ),
    "a record is not joined with itself": lambda patch: patch.setattr(
        self_join.SelfJoinProcessor,
        "_emit",
        lambda self, record, left, right, at: (
            None
            if left is right
            else self.forward(Record(record.key, self._joiner(record.key, left, right), at, record.headers))
        ),
    ),
    "schedules are not aligned": _changed(base.Punctuation, "call", _misses_intervals),
    "versions of any age are taken": _changed(VersionedStore, "__init__", _shifted("history_ms", 1_000)),
    "versions are kept one millisecond longer": _changed(VersionedStore, "__init__", _shifted("history_ms", 1)),
    "a version is valid one millisecond late": _changed(
        VersionedStore, "at", lambda right: lambda self, key, timestamp: right(self, key, timestamp - 1)
    ),
    "the time of a deletion is forgotten": _changed(
        VersionedStore,
        "_put_latest",
        lambda right: (
            lambda self, key, data, timestamp: (
                right(self, key, data, timestamp) if data is not None else self.rows.put(key + b"\xff" * 8, None, 0)
            )
        ),
    ),
    "earlier versions count as the latest": lambda patch: patch.setattr(table, "is_latest", lambda _: True),
    "versions that were not taken go on": lambda patch: patch.setattr(table, "is_kept", lambda _: True),
    "a join sees the latest version": lambda patch: patch.setattr(
        view_joins.StreamViewJoinProcessor, "_look_up", lambda self, key, _: self._view.get(key)
    ),
    "records wait one millisecond less": _changed(
        buffered_join.BufferedViewJoinProcessor, "__init__", _shifted("_grace_ms", -1)
    ),
    "records leave a buffer the last first": lambda patch: patch.setattr(
        buffered_join, "list", lambda found: sorted(found, reverse=True), raising=False
    ),
    "late records go through the buffer": _changed(
        buffered_join.BufferedViewJoinProcessor, "process", lambda _: _holds_all
    ),
    "a joined table takes earlier versions": _changed(
        view_joins.TableJoinSideProcessor, "__init__", lambda right: _without(right, "_latest_only")
    ),
    "a regrouped table takes earlier versions": _changed(
        table_regroup.RegroupTableProcessor, "__init__", lambda right: _without(right, "_latest_only")
    ),
    "a foreign key takes earlier versions": _changed(
        foreign_key_sides.RegisteringProcessor, "__init__", lambda right: _without(right, "_latest_only")
    ),
    "windows have no number in their changelog": lambda patch: patch.setattr(StoreDefinition, "_key_suffix", b""),
    "a record without a value leaves no trace in a join": _changed(
        JoinWindowStore,
        "add",
        lambda right: lambda self, key, time, row: None if row is None else right(self, key, time, row),
    ),
    "the changelog of a join has no headers": lambda patch: patch.setattr(
        stream_stream_join.StreamStreamJoinProcessor, "_keep", _keeps_without_headers
    ),
    "an ended session leaves its changelog at its end": _changed(
        SessionStore,
        "put_session",
        lambda right: (
            lambda self, key, start, end, state, time: right(
                self, key, start, end, state, end if state is None else time
            )
        ),
    ),
    "an unmatched record takes the place of another": lambda patch: patch.setattr(
        UnmatchedLists,
        "add",
        lambda self, time, side, key, row: self.rows.put(
            time.to_bytes(8, "big") + bytes((side,)) + key, (side, [row]), time
        ),
    ),
    "a buffer keeps the time of the last change": _changed(
        suppress_buffer.SuppressBufferProcessor,
        "_hold",
        lambda right: (
            lambda self, key, time, buffered: right(self, key, time, dataclasses.replace(buffered, time=time))
        ),
    ),
    "deletions are not transformed": _changed(
        transformed_table.TransformTableProcessor,
        "process",
        lambda right: lambda self, record, port=0: right(self, record, port) if record.value.new is not None else None,
    ),
    "old values are not transformed": _changed(
        transformed_table.TransformTableProcessor, "__init__", lambda right: _without(right, "_sends_old")
    ),
    "a schedule by the clock is due one interval later": _changed(
        processor_api.ProcessorContext,
        "schedule",
        lambda right: (
            lambda self, interval, kind, callback, **_: right(
                self, interval, kind, callback, start_ms=2 * interval if kind == WALL_CLOCK_TIME else None
            )
        ),
    ),
    "a cancelled schedule goes on": lambda patch: patch.setattr(base.Punctuation, "cancel", lambda _: None),
    "a range has no upper bound": _changed(
        KeyValueStore, "range", lambda right: lambda self, low=None, high=None, **how: right(self, low, None, **how)
    ),
    "a scan backwards goes forwards": _changed(
        KeyValueStore, "range", lambda right: lambda self, low=None, high=None, **_: right(self, low, high)
    ),
    "a prefix is the first key of a scan": lambda patch: patch.setattr(
        KeyValueStore, "prefix_scan", lambda self, prefix: self.range(prefix)
    ),
    "windows of a range of keys are of all": _changed(
        WindowStore,
        "fetch_keys",
        lambda right: lambda self, low, high, earliest, latest, **how: right(self, None, None, earliest, latest, **how),
    ),
    "sessions backwards come forwards": _changed(
        SessionStoreView, "find_sessions", lambda right: lambda self, key, end, start, **_: right(self, key, end, start)
    ),
    "a table keeps what it should drop": _changed(
        KTable,
        "_filter",
        lambda right: lambda self, predicate, given, name, negated: right(self, predicate, given, name, negated=False),
    ),
    "a partitioner drops nothing": lambda patch: patch.setattr(
        topology_test_driver, "partitions_of", lambda *_: (None,)
    ),
    "an extractor sees no time of its partition": _changed(
        binding._Extractor, "extract", lambda right: lambda self, record, _: right(self, record, -1)
    ),
}
