"""The face of every operator in column form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from kappaflow.state import PackedStore
from kappaflow.streams.batch import Batch
from kappaflow.streams.columns.merging import merged
from kappaflow.streams.columns.store_changes import LoggedChanges
from kappaflow.streams.processors.base import Expiry
from kappaflow.streams.topology.nodes import StoreSpec

Stores = Mapping[str, PackedStore]


class ColumnOperator(Protocol):
    """Takes the batches of its parents, by port; gives the batch that it forwards, or None for nothing."""

    def run(self, inputs: Sequence[Batch | None]) -> Batch | None:
        """Process one batch; inputs may be changed in place, but not their columns."""
        ...


@runtime_checkable
class Finishing(Protocol):
    """An operator that lets its store take the changes of a batch when all others have run."""

    def finish(self) -> None:
        """End the batch."""
        ...


@runtime_checkable
class Logging(Protocol):
    """An operator that says itself what the changelogs of its stores get."""

    def logged(self) -> list[tuple[StoreSpec, LoggedChanges | None]]:
        """Return the changes since the last call, by store; None where there are none."""
        ...


@runtime_checkable
class Remembering(Protocol):
    """An operator that goes on from numbers beside its stores."""

    def progress(self) -> dict[str, int]:
        """Return the numbers that a restart must find again, by name."""
        ...

    def resume(self, progress: Mapping[str, int]) -> None:
        """Go on from what `progress` gave; called before the first rows, also with nothing."""
        ...

    def expiries(self) -> list[Expiry]:
        """Return what its stores need not keep."""
        ...


def only(inputs: Sequence[Batch | None]) -> Batch:
    """Return the rows that an operator takes, whichever of its parents they come from."""
    given = [batch for batch in inputs if batch is not None]
    return given[0] if len(given) == 1 else merged(given)
