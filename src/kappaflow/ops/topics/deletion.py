"""Delete a topic, as a plan; and why a delete does not happen."""

from __future__ import annotations

from typing import NamedTuple

from kappaflow.errors import BrokerError, UsageError
from kappaflow.ops.admin.faces import ConfigResource, TopicState
from kappaflow.ops.plans.plan import Plan, Step, new_plan
from kappaflow.ops.session import OpsSession
from kappaflow.ops.topics import texts as _texts
from kappaflow.runtime.messages import Text, message, text
from kappaflow.wire.error_codes import ErrorCode

assert _texts
DELETE_ENABLE = "delete.topic.enable"


class Obstacle(NamedTuple):
    """Why a topic is not deleted, and what helps."""

    reason: Text
    remedy: Text


def plan_delete(session: OpsSession, name: str) -> Plan:
    """A plan that deletes a topic with all its records. It cannot be undone, so its name has to be typed.

    Raises:
        UsageError: there is no such topic, or it is the brokers' own.
    """
    topic = session.admin.topics.describe([name]).get(name)
    if topic is None:
        raise UsageError(message("topic.missing", topic=name))
    if topic.is_internal:
        raise UsageError(message("topic.internal", topic=name))
    readers = sorted(_readers(session, name))
    warnings = [obstacle.reason for obstacle in find_obstacles(session, name)]
    if readers:
        warnings.append(text("topic.has_readers", topic=name, groups=", ".join(readers)))
    step = Step("topic.delete", {"topic": name})
    effects = [text("topic.delete.effect", topic=name, partitions=len(topic.partitions))]
    title = text("topic.delete.title", topic=name)
    return new_plan(session, title, [step], effects=effects, warnings=warnings, confirmation=name)


def _readers(session: OpsSession, name: str) -> set[str]:
    """Groups whose members read the topic now."""
    consumers = [g.group_id for g in session.admin.groups.list() if g.protocol_type in ("consumer", "")]
    return {
        group.group_id
        for group in session.admin.groups.describe(consumers).values()
        if any(p.topic == name for member in group.members for p in member.assignment or ())
    }


def find_obstacles(session: OpsSession, name: str) -> list[Obstacle]:
    """Why a delete of a topic would not happen, or has not: switched off, not permitted, a replica offline.

    Args:
        session: the cluster.
        name: the topic; it may be gone from the metadata already.
    """
    found: list[Obstacle] = []
    brokers = session.admin.describe().brokers
    configs = session.admin.configs.describe(
        [ConfigResource("broker", str(broker.node_id)) for broker in brokers], [DELETE_ENABLE]
    )
    off = [
        r.name for r, entries in configs.items() if DELETE_ENABLE in entries and entries[DELETE_ENABLE].value == "false"
    ]
    if off:
        found.append(Obstacle(text("topic.delete_off", brokers=", ".join(off)), text("topic.delete_off.remedy")))
    try:
        topic = session.admin.topics.describe([name]).get(name)
    except BrokerError as error:
        if error.code != ErrorCode.TOPIC_AUTHORIZATION_FAILED:
            raise
        return [
            *found,
            Obstacle(text("topic.delete_denied", topic=name), text("topic.delete_denied.remedy", topic=name)),
        ]
    if topic is not None:
        found += _offline(topic, {broker.node_id for broker in brokers})
    return found


def _offline(topic: TopicState, alive: set[int]) -> list[Obstacle]:
    away = sorted({replica for p in topic.partitions for replica in p.replicas if replica not in alive})
    sick = sorted({replica for p in topic.partitions for replica in p.offline if replica in alive})
    found: list[Obstacle] = []
    if away:
        brokers = ", ".join(map(str, away))
        found.append(
            Obstacle(
                text("topic.delete_away", topic=topic.name, brokers=brokers),
                text("topic.delete_away.remedy", brokers=brokers),
            )
        )
    if sick:
        brokers = ", ".join(map(str, sick))
        found.append(
            Obstacle(
                text("topic.delete_disk", topic=topic.name, brokers=brokers),
                text("topic.delete_disk.remedy", brokers=brokers),
            )
        )
    return found
