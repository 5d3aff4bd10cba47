"""Changes of stores as records of their changelogs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute

from kappaflow.state import Stored
from kappaflow.state.database import DurableStore
from kappaflow.streams.batch import ArrowArray
from kappaflow.streams.execution.outputs import OutputBuffer
from kappaflow.streams.execution.row_task import RawRecord
from kappaflow.streams.record import Headers
from kappaflow.streams.topology import StoreSpec, Subtopology, Topology

_compute: Any = pyarrow.compute  # its functions are made at import and have no types


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
    outputs: OutputBuffer,
    partition: int,
    stream_time: int,
    without: Collection[str] = (),
) -> None:
    """Collect the changes of logged stores since the last commit, but of those in `without`.

    Args:
        stream_time: the time of deletions, whose rows have none.
    """
    for spec in subtopology.stores:
        if not spec.logged or spec.name in without:
            continue
        topic = topology.changelog_topic(spec)
        for key, stored in stores[spec.name].changes():
            timestamp = stored[1] if stored is not None else max(0, stream_time)
            outputs.add(changelog_record(topic, spec, key, stored, timestamp), partition)


def with_suffix(keys: ArrowArray, suffix: bytes) -> ArrowArray:
    """Return keys of a store as its changelog has them."""
    if not suffix:
        return keys
    plain = keys.cast(pa.binary())
    return _compute.binary_join_element_wise(plain, pa.scalar(suffix, pa.binary()), pa.scalar(b"", pa.binary()))
