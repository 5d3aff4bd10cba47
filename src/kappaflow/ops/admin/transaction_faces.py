"""The face of a cluster's transactions, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from kappaflow.client.topic_partition import TopicPartition


class ProducerState(NamedTuple):
    """A producer that a partition remembers.

    Attributes:
        producer_id: its id.
        producer_epoch: the epoch that it wrote with last.
        last_timestamp: of its last batch, in ms since the epoch; -1 where it has none.
        coordinator_epoch: of the last marker; -1 where there was none.
        transaction_start: the offset at which its open transaction begins; None where none is open.
    """

    producer_id: int
    producer_epoch: int
    last_timestamp: int
    coordinator_epoch: int
    transaction_start: int | None


class TransactionListing(NamedTuple):
    """A transactional id as its coordinator lists it; ``state`` is Kafka's, such as ``Ongoing``."""

    transactional_id: str
    producer_id: int
    state: str


class TransactionState(NamedTuple):
    """A transactional id with its transaction; ``start_ms`` is None where none is open."""

    transactional_id: str
    producer_id: int
    producer_epoch: int
    state: str
    timeout_ms: int
    start_ms: int | None
    partitions: tuple[TopicPartition, ...]
    coordinator: int = -1


class TransactionAdmin(Protocol):
    """Transactions and the producers of partitions."""

    def list(self) -> list[TransactionListing]:
        """All transactional ids, sorted."""
        ...

    def describe(self, transactional_ids: Sequence[str]) -> dict[str, TransactionState]:
        """Transactional ids with their transactions; those that are not known are left out."""
        ...

    def producers(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, list[ProducerState]]:
        """Who has written to partitions; those without a leader are left out."""
        ...

    def stable_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """The last stable offsets: where readers of committed records stop."""
        ...

    def terminate(self, transaction: TransactionState) -> None:
        """End the open transaction of a transactional id at its coordinator; whoever wrote with the id is fenced."""
        ...

    def abort(self, partition: TopicPartition, producer: ProducerState) -> None:
        """End a producer's open transaction in one partition by a marker, past its coordinator."""
        ...
