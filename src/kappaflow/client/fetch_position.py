"""Where the fetcher stands in one partition, and what of it waits to be polled."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from kappaflow.client.fetched_chunk import AbortedTransaction, FetchedChunk, next_offset_after
from kappaflow.client.topic_partition import TopicPartition


@dataclass(slots=True, eq=False)
class FetchPosition:
    """What the fetcher knows of one assigned partition.

    Attributes:
        offset: the next one to ask for; negative while it is to be looked up.
        at_end: the watch says when to fetch it again.
        has_more: the broker has records that were not fetched yet, as far as is known.
        empty_until: the offset before which nothing is left; -1 where that is not known.
        chunks: what waits to be polled.
    """

    partition: TopicPartition
    offset: int
    paused: bool = False
    in_flight: bool = False
    at_end: bool = False
    retry_at: float = 0.0
    unknown_since: float | None = None
    high_watermark: int = -1
    last_stable_offset: int = -1
    has_more: bool = True
    empty_until: int = -1
    chunks: deque[FetchedChunk] = field(default_factory=deque[FetchedChunk])
    buffered_bytes: int = 0

    def take(self, offset: int, answer: Any, *, committed: bool, had_room: bool) -> int:
        """Take what a broker answered and return how many bytes of records it brought.

        Args:
            offset: the one that was asked for.
            answer: the partition's part of the response, without an error.
            committed: whether only decided records are read.
            had_room: whether the answer would have held records of every partition that has some.
        """
        self.unknown_since = None
        self.high_watermark = answer.high_watermark
        self.last_stable_offset = answer.last_stable_offset
        end = answer.last_stable_offset if committed else answer.high_watermark
        self.empty_until = end if had_room and offset == self.offset else -1
        following = next_offset_after(answer.records) if answer.records else None
        if following is not None:
            self._add(offset, following, answer)
        self.has_more = self.offset < end
        return 0 if following is None else len(answer.records)

    def _add(self, offset: int, following: int, answer: Any) -> None:
        aborted = tuple(
            AbortedTransaction(row.producer_id, row.first_offset) for row in answer.aborted_transactions or ()
        )
        self.chunks.append(
            FetchedChunk(
                self.partition,
                offset,
                following,
                answer.records,
                answer.high_watermark,
                answer.last_stable_offset,
                aborted,
            )
        )
        self.offset = following
        self.buffered_bytes += len(answer.records)
