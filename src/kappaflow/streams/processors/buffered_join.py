"""Join of a stream with a versioned table in which records wait until late rows of the table cannot come any more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kappaflow.streams.processors.base import NO_TIME, TaskContext
from kappaflow.streams.processors.buffered_changes import BufferedChange
from kappaflow.streams.processors.table_views import TableView
from kappaflow.streams.processors.view_joins import StreamViewJoinProcessor
from kappaflow.streams.record import Record
from kappaflow.streams.topology.nodes import KeySerde

_TIME_FIRST = b"\x00"
_ARRIVALS = 2**31


class BufferedViewJoinProcessor(StreamViewJoinProcessor):
    """Holds records back until stream time is a grace period beyond them, then joins them in the order of their times,
    key bytes and arrival.  A record that comes later than that is joined at once.

    Keys of the buffer are ``00 | time (8) | key | arrival (4)``.  Source: KIP-923.

    Args:
        rows: the buffer.
        key_serde: of the stream.
        grace_ms: how long records wait, in the time of the records that were held back.
    """

    def __init__(
        self,
        name: str,
        context: TaskContext,
        view: TableView,
        joiner: Callable[[Any, Any, Any], Any],
        rows: Any,
        key_serde: KeySerde,
        *,
        grace_ms: int,
        left: bool,
    ) -> None:
        super().__init__(name, context, view, lambda key, _value: key, joiner, left=left)
        self._rows = rows
        self._key: Any = key_serde
        self._grace_ms = grace_ms
        self._newest = NO_TIME
        self._arrived = 0

    def process(self, record: Record, port: int = 0) -> None:
        """Hold the record back, then join those whose time has come."""
        # A record without a key has no row of the table to wait for.
        waits = record.key is not None and record.value is not None
        if not waits or self._newest - self._grace_ms > record.timestamp:
            super().process(record, port)
            return
        self._hold(record)
        self._release()

    def _hold(self, record: Record) -> None:
        self._arrived = (self._arrived + 1) % _ARRIVALS
        at = record if record.topic or self.context.source is None else self.context.source
        key = self._key.serialize(record.key) or b""
        full = _TIME_FIRST + record.timestamp.to_bytes(8, "big") + key + self._arrived.to_bytes(4, "big")
        place = (record.timestamp, record.headers, at.topic, at.partition, at.offset)
        self._rows.put(full, BufferedChange(0, record.value, None, None, *place), record.timestamp)
        self._newest = max(self._newest, record.timestamp)

    def _release(self) -> None:
        until = self._newest - self._grace_ms + 1
        if until <= 0:
            return
        for full, (held, timestamp) in list(self._rows.range(_TIME_FIRST, _TIME_FIRST + until.to_bytes(8, "big"))):
            key = self._key.deserialize(full[9:-4])
            place = (held.timestamp, held.headers, held.topic, held.partition, held.offset)
            super().process(Record(key, held.new, *place))
            self._rows.put(full, None, timestamp)

    def progress(self) -> dict[str, int]:
        """Return the buffer's time and the number of the last record."""
        return {**super().progress(), "newest": self._newest, "arrived": self._arrived}

    def resume(self, progress: Mapping[str, int]) -> None:
        """Go on; without numbers they are those of the records that wait."""
        super().resume(progress)
        waiting = [] if "newest" in progress else list(self._rows.range())
        self._newest = progress.get("newest", max((timestamp for _, (_, timestamp) in waiting), default=NO_TIME))
        arrived = max((int.from_bytes(full[-4:], "big") for full, _ in waiting), default=0)
        self._arrived = progress.get("arrived", arrived)
