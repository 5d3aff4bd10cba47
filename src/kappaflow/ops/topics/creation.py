"""Create a topic, as a plan."""

from __future__ import annotations

from collections.abc import Mapping

from kappaflow.errors import UsageError
from kappaflow.ops.plans.plan import Plan, Step, new_plan
from kappaflow.ops.session import OpsSession
from kappaflow.ops.topics import texts as _texts
from kappaflow.runtime.messages import Text, text

assert _texts


def plan_create(
    session: OpsSession,
    name: str,
    *,
    partitions: int = -1,
    replication_factor: int = -1,
    configs: Mapping[str, str] | None = None,
) -> Plan:
    """A plan that creates a topic.

    Args:
        session: the cluster.
        name: of the topic.
        partitions: how many; -1 for the brokers' default.
        replication_factor: copies of each; -1 for the brokers' default.
        configs: of the topic.

    Raises:
        UsageError: there is such a topic, or more copies are wanted than there are brokers.
    """
    if session.admin.topics.describe([name]):
        raise UsageError(str(text("topic.exists", topic=name)))
    brokers = len(session.admin.describe().brokers)
    if replication_factor > brokers:
        raise UsageError(str(text("topic.few_brokers", wanted=replication_factor, brokers=brokers)))
    arguments = {
        "topic": name,
        "partitions": partitions,
        "replication_factor": replication_factor,
        "configs": dict(configs or {}),
    }
    warnings: list[Text] = []
    if replication_factor == 1 and brokers > 1:
        warnings.append(text("topic.one_copy", topic=name))
    return new_plan(
        session, text("topic.create.title", topic=name), [Step("topic.create", arguments)], warnings=warnings
    )
