"""Column form of the join of two tables by their keys, which keeps the rows of both."""

from __future__ import annotations

from collections.abc import Sequence

from kappaflow.state import PackedStore
from kappaflow.streams.batch import Batch
from kappaflow.streams.columns.batches import shared
from kappaflow.streams.columns.fan import merged
from kappaflow.streams.columns.table import KeptTable
from kappaflow.streams.columns.table_lookups import TableLookUpColumns
from kappaflow.streams.processors.base import TaskContext
from kappaflow.streams.topology import nodes as n

LEFT, RIGHT = 0, 1


class TableTableJoinColumns:
    """Joins the changes of each table (ports are the sides) with the rows of the other as they are then.

    Args:
        tracks_old: whether anything reads the old joined values.
    """

    def __init__(
        self, node: n.TableTableJoin, context: TaskContext, left: PackedStore, right: PackedStore, *, tracks_old: bool
    ) -> None:
        tables = (
            KeptTable(node.left_store, left, tracks_old=False),
            KeptTable(node.right_store, right, tracks_old=False),
        )
        keeps = node.keep_left, node.keep_right
        self._tables = tables
        self._sides = [
            TableLookUpColumns(
                context,
                lambda other=tables[1 - side]: other,
                node.joiner,
                own_is_left=side == LEFT,
                keeps_own=keeps[side],
                keeps_other=keeps[1 - side],
                sends_old=tracks_old,
            )
            for side in (LEFT, RIGHT)
        ]

    def run(self, inputs: Sequence[Batch | None]) -> Batch | None:
        """Take the changes of both tables and return what they mean for the joined one."""
        for table, batch in zip(self._tables, inputs, strict=True):
            if batch is not None and len(batch):
                table.apply(shared(batch))
        made = [
            side.run([batch])
            for side, batch in zip(self._sides, inputs, strict=True)
            if batch is not None and len(batch)
        ]
        found = [batch for batch in made if batch is not None and len(batch)]
        return None if not found else merged(found) if len(found) > 1 else found[0]

    def finish(self) -> None:
        """Let the stores take the changes of the batch."""
        for table in self._tables:
            table.finish()
