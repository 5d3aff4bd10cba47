"""Users' aggregations as the operators' aggregators: the state is the aggregate itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kappaflow.serde.shape import Shape, whole
from kappaflow.serde.types import BIGINT, BYTES, DataType
from kappaflow.streams.functions import Fold
from kappaflow.streams.record import Record

Adder = Callable[[Any, Any, Any], Any]  # key, value, aggregate


class ObjectAggregator:
    """Folds values into an aggregate.

    Args:
        initializer: makes the first aggregate; None where the first value is it.
        adder: of key, value and aggregate.
        subtractor: takes a value of a table back.
        merger: of key and the aggregates of two sessions.
    """

    state_types: tuple[DataType, ...] = (BYTES,)
    folds: tuple[Fold, ...] | None = None
    shape: Shape | None = None

    def __init__(
        self,
        initializer: Callable[[], Any],
        adder: Adder,
        subtractor: Adder | None = None,
        merger: Callable[[Any, Any, Any], Any] | None = None,
    ) -> None:
        self._initializer = initializer
        self._adder = adder
        self._subtractor = subtractor
        self._merger = merger

    def initial(self) -> Any:
        """Return the first aggregate."""
        return self._initializer()

    def add(self, key: Any, record: Record, state: Any) -> Any:
        """Return the aggregate with one more record."""
        return self._adder(record.key, record.value, state)

    def fold(self, key: Any, value: Any, state: Any) -> Any:
        """Return the aggregate with one more value."""
        return self._adder(key, value, state)

    def undo(self, key: Any, record: Record, state: Any) -> Any:
        """Return the aggregate without a record."""
        if self._subtractor is None:
            raise TypeError("the aggregate of a table needs a subtractor")
        return self._subtractor(record.key, record.value, state)

    def merge(self, key: Any, left: Any, right: Any) -> Any:
        """Return the aggregate of two sessions."""
        if self._merger is None:
            raise TypeError("the aggregate of sessions needs a merger")
        return self._merger(key, left, right)

    def result(self, state: Any) -> Any:
        """Return the aggregate."""
        return state

    def inputs(self, batch: Any) -> Sequence[Any]:
        """There is no column form."""
        raise TypeError("callables have no column form")

    def results(self, state_columns: Sequence[Any]) -> list[Any]:
        """There is no column form."""
        raise TypeError("callables have no column form")


class CountingAggregator(ObjectAggregator):
    """Counts, in row form and in column form."""

    shape = whole(BIGINT)
    folds = (Fold("count", None, BIGINT),)

    def inputs(self, batch: Any) -> Sequence[Any]:
        """Rows are counted whatever they hold."""
        del batch
        return ()

    def results(self, state_columns: Sequence[Any]) -> list[Any]:
        """Return the counts."""
        return list(state_columns)


def counting() -> ObjectAggregator:
    """Count records; rows of tables are taken back, sessions added up."""
    return CountingAggregator(
        lambda: 0,
        lambda _key, _value, count: count + 1,
        lambda _key, _value, count: count - 1,
        lambda _key, left, right: left + right,
    )
