"""Take a broker out of its cluster for good: nothing on it, stopped, forgotten."""

from __future__ import annotations

from kappaflow.errors import UnsafeError, UsageError
from kappaflow.ops.brokers import texts as _texts
from kappaflow.ops.brokers.node_actions import GATE_TIMEOUT_S
from kappaflow.ops.brokers.servers import has_quorum
from kappaflow.ops.plans.plan import Plan, Step, new_plan
from kappaflow.ops.reassignment import MoveOptions, plan_drain
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import Text, text

assert _texts


def plan_decommission(
    session: OpsSession, broker: int, options: MoveOptions | None = None, *, timeout_s: float = GATE_TIMEOUT_S
) -> Plan:
    """A plan that drains a broker, stops it and, with KRaft, unregisters it.

    Where the context names no host of the broker the plan waits until a person has stopped it.

    Args:
        session: the cluster.
        broker: its id; it may be away.
        options: how its replicas are moved.
        timeout_s: how long the gates may stay shut before it is stopped.

    Raises:
        UsageError: a partition would have nowhere to go, or the broker is nowhere known.
        UnsafeError: it is a voter of the metadata quorum, or its partitions are being moved.
    """
    topics = session.admin.topics.describe()
    alive = {row.node_id for row in session.admin.describe().brokers}
    holds = any(broker in p.replicas for topic in topics.values() for p in topic.partitions)
    named = bool(session.context.hosts) and broker in {h.entry.node_id for h in session.hosts.all("broker")}
    quorum = has_quorum(session)
    if not (holds or named or broker in alive or quorum):
        raise UsageError(str(text("broker.decommission.unknown", broker=broker)))
    if quorum and broker in {voter.node_id for voter in session.admin.quorum.describe().voters}:
        raise UnsafeError(str(text("broker.decommission.voter", broker=broker)))
    steps: list[Step] = []
    effects: list[Text] = []
    warnings: list[Text] = []
    if holds:
        drain = plan_drain(session, [broker], options or MoveOptions())
        steps, effects, warnings = list(drain.steps), list(drain.effects), list(drain.warnings)
    if named:
        arguments = {"node": broker, "role": "broker", "timeout_s": timeout_s, "accepted": []}
        steps.append(Step("node.stop", arguments))
    elif broker in alive:
        steps.append(Step("broker.await_gone", {"broker": broker}))
    if quorum:
        steps.append(Step("broker.unregister", {"broker": broker}))
    effects.append(text("broker.decommission.files", broker=broker))
    return new_plan(
        session,
        text("broker.decommission.title", broker=broker),
        steps,
        effects=effects,
        warnings=warnings,
        confirmation=str(broker),
    )
