"""A table's row from a row of the store that holds it."""

from __future__ import annotations

from collections.abc import Callable

from kappaflow.sql.expressions.aggregator import make_aggregator
from kappaflow.sql.expressions.functions import make_mapper, make_predicate
from kappaflow.sql.functions.registry import FunctionRegistry
from kappaflow.sql.physical import steps as s
from kappaflow.sql.physical.materialisation import Materialisation
from kappaflow.sql.physical.scopes import aggregate_calls, step_scope
from kappaflow.sql.settings import Settings
from kappaflow.streams.record import Record

StoredRow = Callable[[Record], Record | None]


def stored_row(held: Materialisation, functions: FunctionRegistry, settings: Settings) -> StoredRow:
    """Return the function from a stored record to the table's record, or None where the table has no such row."""
    chain: list[StoredRow] = []
    if held.aggregate is not None:
        chain.append(_result(held.aggregate, functions, settings))
    for transform in held.transforms:
        if isinstance(transform, s.TableFilter):
            chain.append(_filter(transform, functions))
        else:
            chain.append(_select(transform, functions))

    def apply(record: Record) -> Record | None:
        current: Record | None = record
        for link in chain:
            if current is None or current.value is None:
                return None
            current = link(current)
        return current

    return apply


def _result(
    step: s.StreamAggregate | s.TableAggregate | s.StreamWindowedAggregate,
    functions: FunctionRegistry,
    settings: Settings,
) -> StoredRow:
    aggregator = make_aggregator(
        aggregate_calls(step), (), step_scope(step.input), settings=settings.all(), registry=functions
    )
    return lambda record: record.with_value(aggregator.result(record.value))


def _filter(step: s.TableFilter, functions: FunctionRegistry) -> StoredRow:
    predicate = make_predicate(step.predicate, step_scope(step.input), step.clause, registry=functions)
    return lambda record: record if predicate.row(record) else None


def _select(step: s.TableSelect, functions: FunctionRegistry) -> StoredRow:
    named = [(c.name, c.expression) for c in step.columns]
    mapper = make_mapper(named, step_scope(step.input), registry=functions)
    return lambda record: record.with_value(mapper.row(record))
