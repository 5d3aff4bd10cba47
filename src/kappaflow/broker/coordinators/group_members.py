"""A group's members and what they told the coordinator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from kappaflow.wire.error_codes import ErrorCode


class Timer(Protocol):
    """A running timer."""

    def cancel(self) -> None:
        """Never call back."""
        ...


class Timers(Protocol):
    """Where timers come from: the event loop, or a test."""

    def call_later(self, delay_ms: int, callback: Callable[[], None]) -> Timer:
        """Call back once, after the delay."""
        ...


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """What a member says when it joins; times in milliseconds, protocols as (name, metadata) by preference."""

    group_id: str
    member_id: str
    group_instance_id: str | None
    client_id: str
    client_host: str
    session_timeout_ms: int
    rebalance_timeout_ms: int
    protocol_type: str
    protocols: tuple[tuple[str, bytes], ...]
    member_id_required: bool
    can_skip_assignment: bool


@dataclass(frozen=True, slots=True)
class JoinResult:
    """The answer to a join; `members` as (member id, instance id, metadata), for the leader only."""

    error_code: ErrorCode
    member_id: str
    generation_id: int = -1
    protocol_type: str | None = None
    protocol_name: str | None = None
    leader: str = ""
    members: tuple[tuple[str, str | None, bytes], ...] = ()
    skip_assignment: bool = False


@dataclass(frozen=True, slots=True)
class SyncResult:
    """The answer to a sync."""

    error_code: ErrorCode
    protocol_type: str | None = None
    protocol_name: str | None = None
    assignment: bytes = b""


JoinCallback = Callable[[JoinResult], None]
SyncCallback = Callable[[SyncResult], None]


@dataclass(slots=True, eq=False)
class Member:
    """One member of a group."""

    member_id: str
    group_instance_id: str | None
    client_id: str
    client_host: str
    session_timeout_ms: int
    rebalance_timeout_ms: int
    protocols: tuple[tuple[str, bytes], ...]
    assignment: bytes = b""
    is_new: bool = True
    awaiting_join: JoinCallback | None = None
    awaiting_sync: SyncCallback | None = None
    session_timer: Timer | None = field(default=None, repr=False)

    @property
    def is_static(self) -> bool:
        """Whether it keeps its place across restarts (KIP-345)."""
        return self.group_instance_id is not None

    @property
    def is_waiting(self) -> bool:
        """Whether the coordinator owes it an answer, so that silence is no sign of death."""
        return self.awaiting_join is not None or self.awaiting_sync is not None

    def metadata_for(self, protocol_name: str) -> bytes:
        """Its metadata for a protocol; empty where it did not name it."""
        return next((metadata for name, metadata in self.protocols if name == protocol_name), b"")

    def answer_join(self, result: JoinResult) -> None:
        """Answer a waiting join, if there is one."""
        callback, self.awaiting_join = self.awaiting_join, None
        if callback:
            callback(result)

    def answer_sync(self, result: SyncResult) -> None:
        """Answer a waiting sync, if there is one."""
        callback, self.awaiting_sync = self.awaiting_sync, None
        if callback:
            callback(result)

    def stop_session_timer(self) -> None:
        """Stop watching for silence."""
        if self.session_timer:
            self.session_timer.cancel()
            self.session_timer = None
