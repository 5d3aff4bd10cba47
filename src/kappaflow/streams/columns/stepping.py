"""Which operators take the rows of batches one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from kappaflow.serde import WindowedKeySerde
from kappaflow.serde.shape import Shape
from kappaflow.streams.columns.fold_loop import FoldLoopColumns
from kappaflow.streams.columns.step_rows import Columns, Steps
from kappaflow.streams.columns.steps import Group, Make, StepColumns
from kappaflow.streams.processors.base import TaskContext
from kappaflow.streams.processors.build import make_processor
from kappaflow.streams.topology import Subtopology
from kappaflow.streams.topology import nodes as n

Aggregating = n.StreamAggregate | n.WindowedAggregate | n.SessionAggregate
TIMES_BYTES = {n.StreamAggregate: 0, n.WindowedAggregate: 8, n.SessionAggregate: 16}


def steps_of(node: n.Node, shared: frozenset[str] = frozenset()) -> Steps | None:
    """Return how an operator takes row after row; None where it takes whole columns, or has no column form.

    Args:
        shared: the stores that several operators work on.
    """
    match node:
        case n.Operator():
            return node.steps
        case n.TableSource() | n.ToTable() if node.store is not None and node.store.history_ms is not None:
            return Steps(makes_changes=True, specs=((node.store, 0),)) if _lies_in_columns(node.store) else None
        case n.StreamAggregate() | n.WindowedAggregate() | n.SessionAggregate():
            return _aggregate(node, shared)
        case n.TableAggregate():
            shape = _shape(node)
            if shape is None or not _lies_in_columns(node.store):
                return None
            return Steps(takes_changes=True, makes_changes=True, value=shape, specs=((node.store, 0),))
        case _:
            return None


def _shape(node: Aggregating | n.TableAggregate) -> Shape | None:
    return getattr(node.aggregator, "shape", None)


def _aggregate(node: Aggregating, shared: frozenset[str]) -> Steps | None:
    shape = _shape(node)
    if shape is None or not _lies_in_columns(node.store):
        return None
    final = not isinstance(node, n.StreamAggregate) and node.emit_final
    whole_columns = node.aggregator.folds is not None and not final and node.store.history_ms is None
    if whole_columns and node.store.name not in shared:
        return None
    return Steps(
        makes_changes=True,
        keeps_key=not final,
        keeps_record=not isinstance(node, n.SessionAggregate),
        value=shape,
        specs=((node.store, TIMES_BYTES[type(node)]),),
    )


def _lies_in_columns(spec: n.StoreSpec) -> bool:
    key: Any = spec.key_serde.inner if isinstance(spec.key_serde, WindowedKeySerde) else spec.key_serde
    return spec.objects is not None and spec.objects.columnar and key.columnar


def shared_stores(subtopology: Subtopology, *, caching: bool = False) -> frozenset[str]:
    """Return the stores of aggregations that several of them work on, or that others look rows up in.

    Args:
        caching: also those of sessions that wait for commits: what a store shows meanwhile only the row form knows.
    """
    seen: set[str] = {name for node in subtopology.nodes if isinstance(node, n.Operator) for name in node.looks_up}
    twice: set[str] = set()
    for node in subtopology.nodes:
        if isinstance(node, n.StreamAggregate | n.WindowedAggregate | n.SessionAggregate):
            (twice if node.store.name in seen else seen).add(node.store.name)
        if caching and isinstance(node, n.SessionAggregate) and node.store.caching and node.store.objects is not None:
            twice.add(node.store.name)
    return frozenset(twice)


def stores_of(steps: Steps, node: n.Node) -> tuple[tuple[n.StoreSpec, int], ...]:
    """Return the stores of an operator that takes row after row, with how many bytes of times end their keys."""
    return steps.specs or tuple((spec, 0) for spec in node.stores)


def groups_of(nodes: tuple[n.Node, ...], shared: frozenset[str]) -> Mapping[str, Group]:
    """Return the group of each operator that shares stores with others; the operators come in their order."""
    groups: dict[str, Group] = {}
    of_store: dict[str, Group] = {}
    for node in nodes:
        steps = steps_of(node, shared)
        if steps is None:
            continue
        names = [spec.name for spec, _ in stores_of(steps, node)]
        group = next((of_store[name] for name in names if name in of_store), None) or Group(node.name)
        group.last = node.name
        of_store.update(dict.fromkeys(names, group))
        groups[node.name] = group
    return groups


def step_operator(
    node: n.Node, steps: Steps, stores: Mapping[str, Any], given: list[Columns], context: TaskContext, group: Group
) -> StepColumns:
    """Return an operator that takes row after row."""
    make: Make = node.make if isinstance(node, n.Operator) else partial(make_processor, node)
    names = node.looks_up if isinstance(node, n.Operator) else ()
    looked_up = [spec for spec in node.stores if spec.name in names]
    parts = (node.name, make, stores_of(steps, node), stores, given, steps, context, group, looked_up)
    if isinstance(node, n.StreamAggregate) and hasattr(node.aggregator, "fold") and node.store.history_ms is None:
        loop = FoldLoopColumns(*parts)
        loop.node = node
        return loop
    return StepColumns(*parts)
