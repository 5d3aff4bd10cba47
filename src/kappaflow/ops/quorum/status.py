"""The state of the metadata quorum, leader first, with its quorum arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from kappaflow.errors import BrokerError, BrokerUnreachable, HostError, RetriableBrokerError, UsageError
from kappaflow.ops.admin.faces import QuorumMember, QuorumState
from kappaflow.ops.quorum import texts as _texts
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import Text, message, text
from kappaflow.wire.error_codes import ErrorCode

assert _texts
CAUGHT_UP_MS = 5_000
"""A member that had all records this much before the freshest one is behind: members fetch twice a second or more."""

MemberRole = Literal["leader", "voter", "observer"]
_ORDER: tuple[MemberRole, ...] = ("leader", "voter", "observer")


class MemberStatus(NamedTuple):
    """One member.

    Attributes:
        node_id: of the server.
        role: what it is now.
        directory_id: of its metadata directory, as Kafka writes it; empty where unknown.
        address: ``host:port`` of its first listener for the quorum; empty where unknown, as of observers.
        log_end_offset: how far its log is, as the leader knows.
        lag: records that it does not have yet.
        behind_ms: how long ago it last had all records; -1 where that is unknown.
        fresh: whether it follows closely, so that it counts for the majority.
    """

    node_id: int
    role: MemberRole
    directory_id: str
    address: str
    log_end_offset: int
    lag: int
    behind_ms: int
    fresh: bool


@dataclass(frozen=True)
class QuorumStatus:
    """The whole quorum.

    Attributes:
        leader_id: of the leader, -1 where there is none.
        leader_epoch: its term.
        high_watermark: what a majority of the voters has.
        members: the leader first, then voters, then observers.
    """

    leader_id: int
    leader_epoch: int
    high_watermark: int
    members: tuple[MemberStatus, ...]

    @property
    def voters(self) -> tuple[MemberStatus, ...]:
        """Those that vote."""
        return tuple(member for member in self.members if member.role != "observer")

    @property
    def quorum(self) -> int:
        """How many voters have to agree."""
        return majority(len(self.voters))

    @property
    def serving(self) -> int:
        """How many voters follow closely."""
        return sum(member.fresh for member in self.voters)

    @property
    def can_lose(self) -> int:
        """How many more may go until there is no majority; below zero where there is none."""
        return self.serving - self.quorum

    def voter(self, node_id: int) -> MemberStatus | None:
        """A voter by its id."""
        return next((member for member in self.voters if member.node_id == node_id), None)

    def observer(self, node_id: int) -> MemberStatus | None:
        """An observer by its id; of several with other directories the one that is furthest."""
        found = [member for member in self.members if member.role == "observer" and member.node_id == node_id]
        return max(found, key=lambda member: (member.fresh, member.log_end_offset), default=None)

    def problems(self) -> list[Text]:
        """What is not as it should be."""
        found = [
            text("quorum.behind", node=member.node_id, lag=member.lag) for member in self.voters if not member.fresh
        ]
        count = len(self.voters)
        if self.leader_id < 0:
            found.append(text("quorum.no_leader"))
        if self.can_lose < 0:
            found.append(text("quorum.no_quorum", serving=self.serving, voters=count, quorum=self.quorum))
        if count % 2 == 0:
            found.append(text("quorum.even", voters=count, fewer=count - 1))
        if self.can_lose == 0 and count > 1:
            found.append(text("quorum.last", serving=self.serving, quorum=self.quorum))
        return found

    def against_removal(self, node_id: int) -> list[Text]:
        """Why a voter must not go: there would be no majority of those that stay."""
        rest = [member for member in self.voters if member.node_id != node_id]
        fresh, needed = sum(member.fresh for member in rest), majority(len(rest))
        if not rest:
            return [text("quorum.all")]
        if self.leader_id < 0:
            return [text("quorum.no_leader")]
        if fresh < needed:
            behind = ", ".join(str(member.node_id) for member in rest if not member.fresh)
            return [text("quorum.gate", node=node_id, rest=len(rest), fresh=fresh, quorum=needed, behind=behind)]
        return []

    def without(self, node_id: int) -> QuorumStatus:
        """The quorum as it is once a voter is none any more."""
        rest = tuple(member for member in self.members if member.role == "observer" or member.node_id != node_id)
        return QuorumStatus(self.leader_id, self.leader_epoch, self.high_watermark, rest)


def majority(voters: int) -> int:
    """How many of so many voters have to agree.

    >>> [majority(voters) for voters in (1, 2, 3, 4, 5)]
    [1, 2, 2, 3, 3]
    """
    return voters // 2 + 1


def quorum_status(session: OpsSession) -> QuorumStatus:
    """Ask the leader.

    Raises:
        UsageError: the cluster has no KRaft.
        BrokerUnreachable: there is no leader that answers; with the state of the controllers' processes.
        BrokerError: the request was refused.
    """
    try:
        return status_of(session.admin.quorum.describe())
    except RetriableBrokerError as error:
        raise BrokerUnreachable(message("quorum.unled", processes=_processes(session), reason=error)) from error
    except BrokerError as error:
        if error.code == ErrorCode.UNSUPPORTED_VERSION:
            raise UsageError(message("quorum.no_kraft", cluster=session.context.name)) from error
        raise


def _processes(session: OpsSession) -> str:
    """The controllers that the context names with the states of their processes, for a person to read."""
    found: list[str] = []
    for host in session.hosts.all("controller") if session.context.hosts else []:
        try:
            state = host.service_state().state
        except HostError:
            state = "unreachable"
        found.append(f"{host.entry.node_id} {state}")
    return ", ".join(found) or "-"


def status_of(state: QuorumState) -> QuorumStatus:
    """The status of what the leader said."""
    voters = {(voter.node_id, voter.directory_id) for voter in state.voters}
    everyone = [*state.voters, *(o for o in state.observers if (o.node_id, o.directory_id) not in voters)]
    end = max((member.log_end_offset for member in everyone), default=0)
    now = max((member.last_caught_up_ms for member in everyone), default=-1)

    def one(member: QuorumMember, role: MemberRole) -> MemberStatus:
        listeners = state.listeners.get(member.node_id, ())
        leads = role == "leader"
        if now < 0:  # leaders before 3.3 do not say when: their high watermark has to do
            fresh = leads or member.log_end_offset >= state.high_watermark
        else:
            fresh = leads or 0 <= now - member.last_caught_up_ms <= CAUGHT_UP_MS
        return MemberStatus(
            member.node_id,
            role,
            member.directory_id,
            f"{listeners[0].host}:{listeners[0].port}" if listeners and role != "observer" else "",
            member.log_end_offset,
            0 if leads else max(0, end - member.log_end_offset),
            0 if leads else -1 if min(now, member.last_caught_up_ms) < 0 else now - member.last_caught_up_ms,
            fresh,
        )

    members = [one(m, "leader" if m.node_id == state.leader_id else "voter") for m in state.voters]
    members += [one(m, "observer") for m in everyone[len(state.voters) :]]
    members.sort(key=lambda m: (_ORDER.index(m.role), m.node_id))
    return QuorumStatus(state.leader_id, state.leader_epoch, state.high_watermark, tuple(members))
