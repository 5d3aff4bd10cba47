"""Which subtopologies have a column form, and why others have none."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from kappaflow.kernel.fold_columns import TYPES
from kappaflow.serde import WindowedKeySerde
from kappaflow.streams.columns.column_shapes import other_columns
from kappaflow.streams.columns.stepping import shared_stores, steps_of, stores_of
from kappaflow.streams.topology import Subtopology, Topology
from kappaflow.streams.topology import nodes as n


def reason_for_rows(
    topology: Topology, subtopology: Subtopology, *, collected: bool = False, caching: bool = False
) -> str:
    """Return why a subtopology runs in row form; an empty text when it runs as columns.

    Args:
        caching: what tables and aggregations give waits for commits, where their stores allow it.
        collected: whoever runs it takes results that go to no topic as batches.
    """
    if topology.wrap is not None:
        return "a wrapper of the program sees each record of each operator"
    shared = shared_stores(subtopology)
    for spec in subtopology.stores:
        if spec.max_entries is not None:
            return f"store {spec.name} forgets what is not used"
    for node in subtopology.nodes:
        if collected and isinstance(node, n.Sink) and node.topic is None and node.topic_of is None:
            continue
        if steps_of(node, shared) is not None and not isinstance(node, n.Source):
            continue
        why = _reason(node) or _versions(node, shared) or _shared(node, shared)
        if why:
            return f"{node.name}: {why}"
    return (
        _looked_up(topology, subtopology)
        or _waits_twice(topology, subtopology, caching=caching)
        or _meeting(topology, subtopology)
        or other_columns(topology, subtopology)
    )


def _versions(node: n.Node, shared: frozenset[str]) -> str:
    if steps_of(node, shared) is not None:
        return ""
    looked_up = node.looks_up if isinstance(node, n.Operator) and node.columns is not None else ()
    kept = [spec.name for spec in node.stores if spec.history_ms is not None and spec.name not in looked_up]
    return f"store {kept[0]} keeps earlier versions" if kept else ""


def _shared(node: n.Node, shared: frozenset[str]) -> str:
    together = [spec.name for spec in node.stores if spec.name in shared]
    kinds = n.StreamAggregate | n.WindowedAggregate | n.SessionAggregate
    return f"others work on its store {together[0]} as well" if together and isinstance(node, kinds) else ""


def may_hold(topology: Topology, subtopology: Subtopology) -> bool:
    """Tell whether an operator in row form may hold records back for a while: no others can overtake them.

    So it is where all records come from one topic on one way, and no processor of the program looks at the time.
    """
    processors = any(isinstance(node, n.Operator) and not node.columns and node.specs for node in subtopology.nodes)
    return len(subtopology.sources) == 1 and not processors and not _meeting(topology, subtopology)


def _aggregate(node: n.StreamAggregate | n.WindowedAggregate | n.SessionAggregate) -> str:
    if not isinstance(node, n.StreamAggregate) and node.emit_final:
        return "results wait for the end of their window"
    folds = node.aggregator.folds
    if folds is None:
        return "an aggregate has no fold"
    if not _columnar(node.store.key_serde) or not _columnar(node.store.objects):
        return "keys or values of its store do not lie in columns"
    return next((f"no fold takes {fold.type}" for fold in folds if str(fold.type) not in TYPES), "")


def _mapper(node: n.MapValues | n.TableMapValues | n.SelectKey) -> str:
    return "" if node.mapper.columnar else "an expression has no column form"


def _flat_mapper(node: n.FlatMapValues) -> str:
    return "" if getattr(node.mapper, "columnar", False) else "an expression has no column form"


def _predicate(node: n.Filter | n.TableFilter) -> str:
    return "" if node.predicate.columnar else "the predicate has no column form"


def _join(node: n.StreamTableJoin) -> str:
    return "" if node.joiner.columnar else "the joiner has no column form"


def _stream_join(node: n.StreamStreamJoin) -> str:
    if node.keep_left or node.keep_right:
        return "records without a partner wait for the end of their window"
    for store in (node.left_store, node.right_store):
        if not _columnar(store.key_serde) or not _columnar(store.objects):
            return "keys or values of its stores do not lie in columns"
    return "" if node.joiner.columnar else "the joiner has no column form"


def _table_join(node: n.TableTableJoin) -> str:
    for store in (node.left_store, node.right_store):
        if not _columnar(store.key_serde) or not _columnar(store.objects):
            return "keys or values of its stores do not lie in columns"
    return "" if node.joiner.columnar else "the joiner has no column form"


def _columnar(serde: Any) -> bool:
    serde = serde.inner if isinstance(serde, WindowedKeySerde) else serde
    return serde is None or serde.columnar


def _topic(node: n.Source | n.Repartition | n.Sink) -> str:
    for what, serde in (("keys", node.key_serde), ("values", node.value_serde)):
        if not _columnar(serde):
            return f"the {what} of {node.topic or 'its topics'} do not lie in columns"
    return ""


def _source(node: n.Source) -> str:
    if node.is_global:
        return "it is read by every task"
    if node.timestamp is not None and not getattr(node.timestamp, "columnar", True):
        return "a function gives the times of its records"
    return _topic(node) or (_store(node) if isinstance(node, n.TableSource) else "")


def _store(node: n.TableSource | n.ToTable) -> str:
    if node.store is None or (_columnar(node.store.key_serde) and _columnar(node.store.objects)):
        return ""
    return "keys or values of its store do not lie in columns"


def _repartition(node: n.Repartition) -> str:
    if node.carries_changes and getattr(node.value_serde, "shape", None) is None:
        return "it carries changes of a table"
    return _partitioner(node) or _topic(node)


def _partitioner(node: n.Sink | n.Repartition) -> str:
    chosen = node.partition_of
    return "a function chooses partitions" if chosen is not None and not hasattr(chosen, "column") else ""


def _sink(node: n.Sink) -> str:
    if node.topic is None and node.topic_of is None:
        return "results are handed over one by one"
    if node.topic_of is not None and not hasattr(node.topic_of, "column"):
        return "a function chooses topics"
    return "a function chooses partitions" if node.partition_of is not None else _topic(node)


def _operator(node: n.Operator) -> str:
    return "" if node.columns is not None else node.why


def _always(_: n.Node) -> str:
    return ""


_REASONS: dict[type[n.Node], Callable[..., str]] = {
    n.Source: _source,
    n.TableSource: _source,
    n.ToTable: _store,
    n.Operator: _operator,
    n.Merge: _always,
    n.FlatMapValues: _flat_mapper,
    n.Filter: _predicate,
    n.MapValues: _mapper,
    n.SelectKey: _mapper,
    n.ToStream: _always,
    n.TableFilter: _predicate,
    n.TableMapValues: _mapper,
    n.Materialise: _always,
    n.StreamAggregate: _aggregate,
    n.WindowedAggregate: _aggregate,
    n.SessionAggregate: _aggregate,
    n.StreamStreamJoin: _stream_join,
    n.StreamTableJoin: _join,
    n.TableTableJoin: _table_join,
    n.Repartition: _repartition,
    n.Sink: _sink,
    n.TableAggregate: lambda _: "an aggregate has no fold",
}


def _reason(node: n.Node) -> str:
    reason = _REASONS.get(type(node))
    return f"{type(node).__name__} has no column form" if reason is None else reason(node)


def _waits_twice(topology: Topology, subtopology: Subtopology, *, caching: bool) -> str:
    """Return where what waited before waits again: it would need the place of the record that it came from."""
    shared = shared_stores(subtopology)
    behind: set[str] = set()
    for node in subtopology.nodes:
        steps = steps_of(node, shared)
        after = any(parent in behind for parent in topology.parents[node.name])
        waits = steps is not None and steps.reads_place
        if waits and after:
            return f"{node.name}: what waited before waits again"
        holds = caching and any(spec.caching and spec.history_ms is None for spec in node.stores)
        if waits or holds or (after and not isinstance(node, n.Repartition)):
            behind.add(node.name)
    return ""


def _looked_up(topology: Topology, subtopology: Subtopology) -> str:
    """Return which rows cannot be looked up as they are at a position."""
    makers = table_makers(subtopology)
    origins = {name: {way[0] for way in ways} for name, ways in _ways(topology, subtopology).items()}
    for node in subtopology.nodes:
        for store in node.looks_up if isinstance(node, n.Operator) else ():
            if store not in makers:
                return f"{node.name}: it looks rows up that no source of a table keeps"
            if origins[node.name] & origins[makers[store]]:
                return f"{node.name}: a record changes the rows that it looks up"
    return ""


def table_makers(subtopology: Subtopology) -> dict[str, str]:
    """Return the stores whose rows can be looked up as columns, and the operators that keep them."""
    found: dict[str, str] = {}
    shared = shared_stores(subtopology)
    for node in subtopology.nodes:
        steps = steps_of(node, shared)
        if steps is not None and not isinstance(node, n.Operator):
            found.update((spec.name, node.name) for spec, _ in stores_of(steps, node))
            continue
        if isinstance(node, n.TableSource | n.ToTable) and node.store is not None:
            found[node.store.name] = node.name
        elif isinstance(node, n.Operator):
            found.update(dict.fromkeys(node.keeps, node.name))
    return found


Way = tuple[str, frozenset[tuple[str, str]]]


def _ways(topology: Topology, subtopology: Subtopology) -> dict[str, list[Way]]:
    """Return on which ways records of each source reach each operator: the source, and the branches taken."""
    members = {node.name for node in subtopology.nodes}
    sources = [node for nodes in subtopology.sources.values() for node in nodes]
    found: dict[str, list[Way]] = {}
    for node in subtopology.nodes:
        ways: list[Way] = [(node.name, frozenset())] if node in sources else []
        entering = [] if isinstance(node, n.Repartition) and node in sources else topology.parents[node.name]
        for parent in entering:
            if parent in members:
                for origin, branches in found.get(parent, []):
                    taken = {(parent, node.name)} if _splits(topology.nodes[parent]) else set[tuple[str, str]]()
                    ways.append((origin, branches | taken))
        found[node.name] = ways
    return found


def _splits(node: n.Node) -> bool:
    """Whether a record goes to at most one child."""
    return isinstance(node, n.Operator) and node.splits


def _exclude(one: Way, other: Way) -> bool:
    """Whether no record takes both ways."""
    if one[0] != other[0]:
        return True
    taken = dict(one[1])
    return any(splitter in taken and taken[splitter] != branch for splitter, branch in other[1])


def _meeting(topology: Topology, subtopology: Subtopology) -> str:
    """Return where the rows of one record meet again: their order there would need more than positions."""
    sources = [node for nodes in subtopology.sources.values() for node in nodes]
    found = _ways(topology, subtopology)
    for topic, nodes in subtopology.sources.items():
        if len(nodes) > 1:
            return f"{topic} is read by several sources"
        if any(parent in found for node in nodes for parent in topology.parents[node.name]):
            return f"{topic} is read where it is written"
    written: list[tuple[str | None, Way]] = []
    for node in subtopology.nodes:
        ways = found[node.name]
        if any(not _exclude(one, other) for one, other in itertools.combinations(ways, 2)):
            return f"{node.name}: records reach it on several ways"
        if isinstance(node, n.Sink | n.Repartition) and node not in sources and _writes(node):
            for topic, one in written:
                # A topic that is chosen may be any.
                meets = topic is None or node.topic is None or topic == node.topic
                if meets and any(not _exclude(one, other) for other in ways):
                    return f"{node.name}: records reach {node.topic or topic or 'a topic'} on several ways"
            written += [(node.topic, way) for way in ways]
    return ""


def _writes(node: n.Sink | n.Repartition) -> bool:
    return isinstance(node, n.Repartition) or node.topic is not None or node.topic_of is not None
