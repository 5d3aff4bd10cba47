"""Row form of functions over Arrow record batches."""

from __future__ import annotations

from typing import Any

from kappaflow.streams.processors.base import Processor, TaskContext
from kappaflow.streams.record import Record


class MapBatchesProcessor(Processor):
    """Gives records the values that a function makes of batches of them.

    Where nothing else in the task could see it, records wait for each other until what was fetched is processed, or the
    batch is full; otherwise each is a batch of its own.

    Args:
        function: a `BatchFunction`.
    """

    def __init__(self, name: str, context: TaskContext, function: Any) -> None:
        super().__init__(name, context)
        self._function = function
        self._held: list[Record] = []
        context.pollers.append(self._poll)

    def process(self, record: Record, port: int = 0) -> None:
        """Hold the record, or call the function."""
        self._held.append(record)
        waits = self.context.may_hold and not self.context.punctuations
        if not waits or len(self._held) >= self._function.rows_max:
            self.flush_cache()

    def _poll(self) -> bool:
        """Forward what is held; tell whether there was anything."""
        found = bool(self._held)
        self.flush_cache()
        return found

    def flush_cache(self) -> None:
        """Call the function and forward all results in order."""
        held, self._held = self._held, []
        there = [record.value for record in held if record.value is not None]
        made = iter(self._made(there) if there else ())
        for record in held:
            self.forward(record if record.value is None else record.with_value(next(made)))

    def _made(self, values: list[Any]) -> list[Any]:
        function = self._function
        columns, _ = function.given.arrays(values)
        return function.made.values(function.call(columns, len(values)), None, len(values))
