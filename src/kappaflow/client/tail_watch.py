"""What many fetchers that stand at the end of their partitions wait for, asked by few requests of a process.

    fetcher ──wait(partition, position, ends it saw)──▶ TailWatch ──long poll from there──▶ broker
       ▲                                                   │
       └──── on_grown: fetch again ◀── grown, failed, in doubt

The bytes of an answer are dropped: a fetcher that is woken asks for itself, from its own position.  A broker holds a
request back until something comes, and takes no other of the connection meanwhile; so there are two for each shard of
the partitions: the long one for all, and a short one for those that began to wait while the long one is under way.

No wake is lost.  For a fetcher that waits at a position one of these holds, from ``wait`` on and under the lock:

- a request is under way that asks for its partition from there or before, so the broker answers it with whatever is
  readable there, also with what was written between the fetcher's last answer and the request;
- its partition is pending: a request goes out at once, or when the one under way is answered, which has a time limit.

Each answer, error and failure either wakes it or leaves it waiting, and what is left waiting is asked for again.  Ends
are compared with those the fetcher itself saw, so an end that went back misleads nobody.  Waking too often costs a
request and is always right.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol
from zlib import crc32

from kappaflow.client.connection import Connection
from kappaflow.client.fetch_requests import fetch_request
from kappaflow.client.fetch_session import FetchSession
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.wire.error_codes import ErrorCode

LONG_WAIT_MS, SHORT_WAIT_MS = 2_000, 50
PAUSE_S = 0.1
SHARDS = 8
WATCH_BYTES = 1
SESSION_CODES = frozenset(
    {
        ErrorCode.FETCH_SESSION_ID_NOT_FOUND,
        ErrorCode.INVALID_FETCH_SESSION_EPOCH,
        ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR,
    }
)


class Seen(NamedTuple):
    """What a fetcher that begins to wait knows of its partition.

    Attributes:
        position: the offset that it fetches next; nothing is readable there.
        high_watermark, last_stable_offset: of the answer that said so.
    """

    position: int
    high_watermark: int
    last_stable_offset: int


class Watcher(Protocol):
    """A fetcher."""

    def on_grown(self, partitions: list[TopicPartition]) -> None:
        """Fetch these again; on the thread of the watch, must be quick.  It does not wait for them any more."""
        ...


@dataclass(slots=True)
class _Tail:
    """The end of one partition.

    Attributes:
        waiting: who waits there.
        end: where those that were woken are expected back; -1 where nobody is.
    """

    waiting: dict[Watcher, Seen] = field(default_factory=dict[Watcher, Seen])
    end: int = -1

    @property
    def offset(self) -> int:
        return min((seen.position for seen in self.waiting.values()), default=self.end)


@dataclass(slots=True, eq=False)
class _Poll:
    """One request of a shard that goes out again and again.

    Attributes:
        asked: what the one under way asks for, None while none is.
        not_before: when the next one may go out.
    """

    name: str
    wait_ms: int
    asked: dict[TopicPartition, int] | None = None
    sent_at: float = 0.0
    not_before: float = 0.0
    session: FetchSession = field(default_factory=FetchSession)

    def covers(self, partition: TopicPartition, position: int) -> bool:
        """Whether the broker will answer for what comes at a position."""
        return self.asked is not None and self.asked.get(partition, position + 1) <= position


@dataclass(slots=True, eq=False)
class _Shard:
    """Some of the partitions that one broker leads.

    Attributes:
        pending: with somebody waiting whom no request under way speaks for.
    """

    node_id: int
    long: _Poll
    short: _Poll
    tails: dict[TopicPartition, _Tail] = field(default_factory=dict[TopicPartition, _Tail])
    pending: set[TopicPartition] = field(default_factory=set[TopicPartition])

    def covers(self, partition: TopicPartition, position: int) -> bool:
        return self.long.covers(partition, position) or self.short.covers(partition, position)

    def wanted(self, poll: _Poll) -> dict[TopicPartition, int]:
        """What a request is to ask for now; empty where it is not needed."""
        if poll is self.long:
            if not any(tail.waiting for tail in self.tails.values()):
                return {}
            return {partition: tail.offset for partition, tail in self.tails.items()}
        if self.long.asked is None:
            return {}  # the long one takes all
        return {partition: self.tails[partition].offset for partition in self.pending}


class TailWatch:
    """Waits for what comes, for all fetchers of one isolation level.  Safe to be used from any thread."""

    def __init__(self, connection: Connection, isolation: int) -> None:
        """Begin without anything to wait for.

        Args:
            connection: to send on; is closed with the watch.
            isolation: the code of the isolation level.
        """
        self._connection = connection
        self._isolation = isolation
        self._lock = threading.RLock()
        self._shards: dict[tuple[int, int], _Shard] = {}
        self._places: dict[Watcher, dict[TopicPartition, _Shard]] = {}
        self._is_scheduled = False

    def wait(self, watcher: Watcher, partition: TopicPartition, node_id: int, seen: Seen) -> None:
        """Call `on_grown` of a fetcher, once, when its partition may have more than it saw.

        Args:
            watcher: the fetcher.
            partition: where it waits.
            node_id: the leader that told it so.
            seen: what it knows.
        """
        with self._lock:
            shard = self._shard(node_id, partition)
            earlier = self._places.get(watcher, {}).get(partition)
            if earlier is not None and earlier is not shard:
                self._take_out(watcher, partition)
            self._places.setdefault(watcher, {})[partition] = shard
            shard.tails.setdefault(partition, _Tail()).waiting[watcher] = seen
            if shard.covers(partition, seen.position):
                return
            shard.pending.add(partition)
            if self._is_scheduled:
                return
            self._is_scheduled = True
        self._connection.call_soon(self._pump)

    def leave(self, watcher: Watcher, partitions: Iterable[TopicPartition]) -> None:
        """Wake a fetcher no more for some partitions."""
        with self._lock:
            for partition in partitions:
                self._take_out(watcher, partition)

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def _shard(self, node_id: int, partition: TopicPartition) -> _Shard:
        number = (crc32(partition.topic.encode()) + partition.partition) % SHARDS
        shard = self._shards.get((node_id, number))
        if shard is None:
            name = f"{node_id}-{number}"
            long, short = _Poll(f"watch-{name}", LONG_WAIT_MS), _Poll(f"newcomers-{name}", SHORT_WAIT_MS)
            shard = self._shards[node_id, number] = _Shard(node_id, long, short)
        return shard

    def _take_out(self, watcher: Watcher, partition: TopicPartition) -> None:
        places = self._places.get(watcher, {})
        shard = places.pop(partition, None)
        if not places:
            self._places.pop(watcher, None)
        if shard is None:
            return
        tail = shard.tails[partition]
        del tail.waiting[watcher]
        if not tail.waiting:
            shard.pending.discard(partition)
            if tail.end < 0:
                del shard.tails[partition]

    # ---- the I/O thread's side ----

    def _pump(self) -> None:
        """Send every request that can be sent now."""
        if self._connection.closed:
            return
        with self._lock:
            self._is_scheduled = False
            now = time.monotonic()
            for shard in self._shards.values():
                for poll in (shard.long, shard.short):
                    if poll.asked is None and poll.not_before <= now and (wanted := shard.wanted(poll)):
                        self._send(shard, poll, wanted, now)

    def _send(self, shard: _Shard, poll: _Poll, wanted: dict[TopicPartition, int], now: float) -> None:
        session = poll.session.next(wanted)
        request = fetch_request(
            ((partition, offset, -1) for partition, offset in session.changed.items()),
            isolation=self._isolation,
            max_wait_ms=poll.wait_ms,
            partition_bytes=WATCH_BYTES,
            max_bytes=WATCH_BYTES,
            session_id=session.session_id,
            session_epoch=session.epoch,
            forgotten=session.forgotten,
        )
        poll.asked, poll.sent_at = wanted, now
        shard.pending.clear()
        sent = self._connection.send_beside(request, shard.node_id, poll.name)
        sent.add_callback(lambda response: self._on_answer(shard, poll, response))
        sent.add_errback(lambda error: self._on_failure(shard, poll, error))

    def _on_answer(self, shard: _Shard, poll: _Poll, response: Any) -> None:
        grown: dict[Watcher, list[TopicPartition]] = defaultdict(list)
        with self._lock:
            asked, poll.asked = poll.asked or {}, None
            poll.session.answered(response)
            told: set[TopicPartition] = set()
            pauses = bool(response.error_code) and response.error_code not in SESSION_CODES
            if pauses:
                told = self._wake_all(shard, asked, grown)
            for topic in response.responses or ():
                for row in topic.partitions:
                    partition = TopicPartition(topic.topic, row.partition_index)
                    pauses = pauses or bool(row.error_code)
                    if self._take_row(shard, partition, row, grown):
                        told.add(partition)
            is_early = time.monotonic() - poll.sent_at < poll.wait_ms / 2000
            # A broker that answers at once without news would be asked without a pause.
            is_idle = is_early and not told and not response.error_code
            self._go_on(shard, poll, asked, told, pause=pauses or is_idle)
        self._wake(grown)

    def _on_failure(self, shard: _Shard, poll: _Poll, _error: BaseException) -> None:
        """Let all that were spoken for ask for themselves: they find out what is wrong, and what to do about it."""
        if self._connection.closed:
            return
        grown: dict[Watcher, list[TopicPartition]] = defaultdict(list)
        with self._lock:
            asked, poll.asked = poll.asked or {}, None
            poll.session.reset()
            told = self._wake_all(shard, asked, grown)
            self._go_on(shard, poll, asked, told, pause=True)
        self._wake(grown)

    def _go_on(
        self, shard: _Shard, poll: _Poll, asked: Mapping[TopicPartition, int], told: set[TopicPartition], *, pause: bool
    ) -> None:
        """After an answer: ask again for those that still wait, and for no partition that nobody has come back to."""
        for partition in asked:
            tail = shard.tails.get(partition)
            if tail is None:
                continue
            if not tail.waiting and partition not in told:
                del shard.tails[partition]
            elif any(not shard.covers(partition, seen.position) for seen in tail.waiting.values()):
                shard.pending.add(partition)
        if pause:
            poll.not_before = time.monotonic() + PAUSE_S
            self._connection.call_later(PAUSE_S, self._pump)
        self._connection.call_soon(self._pump)

    def _take_row(
        self, shard: _Shard, partition: TopicPartition, row: Any, grown: dict[Watcher, list[TopicPartition]]
    ) -> bool:
        """Note whom one partition of an answer concerns; whether it said anything new."""
        tail = shard.tails.get(partition)
        if tail is None:
            return False
        if not tail.waiting:
            del shard.tails[partition]  # it grew again before anybody came back: it is asked for when somebody does
            return True
        concerned = [watcher for watcher, seen in tail.waiting.items() if self._is_news(row, seen)]
        if not concerned:
            return False
        end = row.last_stable_offset if self._isolation else row.high_watermark
        tail.end = -1 if row.error_code else end
        for watcher in concerned:
            grown[watcher].append(partition)
            self._take_out(watcher, partition)
        return True

    def _is_news(self, row: Any, seen: Seen) -> bool:
        stable_moved = self._isolation and row.last_stable_offset != seen.last_stable_offset
        return bool(row.error_code or row.records or row.high_watermark != seen.high_watermark or stable_moved)

    def _wake_all(
        self, shard: _Shard, partitions: Iterable[TopicPartition], grown: dict[Watcher, list[TopicPartition]]
    ) -> set[TopicPartition]:
        """Note everybody who waits for some partitions; which of these there are."""
        found = {partition for partition in partitions if partition in shard.tails}
        for partition in found:
            tail = shard.tails[partition]
            tail.end = -1
            for watcher in list(tail.waiting):
                grown[watcher].append(partition)
                self._take_out(watcher, partition)
            shard.tails.pop(partition, None)  # where nobody waited
        return found

    def _wake(self, grown: Mapping[Watcher, list[TopicPartition]]) -> None:
        for watcher, partitions in grown.items():
            watcher.on_grown(partitions)


class SharedWatch:
    """A watch as one of its users has it."""

    def __init__(self, watch: TailWatch, give_back: Callable[[TailWatch], object]) -> None:
        self.wait = watch.wait
        self.leave = watch.leave
        self._watch = watch
        self._give_back = give_back

    def close(self) -> None:
        """End the use; the user waits for nothing any more."""
        self._give_back(self._watch)
