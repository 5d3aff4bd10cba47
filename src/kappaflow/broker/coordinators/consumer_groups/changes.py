"""What can happen to a consumer group, one change at a time: applied, taken back, and written to the journal."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from kappaflow.broker.coordinators.consumer_groups.member import (
    ClassicMembership,
    ConsumerMember,
    MemberState,
    Owned,
    Target,
)

Row = list[Any]
"""A change as the journal holds it: its kind, then its values."""

NEVER_RESOLVED = -1


@dataclass(frozen=True, slots=True)
class ResolvedRegex:
    """The topics that a regular expression meant when it was last looked up.

    Attributes:
        topics: their names.
        time_ms: when that was.
        version: the topics' version then; `NEVER_RESOLVED` after a restart.
    """

    topics: frozenset[str]
    time_ms: int
    version: int = NEVER_RESOLVED


@dataclass(frozen=True, slots=True)
class PutMember:
    """A member is new or has changed."""

    member: ConsumerMember


@dataclass(frozen=True, slots=True)
class RemoveMember:
    """A member is gone."""

    member_id: str


@dataclass(frozen=True, slots=True)
class SetTarget:
    """A member should own other partitions."""

    member_id: str
    target: Target


@dataclass(frozen=True, slots=True)
class RemoveTarget:
    """Nothing is meant for a member any more."""

    member_id: str


@dataclass(frozen=True, slots=True)
class SetEpoch:
    """Members or topics have changed; the hash stands for the topics that the epoch is about."""

    epoch: int
    metadata_hash: str


@dataclass(frozen=True, slots=True)
class SetAssignmentEpoch:
    """The target is that of an epoch."""

    epoch: int
    time_ms: int


@dataclass(frozen=True, slots=True)
class PutRegex:
    """A regular expression has been looked up."""

    regex: str
    resolved: ResolvedRegex


@dataclass(frozen=True, slots=True)
class RemoveRegex:
    """Nobody subscribes to a regular expression any more."""

    regex: str


Change = PutMember | RemoveMember | SetTarget | RemoveTarget | SetEpoch | SetAssignmentEpoch | PutRegex | RemoveRegex


def to_row(change: Change) -> Row:
    """A change for the journal."""
    match change:
        case PutMember(member):
            return ["member", _member_values(member)]
        case RemoveMember(member_id):
            return ["member_gone", member_id]
        case SetTarget(member_id, target):
            return ["target", member_id, [[topic_id.hex, sorted(numbers)] for topic_id, numbers in target.items()]]
        case RemoveTarget(member_id):
            return ["target_gone", member_id]
        case SetEpoch(epoch, metadata_hash):
            return ["epoch", epoch, metadata_hash]
        case SetAssignmentEpoch(epoch, time_ms):
            return ["assignment_epoch", epoch, time_ms]
        case PutRegex(regex, resolved):
            return ["regex", regex, sorted(resolved.topics), resolved.time_ms]
        case RemoveRegex(regex):
            return ["regex_gone", regex]


def from_row(row: Row) -> Change:
    """A change out of the journal.

    Raises:
        ValueError: it is of a kind that this version does not know.
    """
    match row:
        case ["member", values]:
            return PutMember(_member(values))
        case ["member_gone", member_id]:
            return RemoveMember(member_id)
        case ["target", member_id, rows]:
            return SetTarget(member_id, {UUID(topic_id): frozenset(numbers) for topic_id, numbers in rows})
        case ["target_gone", member_id]:
            return RemoveTarget(member_id)
        case ["epoch", epoch, metadata_hash]:
            return SetEpoch(epoch, metadata_hash)
        case ["assignment_epoch", epoch, time_ms]:
            return SetAssignmentEpoch(epoch, time_ms)
        case ["regex", regex, topics, time_ms]:
            return PutRegex(regex, ResolvedRegex(frozenset(topics), time_ms))
        case ["regex_gone", regex]:
            return RemoveRegex(regex)
        case _:
            raise ValueError(f"unknown change of a consumer group: {row!r}")


def _member_values(member: ConsumerMember) -> Mapping[str, Any]:
    classic = member.classic
    return {
        "member_id": member.member_id,
        "epoch": member.epoch,
        "previous_epoch": member.previous_epoch,
        "state": member.state.value,
        "instance_id": member.instance_id,
        "rack_id": member.rack_id,
        "rebalance_timeout_ms": member.rebalance_timeout_ms,
        "client_id": member.client_id,
        "client_host": member.client_host,
        "topics": sorted(member.topics),
        "regex": member.regex,
        "assignor": member.assignor,
        "assigned": _owned_rows(member.assigned),
        "pending_revocation": _owned_rows(member.pending_revocation),
        "classic": classic
        and {
            "session_timeout_ms": classic.session_timeout_ms,
            "protocols": [[name, b64encode(metadata).decode()] for name, metadata in classic.protocols],
        },
    }


def _member(values: Mapping[str, Any]) -> ConsumerMember:
    classic = values["classic"]
    return ConsumerMember(
        member_id=values["member_id"],
        epoch=values["epoch"],
        previous_epoch=values["previous_epoch"],
        state=MemberState(values["state"]),
        instance_id=values["instance_id"],
        rack_id=values["rack_id"],
        rebalance_timeout_ms=values["rebalance_timeout_ms"],
        client_id=values["client_id"],
        client_host=values["client_host"],
        topics=frozenset(values["topics"]),
        regex=values["regex"],
        assignor=values["assignor"],
        assigned=_owned(values["assigned"]),
        pending_revocation=_owned(values["pending_revocation"]),
        classic=classic
        and ClassicMembership(
            classic["session_timeout_ms"],
            tuple((name, b64decode(metadata)) for name, metadata in classic["protocols"]),
        ),
    )


def _owned_rows(owned: Owned) -> list[Row]:
    return [
        [topic_id.hex, [[number, epoch] for number, epoch in sorted(epochs.items())]]
        for topic_id, epochs in owned.items()
    ]


def _owned(rows: list[Row]) -> Owned:
    return {UUID(topic_id): dict(epochs) for topic_id, epochs in rows}
