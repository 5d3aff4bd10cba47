"""A task in row form: one record at a time through the operators of a subtopology."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kappaflow.errors import KappaError, SerializationError, TimestampError
from kappaflow.runtime.clock import SYSTEM_CLOCK
from kappaflow.serde import WindowedKeySerde
from kappaflow.state import OrderedStore
from kappaflow.streams.processors.base import Expiry, Processor, TaskContext
from kappaflow.streams.processors.build import build_processors
from kappaflow.streams.processors.change_bytes import join_change, split_change
from kappaflow.streams.record import Change, Headers, Record, Windowed
from kappaflow.streams.topology import Subtopology, Topology
from kappaflow.streams.topology import nodes as n


@dataclass(frozen=True, slots=True)
class RawRecord:
    """A record as bytes, before decoding or after encoding."""

    topic: str
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: Headers = ()
    partition: int = 0
    offset: int = 0


@dataclass(slots=True)
class DecodedRecord:
    """A record for the sources that read its topic.

    Attributes:
        records: by the name of the source.
        problems: why it goes to a source not at all: reason, and the error where there is more to tell.
    """

    raw: RawRecord
    records: list[tuple[str, Record]] = field(default_factory=list[tuple[str, Record]])
    problems: list[tuple[str, KappaError | None]] = field(default_factory=list[tuple[str, "KappaError | None"]])

    @property
    def time(self) -> int | None:
        """The time by which it is chosen before records of other topics; None where no source takes it."""
        return self.records[0][1].timestamp if self.records else None


# Names of progress, which are kept among positions: no topic has such a name.
STREAM_TIME = "#stream-time"
DROPPED = "#dropped/"
OPERATOR = "#operator/"
NEWEST = "#newest/"
PARTITION_TIME = "#partition-time/"


def of_operator(name: str, progress: Mapping[str, int]) -> dict[str, int]:
    """Return the numbers of one operator."""
    prefix = f"{OPERATOR}{name}/"
    return {what.removeprefix(prefix): number for what, number in progress.items() if what.startswith(prefix)}


OnBadRecord = Callable[[RawRecord, KappaError], None]
Produce = Callable[[Any, Record], None]


def read_key(serde: n.KeySerde, data: bytes | None) -> Any:
    """Decode a key; a windowed one becomes `Windowed`.

    Raises:
        SerializationError: it does not fit its format; marked as a key's.
    """
    try:
        if isinstance(serde, WindowedKeySerde):
            found = serde.deserialize(data)
            return None if found is None else Windowed(*found)
        return serde.deserialize(data)
    except SerializationError as error:
        error.is_key = True
        raise


def write_key(serde: n.KeySerde, key: Any) -> bytes | None:
    """Encode a key."""
    if key is None:
        return None
    if isinstance(serde, WindowedKeySerde):
        return serde.serialize(key.key, key.start, key.end)
    return serde.serialize(key)


def write_change(node: n.Repartition, change: Change) -> bytes:
    """Encode old and new value in one record."""
    new = node.value_serde.serialize(change.new) if change.new is not None else None
    return join_change(new, node.value_serde.serialize(change.old) if change.old is not None else None)


def read_change(node: n.Repartition, data: bytes) -> Change:
    """Decode what `write_change` wrote."""
    new, old = split_change(data)
    read = node.value_serde.deserialize
    return Change(None if new is None else read(new), None if old is None else read(old))


class RowTask:
    """One subtopology over one partition, in row form.

    Args:
        stores: by name.
        produce: called for each record of a sink or repartition node, in order.
        on_bad_record: told about records that cannot be decoded; they are dropped.
    """

    def __init__(
        self,
        topology: Topology,
        subtopology: Subtopology,
        stores: Mapping[str, OrderedStore],
        produce: Produce,
        on_bad_record: OnBadRecord,
        context: TaskContext | None = None,
    ) -> None:
        self.subtopology = subtopology
        self.context = context or TaskContext(produce, SYSTEM_CLOCK.time_ms)
        self.context.emit = produce
        self.processors: dict[str, Processor] = build_processors(topology, subtopology, self.context, stores)
        self._on_bad_record = on_bad_record
        self._partition_time: dict[str, int] = {}
        # Extractors see the greatest time of a partition, so it goes on after a restart.
        self._extracted = [
            topic
            for topic, nodes in subtopology.sources.items()
            if any(isinstance(node, n.Source) and not getattr(node.timestamp, "columnar", True) for node in nodes)
        ]

    def process(self, raw: RawRecord) -> None:
        """Decode a record and run it through the operators of every source that reads its topic."""
        self.run(self.decode(raw))

    def run(self, decoded: DecodedRecord) -> None:
        """Run a record through the operators; what could not be decoded of it is counted and told about."""
        for reason, error in decoded.problems:
            self.context.drop(reason)
            if error is not None:
                self._on_bad_record(decoded.raw, error)
        for source, record in decoded.records:
            self.context.stream_time = max(self.context.stream_time, record.timestamp)
            self.context.source = record
            self.processors[source].process(record)
            if self.context.punctuations:
                self.context.punctuate(wall_clock=False)

    def close(self) -> None:
        """End the operators of users."""
        for processor in self.processors.values():
            processor.close()

    def decode(self, raw: RawRecord) -> DecodedRecord:
        """Decode a record for every source that reads its topic; records of a topic come in their order."""
        decoded = DecodedRecord(raw)
        for node in self.subtopology.sources[raw.topic]:
            self._decode(node, raw, decoded)
        return decoded

    def progress(self) -> dict[str, int]:
        """Return the numbers that a restart must find again beside stores and positions: times and drop counts."""
        found = {STREAM_TIME: self.context.stream_time}
        found.update({DROPPED + reason: count for reason, count in self.context.dropped.items()})
        found.update({NEWEST + name: store.observed for name, store in self.context.versioned.items()})
        found.update({NEWEST + name: number for name, number in self.context.newest.items()})
        times = self._partition_time
        found.update({PARTITION_TIME + topic: times[topic] for topic in self._extracted if topic in times})
        for name, processor in self.processors.items():
            found.update({f"{OPERATOR}{name}/{what}": number for what, number in processor.progress().items()})
        return found

    def resume(self, progress: Mapping[str, int]) -> None:
        """Go on from what `progress` gave; other names are left alone.  Called before the first record."""
        self.context.stream_time = progress.get(STREAM_TIME, self.context.stream_time)
        for name, number in progress.items():
            if name.startswith(PARTITION_TIME):
                self._partition_time[name.removeprefix(PARTITION_TIME)] = number
            if name.startswith(DROPPED):
                self.context.dropped[name.removeprefix(DROPPED)] = number
            elif name.startswith(NEWEST):
                store = self.context.versioned.get(name.removeprefix(NEWEST))
                if store is None:
                    self.context.newest[name.removeprefix(NEWEST)] = number
                else:
                    store.resume(number)
        for name, processor in self.processors.items():
            processor.resume(of_operator(name, progress))

    def expiries(self) -> list[Expiry]:
        """Return what the stores need not keep."""
        versions = [Expiry.of(name, 8, v.observed, v.history_ms) for name, v in self.context.versioned.items()]
        return [*versions, *(expiry for processor in self.processors.values() for expiry in processor.expiries())]

    def flush_caches(self) -> None:
        """Forward what aggregations hold back until a commit."""
        for processor in self.processors.values():
            processor.flush_cache()

    def _decode(self, node: n.Node, raw: RawRecord, decoded: DecodedRecord) -> None:
        assert isinstance(node, n.Source | n.Repartition)
        try:
            key = read_key(node.key_serde, raw.key)
            if isinstance(node, n.Repartition) and node.carries_changes:
                value: Any = read_change(node, raw.value or b"\x01")
            else:
                value = node.value_serde.deserialize(raw.value)
            record = Record(key, value, raw.timestamp, raw.headers, raw.topic, raw.partition, raw.offset)
            if isinstance(node, n.Source) and node.timestamp is not None:
                record.timestamp = node.timestamp.extract(record, self._partition_time.get(raw.topic, -1))
        except TimestampError:
            raise
        except KappaError as error:
            decoded.problems.append(("deserialization", error))
            return
        if record.timestamp < 0:
            decoded.problems.append(("negative-timestamp", None))
            return
        self._partition_time[raw.topic] = max(self._partition_time.get(raw.topic, -1), record.timestamp)
        decoded.records.append((node.name, record))
