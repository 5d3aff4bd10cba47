"""Operators of the streams library without state: map, flat map, peek, branch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from kappaflow.errors import StreamsError
from kappaflow.streams.functions import Predicate
from kappaflow.streams.processors.base import Processor, TaskContext
from kappaflow.streams.record import Record

KeyValueFunction = Callable[[Any, Any], Any]


def _pair(name: str, made: Any) -> tuple[Any, Any]:
    if not isinstance(made, tuple) or len(made) != 2:  # pyright: ignore[reportUnknownArgumentType]
        raise StreamsError(f"{name} has to return a tuple (key, value), not {made!r}.")
    return made  # pyright: ignore[reportUnknownVariableType]


class MapProcessor(Processor):
    """Gives records new keys and values.

    Args:
        timed: the function takes the time of the record as well.
    """

    def __init__(
        self, name: str, context: TaskContext, function: Callable[..., tuple[Any, Any]], *, timed: bool = False
    ) -> None:
        super().__init__(name, context)
        self._function = function
        self._timed = timed

    def process(self, record: Record, port: int = 0) -> None:
        """Forward the record with its new key and value."""
        given = (record.key, record.value, record.timestamp) if self._timed else (record.key, record.value)
        key, value = _pair(self.name, self._function(*given))
        mapped = record.with_key(key)
        mapped.value = value
        self.forward(mapped)


class FlatMapProcessor(Processor):
    """Turns a record into any number of records."""

    def __init__(
        self, name: str, context: TaskContext, function: Callable[[Any, Any], Iterable[tuple[Any, Any]]]
    ) -> None:
        super().__init__(name, context)
        self._function = function

    def process(self, record: Record, port: int = 0) -> None:
        """Forward one record for each new key and value."""
        for made in self._function(record.key, record.value):
            key, value = _pair(self.name, made)
            mapped = record.with_key(key)
            mapped.value = value
            self.forward(mapped)


class PeekProcessor(Processor):
    """Calls a function for each record.

    Args:
        forwards: whether the records go on.
    """

    def __init__(self, name: str, context: TaskContext, function: KeyValueFunction, *, forwards: bool) -> None:
        super().__init__(name, context)
        self._function = function
        self._forwards = forwards

    def process(self, record: Record, port: int = 0) -> None:
        """Call the function, then forward the record."""
        self._function(record.key, record.value)
        if self._forwards:
            self.forward(record)


class BranchProcessor(Processor):
    """Hands each record to the child of the first predicate that is true.

    Args:
        choices: predicates and the positions of their children; a predicate of None takes what is left.
    """

    def __init__(self, name: str, context: TaskContext, choices: Sequence[tuple[Predicate | None, int]]) -> None:
        super().__init__(name, context)
        self._choices = [(predicate.row, child) for predicate, child in choices if predicate is not None]
        self._default = next((child for predicate, child in choices if predicate is None), None)

    def process(self, record: Record, port: int = 0) -> None:
        """Forward to one child, or to none."""
        chosen = self._default
        for predicate, child in self._choices:
            if predicate(record):
                chosen = child
                break
        if chosen is not None:
            child = self.children[chosen]
            child.processor.process(record, child.port)


class PassThroughProcessor(Processor):
    """Hands records on as they are: merged streams, branches, the merged sides of a join."""

    def __init__(self, name: str, context: TaskContext) -> None:
        super().__init__(name, context)

    def process(self, record: Record, port: int = 0) -> None:
        """Forward the record."""
        self.forward(record)
