"""From a described topology to ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from kappaflow.serde import Serde, WindowedKeySerde, format_serde
from kappaflow.serde.schema import Column, Namespace, WindowInfo, WindowType
from kappaflow.serde.types import BIGINT, STRING, DataType
from kappaflow.streams.topology import Topology, TopologyBuilder
from kappaflow.streams.topology import nodes as n
from kappaflow.testing.described_topologies.case import Case
from kappaflow.testing.described_topologies.comma_separated import CommaSeparated
from kappaflow.testing.described_topologies.functions import (
    AddNumber,
    AtLeast,
    CountSum,
    CountSumMax,
    KeyByRemainder,
    SideBySide,
    SpreadNumbers,
)

Types = tuple[DataType, ...]
SOURCE_TYPES: Types = (BIGINT, STRING)
KEY: Serde = format_serde("KAFKA", (Column("K", STRING, Namespace.KEY),), is_key=True)


def value_serde(types: Types) -> Serde:
    """Return the serde of comma-separated columns."""
    return CommaSeparated(tuple(Column(f"C{i}", t) for i, t in enumerate(types)))


def windowed_key(window: WindowInfo | None) -> Serde:
    """Return the serde of text keys, windowed where there is a window."""
    return KEY if window is None else cast("Serde", WindowedKeySerde(KEY, window))


def build(case: Case, columnar: bool = True) -> Topology:
    """Return the topology of a case.

    Args:
        columnar: false gives every second piece of user logic no column form.
    """
    return _Build(case, columnar).run()


class _Build:
    def __init__(self, case: Case, columnar: bool) -> None:
        self.case = case
        self.columnar = columnar
        self.builder = TopologyBuilder(case.application)
        self.made: dict[str, n.Node] = {}
        self.types: dict[str, Types] = {}
        self.windows: dict[str, WindowInfo | None] = {}

    def run(self) -> Topology:
        for position, node in enumerate(self.case.nodes):
            method: Callable[[dict[str, Any]], n.Node | None] = getattr(self, f"_{node['op']}")
            self.has_columns = self.columnar or position % 2 == 0
            parents = node["parents"]
            name = node["id"]
            self.types[name] = self.types[parents[0]] if parents else SOURCE_TYPES
            self.windows[name] = self.windows[parents[0]] if parents else None
            made = method(node)
            if made is not None:
                self.made[name] = made
        return self.builder.build()

    def _add(self, made: n.Node, node: dict[str, Any]) -> n.Node:
        return self.builder.add(made, *(self.made[parent] for parent in node["parents"]))

    def _in(self, node: dict[str, Any]) -> Serde:
        return value_serde(self.types[node["parents"][0]])

    def _spec(self, name: str, types: Types, window: WindowInfo | None = None, retention: int | None = None) -> Any:
        return n.StoreSpec(name, windowed_key(window), value_serde(types), types, window, retention)

    # sources and sinks

    def _stream(self, node: dict[str, Any]) -> n.Node:
        source = n.Source(name=node["id"], topic=node["topic"], key_serde=KEY, value_serde=value_serde(SOURCE_TYPES))
        return self._add(source, node)

    def _table(self, node: dict[str, Any]) -> n.Node:
        store = self._spec(node["store"], SOURCE_TYPES) if node["store"] else None
        values = value_serde(SOURCE_TYPES)
        source = n.TableSource(name=node["id"], topic=node["topic"], key_serde=KEY, value_serde=values, store=store)
        return self._add(source, node)

    def _sink(self, node: dict[str, Any]) -> n.Node:
        key = windowed_key(self.windows[node["parents"][0]])
        sink = n.Sink(name=node["id"], topic=node["topic"], key_serde=key, value_serde=self._in(node))
        return self._add(sink, node)

    # streams

    def _filter(self, node: dict[str, Any]) -> n.Node:
        predicate = AtLeast(node["min"], node.get("nulls", False), self.has_columns)
        return self._add(n.Filter(name=node["id"], predicate=predicate), node)

    def _map(self, node: dict[str, Any]) -> n.Node:
        return self._add(n.MapValues(name=node["id"], mapper=AddNumber(node["add"], self.has_columns)), node)

    def _flat_map(self, node: dict[str, Any]) -> n.Node:
        return self._add(n.FlatMapValues(name=node["id"], mapper=SpreadNumbers()), node)

    def _key_mapper(self, node: dict[str, Any]) -> KeyByRemainder:
        return KeyByRemainder(node["mod"], node.get("nulls", False), self.has_columns)

    def _select_key(self, node: dict[str, Any]) -> n.Node:
        drop = not node["keeps_null"]
        return self._add(n.SelectKey(name=node["id"], mapper=self._key_mapper(node), drop_null=drop), node)

    def _exchange(self, node: dict[str, Any], *, carries_changes: bool = False) -> n.Repartition:
        return n.Repartition(
            name=f"{node['id']}-exchange",
            topic=f"{self.case.application}-{node['name']}-repartition",
            key_serde=KEY,
            value_serde=self._in(node),
            carries_changes=carries_changes,
        )

    def _repartition(self, node: dict[str, Any]) -> n.Node:
        return self._add(self._exchange(node), node)

    def _group_by_key(self, node: dict[str, Any]) -> n.Node:
        return self.made[node["parents"][0]]

    def _group(self, node: dict[str, Any]) -> n.Node:
        keyed = self._add(n.SelectKey(name=node["id"], mapper=self._key_mapper(node), drop_null=True), node)
        return self.builder.add(self._exchange(node), keyed)

    def _merge(self, node: dict[str, Any]) -> n.Node:
        return self._add(n.Merge(name=node["id"]), node)

    def _to_stream(self, node: dict[str, Any]) -> n.Node:
        return self._add(n.ToStream(name=node["id"]), node)

    # aggregations

    def _aggregate(self, node: dict[str, Any]) -> n.Node:
        aggregator = CountSumMax(self.has_columns)
        self.types[node["id"]] = aggregator.state_types
        store = self._spec(node["store"], aggregator.state_types)
        return self._add(n.StreamAggregate(name=node["id"], aggregator=aggregator, store=store), node)

    def _windowed(self, node: dict[str, Any]) -> n.Node:
        aggregator = CountSumMax(self.has_columns)
        self.types[node["id"]] = aggregator.state_types
        window = WindowInfo(WindowType.TUMBLING, node["size"])
        self.windows[node["id"]] = window
        return self._add(
            n.WindowedAggregate(
                name=node["id"],
                aggregator=aggregator,
                store=self._spec(node["store"], aggregator.state_types, window, node["size"] + node["grace"]),
                size_ms=node["size"],
                advance_ms=node["advance"],
                grace_ms=node["grace"],
                emit_final=node.get("final", False),
            ),
            node,
        )

    def _session(self, node: dict[str, Any]) -> n.Node:
        aggregator = CountSumMax()
        self.types[node["id"]] = aggregator.state_types
        window = WindowInfo(WindowType.SESSION)
        self.windows[node["id"]] = window
        return self._add(
            n.SessionAggregate(
                name=node["id"],
                aggregator=aggregator,
                store=self._spec(node["store"], aggregator.state_types, window, node["gap"] + node["grace"]),
                gap_ms=node["gap"],
                grace_ms=node["grace"],
                emit_final=node.get("final", False),
            ),
            node,
        )

    def _suppress(self, node: dict[str, Any]) -> n.Node:
        parent = node["parents"][0]
        store = self._spec(f"{node['id']}-buffer", self.types[parent], self.windows[parent])
        return self._add(n.Suppress(name=node["id"], grace_ms=node["grace"], store=store), node)

    # tables

    def _table_filter(self, node: dict[str, Any]) -> n.Node:
        predicate = AtLeast(node["min"], columnar=self.has_columns)
        return self._add(n.TableFilter(name=node["id"], predicate=predicate, tracks_old=node["tracked"]), node)

    def _table_map(self, node: dict[str, Any]) -> n.Node:
        return self._add(n.TableMapValues(name=node["id"], mapper=AddNumber(node["add"], self.has_columns)), node)

    def _group_table(self, node: dict[str, Any]) -> n.Node:
        grouped = self._add(n.GroupTable(name=node["id"], key_mapper=self._key_mapper(node)), node)
        return self.builder.add(self._exchange(node, carries_changes=True), grouped)

    def _table_aggregate(self, node: dict[str, Any]) -> n.Node:
        aggregator = CountSum()
        self.types[node["id"]] = aggregator.state_types
        store = self._spec(node["store"], aggregator.state_types)
        return self._add(n.TableAggregate(name=node["id"], aggregator=aggregator, store=store), node)

    # joins

    def _joined(self, node: dict[str, Any]) -> tuple[Types, Types, SideBySide]:
        left, right = (self.types[parent] for parent in node["parents"])
        self.types[node["id"]] = left + right
        return left, right, SideBySide(node["left_width"], node["right_width"], self.has_columns)

    def _join_table(self, node: dict[str, Any]) -> n.Node:
        _, right, joiner = self._joined(node)
        store = self._spec(f"{node['id']}-table", right)
        return self._add(n.StreamTableJoin(name=node["id"], joiner=joiner, store=store, left=node["left"]), node)

    def _table_join(self, node: dict[str, Any]) -> n.Node:
        left, right, joiner = self._joined(node)
        return self._add(
            n.TableTableJoin(
                name=node["id"],
                joiner=joiner,
                left_store=self._spec(f"{node['id']}-left", left),
                right_store=self._spec(f"{node['id']}-right", right),
                keep_left=node["kind"] != "inner",
                keep_right=node["kind"] == "outer",
            ),
            node,
        )

    def _stream_join(self, node: dict[str, Any]) -> n.Node:
        left, right, joiner = self._joined(node)
        kept = node["before"] + node["after"] + node["grace"]
        outer = node["kind"] != "inner"
        return self._add(
            n.StreamStreamJoin(
                name=node["id"],
                joiner=joiner,
                left_store=self._spec(f"{node['id']}-left", left, None, kept),
                right_store=self._spec(f"{node['id']}-right", right, None, kept),
                outer_store=self._spec(f"{node['id']}-outer", left) if outer else None,
                before_ms=node["before"],
                after_ms=node["after"],
                grace_ms=node["grace"],
                keep_left=outer,
                keep_right=node["kind"] == "outer",
            ),
            node,
        )
