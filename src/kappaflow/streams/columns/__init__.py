"""Column forms of the operators: a subtopology over whole batches instead of one record at a time.

    batches by topic ──ColumnSubtopology.process──▶ operators in topological order ──▶ write(sink, batch)

Each operator takes the batches of its parents and gives the one that it forwards; rows keep their order.  The row
forms (kappaflow.streams.processors) define what is right; `reason_for_rows` says which subtopologies have no column
form, and why.

Not here: fetching, merging partitions, commits (kappaflow.streams.execution).
"""

from kappaflow.streams.columns.coverage import reason_for_rows
from kappaflow.streams.columns.subtopology import ColumnSubtopology, Write

__all__ = ["ColumnSubtopology", "Write", "reason_for_rows"]
