"""The brokers of a cluster and what each holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import NamedTuple

from kappaflow.errors import KappaError
from kappaflow.ops.admin.faces import TopicState
from kappaflow.ops.brokers.gates import may_go, min_in_sync_of
from kappaflow.ops.brokers.servers import controller_of
from kappaflow.ops.session import OpsSession


class BrokerRow(NamedTuple):
    """One broker.

    Attributes:
        broker: its id.
        address: for clients; empty while it is away.
        rack: empty where it has none.
        is_controller: whether it is the active controller.
        state: ``alive``, or ``away`` where partitions or the context name it and the cluster does not count it in.
        leaders: partitions that it leads.
        preferred: partitions that it should lead.
        replicas: partitions that it holds.
        behind: partitions in which it is not in sync.
        may_go: whether it could be stopped now without a partition becoming unwritable.
    """

    broker: int
    address: str
    rack: str
    is_controller: bool
    state: str
    leaders: int
    preferred: int
    replicas: int
    behind: int
    may_go: bool


def list_brokers(session: OpsSession) -> list[BrokerRow]:
    """All brokers, by id.

    Raises:
        BrokerUnreachable: no broker answers.
    """
    cluster = session.admin.describe()
    topics = session.admin.topics.describe()
    partitions = [p for topic in topics.values() for p in topic.partitions]
    leaders = Counter(p.leader for p in partitions)
    preferred = Counter(p.replicas[0] for p in partitions)
    replicas = Counter(broker for p in partitions for broker in p.replicas)
    behind = Counter(broker for p in partitions for broker in p.replicas if broker not in p.in_sync)
    alive = {broker.node_id: broker for broker in cluster.brokers}
    named = {host.entry.node_id for host in session.hosts.all("broker")} if session.context.hosts else set[int]()
    active = controller_of(session)
    free = _may_go(session, topics, alive)
    rows: list[BrokerRow] = []
    for number in sorted(set(alive) | set(replicas) | named):
        broker = alive.get(number)
        rows.append(
            BrokerRow(
                number,
                f"{broker.host}:{broker.port}" if broker else "",
                (broker.rack or "") if broker else "",
                number == active,
                "alive" if broker else "away",
                leaders[number],
                preferred[number],
                replicas[number],
                behind[number],
                number in free,
            )
        )
    return rows


def _may_go(session: OpsSession, topics: Mapping[str, TopicState], alive: Collection[int]) -> set[int]:
    try:
        return may_go(topics.values(), min_in_sync_of(session, topics), alive)
    except KappaError:
        return set()
