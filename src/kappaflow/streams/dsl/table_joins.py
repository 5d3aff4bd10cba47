"""Joins of tables by key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kappaflow.streams.dsl.expressions import joiner_of, key_serde_of, value_serde_of
from kappaflow.streams.dsl.graph import GraphNode
from kappaflow.streams.dsl.stores import Materialized, StoreDefinition
from kappaflow.streams.dsl.table import KTable
from kappaflow.streams.dsl.table_sources import materialized_of
from kappaflow.streams.dsl.table_steps import JoinSide, JoinStep
from kappaflow.streams.dsl.topology import Topology
from kappaflow.streams.expressions.nodes import Expression

MERGE = "KTABLE-MERGE-"


def join_tables(
    this: KTable,
    other: KTable,
    kind: str,
    joiner: Callable[..., Any] | Expression | Mapping[str, Any],
    given: Materialized | str | None,
    name: str | None,
) -> KTable:
    """Join rows of the same key."""
    graph, left_outer, right_outer = this.builder.graph, kind != "inner", kind == "outer"
    materialized = materialized_of(given)
    store_name = materialized.name
    if given is not None and store_name is None:
        store_name = graph.new_store_name(MERGE)
    merge_name = graph.name_or_new(name, MERGE)
    if left_outer:
        this.enable_old_values(force=True)
    if right_outer:
        other.enable_old_values(force=True)
    joins, known = joiner_of(joiner, this, value_serde_of(other), key_serde_of(this))
    columns, row = joins if joins.columnar else None, joins.row
    key: Any = materialized.key_serde or this.key_serde
    store = None
    if store_name is not None:
        store = StoreDefinition(
            store_name,
            getattr(key, "inner", key),
            materialized.value_serde or known,
            getattr(key, "window", None),
            logging=materialized.logging,
            changelog_config=materialized.changelog_config,
            history_ms=materialized.history_retention_ms,
            caching=materialized.caching,
            in_memory=materialized.in_memory,
            max_entries=materialized.max_entries,
        )
    this_side = JoinSide(this, other, row, keeps_own=left_outer, keeps_other=right_outer, columns=columns)
    other_side = JoinSide(
        other,
        this,
        lambda key, right, left: row(key, left, right),
        keeps_own=right_outer,
        keeps_other=left_outer,
        columns=columns,
        own_is_left=False,
    )
    this_name = graph.suffixed_or_new(name, "-join-this", "KTABLE-JOINTHIS-")
    other_name = graph.suffixed_or_new(name, "-join-other", "KTABLE-JOINOTHER-")
    step = JoinStep(this_side, other_side, store)

    def write(topology: Topology, at: GraphNode) -> None:
        topology.add_node(this_name, this_side.node, (this.name,), this_side.other_view.stores)
        topology.add_node(other_name, other_side.node, (other.name,), other_side.other_view.stores)
        if store is not None:
            topology.add_state_store(store)
        stores = () if store is None else (store.name,)
        topology.add_node(at.name, step.node, (this_name, other_name), stores)
        topology.copartition([*this.sources, *other.sources])

    def heed(parent: str) -> None:
        for side in (this_side, other_side):
            if side.own.name == parent:
                side.latest.heed(parent)

    node = GraphNode(merge_name, write, versioned=materialized.is_versioned, heed_versions=heed)
    graph.add(node, this.node)
    graph.add(node, other.node)
    value = materialized.value_serde or known
    return KTable(this.builder, merge_name, key, value, this.sources | other.sources, step, node)
