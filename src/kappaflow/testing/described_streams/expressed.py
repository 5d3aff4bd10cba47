"""From a described program to ours, with expressions in place of functions where there are such."""

from __future__ import annotations

from typing import Any

from kappaflow.streams.dsl.serdes import Serdes
from kappaflow.streams.dsl.topology import Topology
from kappaflow.streams.dsl.windows import JoinWindows
from kappaflow.streams.expressions.nodes import Expression, col, lit, when
from kappaflow.testing.described_streams.build import TEXT, Making, stored, windows_of, written_with
from kappaflow.testing.described_streams.functions import LONGEST, Op
from kappaflow.testing.described_streams.program import Program


def build_expressed(program: Program, *, functions: bool = True) -> Topology:
    """Make the topology of a program.

    Args:
        functions: where an operator takes functions only it gets one; otherwise an operator of expressions stands in
            its place, so that nearly all of the program runs as columns.
    """
    return written_with(_Expressing() if functions else _ExpressingAll(), program)


def _keeps(op: Op) -> Expression:
    nulls = bool(op.get("nulls", False))
    return when(col.value.is_null()).then(nulls).otherwise(col.value.length() % op["mod"] != 0)


def _add(op: Op) -> Expression:
    return (col.value + op["add"]).slice(-LONGEST)


def _group(op: Op) -> Expression:
    nulls = bool(op.get("nulls", False))
    rest = col.value.length() % op["mod"]
    of_null = when(col.value.is_null()).then(None if nulls else "kn")
    return of_null.when((rest == 0) & lit(nulls)).then(None).otherwise("k" + rest.cast(str))


def _shown(side: Expression) -> Expression:
    return side.fill_null("-")


_JOIN = (_shown(col.left()) + "+" + _shown(col.right())).slice(-LONGEST)


def _fold(between: str = "") -> Expression:
    """What `fold` of the functions does, and that of cogrouped streams."""
    return (col.left() + lit(between) + _shown(col.right())).slice(-LONGEST)


def _key_text(op: Op) -> Expression:
    """What `key_text` makes of a key."""
    if not op.get("windowed"):
        return col.key
    return col.key + "@" + col.window_start.cast(str) + "-" + col.window_end.cast(str)


class _Expressing(Making):
    """The operators that take expressions."""

    def filter(self, op: Op, stream: Any) -> Any:
        return stream.filter(_keeps(op), name=op.get("name"))

    def filter_not(self, op: Op, stream: Any) -> Any:
        return stream.filter_not(_keeps(op), name=op.get("name"))

    def map_values(self, op: Op, stream: Any) -> Any:
        return stream.map_values(_add(op), name=op.get("name"))

    def map(self, op: Op, stream: Any) -> Any:
        return stream.map((_group(op), _add(op)), name=op.get("name"))

    def to_stream(self, op: Op, table: Any) -> Any:
        return table.to_stream(_key_text(op) if op.get("windowed") else None, name=op.get("name"))

    def select_key(self, op: Op, stream: Any) -> Any:
        return stream.select_key(_group(op), name=op.get("name"))

    def branch(self, op: Op, stream: Any) -> Any:
        branches = (
            stream.split(name=op.get("name"))
            .branch(col.value.is_not_null() & (col.value.length() % op["mod"] == 0), name="first")
            .branch(col.key.is_null(), name="second")
            .default_branch(name="rest")
        )
        return next(branch for name, branch in branches.items() if name.endswith(op["branch"]))

    def group_by(self, op: Op, stream: Any) -> Any:
        return stream.group_by(_group(op), name=op.get("name"), key_serde=TEXT, value_serde=TEXT)

    def with_keys(self, op: Op, stream: Any) -> Any:
        return stream.filter(col.key.is_not_null(), name=op.get("name"))

    def aggregate(self, op: Op, grouped: Any) -> Any:
        windowed, name, kept = self._windowed(op, grouped), op.get("name"), stored(op) if "store" in op else None
        match op["how"]:
            case "count":
                return self.counted(op, grouped).map_values(col.value.cast(str))
            case "reduce":
                return windowed.reduce(_JOIN, kept, name=name)
            case _:
                merger = (_JOIN,) if op.get("window") == "session" else ()
                return windowed.aggregate(lambda: "i", _fold(), *merger, stored(op), name=name)

    def cogroup(self, op: Op, *grouped: Any) -> Any:
        cogrouped: Any = None
        for each, name in zip(grouped, op["in"], strict=True):
            cogrouped = each.cogroup(_fold(name)) if cogrouped is None else cogrouped.cogroup(each, _fold(name))
        kept, named = stored(op), op.get("name")
        if not op.get("window"):
            return cogrouped.aggregate(lambda: "i", kept, name=named)
        merger = _JOIN if op["window"] == "session" else None
        return cogrouped.windowed_by(windows_of(op)).aggregate(lambda: "i", merger, kept, name=named)

    def table_group_by(self, op: Op, table: Any) -> Any:
        key = _group(op)
        value = (_shown(_key_text(op)) + col.value).slice(-LONGEST)
        return table.group_by((key, value), name=op.get("name"), key_serde=TEXT, value_serde=TEXT)

    def table_aggregate(self, op: Op, grouped: Any) -> Any:
        name, is_stored = op.get("name"), "store" in op
        less = (col.left() + lit("~") + _shown(col.right())).slice(-LONGEST)
        match op["how"]:
            case "count":
                kept = stored(op, Serdes.long()) if is_stored else None
                return grouped.count(kept, name=name).map_values(col.value.cast(str))
            case "reduce":
                return grouped.reduce(_JOIN, less, stored(op) if is_stored else None, name=name)
            case _:
                return grouped.aggregate(lambda: "i", _fold(), less, stored(op), name=name)

    def join_streams(self, op: Op, left: Any, right: Any) -> Any:
        windows = JoinWindows(op["before"], op["after"], op["grace"])
        how = {"inner": left.join, "left": left.left_join, "outer": left.outer_join}[op["kind"]]
        return how(
            right,
            _JOIN,
            windows,
            key_serde=TEXT,
            value_serde=TEXT,
            other_value_serde=TEXT,
            name=op.get("name"),
            store_name=op.get("store"),
        )

    def join_table(self, op: Op, stream: Any, table: Any) -> Any:
        how = stream.left_join if op["kind"] == "left" else stream.join
        return how(table, _JOIN, key_serde=TEXT, value_serde=TEXT, grace=op.get("grace"), name=op.get("name"))

    def join_global(self, op: Op, stream: Any, table: Any) -> Any:
        how = stream.left_join if op["kind"] == "left" else stream.join
        return how(table, _group(op), _JOIN, name=op.get("name"))

    def table_filter(self, op: Op, table: Any) -> Any:
        return table.filter(_keeps(op), self._own(op), name=op.get("name"))

    def table_filter_not(self, op: Op, table: Any) -> Any:
        return table.filter_not(_keeps(op), self._own(op), name=op.get("name"))

    def table_map_values(self, op: Op, table: Any) -> Any:
        return table.map_values(_add(op), self._own(op), name=op.get("name"))

    def join_tables(self, op: Op, left: Any, right: Any) -> Any:
        how = {"inner": left.join, "left": left.left_join, "outer": left.outer_join}[op["kind"]]
        return how(right, _JOIN, self._own(op), name=op.get("name"))

    def join_foreign(self, op: Op, left: Any, right: Any) -> Any:
        how = left.left_join if op["kind"] == "left" else left.join
        return how(right, _JOIN, stored(op), foreign_key=_group(op), name=op.get("name"))


class _ExpressingAll(_Expressing):
    """Operators of expressions in place of those that take functions only."""

    def flat_map_values(self, op: Op, stream: Any) -> Any:
        return stream.flat_map_values(col.value.split("+"), name=op.get("name"))

    def flat_map(self, op: Op, stream: Any) -> Any:
        parts = stream.flat_map_values(col.value.split("+"), name=op.get("name"))
        return parts.select_key("k" + (col.value.length() % 3).cast(str))

    def peek(self, op: Op, stream: Any) -> Any:
        return stream.filter(lit(True), name=op.get("name"))

    def foreach(self, op: Op, stream: Any) -> None:
        stream.to("seen", key_serde=TEXT, value_serde=TEXT, name=op.get("name"))

    def process(self, op: Op, stream: Any) -> Any:
        return stream.map((_shown(col.key) + "!", (_shown(col.value) + "p").slice(-LONGEST)), name=op.get("name"))

    versions = windows = process

    def look_up(self, op: Op, stream: Any, store: str) -> Any:
        return self.process(op, stream)

    def print(self, op: Op, stream: Any) -> None:
        self.foreach(op, stream)

    def stream(self, op: Op) -> Any:
        return super().stream({name: value for name, value in op.items() if name != "shift"})

    def process_values(self, op: Op, stream: Any) -> Any:
        return stream.map_values((_shown(col.key) + col.value).slice(-LONGEST), name=op.get("name"))

    def transform_values(self, op: Op, table: Any) -> Any:
        return table.map_values((col.value + "t").slice(-LONGEST), self._own(op), name=op.get("name"))

    def to(self, op: Op, stream: Any) -> None:
        stream.to(op["topic"], key_serde=TEXT, value_serde=TEXT, name=op.get("name"))
