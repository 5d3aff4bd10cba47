"""Record batches of assigned partitions, fetched ahead as bytes.

    with Fetcher(config) as fetcher:
        fetcher.assign({TopicPartition("orders", 0): 0})
        for chunk in fetcher.poll(timeout_s=1.0):
            columns = decode(chunk.records, chunk.fetch_offset, chunk.aborted)

Requests are sent and answers taken apart on the fetcher's own I/O thread.  A partition is fetched again while
what was fetched of it waits to be polled, within a bound on bytes that never lets one partition starve another; at
the end of the log fetching waits for ``poll``.

    alone on its connection     the broker holds a request back until there is something
    one of many of a process    requests are small and answered at once; at the end of a partition a watch that all
                                share (`kappaflow.client.tail_watch`) says when to ask again
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from kappaflow.client.broker_errors import RETRIABLE_CODES, broker_error, translate
from kappaflow.client.connection import ClientConfig, open_fetching
from kappaflow.client.fetch_position import FetchPosition
from kappaflow.client.fetch_requests import fetch_request, list_offsets_request
from kappaflow.client.fetched_chunk import FetchedChunk
from kappaflow.client.metadata import Leader, Metadata
from kappaflow.client.tail_watch import Seen, SharedWatch
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import KappaError, RetriableBrokerError
from kappaflow.runtime.closing import Closing
from kappaflow.wire.error_codes import ErrorCode

LATEST = -1
EARLIEST = -2
"""Offsets to be looked up: the end of the log, and its beginning."""

RETRY_BACKOFF_S = 0.1
SHARED_REQUEST_BYTES, SHARED_BUFFERED_BYTES = 1 << 20, 16 << 20
"""Bounds of a fetcher that shares its connection: others wait for the answer, and there are many."""
IsolationLevel = Literal["read_uncommitted", "read_committed"]
PARTITION_SHARE_MIN_BYTES = 1 << 20
ISOLATION_CODES: dict[IsolationLevel, int] = {"read_uncommitted": 0, "read_committed": 1}


class Fetcher(Closing):
    """Fetches assigned partitions ahead of ``poll``.  All methods may be called from any one thread."""

    def __init__(
        self,
        config: ClientConfig,
        *,
        isolation_level: IsolationLevel = "read_uncommitted",
        offset_reset: Literal["earliest", "latest", "none"] = "none",
        max_buffered_bytes: int = 64 << 20,
        partition_max_bytes: int = 8 << 20,
        max_bytes: int = 16 << 20,
        max_wait_ms: int = 250,
        min_bytes: int = 1,
        unknown_topic_timeout_ms: int = 15_000,
    ) -> None:
        """Connect.

        Args:
            config: how to reach the cluster.
            isolation_level: whether to stop at the last stable offset.
            offset_reset: where to go on when an offset is outside the log; ``none`` makes ``poll`` raise.
            max_buffered_bytes: bound on what waits to be polled, plus one fetch a partition.
            partition_max_bytes: per partition and request; less where many partitions share the buffer.
            max_bytes: per request.
            max_wait_ms: how long a broker may wait for new records.
            min_bytes: how much a broker waits for.
            unknown_topic_timeout_ms: how long a topic may be missing before ``poll`` raises.

        Raises:
            BrokerUnreachable: no broker answers.
        """
        self._isolation = ISOLATION_CODES[isolation_level]
        self._reset = {"earliest": EARLIEST, "latest": LATEST, "none": None}[offset_reset]
        self._max_buffered = max_buffered_bytes
        self._partition_max = partition_max_bytes
        self._max_bytes = max_bytes
        self._max_wait_ms = max_wait_ms
        self._min_bytes = min_bytes
        self._unknown_timeout_s = unknown_topic_timeout_ms / 1000
        self._lock = threading.Condition()
        self._positions: dict[TopicPartition, FetchPosition] = {}
        self._buffered_bytes = 0
        self._throttled = False
        self._in_flight: dict[int, int] = {}
        self._error: KappaError | None = None
        self._woken = False
        self._connection, self._watch = open_fetching(config, self._isolation)
        if self._watch is not None:
            self._max_buffered = min(max_buffered_bytes, SHARED_BUFFERED_BYTES)
            self._max_bytes = min(max_bytes, SHARED_REQUEST_BYTES)
            self._partition_max = min(partition_max_bytes, SHARED_REQUEST_BYTES)
        self._metadata = Metadata(self._connection, self._on_metadata)

    # ---- the caller's side ----

    def assign(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Fetch exactly these partitions from these offsets; what was fetched before is dropped.

        Args:
            offsets: the next offset of each, or ``EARLIEST`` or ``LATEST``.
        """
        with self._lock:
            self._drop(list(self._positions))
        self.add(offsets)

    def add(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Fetch more partitions, or known ones from another offset; the others go on."""
        with self._lock:
            self._drop([p for p in offsets if p in self._positions])
            for partition, offset in offsets.items():
                key = TopicPartition(*partition)
                self._positions[key] = FetchPosition(key, offset)
        self._metadata.track({partition.topic for partition in offsets})
        self._connection.call_soon(self._pump)

    def remove(self, partitions: Iterable[TopicPartition]) -> None:
        """Fetch these partitions no more and drop what was fetched of them."""
        with self._lock:
            self._drop([p for p in partitions if p in self._positions])

    def _drop(self, partitions: Sequence[TopicPartition]) -> None:
        for partition in partitions:
            self._buffered_bytes -= self._positions.pop(partition).buffered_bytes
        if self._watch is not None:
            self._watch.leave(self, partitions)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Go on with a partition from another offset."""
        self.add({partition: offset})

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        """Hold partitions back: ``poll`` returns nothing of them; what is fetched already stays."""
        with self._lock:
            for partition in partitions:
                self._positions[partition].paused = True

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        """Return paused partitions again."""
        with self._lock:
            for partition in partitions:
                self._positions[partition].paused = False
            self._lock.notify_all()
        self._connection.call_soon(self._pump)

    def assignment(self) -> set[TopicPartition]:
        """The partitions being fetched."""
        with self._lock:
            return set(self._positions)

    def position(self, partition: TopicPartition) -> int:
        """The offset that ``poll`` goes on from; negative while it is being looked up."""
        with self._lock:
            position = self._positions[partition]
            return position.chunks[0].fetch_offset if position.chunks else position.offset

    def high_watermark(self, partition: TopicPartition) -> int:
        """The last known end of a partition, -1 before the first answer."""
        with self._lock:
            return self._positions[partition].high_watermark

    def end_offset(self, partition: TopicPartition) -> int:
        """The last known end of what can be read of a partition, -1 before the first answer."""
        return self.last_stable_offset(partition) if self._isolation else self.high_watermark(partition)

    def last_stable_offset(self, partition: TopicPartition) -> int:
        """The last known end of what is decided in a partition, -1 before the first answer."""
        with self._lock:
            return self._positions[partition].last_stable_offset

    def empty_until(self, partition: TopicPartition) -> int:
        """The offset before which nothing is left behind what `poll` gave; -1 where that is not known.

        Compaction and aborted transactions leave offsets without records: only an answer that was asked for from
        there, and that had room for more, tells that there are none.
        """
        with self._lock:
            position = self._positions[partition]
            return -1 if position.chunks else position.empty_until

    def poll(self, timeout_s: float = 0.0, max_bytes: int | None = None) -> list[FetchedChunk]:
        """What has been fetched, oldest first per partition.

        Args:
            timeout_s: how long to wait when there is nothing.
            max_bytes: about how much to return at most; at least one chunk where there is one.

        Raises:
            BrokerError: a partition cannot be fetched any more, such as an offset outside the log.
        """
        deadline = time.monotonic() + timeout_s
        with self._lock:
            while True:
                if self._error is not None:
                    raise self._error
                chunks = self._take(max_bytes)
                remaining = deadline - time.monotonic()
                if chunks or remaining <= 0 or self._woken:
                    break
                self._lock.wait(remaining)
            self._woken = False
            wake = bool(chunks) and self._throttled
        if wake:
            self._connection.call_soon(self._pump)
        return chunks

    def wake(self) -> None:
        """Have a `poll` that waits, or the next one, return at once; from any thread."""
        with self._lock:
            self._woken = True
            self._lock.notify_all()

    def _take(self, max_bytes: int | None) -> list[FetchedChunk]:
        taken: list[FetchedChunk] = []
        size = 0
        for position in self._positions.values():
            if position.paused:
                continue
            while position.chunks and (max_bytes is None or not taken or size < max_bytes):
                chunk = position.chunks.popleft()
                taken.append(chunk)
                size += len(chunk.records)
                position.buffered_bytes -= len(chunk.records)
        self._buffered_bytes -= size
        if taken and max_bytes is not None:
            # The partition served first goes last, so that a small max_bytes serves all in turn.
            first = taken[0].partition
            self._positions[first] = self._positions.pop(first)
        return taken

    def close(self) -> None:
        """Stop fetching and close the connections."""
        if self._connection.closed:
            return
        self._metadata.close()
        self._connection.close()
        with self._lock:
            self._drop(list(self._positions))
            self._lock.notify_all()
        if self._watch is not None:
            self._watch.close()

    # ---- the I/O thread's side ----

    def _on_metadata(self) -> None:
        """Look at once for the leaders that were not known."""
        with self._lock:
            for position in self._positions.values():
                if position.unknown_since is not None:
                    position.retry_at = 0.0
        self._pump()

    def on_grown(self, partitions: list[TopicPartition]) -> None:
        """Fetch partitions again that were at their end; from any thread."""
        self._connection.call_soon(lambda: self._leave_end(partitions))

    def _leave_end(self, partitions: list[TopicPartition]) -> None:
        with self._lock:
            for partition in partitions:
                position = self._positions.get(partition)
                if position is not None:
                    position.at_end = False
        self._pump()

    def _pump(self) -> None:
        """Send every request that can be sent now."""
        if self._connection.closed:
            return
        with self._lock:
            self._throttled = False
            now = time.monotonic()
            by_leader: dict[Leader, list[FetchPosition]] = {}
            for position in self._positions.values():
                if not self._is_fetchable(position, now):
                    continue
                leader = self._metadata.leader(position.partition)
                if leader is None:
                    self._wait_for_leader(position, now)
                else:
                    by_leader.setdefault(leader, []).append(position)
            by_node: dict[int, list[tuple[FetchPosition, int]]] = {}
            for (node_id, epoch), positions in by_leader.items():
                by_node.setdefault(node_id, []).extend((position, epoch) for position in positions)
            for node_id, ready in by_node.items():
                self._send_to(node_id, ready)

    def _is_fetchable(self, position: FetchPosition, now: float) -> bool:
        if position.in_flight or position.at_end or position.retry_at > now:
            return False
        crowded = self._buffered_bytes >= self._max_buffered and position.buffered_bytes > 0
        if crowded or position.buffered_bytes >= max(2 * self._partition_bytes(), self._max_buffered // 8):
            self._throttled = True
            return False
        return not position.paused or not position.chunks

    def _partition_bytes(self) -> int:
        """What a partition may bring at once: large pieces cost less, but all of them together have to fit."""
        share = max(PARTITION_SHARE_MIN_BYTES, self._max_buffered // max(1, len(self._positions)))
        return min(self._partition_max, share)

    def _wait_for_leader(self, position: FetchPosition, now: float) -> None:
        position.unknown_since = position.unknown_since or now
        known = self._metadata.partitions(position.partition.topic)
        gone = known is None or position.partition.partition not in known
        if gone and now - position.unknown_since > self._unknown_timeout_s:
            self._fail(
                broker_error(
                    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
                    f"fetch {position.partition}",
                    "the topic or partition does not exist; create it, or end what reads it",
                )
            )
            return
        self._retry_later(position, now)

    def _retry_later(self, position: FetchPosition, now: float) -> None:
        position.retry_at = now + RETRY_BACKOFF_S
        self._metadata.refresh()
        self._connection.call_later(RETRY_BACKOFF_S, self._pump)

    def _send_to(self, node_id: int, ready: list[tuple[FetchPosition, int]]) -> None:
        lookups = [pair for pair in ready if pair[0].offset < 0]
        fetches = [pair for pair in ready if pair[0].offset >= 0]
        if lookups:
            wanted = {position.partition: (position.offset, epoch) for position, epoch in lookups}
            request = list_offsets_request(wanted, self._isolation)
            self._send(node_id, request, [p for p, _ in lookups], self._on_offsets)
        if not fetches:
            return
        behind = [pair for pair in fetches if pair[0].has_more]
        if not behind and self._has_untaken():
            # At the end of the log records come a few at a time: more come together while these are worked on.
            self._throttled = True
            return
        in_flight = self._in_flight.get(node_id, 0)
        if self._watch is not None:
            groups = [] if in_flight else [fetches]  # one at a time: those who share the connection have their turn
        elif in_flight == 0 and len(behind) >= 2:
            # Two requests of partitions that have records: the broker works on one while we read the other.
            first = behind[: len(behind) // 2]
            taken = {id(position) for position, _ in first}
            groups = [first, [pair for pair in fetches if id(pair[0]) not in taken]]
        elif in_flight == 0 or (in_flight == 1 and behind):
            groups = [fetches]
        else:
            return
        for group in groups:
            self._send(
                node_id,
                self._fetch_request(group),
                [p for p, _ in group],
                lambda response, asked: self._on_fetched(node_id, response, asked),
            )

    def _has_untaken(self) -> bool:
        return any(position.chunks and not position.paused for position in self._positions.values())

    def _send(self, node_id: int, request: Any, positions: list[FetchPosition], handle: Any) -> None:
        asked = [(position, position.offset) for position in positions]
        for position in positions:
            position.in_flight = True
        self._in_flight[node_id] = self._in_flight.get(node_id, 0) + 1

        def done() -> None:
            self._in_flight[node_id] -= 1
            for position in positions:
                position.in_flight = False

        def succeeded(response: Any) -> None:
            with self._lock:
                done()
                handle(response, asked)
            self._pump()

        def failed(error: BaseException) -> None:
            with self._lock:
                done()
                self._on_failure(error, positions)

        self._connection.send(request, node_id).add_callback(succeeded).add_errback(failed)

    def _on_failure(self, error: BaseException, positions: list[FetchPosition]) -> None:
        if self._connection.closed:
            return
        ours = translate(error, "fetch")
        if not isinstance(ours, RetriableBrokerError):
            self._fail(ours)
            return
        now = time.monotonic()
        for position in positions:
            self._retry_later(position, now)

    def _fail(self, error: KappaError) -> None:
        self._error = self._error or error
        self._lock.notify_all()

    def _fetch_request(self, pairs: list[tuple[FetchPosition, int]]) -> Any:
        return fetch_request(
            ((position.partition, position.offset, epoch) for position, epoch in pairs),
            isolation=self._isolation,
            max_wait_ms=0 if self._watch is not None else int(self._wait_s * 1000),
            partition_bytes=self._partition_bytes(),
            max_bytes=self._max_bytes,
            min_bytes=self._min_bytes,
        )

    @property
    def _wait_s(self) -> float:
        """How long to wait for news where there are none."""
        return self._max_wait_ms / 1000 * self._connection.config.patience

    def _on_fetched(self, node_id: int, response: Any, asked: list[tuple[FetchPosition, int]]) -> None:
        if response.error_code:
            self._on_failure(broker_error(response.error_code, "fetch"), [position for position, _ in asked])
            return
        by_partition = {position.partition: (position, offset) for position, offset in asked}
        # Where some partitions filled the answer, others are empty for want of room.
        had_room = not any(answer.records for topic in response.responses for answer in topic.partitions)
        for topic in response.responses:
            for answer in topic.partitions:
                position, offset = by_partition[TopicPartition(topic.topic, answer.partition_index)]
                if self._positions.get(position.partition) is position:
                    self._take_answer(position, offset, answer, had_room=had_room)
                    if self._watch is not None and not answer.error_code:
                        self._wait_at_end(self._watch, position, node_id, is_empty=had_room)

    def _take_answer(self, position: FetchPosition, offset: int, answer: Any, *, had_room: bool) -> None:
        if answer.error_code:
            self._on_partition_error(position, answer.error_code)
            return
        size = position.take(offset, answer, committed=bool(self._isolation), had_room=had_room)
        if size:
            self._buffered_bytes += size
            # Those not served yet come first in the next request, which may be too small for all.
            self._positions[position.partition] = self._positions.pop(position.partition)
            self._lock.notify_all()

    def _wait_at_end(self, watch: SharedWatch, position: FetchPosition, node_id: int, *, is_empty: bool) -> None:
        """Ask for a partition no more until the watch says so, where the last answer said that nothing is left."""
        if position.has_more and not is_empty:
            return
        position.at_end = True
        seen = Seen(position.offset, position.high_watermark, position.last_stable_offset)
        watch.wait(self, position.partition, node_id, seen)
        if position.has_more:
            # Offsets without records up to the end, or records that the broker had not at hand: it may have them later.
            self._connection.call_later(self._wait_s, lambda: self._leave_end([position.partition]))

    def _on_partition_error(self, position: FetchPosition, code: int) -> None:
        if code == ErrorCode.OFFSET_OUT_OF_RANGE and self._reset is not None:
            position.offset = self._reset
            position.empty_until = -1
        elif code == ErrorCode.OFFSET_OUT_OF_RANGE:
            detail = f"offset {position.offset} is outside the log, its records were deleted or never written"
            self._fail(broker_error(code, f"fetch {position.partition}", detail))
        elif code in RETRIABLE_CODES or code == ErrorCode.UNKNOWN_SERVER_ERROR:
            self._retry_later(position, time.monotonic())
        else:
            self._fail(broker_error(code, f"fetch {position.partition}"))

    def _on_offsets(self, response: Any, asked: list[tuple[FetchPosition, int]]) -> None:
        by_partition = {position.partition: position for position, _ in asked}
        for topic in response.topics:
            for answer in topic.partitions:
                position = by_partition[TopicPartition(topic.name, answer.partition_index)]
                if answer.error_code:
                    self._on_partition_error(position, answer.error_code)
                else:
                    position.offset = answer.offset
                    position.has_more = True
