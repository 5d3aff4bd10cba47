"""Give a topic more partitions, as a plan."""

from __future__ import annotations

from collections.abc import Sequence

from kappaflow.errors import UsageError
from kappaflow.ops.plans.plan import Plan, Step, new_plan
from kappaflow.ops.session import OpsSession
from kappaflow.ops.topics import texts as _texts
from kappaflow.runtime.messages import message, text

assert _texts


def plan_grow(
    session: OpsSession, name: str, partitions: int, assignments: Sequence[Sequence[int]] | None = None
) -> Plan:
    """A plan that gives a topic more partitions. Kafka takes none away again, so it cannot be undone.

    Args:
        session: the cluster.
        name: the topic.
        partitions: how many it has then.
        assignments: the replicas of each new partition; the brokers choose by default.

    Raises:
        UsageError: there is no such topic, or it has as many already.
    """
    topic = session.admin.topics.describe([name]).get(name)
    if topic is None:
        raise UsageError(message("topic.missing", topic=name))
    now = len(topic.partitions)
    if partitions <= now:
        raise UsageError(message("topic.not_fewer", topic=name, now=now, wanted=partitions))
    if assignments is not None and len(assignments) != partitions - now:
        raise UsageError(message("topic.bad_assignments", wanted=partitions - now, given=len(assignments)))
    arguments = {"topic": name, "partitions": partitions, "assignments": assignments and [list(a) for a in assignments]}
    return new_plan(
        session,
        text("topic.grow.title", topic=name),
        [Step("topic.grow", arguments)],
        effects=[text("topic.grow.effect", topic=name, before=now, after=partitions)],
        warnings=[text("topic.grow.keys", topic=name)],
        confirmation=name,
    )
