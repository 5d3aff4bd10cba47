"""The batches of one partition on their way: what waits, what is under way, and in which order they may be sent.

    add ──▶ waiting ──take──▶ in_flight ──answered──▶ (written, or put back where it stood)

No I/O and no lock: `kappaflow.client.produce` holds both.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from kappaflow.client.sequencing import SEQUENCE_MASK, ProducerIdentity, sequence_count, stamp_producer
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import KappaError

BATCHES_KNOWN_AGAIN = 5


class DeliveryReport(NamedTuple):
    """What became of one batch.

    Attributes:
        partition: where it was sent.
        base_offset: the offset of its first record, -1 where unknown or failed.
        record_count: offsets that it takes.
        error: why it was not written, or None.
    """

    partition: TopicPartition
    base_offset: int
    record_count: int
    error: KappaError | None = None


DeliveryCallback = Callable[[DeliveryReport], object]


@dataclass(slots=True, eq=False)
class Batch:
    """A batch on its way.

    Attributes:
        order: its place in the partition.
        deadline: when it fails, on the monotonic clock.
        identity: set once it has sequences.
        setback: why the last attempt failed.
        doubt: why the broker may have written it without our knowing; None when it was not or cannot have.
    """

    data: bytearray
    count: int
    order: int
    deadline: float
    callback: DeliveryCallback | None
    identity: ProducerIdentity | None = None
    sequence: int = -1
    doubt: KappaError | None = None
    setback: KappaError | None = None


@dataclass(slots=True, eq=False)
class PartitionQueue:
    """The batches of one partition.

    Attributes:
        waiting: not under way, in order; those that were sent before come first.
        in_flight: batches under way.
        draining: a failure was seen; nothing is sent until ``in_flight`` is empty.
        next_offset: after the last batch that was written, -1 where not known.
        refused: the last batch that failed for good, while others of its identity are not settled.
        lacks_leader: it waits for its leader to become known.
        written_by: the producer id of the last batch that was written, -1 before the first.
    """

    partition: TopicPartition
    waiting: deque[Batch] = field(default_factory=deque[Batch])
    in_flight: list[Batch] = field(default_factory=list[Batch])
    draining: bool = False
    retry_at: float = 0.0
    next_sequence: int = 0
    next_order: int = 0
    next_offset: int = -1
    refused: Batch | None = None
    lacks_leader: bool = False
    written_by: int = -1

    @property
    def has_stamped(self) -> bool:
        """Whether batches with sequences are not settled."""
        return bool(self.in_flight) or bool(self.waiting and self.waiting[0].identity is not None)

    @property
    def is_within_reach(self) -> bool:
        """Whether the first that waits is one of the five that follow the last settled batch.

        A broker knows the last five batches of a producer again.  Beyond them it would take the repetition of a batch
        that it has written, and whose answer was lost, for one out of order.
        """
        oldest = min((batch.order for batch in self.in_flight), default=self.waiting[0].order)
        return self.waiting[0].order - oldest < BATCHES_KNOWN_AGAIN

    @property
    def is_known_to_broker(self) -> bool:
        """Whether the broker has a batch of the producer whose batches are under way, and so sees a gap before others.

        Of a producer that is new to a partition it takes any sequence: had it refused the first batch (a leader that
        takes up its office), it would write the second, and the first for ever be out of order.
        """
        identity = self.in_flight[0].identity
        return identity is not None and identity.producer_id == self.written_by

    def add(self, data: bytearray, deadline: float, callback: DeliveryCallback | None) -> None:
        """Queue a batch behind all others."""
        self.waiting.append(Batch(data, sequence_count(data), self.next_order, deadline, callback))
        self.next_order += 1

    def take(self, identity: ProducerIdentity | None, *, idempotent: bool) -> Batch:
        """Take the first batch to send it, with sequences where it has none yet."""
        batch = self.waiting.popleft()
        if batch.identity is None and identity is not None:
            batch.identity = identity
            if idempotent:
                batch.sequence = self.next_sequence
                self.next_sequence = (self.next_sequence + batch.count) & SEQUENCE_MASK
                stamp_producer(batch.data, identity, batch.sequence)
        self.in_flight.append(batch)
        return batch

    def begin_sequences(self) -> None:
        """Begin at 0, for a new identity."""
        self.next_sequence, self.refused = 0, None

    def follows_unsettled(self, batch: Batch) -> bool:
        """Whether an earlier batch may not be written: then a gap before this one is no surprise."""
        return self.draining or any(earlier.order < batch.order for earlier in self.in_flight)

    def put_back(self, batch: Batch) -> KappaError | None:
        """Put a batch back where it stood among those that wait; otherwise return why it may not be sent again.

        Behind a refused batch it takes new sequences: the gap kept the broker from writing it.  Unless the refused
        one may have been written after all by an earlier attempt; then only an answer tells, and without one the
        batch fails, because writing it again could double it.
        """
        refused = self.refused
        if refused is not None and batch.order > refused.order and batch.identity is refused.identity:
            if refused.doubt is not None and batch.doubt is not None:
                return batch.doubt
            batch.identity = None
        position = 0
        while position < len(self.waiting) and self.waiting[position].order < batch.order:
            position += 1
        self.waiting.insert(position, batch)
        return None
