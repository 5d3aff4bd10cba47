"""ConsumerGroupHeartbeat as the coordinator sees it, and what can be wrong with it whatever the group is.

Source: KIP-848, "ConsumerGroupHeartbeat API", "Request Validation".
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from kappaflow.broker.coordinators.consumer_groups.member import (
    JOINING_EPOCH,
    LEAVING_EPOCH,
    LEAVING_STATIC_EPOCH,
    ConsumerMember,
    Owned,
)
from kappaflow.errors import BrokerError
from kappaflow.wire.error_codes import ErrorCode

MEMBER_NAMES_ITSELF_SINCE = 1


def group_error(code: ErrorCode, text: str) -> BrokerError:
    """The error that answers a request."""
    return BrokerError(code, code.name, text)


@dataclass(frozen=True, slots=True)
class HeartbeatRequest:
    """What a member says; None where nothing has changed since it last said it.

    Attributes:
        group_id: its group.
        member_id: its id; empty where the coordinator is to make one.
        member_epoch: the epoch that it has; or that it joins (0), leaves (-1) or is away for a while (-2).
        instance_id: its name across restarts.
        rack_id: where it runs.
        rebalance_timeout_ms: how long it may take to revoke partitions; -1 where unchanged.
        topics: the names that it subscribes to.
        regex: the expression that it subscribes to.
        assignor: the assignor that it prefers.
        owned: the partitions that it has.
        client_id: the client's name for itself.
        client_host: the client's address.
        api_version: the version of the request.
        can_describe: whether its principal may see a topic.
    """

    group_id: str
    member_id: str
    member_epoch: int
    instance_id: str | None = None
    rack_id: str | None = None
    rebalance_timeout_ms: int = -1
    topics: frozenset[str] | None = None
    regex: str | None = None
    assignor: str | None = None
    owned: Mapping[UUID, frozenset[int]] | None = None
    client_id: str = ""
    client_host: str = ""
    api_version: int = 1
    can_describe: Callable[[str], bool] = lambda _topic: True

    @property
    def joins(self) -> bool:
        """Whether the member comes, or comes back after it was fenced."""
        return self.member_epoch == JOINING_EPOCH

    @property
    def is_full(self) -> bool:
        """Whether the member says everything, as it does when it is not sure what the coordinator knows."""
        return (
            self.rebalance_timeout_ms != -1
            and (self.topics is not None or self.regex is not None)
            and self.owned is not None
        )

    def update(self, member: ConsumerMember) -> ConsumerMember:
        """The member with what this request changes."""
        return replace(
            member,
            instance_id=_given(self.instance_id, member.instance_id),
            rack_id=_given(self.rack_id, member.rack_id),
            rebalance_timeout_ms=(
                member.rebalance_timeout_ms if self.rebalance_timeout_ms == -1 else self.rebalance_timeout_ms
            ),
            topics=member.topics if self.topics is None else self.topics,
            regex=member.regex if self.regex is None else self.regex,
            assignor=_given(self.assignor, member.assignor),
            client_id=self.client_id,
            client_host=self.client_host,
            classic=None,
        )


def _given(value: str | None, known: str | None) -> str | None:
    return known if value is None else value


@dataclass(frozen=True, slots=True)
class HeartbeatResult:
    """What a member is told.

    Attributes:
        member_id: its id.
        member_epoch: the epoch that it has now.
        heartbeat_interval_ms: when to come again.
        assigned: what it may own; None where that has not changed.
    """

    member_id: str
    member_epoch: int
    heartbeat_interval_ms: int = 0
    assigned: Owned | None = None


def check_heartbeat(request: HeartbeatRequest, assignors: Collection[str]) -> None:
    """Refuse what cannot be right whatever the group is.

    Raises:
        BrokerError: INVALID_REQUEST or UNSUPPORTED_ASSIGNOR.
    """
    epoch = request.member_epoch
    needs_id = request.api_version >= MEMBER_NAMES_ITSELF_SINCE or epoch > JOINING_EPOCH or epoch == LEAVING_EPOCH
    if needs_id and not request.member_id.strip():
        raise group_error(ErrorCode.INVALID_REQUEST, "MemberId can't be empty.")
    for name, value in (
        ("GroupId", request.group_id),
        ("InstanceId", request.instance_id),
        ("RackId", request.rack_id),
    ):
        if value is not None and not value.strip():
            raise group_error(ErrorCode.INVALID_REQUEST, f"{name} can't be empty.")
    if request.joins:
        _check_join(request)
    elif epoch == LEAVING_STATIC_EPOCH and request.instance_id is None:
        raise group_error(ErrorCode.INVALID_REQUEST, "InstanceId can't be null.")
    elif epoch < LEAVING_STATIC_EPOCH:
        raise group_error(ErrorCode.INVALID_REQUEST, "MemberEpoch is invalid.")
    if request.assignor is not None and request.assignor not in assignors:
        raise group_error(
            ErrorCode.UNSUPPORTED_ASSIGNOR,
            f"ServerAssignor {request.assignor} is not supported. Supported assignors: {', '.join(assignors)}.",
        )


def _check_join(request: HeartbeatRequest) -> None:
    if request.rebalance_timeout_ms == -1:
        raise group_error(ErrorCode.INVALID_REQUEST, "RebalanceTimeoutMs must be provided in first request.")
    if request.owned is None or request.owned:
        raise group_error(ErrorCode.INVALID_REQUEST, "TopicPartitions must be empty when (re-)joining.")
    if request.topics is None and request.regex is None:
        raise group_error(
            ErrorCode.INVALID_REQUEST,
            "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.",
        )
