"""Which subtopologies have a column form, and why others have none."""

from __future__ import annotations

from collections.abc import Callable

from kappaflow.kernel.fold_columns import TYPES
from kappaflow.streams.topology import Subtopology, Topology
from kappaflow.streams.topology import nodes as n


def reason_for_rows(topology: Topology, subtopology: Subtopology) -> str:
    """Return why a subtopology runs in row form; an empty text when it runs as columns."""
    for node in subtopology.nodes:
        why = _reason(node)
        if why:
            return f"{node.name}: {why}"
    return _meeting(topology, subtopology)


def _aggregate(node: n.StreamAggregate | n.WindowedAggregate) -> str:
    if isinstance(node, n.WindowedAggregate) and node.emit_final:
        return "results wait for the end of their window"
    folds = node.aggregator.folds
    if folds is None:
        return "an aggregate has no fold"
    return next((f"no fold takes {fold.type}" for fold in folds if str(fold.type) not in TYPES), "")


def _mapper(node: n.MapValues | n.TableMapValues | n.SelectKey) -> str:
    return "" if node.mapper.columnar else "an expression has no column form"


def _predicate(node: n.Filter | n.TableFilter) -> str:
    return "" if node.predicate.columnar else "the predicate has no column form"


def _join(node: n.StreamTableJoin) -> str:
    return "" if node.joiner.columnar else "the joiner has no column form"


def _repartition(node: n.Repartition) -> str:
    return "it carries changes of a table" if node.carries_changes else ""


def _sink(node: n.Sink) -> str:
    return "results are handed over one by one" if node.topic is None else ""


def _always(_: n.Node) -> str:
    return ""


_REASONS: dict[type[n.Node], Callable[..., str]] = {
    n.Source: _always,
    n.TableSource: _always,
    n.Filter: _predicate,
    n.MapValues: _mapper,
    n.SelectKey: _mapper,
    n.ToStream: _always,
    n.TableFilter: _predicate,
    n.TableMapValues: _mapper,
    n.Materialise: _always,
    n.StreamAggregate: _aggregate,
    n.WindowedAggregate: _aggregate,
    n.StreamTableJoin: _join,
    n.Repartition: _repartition,
    n.Sink: _sink,
}


def _reason(node: n.Node) -> str:
    reason = _REASONS.get(type(node))
    return f"{type(node).__name__} has no column form" if reason is None else reason(node)


def _meeting(topology: Topology, subtopology: Subtopology) -> str:
    """Return where the rows of one record meet again: their order there would need more than positions."""
    members = {node.name for node in subtopology.nodes}
    reached: dict[str, dict[str, int]] = {}
    sources = [node for nodes in subtopology.sources.values() for node in nodes]
    ways_to_topic: dict[tuple[str, str], int] = {}
    for topic, nodes in subtopology.sources.items():
        if len(nodes) > 1:
            return f"{topic} is read by several sources"
    for node in subtopology.nodes:
        counts: dict[str, int] = {node.name: 1} if node in sources else {}
        entering = [] if isinstance(node, n.Repartition) and node in sources else topology.parents[node.name]
        for parent in entering:
            if parent in members:
                for origin, ways in reached.get(parent, {}).items():
                    counts[origin] = counts.get(origin, 0) + ways
        reached[node.name] = counts
        if any(ways > 1 for ways in counts.values()):
            return f"{node.name}: records reach it on several ways"
        if isinstance(node, n.Sink | n.Repartition) and node not in sources and node.topic is not None:
            for origin in counts:
                key = (origin, node.topic)
                ways_to_topic[key] = ways_to_topic.get(key, 0) + 1
                if ways_to_topic[key] > 1:
                    return f"{node.name}: records reach {node.topic} on several ways"
    return ""
