"""CREATE OR REPLACE of a query: which changes of its steps keep what the running query has read and stored.

filters and projections     may come, go and change
sources, sinks, keys        have to stay as they are
aggregations                keep their functions: stored rows hold one state for each
everything else             cannot be replaced
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kappaflow.errors import StatementError
from kappaflow.sql.physical import steps as s

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
        ((s.StreamSelectKey,), (("keyExpressions", lambda step: [str(key) for key in step.keys]),)),
        ((s.StreamRepartition,), (("partitions", lambda step: step.partitions),)),
        ((s.StreamGroupBy, s.TableGroupBy), (("groupByExpressions", lambda step: [str(key) for key in step.keys]),)),
        (
            (s.StreamAggregate, s.TableAggregate),
            (("aggregationFunctions", lambda step: [str(call) for call in step.calls]),),
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
