"""Which columns keys and values have at each operator, and where a serde wants others.

Only serdes of the streams library are asked (those with a `shape`); the SQL planner's fit by construction.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kappaflow.serde import WindowedKeySerde
from kappaflow.serde.shape import Shape
from kappaflow.streams.columns.step_rows import Columns
from kappaflow.streams.columns.stepping import shared_stores, steps_of
from kappaflow.streams.topology import Subtopology, Topology
from kappaflow.streams.topology import nodes as n


def _shape(serde: Any) -> Shape | None:
    return getattr(serde.inner if isinstance(serde, WindowedKeySerde) else serde, "shape", None)


def columns_given(topology: Topology, subtopology: Subtopology) -> dict[str, list[Columns]]:
    """Return how the columns of each operator's inputs lie, by the parent's position."""
    found: dict[str, Columns] = {}
    given: dict[str, list[Columns]] = {}
    shared = shared_stores(subtopology)
    sources = {node.name for nodes in subtopology.sources.values() for node in nodes}
    for node in subtopology.nodes:
        if node.name in sources and isinstance(node, n.Source | n.Repartition):
            given[node.name] = [Columns(_shape(node.key_serde), _shape(node.value_serde))]
        else:
            given[node.name] = [found.get(name, Columns()) for name in topology.parents[node.name]] or [Columns()]
        found[node.name] = _behind(node, given[node.name][0], shared)
    return given


def other_columns(topology: Topology, subtopology: Subtopology) -> str:
    """Return where a topic or store has other columns than its records; an empty text where nowhere."""
    all_given = columns_given(topology, subtopology)
    shared = shared_stores(subtopology)
    sources = {node.name for nodes in subtopology.sources.values() for node in nodes}
    members = {node.name for node in subtopology.nodes}
    for node in subtopology.nodes:
        given = all_given[node.name]
        steps = steps_of(node, shared)
        if steps is not None and any(each.key is None or each.value is None for each in given):
            return f"{node.name}: it takes row after row, of columns that are not known"
        merges = steps is None and not isinstance(node, n.StreamTableJoin | n.StreamStreamJoin)
        first = given[0]
        if merges and any(not _same(each.value, first.value) or not _same(each.key, first.key) for each in given):
            return f"{node.name}: its streams have other columns"
        parents = [name for name in topology.parents[node.name] if name in members]
        if isinstance(node, n.Sink | n.Repartition) and parents:
            entering = _written(topology, subtopology, node, all_given, shared)
            for what, serde, have in (
                ("keys", node.key_serde, entering.key),
                ("values", node.value_serde, entering.value),
            ):
                if not _same(_shape(serde), have):
                    return f"{node.name}: the {what} of {node.topic} have other columns than its records"
        made = _behind(node, given[0] if node.name in sources else first, shared)
        kept: tuple[str, ...] = node.keeps if isinstance(node, n.Operator) else ()
        for spec in node.stores if _keeps_own_rows(node) else [each for each in node.stores if each.name in kept]:
            if not _same(_shape(spec.objects), made.value) or not _same(_shape(spec.key_serde), made.key):
                return f"{node.name}: store {spec.name} has other columns than its rows"
    return ""


def _written(
    topology: Topology,
    subtopology: Subtopology,
    node: n.Sink | n.Repartition,
    given: dict[str, list[Columns]],
    shared: frozenset[str],
) -> Columns:
    """Return the columns of what enters a topic."""
    for parent in topology.parents[node.name]:
        for member in subtopology.nodes:
            if member.name == parent:
                return _behind(member, given[parent][0], shared)
    return Columns()


def _keeps_own_rows(node: n.Node) -> bool:
    return isinstance(
        node,
        n.ToTable | n.TableSource | n.StreamAggregate | n.WindowedAggregate | n.SessionAggregate | n.TableAggregate,
    )


def _same(wanted: Shape | None, have: Shape | None) -> bool:
    """Whether columns fit; what is not known is the SQL planner's."""
    return wanted is None or have is None or wanted.same_columns(have)


def _behind(node: n.Node, given: Columns, shared: frozenset[str]) -> Columns:
    """Return the columns of what an operator forwards."""
    steps = steps_of(node, shared)
    if steps is not None:
        return Columns(steps.key or given.key, steps.value or given.value)
    match node:
        case n.MapValues() | n.FlatMapValues() | n.TableMapValues():
            return replace(given, value=getattr(node.mapper, "shape", None))
        case n.SelectKey():
            return replace(given, key=getattr(node.mapper, "shape", None))
        case n.StreamTableJoin() | n.StreamStreamJoin():
            return replace(given, value=getattr(node.joiner, "shape", None))
        case n.StreamAggregate() | n.WindowedAggregate() | n.SessionAggregate():
            return replace(given, value=getattr(node.aggregator, "shape", None))
        case n.Operator() if node.shape is not None or node.key_shape is not None:
            return Columns(node.key_shape or given.key, node.shape or given.value)
        case _:
            return given
