"""What the commit of a worker's tasks consists of; each guarantee has its own order.

    at least once      flush ──▶ local batch ──▶ the group's offsets
    exactly once (v2)  flush ──▶ offsets in the transaction ──▶ EndTxn ──▶ local batch

The local batch is one write: changed rows of all stores, the next input offsets, and for each store the changelog it
goes with and the next position there.  What operators know beside their stores (times, drop counts) is in the local
batch and, for whoever takes a task over, in the metadata of a committed offset.
"""

from __future__ import annotations

from base64 import b85decode, b85encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from kappaflow.client.offset_fetch import CommittedOffset
from kappaflow.client.offsets import GroupGeneration
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.state.database import DurableStore

METADATA_PREFIX = "kappaflow1:"
METADATA_MAX_BYTES = 4000
"""Brokers refuse more than 4,096 bytes (``offset.metadata.max.bytes``)."""

PROGRESS_MARK = "#"
CHANGELOG = "#changelog/"
TOPIC_ID = "#topic-id/"
COMMITTED_AT = "#committed-at"
RESTORING = "#restoring"
GROUP = "#group/"
LOCAL_ONLY = (CHANGELOG, TOPIC_ID, COMMITTED_AT, RESTORING, GROUP)

Step = Callable[[], AbstractContextManager[None]]
"""Takes the state for one step, so that nobody reads it half changed."""


class CommittingTask(Protocol):
    """What a commit needs of a task."""

    positions: dict[TopicPartition, int]

    @property
    def inputs(self) -> list[TopicPartition]:
        """The partitions that the task reads."""
        ...

    @property
    def stores(self) -> Mapping[str, DurableStore]:
        """Its stores by name."""
        ...

    def before_commit(self) -> None:
        """Forward what caches hold back and hand changelog records to the producer."""
        ...

    def committed(self) -> dict[str, int]:
        """Positions, times and drop counts, by name."""
        ...


class Offsets(Protocol):
    """The committed offsets of the group."""

    def commit(self, offsets: Mapping[TopicPartition, CommittedOffset], generation: GroupGeneration) -> None:
        """Commit as a member of a generation."""
        ...


class Writer(Protocol):
    """Writes batches of records."""

    def flush(self) -> None:
        """Wait until all is written."""
        ...

    def next_offset(self, partition: TopicPartition) -> int | None:
        """The offset after the last batch written to a partition."""
        ...


class TransactionalWriter(Protocol):
    """Writes batches of records in transactions."""

    def commit(
        self, offsets: Mapping[TopicPartition, CommittedOffset], group_id: str, generation: GroupGeneration
    ) -> None:
        """Write what is queued and commit it with these offsets."""
        ...

    def next_offset(self, partition: TopicPartition) -> int | None:
        """The offset after the last batch written to a partition."""
        ...


class LocalState(Protocol):
    """The database of the worker."""

    def commit(self, task_stores: Sequence[DurableStore], positions: Mapping[str, Mapping[str, int]]) -> None:
        """Write the changes of stores and the positions of tasks in one batch."""
        ...


@dataclass(slots=True)
class Changelog:
    """Where the changes of a store are, and how far the store has them.

    Attributes:
        topic_id: of the topic, shortened to 63 bits; 0 where the cluster has none.
        is_input: the changelog is the store's input topic; its position is that of the input.
    """

    partition: TopicPartition
    topic_id: int
    next_offset: int
    is_input: bool = False


@dataclass(slots=True)
class OpenTask:
    """A task, its name in the database, and the changelogs of its stores by name.

    Attributes:
        group: the offsets that the group is known to have; where a restart finds others, somebody set them.
    """

    task: Any
    name: str
    changelogs: dict[str, Changelog] = field(default_factory=dict[str, Changelog])
    group: dict[TopicPartition, int] = field(default_factory=dict[TopicPartition, int])


def offsets_of(tasks: Iterable[OpenTask]) -> dict[TopicPartition, CommittedOffset]:
    """Return what to commit for the group, with the progress of each task at its first input."""
    found: dict[TopicPartition, CommittedOffset] = {}
    for opened in tasks:
        task: CommittingTask = opened.task
        metadata = encode_progress(task.committed())
        first = min(task.inputs)
        for partition, offset in task.positions.items():
            found[partition] = CommittedOffset(offset, metadata=metadata if partition == first else "")
    return found


def local_of(
    tasks: Iterable[OpenTask], next_offset: Callable[[TopicPartition], int | None], time_ms: int
) -> dict[str, dict[str, int]]:
    """Return what the local batch keeps beside the stores, and move the changelog positions on.

    Args:
        next_offset: of the producer that wrote the changelogs.
        time_ms: now, since the epoch.
    """
    found: dict[str, dict[str, int]] = {}
    for opened in tasks:
        task: CommittingTask = opened.task
        kept = task.committed()
        kept[COMMITTED_AT] = time_ms
        kept |= group_marks(opened.group)
        for store, changelog in opened.changelogs.items():
            reached = task.positions.get(changelog.partition) if changelog.is_input else None
            written = reached if changelog.is_input else next_offset(changelog.partition)
            changelog.next_offset = max(changelog.next_offset, written or 0)
            kept[CHANGELOG + store] = changelog.next_offset
            kept[TOPIC_ID + store] = changelog.topic_id
        found[opened.name] = kept
    return found


def group_marks(offsets: Mapping[TopicPartition, int]) -> dict[str, int]:
    """Return the offsets of a group as the local batch keeps them."""
    return {f"{GROUP}{partition.topic}-{partition.partition}": offset for partition, offset in offsets.items()}


def stores_of(tasks: Iterable[OpenTask]) -> list[DurableStore]:
    """Return the stores of all tasks."""
    return [store for opened in tasks for store in opened.task.stores.values()]


def encode_progress(committed: Mapping[str, int]) -> str:
    """Return times and drop counts as the metadata of an offset; empty when there are none or too many."""
    progress = {
        name: number
        for name, number in committed.items()
        if name.startswith(PROGRESS_MARK) and not name.startswith(LOCAL_ONLY)
    }
    if not progress:
        return ""
    text = METADATA_PREFIX + b85encode(msgspec.msgpack.encode(progress)).decode()
    return text if len(text) <= METADATA_MAX_BYTES else ""


def decode_progress(metadata: str) -> dict[str, int]:
    """Undo `encode_progress`; what others wrote there says nothing."""
    if not metadata.startswith(METADATA_PREFIX):
        return {}
    try:
        return msgspec.msgpack.decode(b85decode(metadata[len(METADATA_PREFIX) :]), type=dict[str, int])
    except (ValueError, msgspec.DecodeError):
        return {}
