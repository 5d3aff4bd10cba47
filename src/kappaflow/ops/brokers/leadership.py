"""Move leaders away from a broker by the preferred order of replicas, and back.

The set of replicas stays as it is, so nothing is copied: a reassignment to the same brokers in another order, then an
election of preferred leaders. Kafka has no call that names a leader.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import PlanError, RetriableBrokerError
from kappaflow.ops.admin.faces import PartitionState
from kappaflow.ops.plans.waiting import wait_until
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import text

LEADERSHIP_TIMEOUT_S = 60.0
ASK_AGAIN_S = 0.3

Order = dict[str, Any]
"""A partition's preferred order, as plans keep it: ``topic``, ``partition``, ``replicas``."""


def orders_of(partitions: Iterable[PartitionState], broker: int) -> list[Order]:
    """The preferred orders of partitions that a broker leads, or should."""
    return [
        {"topic": p.topic, "partition": p.partition, "replicas": list(p.replicas)}
        for p in partitions
        if broker in (p.leader, p.replicas[0])
    ]


def order_without(partition: PartitionState, broker: int, leads: Counter[int]) -> list[int]:
    """An order in which the in-sync replica that leads least comes first and the broker last.

    Args:
        partition: that the broker leads.
        broker: whose leadership goes.
        leads: how many partitions each broker leads; the chosen one is counted.
    """
    in_sync = [replica for replica in partition.replicas if replica in partition.in_sync and replica != broker]
    if not in_sync:
        return list(partition.replicas)
    first = min(in_sync, key=lambda replica: (leads[replica], partition.replicas.index(replica)))
    leads[first] += 1
    rest = [replica for replica in partition.replicas if replica not in (first, broker)]
    return [first, *rest, broker]


def current(session: OpsSession, orders: Sequence[Order]) -> dict[tuple[str, int], PartitionState]:
    """The partitions that orders speak of and that still exist, by topic and number."""
    topics = session.admin.topics.describe({order["topic"] for order in orders})
    wanted = {(order["topic"], order["partition"]) for order in orders}
    return {
        (p.topic, p.partition): p
        for topic in topics.values()
        for p in topic.partitions
        if (p.topic, p.partition) in wanted
    }


def led_by(session: OpsSession, orders: Sequence[Order], broker: int) -> list[PartitionState]:
    """Those of the partitions that the broker leads although another replica could."""
    return [
        p
        for p in current(session, orders).values()
        if p.leader == broker and any(replica != broker for replica in p.in_sync)
    ]


def drain(session: OpsSession, orders: Sequence[Order], broker: int) -> None:
    """Let other replicas lead what the broker leads of these partitions, and wait for it.

    Raises:
        PlanError: it leads some of them after a minute still.
    """
    leads = Counter(p.leader for topic in session.admin.topics.describe().values() for p in topic.partitions)
    wanted = {(p.topic, p.partition): order_without(p, broker, leads) for p in led_by(session, orders, broker)}
    _set_orders(session, wanted)
    if not wait_until(session, lambda: not led_by(session, orders, broker), LEADERSHIP_TIMEOUT_S):
        left = ", ".join(f"{p.topic}-{p.partition}" for p in led_by(session, orders, broker)[:5])
        raise PlanError(str(text("broker.drain.left", broker=broker, partitions=left)))


def restore(session: OpsSession, orders: Sequence[Order]) -> None:
    """Give partitions their old order back and let the first replica of each lead, where it is in sync.

    A partition whose replicas have become others since stays as it is.
    """
    states = current(session, orders)
    wanted: dict[tuple[str, int], list[int]] = {}
    for order in orders:
        state = states.get((order["topic"], order["partition"]))
        if state is not None and set(state.replicas) == set(order["replicas"]):
            wanted[state.topic, state.partition] = order["replicas"]
    _set_orders(session, wanted)


def is_restored(session: OpsSession, orders: Sequence[Order]) -> bool:
    """Whether the orders are as they were, for partitions that have the same replicas still."""
    states = current(session, orders)
    for order in orders:
        state = states.get((order["topic"], order["partition"]))
        same_replicas = state is not None and set(state.replicas) == set(order["replicas"])
        if state is not None and same_replicas and list(state.replicas) != order["replicas"]:
            return False
    return True


def leads_again(session: OpsSession, orders: Sequence[Order]) -> bool:
    """Whether the first replica of each partition leads it, where it is in sync."""
    states = current(session, orders).values()
    return all(p.leader == p.replicas[0] or p.replicas[0] not in p.in_sync for p in states)


def _set_orders(session: OpsSession, wanted: dict[tuple[str, int], list[int]]) -> None:
    """Ask for orders and their leaders until the cluster has both, or a minute has passed."""

    def has_them() -> bool:
        try:
            return _ask(session, wanted)
        except RetriableBrokerError:
            return False

    wait_until(session, has_them, LEADERSHIP_TIMEOUT_S, ASK_AGAIN_S)


def _ask(session: OpsSession, wanted: dict[tuple[str, int], list[int]]) -> bool:
    """Ask for what is not as wanted yet; returns whether nothing was."""
    rows = [{"topic": topic, "partition": number, "replicas": replicas} for (topic, number), replicas in wanted.items()]
    states = current(session, rows)
    moves = {
        TopicPartition(topic, number): wanted[topic, number]
        for (topic, number), state in states.items()
        if list(state.replicas) != wanted[topic, number]
    }
    if moves:
        for error in session.admin.placement.reassign(moves).values():
            raise error
        return False
    elected = [
        TopicPartition(p.topic, p.partition)
        for p in states.values()
        if p.leader != p.replicas[0] and p.replicas[0] in p.in_sync
    ]
    if elected:
        session.admin.placement.elect("preferred", elected)
    return not elected
