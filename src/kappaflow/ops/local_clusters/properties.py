"""What servers are told: Kafka with KRaft or ZooKeeper, and ZooKeeper itself.

The values suit tests: quick group starts, few internal partitions, no surprises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

HOST = "127.0.0.1"
CLIENT_LISTENER, CONTROLLER_LISTENER = "PLAINTEXT", "CONTROLLER"
ZOOKEEPER_TICK_MS = 1_000


def shared_properties(copies: int) -> dict[str, str]:
    """What every Kafka server of a cluster is told.

    Args:
        copies: default replication factor; the minimum in-sync replicas follow.
    """
    in_sync = max(1, copies - 1)
    properties: dict[str, object] = {
        "num.partitions": 1,
        "default.replication.factor": copies,
        "min.insync.replicas": in_sync,
        "offsets.topic.num.partitions": 4,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.num.partitions": 4,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": in_sync,
        "group.initial.rebalance.delay.ms": 0,
        "auto.create.topics.enable": "false",
        "controlled.shutdown.enable": "true",
        "log.cleaner.dedupe.buffer.size": 16 << 20,
    }
    return {name: str(value) for name, value in properties.items()}


def kraft_properties(number: int, roles: Sequence[str], port: int, controller_port: int) -> dict[str, str]:
    """Who a KRaft server is and where it listens.

    Args:
        number: the node id.
        roles: ``broker``, ``controller`` or both.
        port: the listener for clients.
        controller_port: the listener for the quorum.
    """
    listeners: list[str] = []
    if "broker" in roles:
        listeners.append(f"{CLIENT_LISTENER}://{HOST}:{port}")
    if "controller" in roles:
        listeners.append(f"{CONTROLLER_LISTENER}://{HOST}:{controller_port}")
    properties = {
        "node.id": str(number),
        "process.roles": ",".join(roles),
        "listeners": ",".join(listeners),
        "listener.security.protocol.map": f"{CLIENT_LISTENER}:PLAINTEXT,{CONTROLLER_LISTENER}:PLAINTEXT",
        "controller.listener.names": CONTROLLER_LISTENER,
    }
    if "broker" in roles:
        properties |= {"advertised.listeners": listeners[0], "inter.broker.listener.name": CLIENT_LISTENER}
    return properties


def zookeeper_broker_properties(number: int, port: int, connect: str) -> dict[str, str]:
    """Who a broker with ZooKeeper is and where it listens.

    Args:
        number: the broker id.
        port: the listener for clients.
        connect: addresses of the ZooKeeper servers.
    """
    return {
        "broker.id": str(number),
        "listeners": f"{CLIENT_LISTENER}://{HOST}:{port}",
        "advertised.listeners": f"{CLIENT_LISTENER}://{HOST}:{port}",
        "zookeeper.connect": connect,
        "zookeeper.session.timeout.ms": "6000",
    }


def zoo_cfg(data: Path, client_port: int, servers: Mapping[int, tuple[int, int]]) -> str:
    """The configuration of a ZooKeeper server.

    Args:
        data: its data directory, which has the file ``myid``.
        client_port: the listener for clients.
        servers: for each server the ports of followers and of elections.
    """
    rows = [
        f"tickTime={ZOOKEEPER_TICK_MS}",
        "initLimit=10",
        "syncLimit=5",
        f"dataDir={data}",
        f"clientPort={client_port}",
        f"clientPortAddress={HOST}",
        "4lw.commands.whitelist=*",
        "admin.enableServer=false",
        "maxClientCnxns=0",
        "autopurge.snapRetainCount=3",
        "autopurge.purgeInterval=24",
    ]
    if len(servers) > 1:
        rows += [f"server.{number}={HOST}:{peer}:{election}" for number, (peer, election) in sorted(servers.items())]
    return "\n".join(rows) + "\n"


def properties_text(properties: Mapping[str, str]) -> str:
    """A Java properties file."""
    return "".join(f"{name}={value}\n" for name, value in properties.items())
