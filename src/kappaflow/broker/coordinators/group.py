"""One consumer group: its members, generation and chosen protocol. No timers, no requests."""

from __future__ import annotations

from collections import Counter

from kappaflow.broker.coordinators.consumer_protocol import PROTOCOL_TYPE
from kappaflow.broker.coordinators.group_members import JoinRequest, JoinResult, Member, SyncResult, Timer
from kappaflow.broker.coordinators.group_states import GroupEvent, GroupState, next_state
from kappaflow.broker.coordinators.subscription import subscribed_topics
from kappaflow.wire.error_codes import ErrorCode


class Group:
    """The members of one group id.

    Attributes:
        group_id: its name.
        state: where it is in the membership protocol.
        generation_id: how many times it has been assembled.
        protocol_type: such as ``consumer``; None while it has no member.
        protocol_name: the assignor that every member supports; None until chosen.
        leader: the member id that assigns; None while there is no member.
        members: by member id, in the order of joining.
        static_members: instance id to member id.
        pending_members: ids given out but not yet used to join, with their timers.
        unsynced_members: ids that have not sent SyncGroup in this generation.
        subscribed_topics: what consumers read in this generation; None where the group is not one of consumers.
        gathers_first_members: whether the first join waits for more members, complete or not.
    """

    def __init__(self, group_id: str) -> None:
        self.group_id = group_id
        self.state = GroupState.EMPTY
        self.generation_id = 0
        self.protocol_type: str | None = None
        self.protocol_name: str | None = None
        self.leader: str | None = None
        self.members: dict[str, Member] = {}
        self.static_members: dict[str, str] = {}
        self.pending_members: dict[str, Timer] = {}
        self.unsynced_members: set[str] = set()
        self.subscribed_topics: frozenset[str] | None = None
        self.gathers_first_members = False
        self.join_timer: Timer | None = None
        self.sync_timer: Timer | None = None

    def move(self, event: GroupEvent) -> None:
        """Change state as the table says."""
        self.state = next_state(self.state, event)

    def add(self, request: JoinRequest, member_id: str) -> Member:
        """Add a member; the first one leads."""
        member = Member(
            member_id,
            request.group_instance_id,
            request.client_id,
            request.client_host,
            request.session_timeout_ms,
            request.rebalance_timeout_ms,
            request.protocols,
        )
        if not self.members:
            self.protocol_type = request.protocol_type
        self.members[member_id] = member
        if request.group_instance_id is not None:
            self.static_members[request.group_instance_id] = member_id
        if self.leader is None:
            self.leader = member_id
        return member

    def remove(self, member: Member) -> None:
        """Remove a member; another one leads if it did."""
        member.stop_session_timer()
        self.members.pop(member.member_id, None)
        self.unsynced_members.discard(member.member_id)
        if member.group_instance_id is not None:
            self.static_members.pop(member.group_instance_id, None)
        if self.leader == member.member_id:
            self.leader = next(iter(self.members), None)

    def replace_static_member(self, instance_id: str, member_id: str) -> Member:
        """Give the place of a static member to its new incarnation; the old one is fenced."""
        old_id = self.static_members[instance_id]
        member = self.members.pop(old_id)
        member.answer_join(JoinResult(ErrorCode.FENCED_INSTANCE_ID, old_id))
        member.answer_sync(SyncResult(ErrorCode.FENCED_INSTANCE_ID))
        member.stop_session_timer()
        member.member_id = member_id
        self.members[member_id] = member
        self.static_members[instance_id] = member_id
        if old_id in self.unsynced_members:
            self.unsynced_members.remove(old_id)
            self.unsynced_members.add(member_id)
        if self.leader == old_id:
            self.leader = member_id
        return member

    def supports(self, request: JoinRequest) -> bool:
        """Whether a member with these protocols could join the others."""
        if not request.protocols or not request.protocol_type:
            return False
        if not self.members:
            return True
        names = {name for name, _ in request.protocols}
        return self.protocol_type == request.protocol_type and bool(names & self._shared_protocols())

    def _shared_protocols(self) -> set[str]:
        counts = Counter(name for member in self.members.values() for name in {name for name, _ in member.protocols})
        return {name for name, count in counts.items() if count == len(self.members)}

    def select_protocol(self) -> str | None:
        """The protocol that most members prefer among those that all support."""
        shared = self._shared_protocols()
        votes = Counter(
            next(name for name, _ in member.protocols if name in shared) for member in self.members.values() if shared
        )
        return votes.most_common(1)[0][0] if votes else None

    def has_all_joined(self) -> bool:
        """Whether nobody has to be waited for."""
        if self.gathers_first_members:
            return False
        return not self.pending_members and all(member.awaiting_join for member in self.members.values())

    def elect_joined_leader(self) -> bool:
        """Make sure that the leader has joined again; False where nobody has."""
        leader = self.members.get(self.leader or "")
        if leader is not None and leader.awaiting_join:
            return True
        for member in self.members.values():
            if member.awaiting_join:
                self.leader = member.member_id
                return True
        return False

    def begin_generation(self) -> None:
        """Count up and choose the protocol."""
        self.generation_id = (self.generation_id + 1) & 0x7FFF_FFFF
        if self.members:
            self.protocol_name = self.select_protocol()
        else:
            self.protocol_name = self.leader = None
        self.note_subscriptions()

    def note_subscriptions(self) -> None:
        """Keep what members read: until the next generation, those that join count for nothing."""
        name = self.protocol_name
        self.subscribed_topics = (
            subscribed_topics(member.metadata_for(name) for member in self.members.values())
            if self.protocol_type == PROTOCOL_TYPE and name is not None
            else None
        )

    def rebalance_timeout_ms(self) -> int:
        """The longest that any member asked for."""
        return max((member.rebalance_timeout_ms for member in self.members.values()), default=0)

    def member_metadata(self) -> tuple[tuple[str, str | None, bytes], ...]:
        """What the leader needs to assign."""
        name = self.protocol_name or ""
        return tuple(
            (member.member_id, member.group_instance_id, member.metadata_for(name)) for member in self.members.values()
        )

    def join_result(self, member: Member, *, skip_assignment: bool = False) -> JoinResult:
        """The answer to a successful join."""
        is_leader = member.member_id == self.leader
        return JoinResult(
            ErrorCode.NONE,
            member.member_id,
            self.generation_id,
            self.protocol_type,
            self.protocol_name,
            self.leader or "",
            self.member_metadata() if is_leader else (),
            skip_assignment,
        )

    def sync_result(self, member: Member) -> SyncResult:
        """The answer to a successful sync."""
        return SyncResult(ErrorCode.NONE, self.protocol_type, self.protocol_name, member.assignment)
