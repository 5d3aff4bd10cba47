"""Make an application begin anew: offsets of its input set back, its internal topics deleted.

    plan_reset(client, application, inputs, to) ─▶ ResetPlan (shown) ─▶ apply_reset

What Kafka's own reset tool does: input topics go where they are asked to, intermediate topics to their ends, topics
that the application made for itself are deleted.  State on disk is dropped by the next start, which finds changelogs
with other topic ids.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kappaflow.client.admin import EARLIEST, LATEST, Admin
from kappaflow.client.connection import ClientConfig
from kappaflow.client.groups import MemberDescription, describe_group, remove_members
from kappaflow.client.offsets import GroupOffsets
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import ConfigError, UnsafeError

# Source: StreamsResetter.matchesInternalTopicFormat of Kafka Streams.
_INTERNAL = re.compile(
    r".*-(changelog|repartition)"
    r"|.*-KTABLE-FK-JOIN-SUBSCRIPTION-(REGISTRATION|RESPONSE)-\d+-topic"
    r"|.*-(subscription-registration|subscription-response)-topic"
)
Target = Callable[[Admin, Sequence[TopicPartition], Mapping[TopicPartition, int]], dict[TopicPartition, int]]


@dataclass(frozen=True, slots=True)
class OffsetChange:
    """Where a partition is read from: `before` is None where nothing was committed."""

    partition: TopicPartition
    before: int | None
    after: int


@dataclass(frozen=True, slots=True)
class ResetPlan:
    """What a reset changes.

    Attributes:
        application_id: of the application, and name of its group.
        offsets: of input and intermediate topics.
        internal_topics: to delete, with all their records.
        members: to take out of the group; there are some only where that was asked for.
    """

    application_id: str
    offsets: tuple[OffsetChange, ...]
    internal_topics: tuple[str, ...]
    members: tuple[MemberDescription, ...] = ()


def to_earliest() -> Target:
    """The first record that there is."""
    return lambda admin, partitions, _: _listed(admin, dict.fromkeys(partitions, EARLIEST))


def to_latest() -> Target:
    """The end: only what is written from now on."""
    return lambda admin, partitions, _: _listed(admin, dict.fromkeys(partitions, LATEST))


def to_time(timestamp_ms: int) -> Target:
    """The first record of that time or later; the end where there is none."""

    def target(
        admin: Admin, partitions: Sequence[TopicPartition], _: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, int]:
        ends = _listed(admin, dict.fromkeys(partitions, LATEST))
        found = _listed(admin, dict.fromkeys(partitions, timestamp_ms))
        return {at: ends[at] if found[at] < 0 else found[at] for at in partitions}

    return target


def to_offset(offset: int) -> Target:
    """The same offset in every partition."""
    return lambda _, partitions, __: dict.fromkeys(partitions, offset)


def shift_by(records: int) -> Target:
    """So many records on, or back where it is negative, from what is committed.

    The target raises `ConfigError` for a partition without a committed offset.
    """

    def target(
        _: Admin, partitions: Sequence[TopicPartition], committed: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, int]:
        for at in partitions:
            if at not in committed:
                raise ConfigError(
                    f"{at.topic}-{at.partition} has no committed offset to shift; use --to-earliest or another target."
                )
        return {at: committed[at] + records for at in partitions}

    return target


def plan_reset(
    client: ClientConfig,
    application_id: str,
    *,
    input_topics: Sequence[str],
    intermediate_topics: Sequence[str] = (),
    to: Target | None = None,
    force: bool = False,
) -> ResetPlan:
    """Find out what a reset would change; nothing is changed.

    Args:
        client: how to reach the brokers.
        application_id: of the application.
        input_topics: whose offsets go to `to`, within what the partitions hold.
        intermediate_topics: topics that the application writes and reads itself: their offsets go to the end.
        to: None is the earliest.
        force: take members out of the group that have stopped without leaving it.

    Raises:
        UnsafeError: members of the application run.
        ConfigError: a topic does not exist, or a target cannot be found.
        BrokerUnreachable: no broker answers.
    """
    with Admin(client) as admin, GroupOffsets(client, application_id, admin.connection) as group:
        members = describe_group(admin.connection, application_id).members
        if members and not force:
            raise UnsafeError(
                f"{application_id} has {len(members)} member(s), the first on {members[0].client_host}. Stop all "
                "instances; then wait until their sessions have timed out, or take them out of the group with --force."
            )
        inputs = _partitions(admin, input_topics)
        through = _partitions(admin, intermediate_topics)
        committed = {at: position.offset for at, position in group.fetch().items()}
        wanted = (to or to_earliest())(admin, inputs, committed)
        starts = _listed(admin, dict.fromkeys(inputs, EARLIEST))
        ends = _listed(admin, dict.fromkeys([*inputs, *through], LATEST))
        after = {at: min(max(wanted[at], starts[at]), ends[at]) for at in inputs}
        after.update({at: ends[at] for at in through})
        changes = tuple(OffsetChange(at, committed.get(at), after[at]) for at in sorted(after))
        internal = tuple(topic for topic in admin.list_topics() if is_internal(application_id, topic))
    return ResetPlan(application_id, changes, tuple(sorted(internal)), members)


def apply_reset(client: ClientConfig, plan: ResetPlan) -> None:
    """Do what a plan says; done twice it changes nothing more.

    Raises:
        BrokerError: the brokers refuse, as they do where members have started meanwhile.
    """
    with Admin(client) as admin, GroupOffsets(client, plan.application_id, admin.connection) as group:
        if plan.members:
            remove_members(admin.connection, plan.application_id, plan.members)
        group.commit({change.partition: change.after for change in plan.offsets})
        known = set(admin.list_topics())
        if present := [topic for topic in plan.internal_topics if topic in known]:
            admin.delete_topics(present)


def is_internal(application_id: str, topic: str) -> bool:
    """Whether an application made a topic for itself.

    >>> is_internal("counting", "counting-counts-changelog"), is_internal("counting", "counting-lines")
    (True, False)
    """
    prefix = f"{application_id}-"
    return topic.startswith(prefix) and _INTERNAL.fullmatch(topic[len(application_id) :]) is not None


def _partitions(admin: Admin, topics: Sequence[str]) -> list[TopicPartition]:
    found = admin.describe_topics(topics) if topics else {}
    if missing := sorted(set(topics) - set(found)):
        raise ConfigError(f"There is no topic {', '.join(missing)}. Nothing was changed.")
    return [TopicPartition(topic, at.partition) for topic in topics for at in found[topic].partitions]


def _listed(admin: Admin, times: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    return {at: listed.offset for at, listed in admin.list_offsets(times).items()} if times else {}
