"""The client's side of an incremental fetch session: what a broker knows of earlier requests is not said again.

Source: KIP-227.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from kappaflow.client.fetch_requests import NO_SESSION
from kappaflow.client.topic_partition import TopicPartition

BEGINS, MAX_EPOCH = 0, 2**31 - 1


class SessionRequest(NamedTuple):
    """What a request of a session has to say.

    Attributes:
        session_id, epoch: of the request.
        changed: partitions that are new or wanted from another offset.
        forgotten: partitions that are wanted no more.
    """

    session_id: int
    epoch: int
    changed: dict[TopicPartition, int]
    forgotten: list[TopicPartition]


class FetchSession:
    """One session with one broker; a broker without room for it is told everything each time."""

    def __init__(self) -> None:
        self._id = NO_SESSION
        self._epoch = BEGINS
        self._known: dict[TopicPartition, int] = {}

    def next(self, wanted: Mapping[TopicPartition, int]) -> SessionRequest:
        """The next request, which is to say what is wanted from where."""
        if self._id == NO_SESSION:
            request = SessionRequest(NO_SESSION, BEGINS, dict(wanted), [])
        else:
            changed = {p: offset for p, offset in wanted.items() if self._known.get(p) != offset}
            forgotten = [p for p in self._known if p not in wanted]
            request = SessionRequest(self._id, self._epoch, changed, forgotten)
        self._known = dict(wanted)
        return request

    def answered(self, response: Any) -> None:
        """Take note of an answer; one with an error ends the session."""
        if response.error_code or response.session_id == NO_SESSION:
            self.reset()
            return
        is_first = self._id == NO_SESSION
        self._id = response.session_id
        self._epoch = 1 if is_first or self._epoch == MAX_EPOCH else self._epoch + 1

    def reset(self) -> None:
        """Begin anew: it is not known what the broker knows."""
        self._id, self._epoch, self._known = NO_SESSION, BEGINS, {}
