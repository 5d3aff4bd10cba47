"""Changes of stores as records of their changelogs."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from kappaflow.state.database import DurableStore
from kappaflow.streams.execution.outputs import OutputBuffer
from kappaflow.streams.execution.row_task import RawRecord
from kappaflow.streams.topology import Subtopology, Topology


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
            value = None if stored is None else spec.value_serde.serialize(stored[0])
            timestamp = stored[1] if stored is not None else max(0, stream_time)
            outputs.add(RawRecord(topic, key, value, timestamp), partition)
