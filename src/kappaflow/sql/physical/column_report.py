"""What EXPLAIN says of the forms in which a query runs.

    Sub-topology 0: columns
      WhereFilter: columns
      Project: columns, row by row within them INITCAP(B) (INITCAP has no column form)
    Sub-topology 1: rows, because of Aggregate-Aggregate: COLLECT_LIST(A) has no fold

A subtopology runs in one form: one step without columns makes rows of it.
"""

from __future__ import annotations

from typing import Any

from kappaflow.sql.expressions.aggregator import SqlAggregator
from kappaflow.streams.columns.coverage import reason_for_rows
from kappaflow.streams.topology import Topology
from kappaflow.streams.topology import nodes as n

_PARTS = ("predicate", "mapper", "key_mapper", "aggregator")


def describe_columns(topology: Topology) -> str:
    """Return, for EXPLAIN, which subtopologies and steps run as columns, and why others do not."""
    lines: list[str] = []
    collected = takes_batches(topology)
    for number, subtopology in enumerate(topology.subtopologies):
        reason = reason_for_rows(topology, subtopology, collected=collected)
        if reason:
            lines.append(f"Sub-topology {number}: rows, because of {_with_cause(topology, reason)}")
        else:
            lines.append(f"Sub-topology {number}: columns")
        for node in subtopology.nodes:
            forms = [_form(logic) for part in _PARTS if (logic := getattr(node, part, None)) is not None]
            if forms:
                lines.append(f"  {node.name}: {'; '.join(forms)}")
    return "\n".join(lines)


def takes_batches(topology: Topology) -> bool:
    """Tell whether a push query's results may be collected as batches: no state, records of one stream."""
    sources = [
        node for subtopology in topology.subtopologies for nodes in subtopology.sources.values() for node in nodes
    ]
    return not topology.stores and len(topology.subtopologies) == 1 and [type(node) for node in sources] == [n.Source]


def _with_cause(topology: Topology, reason: str) -> str:
    """Return a reason with what the expressions themselves say, where they say more."""
    name, _, _ = reason.partition(": ")
    node = topology.nodes.get(name)
    for part in _PARTS if node is not None else ():
        cause = getattr(_program(getattr(node, part, None)), "reason", "")
        if cause:
            return f"{name}: {cause}"
    return reason


def _program(logic: Any) -> Any:
    """The compiled expressions within what an operator calls."""
    return getattr(logic, "mapper", None) or getattr(logic, "predicate", None) or logic


def _form(logic: Any) -> str:
    program = _program(logic)
    if isinstance(program, SqlAggregator):
        columnar = program.folds is not None
    else:
        columnar = getattr(logic, "columnar", False)
    if not columnar:
        return f"rows ({getattr(program, 'reason', '') or 'an expression has no column form'})"
    by_rows: tuple[str, ...] = getattr(program, "by_rows", ())
    return f"columns, row by row within them {'; '.join(by_rows)}" if by_rows else "columns"
