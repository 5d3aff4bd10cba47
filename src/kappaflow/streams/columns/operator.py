"""The face of every operator in column form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from kappaflow.state import PackedStore
from kappaflow.streams.batch import Batch

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


def only(inputs: Sequence[Batch | None]) -> Batch:
    """Return the batch of an operator with one parent."""
    (batch,) = inputs
    assert batch is not None
    return batch
