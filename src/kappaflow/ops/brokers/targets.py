"""Which servers a piece of rolling work takes, and in which order."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from kappaflow.errors import UsageError
from kappaflow.ops.admin.faces import TopicState
from kappaflow.ops.brokers import texts as _texts
from kappaflow.ops.brokers.gates import UnsafeTopic, min_in_sync_of, never_safe
from kappaflow.ops.brokers.leadership import orders_of
from kappaflow.ops.brokers.servers import controller_of, has_quorum, zookeeper_modes
from kappaflow.ops.contexts.cluster_context import Role
from kappaflow.ops.plans.plan import Step
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import Text, text

assert _texts


class Target(NamedTuple):
    """A server: its id, what it does, and the role by which its host is found."""

    node: int
    roles: tuple[Role, ...]

    @property
    def role(self) -> Role:
        """The first of its roles."""
        return "broker" if "broker" in self.roles else self.roles[0]


def kafka_targets(session: OpsSession, nodes: Collection[int] | None = None) -> list[Target]:
    """Kafka's servers in the order of rolling work: separate controllers, brokers, and each time the active one last.

    Args:
        session: the cluster.
        nodes: ids of those that are wanted; all brokers by default, and controllers where KRaft keeps the metadata.

    Raises:
        UsageError: the context names no host of a server.
    """
    hosts = [host for host in session.hosts.all() if "zookeeper" not in host.entry.roles]
    known = {host.entry.node_id: Target(host.entry.node_id, host.entry.roles) for host in hosts}
    alive = {broker.node_id for broker in session.admin.describe().brokers}
    voters = {voter.node_id for voter in session.admin.quorum.describe().voters} if has_quorum(session) else set[int]()
    wanted = set(nodes) if nodes is not None else alive | voters | set(known)
    nameless = sorted(wanted - set(known))
    if nameless:
        listed = ", ".join(map(str, nameless))
        raise UsageError(str(text("broker.no_host", nodes=listed, cluster=session.context.name)))
    active = controller_of(session)
    chosen = [known[node] for node in wanted]
    return sorted(chosen, key=lambda t: ("broker" in t.roles, t.node == active, t.node))


def zookeeper_targets(session: OpsSession) -> list[int]:
    """The numbers of the ZooKeeper servers that the context names, the leader last."""
    modes = zookeeper_modes(session)
    numbers = [host.entry.node_id for host in session.hosts.all("zookeeper")]
    return sorted(numbers, key=lambda number: (modes.get(number) == "leader", number))


class Rolling:
    """Plans the way of one server after the other: away, changed, back."""

    def __init__(self, session: OpsSession, accepted: Collection[str] = ()) -> None:
        """Look at the cluster once.

        Args:
            session: the cluster.
            accepted: topics that may become unavailable while a broker is away.
        """
        self._topics: dict[str, TopicState] = session.admin.topics.describe()
        self._min_in_sync = min_in_sync_of(session, self._topics)
        self._accepted = sorted(accepted)

    def unsafe(self, targets: Collection[Target]) -> list[UnsafeTopic]:
        """Topics that cannot stay writable while one of the servers is away; accepted ones too."""
        found: dict[str, UnsafeTopic] = {}
        for target in targets:
            if "broker" in target.roles:
                for row in never_safe(self._topics.values(), self._min_in_sync, target.node):
                    found.setdefault(row.topic, row)
        return [found[name] for name in sorted(found)]

    def away(self, target: Target, timeout_s: float) -> list[Step]:
        """The steps that take a server away."""
        steps: list[Step] = []
        if "broker" in target.roles:
            steps.append(Step("broker.drain", {"broker": target.node, "orders": self._orders(target.node)}))
        arguments: dict[str, Any] = {"node": target.node, "role": target.role, "timeout_s": timeout_s}
        return [*steps, Step("node.stop", arguments | {"accepted": self._accepted})]

    def back(self, target: Target, *, reversible: bool) -> list[Step]:
        """The steps that bring it back.

        Args:
            target: the server.
            reversible: whether taking these steps back restarts the server once more.
        """
        arguments: Mapping[str, Any] = {
            "node": target.node,
            "role": target.role,
            "accepted": self._accepted,
            "undo_stops": reversible,
        }
        steps = [Step("node.start", arguments)]
        if "broker" in target.roles:
            orders = self._orders(target.node)
            steps.append(Step("broker.settle", {"broker": target.node, "orders": orders, "undo_drains": reversible}))
        return steps

    def _orders(self, broker: int) -> list[dict[str, Any]]:
        partitions = (p for topic in self._topics.values() for p in topic.partitions if broker in p.replicas)
        return orders_of(partitions, broker)


def warnings_of(unsafe: Collection[UnsafeTopic]) -> list[Text]:
    """What is said about topics that were accepted."""
    return [text("broker.accepted", topic=row.topic) for row in unsafe]
