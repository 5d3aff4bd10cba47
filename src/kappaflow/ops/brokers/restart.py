"""Restart servers one by one, take one away for maintenance, start one, as plans."""

from __future__ import annotations

from collections.abc import Collection

from kappaflow.errors import UnsafeError
from kappaflow.ops.brokers import texts as _texts
from kappaflow.ops.brokers.gates import UnsafeTopic
from kappaflow.ops.brokers.node_actions import GATE_TIMEOUT_S
from kappaflow.ops.brokers.targets import Rolling, Target, kafka_targets, warnings_of
from kappaflow.ops.plans.plan import Plan, Step, new_plan
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import Text, text

assert _texts


def refuse_unsafe(unsafe: Collection[UnsafeTopic], force: bool) -> None:
    """Hold that all topics stay writable, unless that is forced.

    Raises:
        UnsafeError: some do not; the message names each.
    """
    if unsafe and not force:
        raise UnsafeError(str(text("broker.refused", reasons="; ".join(str(row.as_text()) for row in unsafe))))


def plan_restart(
    session: OpsSession,
    nodes: Collection[int] | None = None,
    *,
    force: bool = False,
    timeout_s: float = GATE_TIMEOUT_S,
) -> Plan:
    """A plan that restarts servers one by one.

    Args:
        session: the cluster.
        nodes: ids; all of Kafka's servers by default.
        force: whether topics that cannot stay writable are accepted.
        timeout_s: how long each server's gates may stay shut.

    Raises:
        UnsafeError: a topic cannot stay writable.
        UsageError: the context names no host of a server.
    """
    targets = kafka_targets(session, nodes)
    unsafe = Rolling(session).unsafe(targets)
    refuse_unsafe(unsafe, force)
    rolling = Rolling(session, [row.topic for row in unsafe])
    steps: list[Step] = []
    for target in targets:
        steps += [*rolling.away(target, timeout_s), *rolling.back(target, reversible=False)]
    return new_plan(
        session,
        text("broker.restart.title", nodes=names(targets)),
        steps,
        effects=[effect_of_gates()],
        warnings=warnings_of(unsafe),
        confirmation=session.context.name if unsafe else "",
    )


def plan_maintenance(session: OpsSession, node: int, *, force: bool = False, timeout_s: float = GATE_TIMEOUT_S) -> Plan:
    """A plan that takes a server away while somebody works on its machine, and brings it back afterwards.

    Args:
        session: the cluster.
        node: its id.
        force: whether topics that cannot stay writable are accepted.
        timeout_s: how long its gates may stay shut.

    Raises:
        UnsafeError: a topic cannot stay writable.
        UsageError: the context names no host of it.
    """
    targets = kafka_targets(session, [node])
    unsafe = Rolling(session).unsafe(targets)
    refuse_unsafe(unsafe, force)
    rolling = Rolling(session, [row.topic for row in unsafe])
    (target,) = targets
    hold = Step("node.hold", {"node": target.node, "role": target.role})
    return new_plan(
        session,
        text("broker.maintain.title", nodes=names(targets)),
        [*rolling.away(target, timeout_s), hold, *rolling.back(target, reversible=False)],
        effects=[effect_of_gates(), text("broker.maintain.hold", node=node)],
        warnings=warnings_of(unsafe),
        confirmation=session.context.name if unsafe else "",
    )


def plan_start(session: OpsSession, nodes: Collection[int]) -> Plan:
    """A plan that starts servers that are stopped and waits until they are in sync.

    Args:
        session: the cluster.
        nodes: their ids.

    Raises:
        UsageError: the context names no host of a server.
    """
    targets = kafka_targets(session, nodes)
    steps = [Step("node.start", {"node": t.node, "role": t.role, "undo_stops": True}) for t in targets]
    return new_plan(session, text("broker.start.title", nodes=names(targets)), steps)


def names(targets: Collection[Target]) -> str:
    """How texts name servers."""
    return ", ".join(f"{target.role} {target.node}" for target in targets)


def effect_of_gates() -> Text:
    """What is held before each server goes."""
    return text("broker.restart.gates")
