"""One request's changes to a group: in effect at once, taken back where the request fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from kappaflow.broker.coordinators.consumer_groups.changes import (
    Change,
    PutMember,
    RemoveMember,
    RemoveRegex,
    RemoveTarget,
    SetEpoch,
    SetTarget,
)
from kappaflow.broker.coordinators.consumer_groups.group import ConsumerGroup, TopicDirectory
from kappaflow.broker.coordinators.consumer_groups.member import ConsumerMember


class GroupEdit:
    """What is being done to a group.

    Args:
        group: the group.
        topics: the topics that there are.

    Attributes:
        group: the group, with the changes so far.
        changes: what the journal has to hold.
        ends_group: whether the journal has to forget the group instead.
        when_done: what follows once the journal holds it.
        when_failed: what to take back beside the group's changes.
    """

    def __init__(self, group: ConsumerGroup, topics: TopicDirectory) -> None:
        self.group = group
        self.changes: list[Change] = []
        self.ends_group = False
        self.when_done: list[Callable[[], None]] = []
        self.when_failed: list[Callable[[], None]] = []
        self._topics = topics
        self._backwards: list[list[Change]] = []

    def apply(self, change: Change) -> None:
        """Change the group."""
        self._backwards.append(self.group.apply(change))
        self.changes.append(change)

    def put(self, member: ConsumerMember) -> None:
        """Add or change a member, where anything is different."""
        if self.group.members.get(member.member_id) != member:
            self.apply(PutMember(member))

    def remove(self, member: ConsumerMember) -> None:
        """Take a member out of the group with all that was meant for it."""
        self.apply(RemoveMember(member.member_id))
        if member.member_id in self.group.target:
            self.apply(RemoveTarget(member.member_id))

    def replace(self, old: ConsumerMember, member_id: str) -> ConsumerMember:
        """Give the place of a static member to its next incarnation, which begins at epoch 0."""
        target = self.group.target.get(old.member_id, {})
        new = replace(old, member_id=member_id, epoch=0, previous_epoch=0)
        self.remove(old)
        self.apply(PutMember(new))
        self.apply(SetTarget(member_id, target))
        return new

    def drop_unused_regexes(self) -> None:
        """Forget expressions that nobody subscribes to any more."""
        for regex in self.group.regexes.keys() - self.group.subscribed_regexes():
            self.apply(RemoveRegex(regex))

    def refresh_metadata(self, *, bump: bool) -> None:
        """Look at the subscribed topics; begin an epoch where they have changed or it is asked for."""
        metadata_hash = self.group.hash_of_topics(self._topics)
        if bump or metadata_hash != self.group.metadata_hash:
            self.apply(SetEpoch(self.group.epoch + 1, metadata_hash))
        self.group.seen_version = self._topics.version

    def take_back(self) -> None:
        """Undo everything."""
        for changes in reversed(self._backwards):
            for change in changes:
                self.group.apply(change)
        # What it saw of the topics went into an epoch that never was.
        self.group.seen_version = -1
        for action in reversed(self.when_failed):
            action()
