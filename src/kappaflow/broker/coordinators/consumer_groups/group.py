"""One consumer group: members, epochs and who should own what. No timers, no requests, no journal."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Protocol
from uuid import UUID

from kappaflow.broker.coordinators.consumer_groups.changes import (
    Change,
    PutMember,
    PutRegex,
    RemoveMember,
    RemoveRegex,
    RemoveTarget,
    ResolvedRegex,
    SetAssignmentEpoch,
    SetEpoch,
    SetTarget,
    to_row,
)
from kappaflow.broker.coordinators.consumer_groups.group_states import GROUP_STATES, ConsumerGroupState
from kappaflow.broker.coordinators.consumer_groups.member import ConsumerMember, MemberState, Target


class SubscribedTopic(Protocol):
    """What a group knows of a topic."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def topic_id(self) -> UUID:
        """Its id; another one after it was deleted and created again."""
        ...

    @property
    def partition_count(self) -> int:
        """How many partitions it has."""
        ...


class TopicDirectory(Protocol):
    """The topics that there are.

    Attributes:
        version: one more with each change of any topic.
        newest_topic_version: the version that brought the last new topic.
    """

    version: int
    newest_topic_version: int

    def by_name(self, name: str) -> SubscribedTopic | None:
        """The topic of that name."""
        ...

    def by_id(self, topic_id: UUID) -> SubscribedTopic | None:
        """The topic of that id."""
        ...

    def names(self) -> Iterable[str]:
        """The names of all topics."""
        ...


class ConsumerGroup:
    """The members of one group id.

    Attributes:
        group_id: its name.
        epoch: one more whenever members, subscriptions or topics change.
        assignment_epoch: the epoch that the target is for.
        assignment_time_ms: when the target was computed.
        metadata_hash: stands for the subscribed topics with their ids and numbers of partitions.
        members: by member id.
        static_members: instance id to member id.
        target: what each member should own.
        regexes: what the subscribed regular expressions mean.
        seen_version: the version of the topics that the group has looked at.
    """

    def __init__(self, group_id: str) -> None:
        self.group_id = group_id
        self.epoch = 1
        self.assignment_epoch = 0
        self.assignment_time_ms = 0
        self.metadata_hash = ""
        self.members: dict[str, ConsumerMember] = {}
        self.static_members: dict[str, str] = {}
        self.target: dict[str, Target] = {}
        self.regexes: dict[str, ResolvedRegex] = {}
        self.seen_version = -1
        self._owners: dict[UUID, dict[int, str]] = {}

    @property
    def state(self) -> ConsumerGroupState:
        """Where it is on the way to an assignment that everybody has."""
        lagging = any(not member.is_reconciled_to(self.assignment_epoch) for member in self.members.values())
        return GROUP_STATES[bool(self.members), self.epoch > self.assignment_epoch, lagging]

    def static_member(self, instance_id: str | None) -> ConsumerMember | None:
        """The member of that instance id."""
        member_id = self.static_members.get(instance_id) if instance_id is not None else None
        return self.members[member_id] if member_id is not None else None

    def owner(self, topic_id: UUID, partition: int) -> str | None:
        """Who has a partition or has not given it up yet."""
        return self._owners.get(topic_id, {}).get(partition)

    def subscribers(self, regex: str) -> int:
        """How many members subscribe to a regular expression."""
        return sum(member.regex == regex for member in self.members.values())

    def subscribed_regexes(self) -> set[str]:
        """The regular expressions of all members."""
        return {member.regex for member in self.members.values() if member.regex}

    def topics_of(self, member: ConsumerMember) -> frozenset[str]:
        """The names that a member subscribes to, directly or by an expression that has been looked up."""
        resolved = self.regexes.get(member.regex)
        return member.topics | resolved.topics if resolved else member.topics

    def subscribed_topics(self) -> set[str]:
        """The names that any member subscribes to."""
        names = {name for member in self.members.values() for name in member.topics}
        return names.union(*(resolved.topics for resolved in self.regexes.values()))

    def hash_of_topics(self, topics: TopicDirectory) -> str:
        """Stands for everything about the subscribed topics that an assignment depends on."""
        known = [topic for name in sorted(self.subscribed_topics()) if (topic := topics.by_name(name)) is not None]
        if not known:
            return ""
        text = "\n".join(f"{topic.name} {topic.topic_id.hex} {topic.partition_count}" for topic in known)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def preferred_assignor(self) -> str | None:
        """The assignor that most members ask for; None where nobody asks."""
        votes = Counter(member.assignor for member in self.members.values() if member.assignor is not None)
        return votes.most_common(1)[0][0] if votes else None

    def waits_for_others(self, member: ConsumerMember) -> bool:
        """Whether partitions that are meant for the member are still held by others."""
        if member.state is not MemberState.UNRELEASED_PARTITIONS:
            return False
        return any(
            number not in member.assigned.get(topic_id, {}) and self.owner(topic_id, number) is not None
            for topic_id, numbers in self.target.get(member.member_id, {}).items()
            for number in numbers
        )

    # -- changes ------------------------------------------------------------------------------------------

    def apply(self, change: Change) -> list[Change]:
        """Let a change take effect.

        Returns:
            The changes that take it back, in order.

        Raises:
            ValueError: two members would own the same partition.
        """
        match change:
            case PutMember(member):
                old = self.members.get(member.member_id)
                self._put(member)
                return [PutMember(old) if old else RemoveMember(member.member_id)]
            case RemoveMember(member_id):
                old = self.members.get(member_id)
                self._remove(member_id)
                return [PutMember(old)] if old else []
            case SetTarget(member_id) | RemoveTarget(member_id):
                target = self.target.pop(member_id, None)
                if isinstance(change, SetTarget):
                    self.target[member_id] = change.target
                return [RemoveTarget(member_id) if target is None else SetTarget(member_id, target)]
            case SetEpoch(epoch, metadata_hash):
                before = SetEpoch(self.epoch, self.metadata_hash)
                self.epoch, self.metadata_hash = epoch, metadata_hash
                return [before]
            case SetAssignmentEpoch(epoch, time_ms):
                earlier = SetAssignmentEpoch(self.assignment_epoch, self.assignment_time_ms)
                self.assignment_epoch, self.assignment_time_ms = epoch, time_ms
                return [earlier]
            case PutRegex(regex) | RemoveRegex(regex):
                resolved = self.regexes.pop(regex, None)
                if isinstance(change, PutRegex):
                    self.regexes[regex] = change.resolved
                return [RemoveRegex(regex) if resolved is None else PutRegex(regex, resolved)]

    def snapshot(self) -> Iterator[list[Any]]:
        """The changes, as journal rows, that make a new group what this one is."""
        yield to_row(SetEpoch(self.epoch, self.metadata_hash))
        yield to_row(SetAssignmentEpoch(self.assignment_epoch, self.assignment_time_ms))
        for regex, resolved in self.regexes.items():
            yield to_row(PutRegex(regex, resolved))
        for member in self.members.values():
            yield to_row(PutMember(member))
        for member_id, target in self.target.items():
            yield to_row(SetTarget(member_id, target))

    def _put(self, member: ConsumerMember) -> None:
        self._check_free(member)
        old = self.members.get(member.member_id)
        if old is not None:
            self._release(old)
        for owned in (member.assigned, member.pending_revocation):
            for topic_id, epochs in owned.items():
                self._owners.setdefault(topic_id, {}).update(dict.fromkeys(epochs, member.member_id))
        self.members[member.member_id] = member
        if member.instance_id is not None:
            self.static_members[member.instance_id] = member.member_id

    def _remove(self, member_id: str) -> None:
        member = self.members.pop(member_id, None)
        if member is None:
            return
        self._release(member)
        if member.instance_id is not None and self.static_members.get(member.instance_id) == member_id:
            del self.static_members[member.instance_id]

    def _check_free(self, member: ConsumerMember) -> None:
        for owned in (member.assigned, member.pending_revocation):
            for topic_id, epochs in owned.items():
                for number in epochs:
                    if (owner := self.owner(topic_id, number)) not in (None, member.member_id):
                        raise ValueError(
                            f"group {self.group_id}: partition {number} of topic {topic_id} cannot go to "
                            f"{member.member_id} while {owner} has it"
                        )

    def _release(self, member: ConsumerMember) -> None:
        for owned in (member.assigned, member.pending_revocation):
            for topic_id, epochs in owned.items():
                owners = self._owners.get(topic_id, {})
                for number in epochs:
                    if owners.get(number) == member.member_id:
                        del owners[number]
                if not owners:
                    self._owners.pop(topic_id, None)
