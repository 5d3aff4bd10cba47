"""Optimisations of the graph: shared repartition topics, and joins of a stream with itself over one store.

Source: ``topology.optimization`` of Kafka Streams.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kappaflow.errors import TopologyError

if TYPE_CHECKING:
    from kappaflow.streams.dsl.graph import Graph, GraphNode

Found = Callable[["GraphNode"], bool]


def merge_repartitions(graph: Graph, through: Callable[[str, Any, Any], GraphNode]) -> None:
    """Let all repartitions behind one change of keys share a topic.

    Args:
        through: makes the node of an internal topic from its name and serdes.
    """
    for changer, replaced in _by_changer(graph).items():
        if not replaced:
            continue
        first = [each.repartition for each in replaced if each.repartition is not None]
        key = next((each.key_serde for each in first if each.key_serde is not None), None)
        value = next((each.value_serde for each in first if each.value_serde is not None), None)
        shared = through(first[0].topic, key, value)
        shared.priority = changer.priority
        for each in replaced:
            _replace(changer, each, shared)
        changer.add_child(shared)


def _replace(changer: GraphNode, replaced: GraphNode, shared: GraphNode) -> None:
    child = _above(replaced, lambda node: changer in node.parents)
    if child is None:
        raise TopologyError(f"{replaced.name} does not follow {changer.name}.")
    shared.add_child(child)
    changer.remove_child(child)
    before, behind = list(replaced.parents), list(replaced.children)
    for node in behind:
        for parent in before:
            parent.add_child(node)
    for parent in before:
        parent.remove_child(replaced)
    for node in behind:
        replaced.remove_child(node)


def _by_changer(graph: Graph) -> dict[GraphNode, list[GraphNode]]:
    """Repartitions by the operator that changed the keys, or by the merge of several such."""
    found: dict[GraphNode, list[GraphNode]] = {}
    nodes = graph.nodes()
    for node in nodes:
        if node.changes_key:
            found[node] = []
        elif node.repartition is not None and node.repartition.optimizable:
            nearest = _above(node, lambda each: each.changes_key or each.changes_value)
            changer = _above(node, lambda each: each.changes_key)
            if changer is not None and changer is nearest:
                found[changer].append(node)
    merged: list[tuple[GraphNode, list[GraphNode]]] = []
    for merge in (node for node in nodes if node.is_merge):
        changers = [
            changer
            for changer, behind in found.items()
            if all(_above(each, lambda node, merge=merge: merge in node.parents) for each in behind)
            and _above(merge, lambda node, changer=changer: changer in node.parents)
        ]
        merged.append((merge, changers))
    gone: list[GraphNode] = []
    for merge, changers in merged:
        together = [each for changer in changers for each in found[changer]]
        gone += changers
        found[merge] = list(dict.fromkeys(together))
    for changer in gone:
        found.pop(changer, None)
    return found


def _above(node: GraphNode, matches: Found) -> GraphNode | None:
    """Return the node itself or the first before it that matches, depth first."""
    if matches(node):
        return node
    for parent in node.parents:
        found = _above(parent, matches)
        if found is not None:
            return found
    return None


def share_self_joins(graph: Graph) -> None:
    """Let joins of a stream with itself keep its records once."""
    for node in graph.nodes():
        if node.join_inputs is not None and len(node.parents) == 1:
            parent, (left, right) = node.parents[0], node.join_inputs
            if left in parent.children and right in parent.children:
                parent.remove_child(right)
                node.is_self_join = True
