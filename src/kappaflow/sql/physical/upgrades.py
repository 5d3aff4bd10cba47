"""CREATE OR REPLACE of a query: which changes of its steps keep what the running query has read and stored.

filters and projections     may come, go and change
sources, sinks, keys        have to stay as they are
aggregations                keep their functions: stored rows hold one state for each
everything else             cannot be replaced
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from kappaflow.errors import StatementError
from kappaflow.sql.analyzer.scope import columns_of
from kappaflow.sql.physical import steps as s


def _aggregated_columns(step: s.StreamAggregate | s.TableAggregate) -> list[str]:
    """Return the columns that an aggregation reads: of its grouping, then of its functions."""
    grouping = step.input.keys if isinstance(step.input, s.StreamGroupBy | s.TableGroupBy) else ()
    columns = [name for key in grouping for name in columns_of(key.expression)]
    if not grouping:
        columns.extend(column.name for column in step.input.schema.key)
    for call in step.calls:
        # COUNT(*) counts the times of rows.
        columns.extend(columns_of(call.expression) or ["ROWTIME"])
    return [f"`{name}`" for name in dict.fromkeys(columns)]


def _listed(texts: Iterable[str]) -> str:
    return f"[{', '.join(texts)}]"


_FREE = (s.StreamFilter, s.TableFilter, s.StreamSelect, s.TableSelect, s.TableMaterialise)

Property = tuple[str, Callable[[Any], object]]

_FIXED: dict[type[s.Step], tuple[Property, ...]] = {
    kind: properties
    for kinds, properties in (
        (
            (s.StreamSource, s.TableSource, s.StreamSink, s.TableSink),
            (
                ("topicName", lambda step: step.topic),
                ("formats", lambda step: f"{step.formats.key} {step.formats.value}"),
                ("timestampColumn", lambda step: step.timestamp and step.timestamp.column),
                ("timestampFormat", lambda step: step.timestamp and step.timestamp.format),
            ),
        ),
        ((s.StreamSelectKey,), (("keyExpressions", lambda step: _listed(map(str, step.keys))),)),
        ((s.StreamRepartition,), (("partitions", lambda step: step.partitions),)),
        ((s.StreamGroupBy, s.TableGroupBy), (("groupByExpressions", lambda step: _listed(map(str, step.keys))),)),
        (
            (s.StreamAggregate, s.TableAggregate),
            (
                ("columns not part of aggregate", lambda step: _listed(_aggregated_columns(step))),
                ("aggregationFunctions", lambda step: _listed(str(call) for call in step.calls)),
            ),
        ),
    )
    for kind in kinds
}


def check_upgrade(old: s.Step, new: s.Step) -> None:
    """Check that a query may go on with other steps, with its offsets and its state.

    Raises:
        StatementError: says which step differs, or cannot be replaced.
    """
    before, after = _fixed(old), _fixed(new)
    properties = _FIXED.get(type(before))
    if properties is None:
        raise StatementError(f"Upgrades not yet supported for {before.kind}")
    _check_same(before, "class", before.kind, after.kind)
    for name, value_of in properties:
        _check_same(before, name, value_of(before), value_of(after))
    for inner_before, inner_after in zip(before.inputs, after.inputs, strict=True):
        check_upgrade(inner_before, inner_after)


def _fixed(step: s.Step) -> s.Step:
    """Return the step itself, or the first before it that a replacement has to keep."""
    while isinstance(step, _FREE):
        step = step.input
    return step


def _check_same(step: s.Step, name: str, before: object, after: object) -> None:
    if before != after:
        raise StatementError(
            f"Query is not upgradeable. Plan step of type {step.kind} must have matching {name}. "
            f"Values differ: '{before}' vs. '{after}'"
        )
