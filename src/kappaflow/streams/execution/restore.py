"""Fill stores from their changelogs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kappaflow.client.admin import EARLIEST, LATEST, Admin
from kappaflow.client.connection import ClientConfig
from kappaflow.client.records import RecordReader
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.state.database import DurableStore
from kappaflow.streams.topology import StoreSpec

Progress = Callable[[str, int, int], None]  # store, records done, records in all


def restore_store(
    client: ClientConfig,
    admin: Admin,
    spec: StoreSpec,
    store: DurableStore,
    changelog: TopicPartition,
    end: int | None,
    progress: Progress | None = None,
) -> int:
    """Replay a changelog partition into an empty store.

    Args:
        end: offset to stop before; None is the end of the partition now.

    Returns:
        The number of records replayed.
    """
    bounds = admin.list_offsets({changelog: EARLIEST})[changelog].offset
    stop = admin.list_offsets({changelog: LATEST})[changelog].offset if end is None else end
    if stop <= bounds:
        return 0
    done = 0
    with RecordReader(client, {changelog: bounds}) as reader:
        position = bounds
        while position < stop:
            for record in reader.poll(1.0):
                if record.offset >= stop:
                    position = stop
                    break
                position = record.offset + 1
                if record.key is not None:
                    row = spec.value_serde.deserialize(record.value)
                    store.put(record.key, row, record.timestamp)
                    done += 1
            if progress is not None:
                progress(spec.name, position - bounds, stop - bounds)
    return done


def is_ahead(local: Mapping[str, int], committed: Mapping[str, int]) -> bool:
    """Tell whether local positions are there and at or beyond the group's: then local state is the newest there is."""
    return bool(local) and all(local.get(name, -1) >= offset for name, offset in committed.items())
