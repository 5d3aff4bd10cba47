"""What is known of one transactional id, and how it is journalled."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kappaflow.broker.coordinators.transaction_states import NEXT_STATES, TransactionState

MAX_EPOCH = 0x7FFF
NO_EPOCH = -1
NO_PRODUCER_ID = -1

TopicPartition = tuple[str, int]


@dataclass(slots=True)
class TransactionMetadata:
    """One transactional id.

    Attributes:
        transactional_id: its name.
        producer_id: the id of its producer.
        producer_epoch: the epoch that may write; while markers are written, theirs.
        last_producer_epoch: the epoch before, where a request with it may be a repeated one; else -1.
        previous_producer_id: the id before, where its epochs were used up; else -1.
        next_producer_id: the id that follows when markers are written; -1 where it stays.
        timeout_ms: how long a transaction may be open.
        state: its state.
        partitions: partitions of the transaction.
        groups: groups with offsets in the transaction.
        start_ms: when the last transaction was opened; -1 before the first one of a producer.
        update_ms: when this last changed.
    """

    transactional_id: str
    producer_id: int
    producer_epoch: int = NO_EPOCH
    last_producer_epoch: int = NO_EPOCH
    previous_producer_id: int = NO_PRODUCER_ID
    next_producer_id: int = NO_PRODUCER_ID
    timeout_ms: int = 60_000
    state: TransactionState = TransactionState.EMPTY
    partitions: set[TopicPartition] = field(default_factory=set[TopicPartition])
    groups: set[str] = field(default_factory=set[str])
    start_ms: int = -1
    update_ms: int = -1

    @property
    def is_epoch_exhausted(self) -> bool:
        """Whether the last epoch but one is in use: the last is kept for fencing."""
        return self.producer_epoch >= MAX_EPOCH - 1

    def may_move(self, state: TransactionState) -> bool:
        """Whether the table of states has this move."""
        return state in NEXT_STATES[self.state]

    def is_repeated_end(self, producer_id: int, producer_epoch: int) -> bool:
        """Whether a request to end names the producer as it was before the last one ended (KIP-890)."""
        if self.previous_producer_id == producer_id != self.producer_id:
            return producer_epoch >= MAX_EPOCH - 1
        return producer_id == self.producer_id and producer_epoch == self.last_producer_epoch != NO_EPOCH

    def is_following(self, producer_id: int, producer_epoch: int) -> bool:
        """Whether a request names the producer that follows when the markers of this one are written."""
        return producer_id == self.next_producer_id != NO_PRODUCER_ID and producer_epoch == 0

    def to_entry(self) -> dict[str, Any]:
        """The journal entry that says everything."""
        return {
            "type": "transaction",
            "transactional_id": self.transactional_id,
            "producer_id": self.producer_id,
            "producer_epoch": self.producer_epoch,
            "last_producer_epoch": self.last_producer_epoch,
            "previous_producer_id": self.previous_producer_id,
            "next_producer_id": self.next_producer_id,
            "timeout_ms": self.timeout_ms,
            "state": self.state.value,
            "partitions": [list(each) for each in sorted(self.partitions)],
            "groups": sorted(self.groups),
            "start_ms": self.start_ms,
            "update_ms": self.update_ms,
        }

    @staticmethod
    def from_entry(entry: dict[str, Any]) -> TransactionMetadata:
        """What `to_entry` said."""
        values = {name: value for name, value in entry.items() if name != "type"}
        values["state"] = TransactionState(entry["state"])
        values["partitions"] = {(topic, partition) for topic, partition in entry["partitions"]}
        values["groups"] = set(entry["groups"])
        return TransactionMetadata(**values)
