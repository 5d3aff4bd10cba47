"""The states of a consumer group and of its members, as tables.

Source: KIP-848, "Consumer Group States" and "Member States".
"""

from __future__ import annotations

from enum import Enum

from kappaflow.broker.coordinators.consumer_groups.member import MemberState


class ConsumerGroupState(Enum):
    """The states, with the names that ConsumerGroupDescribe shows."""

    EMPTY = "Empty"
    ASSIGNING = "Assigning"
    RECONCILING = "Reconciling"
    STABLE = "Stable"
    DEAD = "Dead"


_G = ConsumerGroupState

GROUP_STATES: dict[tuple[bool, bool, bool], ConsumerGroupState] = {
    (False, False, False): _G.EMPTY,
    (False, False, True): _G.EMPTY,
    (False, True, False): _G.EMPTY,
    (False, True, True): _G.EMPTY,
    (True, True, False): _G.ASSIGNING,
    (True, True, True): _G.ASSIGNING,
    (True, False, True): _G.RECONCILING,
    (True, False, False): _G.STABLE,
}
"""(has members, target is older than the group, a member is not reconciled) -> state."""

MEMBER_STATES: dict[tuple[bool, bool], MemberState] = {
    (True, False): MemberState.UNREVOKED_PARTITIONS,
    (True, True): MemberState.UNREVOKED_PARTITIONS,
    (False, True): MemberState.UNRELEASED_PARTITIONS,
    (False, False): MemberState.STABLE,
}
"""(it holds partitions to give up, others hold partitions meant for it) -> state."""
