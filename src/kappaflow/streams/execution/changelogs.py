"""Changes of stores as records of their changelogs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute

from kappaflow.state import Stored
from kappaflow.state.database import DurableStore
from kappaflow.streams.batch import ArrowArray
from kappaflow.streams.execution.row_task import RawRecord
from kappaflow.streams.processors.base import TaskContext
from kappaflow.streams.record import Headers
from kappaflow.streams.topology import StoreSpec, Subtopology, Topology

_compute: Any = pyarrow.compute  # its functions are made at import and have no types


class ChangelogOutput(Protocol):
    """Takes records of changelogs."""

    def add(self, record: RawRecord, partition: int | None = None) -> None:
        """Take a record for a partition."""
        ...


class ChangelogWriter:
    """Writes the changelogs of a task: all of one in row form, of columns those of stores that rows change.

    Args:
        every: each change is written when it is made, as Kafka Streams does; otherwise a commit writes the last one of
            each key, which is the same once the topic is compacted.  Versions and buffered changes have one way only.
    """

    def __init__(
        self,
        topology: Topology,
        subtopology: Subtopology,
        stores: Mapping[str, DurableStore],
        context: TaskContext,
        outputs: ChangelogOutput,
        partition: int,
        *,
        every: bool,
    ) -> None:
        self._topology = topology
        self._subtopology = subtopology
        self._stores = stores
        self._context = context
        self._outputs = outputs
        self._partition = partition
        self._at_once: set[str] = set()
        for spec in subtopology.stores:
            if spec.history_ms is not None:
                self._at_once.add(spec.name)
                if spec.logged and spec.name in context.versioned:
                    context.versioned[spec.name].journal = self._version_journal(spec)
            elif spec.logged and every and not spec.logged_at_commit:
                self._at_once.add(spec.name)
                stores[spec.name].journal = self._journal(spec)

    def _journal(self, spec: StoreSpec) -> Callable[[bytes, Stored | None, int], None]:
        topic, add, context = self._topology.changelog_topic(spec), self._outputs.add, self._context

        def journal(key: bytes, stored: Stored | None, time_ms: int) -> None:
            add(changelog_record(topic, spec, key, stored, max(0, time_ms), context.headers), self._partition)

        return journal

    def _version_journal(self, spec: StoreSpec) -> Callable[[bytes, bytes | None, int], None]:
        topic, add = self._topology.changelog_topic(spec), self._outputs.add

        def journal(key: bytes, data: bytes | None, time_ms: int) -> None:
            stored = None if data is None else ((data,), time_ms)
            add(changelog_record(topic, spec, key, stored, max(0, time_ms)), self._partition)

        return journal

    def commit(self, without: Collection[str] = ()) -> None:
        """Write what was not written at once, but not the changes of stores in `without`."""
        left_out = {*self._at_once, *without}
        add_changes(self._topology, self._subtopology, self._stores, self._outputs, self._partition, left_out)


def changelog_record(
    topic: str, spec: StoreSpec, key: bytes, stored: Stored | None, time_ms: int, headers: Headers = ()
) -> RawRecord:
    """Return the record that says what a key of a store became.

    Args:
        time_ms: of the record.
        headers: of the record that made the change.
    """
    value = None if stored is None else spec.value_serde.serialize(stored[0])
    shown = headers if spec.logs_headers else () if value is None else spec.headers
    return RawRecord(topic, key + spec.key_suffix, value, time_ms, shown)


def add_changes(
    topology: Topology,
    subtopology: Subtopology,
    stores: Mapping[str, DurableStore],
    outputs: ChangelogOutput,
    partition: int,
    without: Collection[str] = (),
) -> None:
    """Collect the changes of logged stores since the last commit, but of those in `without`."""
    for spec in subtopology.stores:
        if not spec.logged or spec.name in without:
            continue
        topic = topology.changelog_topic(spec)
        for key, stored, time_ms in stores[spec.name].changes():
            outputs.add(changelog_record(topic, spec, key, stored, max(0, time_ms)), partition)


def with_suffix(keys: ArrowArray, suffix: bytes) -> ArrowArray:
    """Return keys of a store as its changelog has them."""
    if not suffix:
        return keys
    plain = keys.cast(pa.binary())
    return _compute.binary_join_element_wise(plain, pa.scalar(suffix, pa.binary()), pa.scalar(b"", pa.binary()))
