"""The two sides of a join of streams as operators of their own, as Kafka Streams' topologies show them."""

from __future__ import annotations

from collections.abc import Mapping

from kappaflow.streams.processors.base import Expiry, Processor, TaskContext
from kappaflow.streams.processors.stream_stream_join import LEFT, StreamStreamJoinProcessor
from kappaflow.streams.record import Record


class StreamJoinSideProcessor(Processor):
    """Hands the records of one side to the join and forwards what comes of them."""

    def __init__(self, name: str, context: TaskContext, join: StreamStreamJoinProcessor, side: int) -> None:
        super().__init__(name, context)
        self._join = join
        self._side = side

    def process(self, record: Record, port: int = 0) -> None:
        """Join a record of this side."""
        self._join.children = self.children
        self._join.process(record, self._side)

    def progress(self) -> dict[str, int]:
        """Return the join's numbers, once."""
        return self._join.progress() if self._side == LEFT else {}

    def resume(self, progress: Mapping[str, int]) -> None:
        """Go on, once."""
        if self._side == LEFT:
            self._join.resume(progress)

    def expiries(self) -> list[Expiry]:
        """Return the join's records beyond the window, once."""
        return self._join.expiries() if self._side == LEFT else []
