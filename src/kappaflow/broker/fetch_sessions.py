"""Incremental fetch sessions: a client names its partitions once, then only what changes.

    epoch  0   a full fetch that starts a session      epoch -1   a full fetch without one, or the end of one
    epoch  n   the n-th fetch of a session: partitions added, moved and forgotten; the answer holds only partitions
               with records, an error, or another high watermark or log start

Source: KIP-227
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from kappaflow.errors import BrokerError
from kappaflow.runtime.clock import Clock
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message

NO_SESSION = 0
INITIAL_EPOCH, FINAL_EPOCH = 0, -1
MAX_EPOCH = 2**31 - 1

TopicKey = str | UUID
PartitionKey = tuple[TopicKey, int]


@dataclass(slots=True)
class FetchedPartition:
    """A partition of a session: what is wanted of it and what the client was last told.

    Attributes:
        wanted: the request's entry.
        high_watermark: as last told; -1 where it must be told again.
        log_start_offset: as last told.
    """

    wanted: Message
    high_watermark: int = -1
    log_start_offset: int = -1


@dataclass(slots=True)
class FetchSession:
    """One session; partitions are in the order in which they are read, those that gave records last move back."""

    session_id: int
    by_id: bool
    created_ms: int
    last_used_ms: int
    epoch: int = 1
    partitions: dict[PartitionKey, FetchedPartition] = field(default_factory=dict[PartitionKey, FetchedPartition])

    def wanted(self) -> list[tuple[TopicKey, Message]]:
        """(topic, entry) of every partition."""
        return [(key[0], each.wanted) for key, each in self.partitions.items()]

    def update(self, topics: Iterable[Message], forgotten: Iterable[Message]) -> None:
        """Apply what a request adds, moves and forgets."""
        for topic in topics:
            for item in topic.partitions:
                key = (topic_key(topic, self.by_id), item.partition)
                known = self.partitions.get(key)
                if known is None:
                    self.partitions[key] = FetchedPartition(item)
                else:
                    known.wanted = item
        for topic in forgotten:
            for index in topic.partitions:
                self.partitions.pop((topic_key(topic, self.by_id), index), None)

    def note(self, key: PartitionKey, answer: Message, *, rotate: bool) -> bool:
        """Remember what a client is told of a partition; whether an incremental answer must hold it."""
        known = self.partitions.get(key)
        if known is None:
            return True
        failed = answer.error_code != ErrorCode.NONE
        told = (known.high_watermark, known.log_start_offset)
        known.high_watermark = -1 if failed else answer.high_watermark
        known.log_start_offset = answer.log_start_offset
        if rotate and answer.records:
            # Partitions with much to read must not starve those behind them.
            self.partitions[key] = self.partitions.pop(key)
        return bool(answer.records) or failed or told != (answer.high_watermark, answer.log_start_offset)


class FetchSessionCache:
    """The sessions of a broker, bounded in number.

    Args:
        clock: the time.
        max_sessions: the most sessions; beyond it old or small ones make room, or the client gets none.
        eviction_ms: how long a session is safe from others.
    """

    def __init__(self, clock: Clock, max_sessions: int = 1_000, eviction_ms: int = 120_000) -> None:
        self._clock = clock
        self._max_sessions = max_sessions
        self._eviction_ms = eviction_ms
        self._sessions: dict[int, FetchSession] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def remove(self, session_id: int) -> None:
        """End a session; an unknown one is fine."""
        self._sessions.pop(session_id, None)

    def create(self, topics: Sequence[Message], *, by_id: bool) -> FetchSession | None:
        """Start a session; None where there is no room for it."""
        size = sum(len(topic.partitions) for topic in topics)
        now_ms = self._clock.time_ms()
        if size == 0 or (len(self._sessions) >= self._max_sessions and not self._evict(size, now_ms)):
            return None
        session_id = random.randrange(1, MAX_EPOCH)
        while session_id in self._sessions:
            session_id = random.randrange(1, MAX_EPOCH)
        session = FetchSession(session_id, by_id, now_ms, now_ms)
        session.update(topics, ())
        self._sessions[session_id] = session
        return session

    def go_on(self, request: Message, *, by_id: bool) -> FetchSession:
        """The session of an incremental request, brought up to date with it.

        Raises:
            BrokerError: FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH or FETCH_SESSION_TOPIC_ID_ERROR.
        """
        session = self._sessions.get(request.session_id)
        if session is None:
            raise _error(ErrorCode.FETCH_SESSION_ID_NOT_FOUND)
        if session.epoch != request.session_epoch:
            raise _error(ErrorCode.INVALID_FETCH_SESSION_EPOCH)
        if session.by_id != by_id:
            raise _error(ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR)
        session.epoch = 1 if session.epoch == MAX_EPOCH else session.epoch + 1
        # The order of use is the order of the dictionary: the oldest is first.
        session.last_used_ms = self._clock.time_ms()
        self._sessions[session.session_id] = self._sessions.pop(session.session_id)
        session.update(request.topics, request.forgotten_topics_data)
        return session

    def _evict(self, size: int, now_ms: int) -> bool:
        oldest = next(iter(self._sessions.values()))
        if now_ms - oldest.last_used_ms > self._eviction_ms:
            del self._sessions[oldest.session_id]
            return True
        unsafe = [each for each in self._sessions.values() if now_ms - each.created_ms > self._eviction_ms]
        smallest = min(unsafe, key=lambda each: len(each.partitions), default=None)
        if smallest is None or len(smallest.partitions) >= size:
            return False
        del self._sessions[smallest.session_id]
        return True


def topic_key(topic: Message, by_id: bool) -> TopicKey:
    """The topic's id or name, whichever the request goes by."""
    return topic.topic_id if by_id else topic.topic


def _error(code: ErrorCode) -> BrokerError:
    return BrokerError(code, code.name)
