"""The states of a classic consumer group, as tables.

Source: Kafka's group membership protocol (KIP-62, KIP-134, KIP-394).
"""

from __future__ import annotations

from enum import Enum

from kappaflow.wire.error_codes import ErrorCode


class GroupState(Enum):
    """The states, with the names that DescribeGroups shows."""

    EMPTY = "Empty"
    PREPARING_REBALANCE = "PreparingRebalance"
    COMPLETING_REBALANCE = "CompletingRebalance"
    STABLE = "Stable"
    DEAD = "Dead"


class GroupEvent(Enum):
    """What moves a group from one state to another."""

    REBALANCE_NEEDED = "a member joined, left, changed or expired"
    ALL_JOINED = "every member has joined again, or the time to join is over"
    NO_MEMBER_LEFT = "the time to join is over and nobody is left"
    ASSIGNED = "the leader has sent the assignment"
    DELETED = "the group was removed"


_S, _E = GroupState, GroupEvent

TRANSITIONS: dict[tuple[GroupState, GroupEvent], GroupState] = {
    (_S.EMPTY, _E.REBALANCE_NEEDED): _S.PREPARING_REBALANCE,
    (_S.STABLE, _E.REBALANCE_NEEDED): _S.PREPARING_REBALANCE,
    (_S.COMPLETING_REBALANCE, _E.REBALANCE_NEEDED): _S.PREPARING_REBALANCE,
    (_S.PREPARING_REBALANCE, _E.ALL_JOINED): _S.COMPLETING_REBALANCE,
    (_S.PREPARING_REBALANCE, _E.NO_MEMBER_LEFT): _S.EMPTY,
    (_S.COMPLETING_REBALANCE, _E.ASSIGNED): _S.STABLE,
    (_S.EMPTY, _E.DELETED): _S.DEAD,
}
"""Every allowed step; anything else is a mistake of the coordinator."""

HEARTBEAT_ERROR: dict[GroupState, ErrorCode] = {
    _S.EMPTY: ErrorCode.UNKNOWN_MEMBER_ID,
    _S.PREPARING_REBALANCE: ErrorCode.REBALANCE_IN_PROGRESS,
    _S.COMPLETING_REBALANCE: ErrorCode.NONE,
    _S.STABLE: ErrorCode.NONE,
    _S.DEAD: ErrorCode.COORDINATOR_NOT_AVAILABLE,
}
"""What a heartbeat of a known member of the current generation is answered."""

SYNC_ERROR: dict[GroupState, ErrorCode] = {
    _S.EMPTY: ErrorCode.UNKNOWN_MEMBER_ID,
    _S.PREPARING_REBALANCE: ErrorCode.REBALANCE_IN_PROGRESS,
    _S.COMPLETING_REBALANCE: ErrorCode.NONE,
    _S.STABLE: ErrorCode.NONE,
    _S.DEAD: ErrorCode.COORDINATOR_NOT_AVAILABLE,
}
"""The same for SyncGroup."""

COMMIT_ERROR: dict[GroupState, ErrorCode] = {
    _S.EMPTY: ErrorCode.UNKNOWN_MEMBER_ID,
    # Members commit what they have processed before they join again.
    _S.PREPARING_REBALANCE: ErrorCode.NONE,
    _S.COMPLETING_REBALANCE: ErrorCode.REBALANCE_IN_PROGRESS,
    _S.STABLE: ErrorCode.NONE,
    _S.DEAD: ErrorCode.COORDINATOR_NOT_AVAILABLE,
}
"""The same for OffsetCommit."""


def next_state(state: GroupState, event: GroupEvent) -> GroupState:
    """The state after an event.

    Raises:
        LookupError: the event cannot happen in this state.
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise LookupError(f"a group in state {state.value} cannot see: {event.value}") from None
