"""Create a topic, as a plan."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from kappaflow.errors import UsageError
from kappaflow.ops.plans.plan import Plan, Step, new_plan
from kappaflow.ops.session import OpsSession
from kappaflow.ops.topics import texts as _texts
from kappaflow.runtime.messages import Text, message, text

assert _texts


def plan_create(
    session: OpsSession,
    name: str,
    *,
    partitions: int = -1,
    replication_factor: int = -1,
    configs: Mapping[str, str] | None = None,
    assignments: Sequence[Sequence[int]] | None = None,
) -> Plan:
    """A plan that creates a topic.

    Args:
        session: the cluster.
        name: of the topic.
        partitions: how many; -1 for the brokers' default.
        replication_factor: copies of each; -1 for the brokers' default.
        configs: of the topic.
        assignments: the replicas of each partition, the preferred leader first; the brokers choose by default.

    Raises:
        UsageError: there is such a topic, more copies are wanted than there are brokers, or the assignments are none.
    """
    if session.admin.topics.describe([name]):
        raise UsageError(str(text("topic.exists", topic=name)))
    alive = {broker.node_id for broker in session.admin.describe().brokers}
    brokers = len(alive)
    if assignments is not None:
        _require_assignments(assignments, alive)
        partitions, replication_factor = len(assignments), len(assignments[0])
    if replication_factor > brokers:
        raise UsageError(str(text("topic.few_brokers", wanted=replication_factor, brokers=brokers)))
    arguments: dict[str, Any] = {
        "topic": name,
        "partitions": partitions,
        "replication_factor": replication_factor,
        "configs": dict(configs or {}),
    }
    if assignments is not None:
        arguments["assignments"] = [list(replicas) for replicas in assignments]
    warnings: list[Text] = []
    if replication_factor == 1 and brokers > 1:
        warnings.append(text("topic.one_copy", topic=name))
    return new_plan(
        session, text("topic.create.title", topic=name), [Step("topic.create", arguments)], warnings=warnings
    )


def _require_assignments(assignments: Sequence[Sequence[int]], alive: Collection[int]) -> None:
    """Hold that brokers can take an assignment.

    Raises:
        UsageError: there is no partition, a number of replicas differs, a broker is named twice, or is not there.
    """
    if not assignments or not all(assignments):
        raise UsageError(message("topic.no_assignment"))
    for number, replicas in enumerate(assignments):
        if len(replicas) != len(assignments[0]) or len(set(replicas)) != len(replicas):
            raise UsageError(message("topic.uneven_assignment", partition=number, replicas=list(replicas)))
        unknown = sorted(set(replicas) - set(alive))
        if unknown:
            raise UsageError(message("topic.assigned_to_nobody", partition=number, broker=unknown[0]))
