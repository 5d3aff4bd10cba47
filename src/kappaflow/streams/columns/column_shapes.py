"""Which columns keys and values have at each operator, and where a serde wants others.

Only serdes of the streams library are asked (those with a `shape`); the SQL planner's fit by construction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from kappaflow.serde import WindowedKeySerde
from kappaflow.serde.shape import Shape
from kappaflow.streams.topology import Subtopology, Topology
from kappaflow.streams.topology import nodes as n


@dataclass(frozen=True, slots=True)
class _Columns:
    key: Shape | None = None
    value: Shape | None = None


def _shape(serde: Any) -> Shape | None:
    return getattr(serde.inner if isinstance(serde, WindowedKeySerde) else serde, "shape", None)


def other_columns(topology: Topology, subtopology: Subtopology) -> str:
    """Return where a topic or store has other columns than its records; an empty text where nowhere."""
    found: dict[str, _Columns] = {}
    sources = {node.name for nodes in subtopology.sources.values() for node in nodes}
    for node in subtopology.nodes:
        parents = [found[name] for name in topology.parents[node.name] if name in found]
        given = parents[0] if parents else _Columns()
        merges = isinstance(node, n.Merge) or (isinstance(node, n.Operator) and node.shape is None)
        if merges and any(not _same(each.value, given.value) or not _same(each.key, given.key) for each in parents):
            return f"{node.name}: its streams have other columns"
        if isinstance(node, n.Sink | n.Repartition) and parents:
            for what, serde, have in (("keys", node.key_serde, given.key), ("values", node.value_serde, given.value)):
                if not _same(_shape(serde), have):
                    return f"{node.name}: the {what} of {node.topic} have other columns than its records"
        if node.name in sources and isinstance(node, n.Source | n.Repartition):
            given = _Columns(_shape(node.key_serde), _shape(node.value_serde))
        made = _behind(node, given)
        kept: tuple[str, ...] = node.keeps if isinstance(node, n.Operator) else ()
        for spec in node.stores if _keeps_own_rows(node) else [each for each in node.stores if each.name in kept]:
            if not _same(_shape(spec.objects), made.value) or not _same(_shape(spec.key_serde), made.key):
                return f"{node.name}: store {spec.name} has other columns than its rows"
        found[node.name] = made
    return ""


def _keeps_own_rows(node: n.Node) -> bool:
    return isinstance(node, n.ToTable | n.TableSource | n.StreamAggregate | n.WindowedAggregate | n.SessionAggregate)


def _same(wanted: Shape | None, have: Shape | None) -> bool:
    """Whether columns fit; what is not known is the SQL planner's."""
    return wanted is None or have is None or wanted.same_columns(have)


def _behind(node: n.Node, given: _Columns) -> _Columns:
    """Return the columns of what an operator forwards."""
    match node:
        case n.MapValues() | n.FlatMapValues() | n.TableMapValues():
            return replace(given, value=getattr(node.mapper, "shape", None))
        case n.SelectKey():
            return replace(given, key=getattr(node.mapper, "shape", None))
        case n.StreamTableJoin() | n.StreamStreamJoin():
            return replace(given, value=getattr(node.joiner, "shape", None))
        case n.StreamAggregate() | n.WindowedAggregate() | n.SessionAggregate():
            return replace(given, value=getattr(node.aggregator, "shape", None))
        case n.Operator() if node.shape is not None:
            return replace(given, value=node.shape)
        case _:
            return given
