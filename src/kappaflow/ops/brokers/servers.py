"""Servers as their cluster sees them: whether one has joined, and whether it may go."""

from __future__ import annotations

from collections.abc import Collection

from kappaflow.errors import KappaError
from kappaflow.ops.brokers.gates import ensemble_not_now, min_in_sync_of, never_safe, not_now, quorum_not_now
from kappaflow.ops.contexts.cluster_context import Role
from kappaflow.ops.hosts.face import Host
from kappaflow.ops.session import OpsSession
from kappaflow.ops.zookeeper.status import ensemble_state
from kappaflow.runtime.messages import Text

DESCRIBE_QUORUM_API = 55
SERVING = ("leader", "follower", "standalone")


def host_of(session: OpsSession, node: int, role: Role) -> Host:
    """The machine of a server.

    Raises:
        ConfigError: the context names none.
    """
    return session.hosts.get(node, role)


def roles_of(session: OpsSession, node: int, role: Role) -> tuple[Role, ...]:
    """All that the server does; a combined KRaft node is broker and controller."""
    return host_of(session, node, role).entry.roles


def has_quorum(session: OpsSession) -> bool:
    """Whether KRaft keeps the cluster's metadata."""
    return not session.context.zookeeper and session.admin.supports(DESCRIBE_QUORUM_API)


def controller_of(session: OpsSession) -> int:
    """The active controller: the leader of the quorum, or the broker that ZooKeeper knows as controller; else -1."""
    if has_quorum(session):
        return session.admin.quorum.describe().leader_id
    return session.admin.describe().controller_id


def zookeeper_modes(session: OpsSession) -> dict[int, str]:
    """What each ZooKeeper server is now, by its number; empty where it does not serve."""
    servers = ensemble_state(session).servers
    return {server.server_id: server.mode if server.mode in SERVING else "" for server in servers}


def never_safe_without(session: OpsSession, broker: int, accepted: Collection[str]) -> list[Text]:
    """Topics that cannot stay writable while a broker is away, by name; those that were accepted are left out."""
    topics = session.admin.topics.describe()
    unsafe = never_safe(topics.values(), min_in_sync_of(session, topics), broker)
    return [row.as_text() for row in unsafe if row.topic not in accepted]


def why_not_now(session: OpsSession, node: int, roles: Collection[Role], accepted: Collection[str]) -> list[Text]:
    """Why a server must not go now; empty where it may.

    Args:
        session: its cluster.
        node: its id.
        roles: what it does.
        accepted: topics that may become unavailable.
    """
    reasons: list[Text] = []
    if "broker" in roles:
        topics = session.admin.topics.describe()
        reasons += not_now(topics.values(), min_in_sync_of(session, topics), node, accepted)
    if "controller" in roles:
        reasons += quorum_not_now(session.admin.quorum.describe(), node)
    if "zookeeper" in roles:
        reasons += ensemble_not_now(zookeeper_modes(session), node)
    return reasons


def has_joined(session: OpsSession, node: int, roles: Collection[Role]) -> bool:
    """Whether its cluster counts a server in; False also where nobody can be asked now."""
    try:
        if "broker" in roles and node not in {broker.node_id for broker in session.admin.describe().brokers}:
            return False
        if "controller" in roles and quorum_not_now(session.admin.quorum.describe(), -1):
            return False
        if "controller" in roles and not _has_caught_up(session, node):
            return False
        return "zookeeper" not in roles or bool(zookeeper_modes(session).get(node))
    except KappaError:
        return False


def _has_caught_up(session: OpsSession, node: int) -> bool:
    quorum = session.admin.quorum.describe()
    members = {member.node_id: member for member in (*quorum.voters, *quorum.observers)}
    if quorum.leader_id == node:
        return True
    return node in members and members[node].log_end_offset >= quorum.high_watermark - 1


def behind_on(session: OpsSession, broker: int) -> list[str]:
    """Partitions of a broker in which it is not in sync."""
    topics = session.admin.topics.describe().values()
    return [
        f"{p.topic}-{p.partition}"
        for t in topics
        for p in t.partitions
        if broker in p.replicas and broker not in p.in_sync
    ]
