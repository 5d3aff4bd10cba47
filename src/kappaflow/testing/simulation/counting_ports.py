"""What the engine's commit protocol runs on in the simulated world: producer, offsets, cluster and changelog reader.

The engine's calls block.  Here they wait by running the rest of the world until their answer is there.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, Literal

from kappaflow.client.admin import RESOURCE_TYPES, ConfigValue, TopicDescription
from kappaflow.client.fetched_chunk import AbortedTransaction, FetchedChunk
from kappaflow.client.listed_offsets import ListedOffset
from kappaflow.client.offset_fetch import CommittedOffset
from kappaflow.client.offsets import GroupGeneration
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import BrokerError, RetriableBrokerError
from kappaflow.testing.simulation.banking import TransactionClient
from kappaflow.testing.simulation.client import DESCRIBE_CONFIGS, LIST_OFFSETS, METADATA, Refused, SimulatedClient
from kappaflow.testing.simulation.consuming import Membership, committed_offsets
from kappaflow.testing.simulation.network import Disconnected
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import ZERO_UUID, Message
from kappaflow.wire.record_batch import iterate_headers

Wait = Callable[[Coroutine[Any, Any, Any]], Any]


def key_of(partition: TopicPartition) -> tuple[str, int]:
    """A partition as the simulation's clients name it."""
    return partition.topic, partition.partition


def waiting(wait: Wait) -> Wait:
    """Wait as the client does: failures are the errors that it raises."""

    def until_answered(coroutine: Coroutine[Any, Any, Any]) -> Any:
        try:
            return wait(coroutine)
        except Refused as error:
            raise BrokerError(error.code, error.code.name, str(error)) from error
        except Disconnected as error:
            raise RetriableBrokerError(ErrorCode.NETWORK_EXCEPTION, "NETWORK_EXCEPTION", str(error)) from error

    return until_answered


class ProducerPort:
    """The transactional producer of a worker: batches wait until the commit.

    Attributes:
        before_end: called when all of a transaction but its end is written.
    """

    def __init__(self, transaction: TransactionClient, wait: Wait) -> None:
        self._transaction = transaction
        self._wait = waiting(wait)
        self._queued: list[tuple[TopicPartition, bytearray]] = []
        self._next: dict[TopicPartition, int] = {}
        self.before_end: Callable[[], None] = lambda: None

    @property
    def is_open(self) -> bool:
        """Whether a transaction is open, or about to be."""
        return self._transaction.is_open or bool(self._queued)

    def init(self) -> None:
        """Fence earlier producers of the id."""
        self._queued.clear()
        self._wait(self._transaction.init())
        self._transaction.reset_sequences()

    def send(self, partition: TopicPartition, batch: bytes | bytearray | memoryview) -> None:
        """Queue one batch."""
        self._queued.append((TopicPartition(*partition), bytearray(batch)))

    def flush(self) -> None:
        """Write what is queued."""
        queued, self._queued = self._queued, []
        for partition, batch in queued:
            base = self._wait(self._transaction.write_batch(key_of(partition), batch))
            (header,) = (header for _, header in iterate_headers(bytes(batch)))
            self._next[partition] = base + header.last_offset_delta + 1

    def commit(
        self, offsets: Mapping[TopicPartition, CommittedOffset], group_id: str, generation: GroupGeneration
    ) -> None:
        """Write what is queued and commit it with these offsets."""
        self.flush()
        rows = {key_of(partition): (at.offset, at.metadata) for partition, at in offsets.items()}
        self._wait(self._transaction.commit_offsets(group_id, rows, generation.generation_id, generation.member_id))
        self.before_end()
        self._wait(self._transaction.end(committed=True))

    def next_offset(self, partition: TopicPartition) -> int | None:
        """The offset after the last batch written to a partition."""
        return self._next.get(partition)


class OffsetsPort:
    """The committed offsets of the worker's group."""

    def __init__(self, client: SimulatedClient, group: str, membership: Membership, wait: Wait) -> None:
        self._client = client
        self._group = group
        self._membership = membership
        self._wait = waiting(wait)

    def fetch(
        self, partitions: Iterable[TopicPartition] | None = None, *, require_stable: bool = False
    ) -> dict[TopicPartition, CommittedOffset]:
        """Read them."""
        keys = [(topic, number) for topic, number in partitions or ()]
        found = self._wait(committed_offsets(self._client, self._group, keys, stable=require_stable))
        return {TopicPartition(*key): CommittedOffset(offset, -1, text) for key, (offset, text) in found.items()}

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit as a member."""
        self._wait(self._membership.commit({key_of(partition): offset for partition, offset in offsets.items()}))


class ClusterPort:
    """What is asked of the cluster.

    Args:
        committed_only: whether ends are last stable offsets, which is wrong.
    """

    def __init__(self, client: SimulatedClient, wait: Wait, *, committed_only: bool = False) -> None:
        self._client = client
        self._wait = waiting(wait)
        self._committed_only = committed_only

    def list_offsets(
        self, timestamps: Mapping[TopicPartition, int], *, described: Mapping[str, TopicDescription] | None = None
    ) -> dict[TopicPartition, ListedOffset]:
        """The beginnings or ends of partitions; the only broker is asked whatever is `described`."""
        topics: dict[str, list[Message]] = {}
        for (topic, number), timestamp in timestamps.items():
            topics.setdefault(topic, []).append(
                Message(partition_index=number, current_leader_epoch=-1, timestamp=timestamp)
            )
        body = Message(
            replica_id=-1,
            isolation_level=int(self._committed_only),
            topics=[Message(name=name, partitions=rows) for name, rows in topics.items()],
        )
        answer = self._wait(
            self._client.call(
                LIST_OFFSETS, 4, body, "list offsets", lambda a: [p.error_code for t in a.topics for p in t.partitions]
            )
        )
        return {
            TopicPartition(topic.name, row.partition_index): ListedOffset(row.offset, row.timestamp, row.leader_epoch)
            for topic in answer.topics
            for row in topic.partitions
        }

    def describe_topics(self, names: Sequence[str] | None = None) -> dict[str, TopicDescription]:
        """Topics with their ids."""
        body = Message(
            topics=[Message(topic_id=ZERO_UUID, name=name) for name in names or ()],
            allow_auto_topic_creation=False,
            include_topic_authorized_operations=False,
        )
        answer = self._wait(
            self._client.call(METADATA, 12, body, "describe topics", lambda a: [t.error_code for t in a.topics])
        )
        return {
            topic.name: TopicDescription(topic.name, str(topic.topic_id), is_internal=False, partitions=())
            for topic in answer.topics
        }

    def describe_configs(self, resource: Literal["topic", "broker"], name: str) -> dict[str, ConfigValue]:
        """The settings of a topic."""

        row = Message(resource_type=RESOURCE_TYPES[resource], resource_name=name, configuration_keys=None)
        body = Message(resources=[row], include_synonyms=False, include_documentation=False)
        answer = self._wait(
            self._client.call(
                DESCRIBE_CONFIGS, 4, body, "describe configs", lambda a: [r.error_code for r in a.results]
            )
        )
        return {c.name: ConfigValue(c.value, False, c.read_only, c.is_sensitive) for c in answer.results[0].configs}


class ReaderPort:
    """Reads committed records of assigned partitions, one fetch a poll."""

    def __init__(self, client: SimulatedClient, wait: Wait, max_bytes: int = 2048) -> None:
        self._client = client
        self._wait = wait
        self._max_bytes = max_bytes
        self._positions: dict[TopicPartition, int] = {}
        self._empty_until: dict[TopicPartition, int] = {}

    def __enter__(self) -> ReaderPort:
        return self

    def __exit__(self, *_: object) -> None:
        self._positions.clear()

    def assign(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Fetch these partitions from these offsets on."""
        self._positions = dict(offsets)
        self._empty_until.clear()

    def add(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Fetch these partitions too."""
        self._positions |= offsets

    def remove(self, partitions: Iterable[TopicPartition]) -> None:
        """Stop fetching partitions."""
        for partition in partitions:
            self._positions.pop(partition, None)

    def poll(self, timeout_s: float = 0.0, max_bytes: int | None = None) -> list[FetchedChunk]:
        """One fetch of all partitions."""
        del max_bytes
        wanted = {key_of(partition): offset for partition, offset in self._positions.items()}
        if not wanted:
            return []
        try:
            rows = self._wait(
                self._client.fetch(wanted, committed=True, max_wait_ms=int(timeout_s * 1000), max_bytes=self._max_bytes)
            )
        except Disconnected:
            self._wait(self._client.pause())
            return []
        chunks: list[FetchedChunk] = []
        had_room = not any(row.records for _, row in rows)
        for key, row in rows:
            partition = TopicPartition(*key)
            self._empty_until[partition] = -1
            if row.error_code in (ErrorCode.KAFKA_STORAGE_ERROR, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION):
                continue
            if row.error_code:
                raise BrokerError(row.error_code, ErrorCode(row.error_code).name, f"fetch {partition}")
            if had_room:
                self._empty_until[partition] = row.last_stable_offset
            data = bytes(row.records or b"")
            end = max((header.last_offset + 1 for _, header in iterate_headers(data)), default=None)
            if end is None:
                continue
            aborted = tuple(AbortedTransaction(a.producer_id, a.first_offset) for a in row.aborted_transactions or ())
            asked = self._positions[partition]
            chunks.append(
                FetchedChunk(partition, asked, end, data, row.high_watermark, row.last_stable_offset, aborted)
            )
            self._positions[partition] = end
        return chunks

    def position(self, partition: TopicPartition) -> int:
        """The offset that `poll` goes on from."""
        return self._positions[partition]

    def empty_until(self, partition: TopicPartition) -> int:
        """The offset before which nothing is left; -1 where that is not known."""
        return self._empty_until.get(partition, -1)
