"""What a local cluster consists of, kept as ``DIR/cluster.json``."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from kappaflow.errors import ConfigError
from kappaflow.ops.contexts.cluster_context import HostEntry, Role
from kappaflow.ops.local_clusters import texts as _texts
from kappaflow.ops.local_clusters.ports import free_port
from kappaflow.ops.local_clusters.properties import (
    HOST,
    kraft_properties,
    properties_text,
    shared_properties,
    zoo_cfg,
    zookeeper_broker_properties,
)
from kappaflow.ops.local_clusters.software import (
    FIRST_DYNAMIC_QUORUM,
    FIRST_READY_KRAFT,
    FIRST_WITHOUT_ZOOKEEPER,
    KAFKA_VERSION,
    QUICK_JVM,
    SOFTWARE_LINK,
    default_zookeeper_version,
    version_key,
)
from kappaflow.runtime.messages import message

assert _texts

FILE_NAME = "cluster.json"
KAFKA_CONFIG, ZOOKEEPER_CONFIG = "server.properties", "zoo.cfg"
FIRST_CONTROLLER = 101


def kafka_id() -> str:
    """A new id of a cluster or directory, as Kafka writes them; none begins with a dash, which tools take amiss."""
    return urlsafe_b64encode(uuid4().bytes).decode().rstrip("=").replace("-", "_")


@dataclass(frozen=True)
class ClusterSpec:
    """What somebody wants.

    Attributes:
        brokers: how many.
        version: of Kafka, 2.8.2 or later.
        zookeepers: ZooKeeper servers; 0 for KRaft.
        controllers: separate KRaft controllers; 0 makes every broker a controller too.
        configs: properties of all Kafka servers, over the defaults.
        broker_configs: more, by node id.
        disks: log directories of each broker.
        racks: of the brokers in order; fewer are used in turn.
        heap: JVM heap of each Kafka server.
        zookeeper_heap: of each ZooKeeper server.
        zookeeper_version: by default the one that the Kafka version ships with.
        jvm_options: more JVM options; the default trades peak speed for a quick start.
        more_listeners: of each broker, such as ``SASL_PLAINTEXT://127.0.0.1:9093``; for one broker.
        dynamic_quorum: whether controllers can be added at run time; by default from Kafka 4.0 on.
        first_controller: node id of the first separate controller.
    """

    brokers: int = 3
    version: str = KAFKA_VERSION
    zookeepers: int = 0
    controllers: int = 0
    configs: Mapping[str, object] = field(default_factory=dict[str, object])
    broker_configs: Mapping[int, Mapping[str, object]] = field(default_factory=dict[int, Mapping[str, object]])
    disks: int = 1
    racks: Sequence[str] = ()
    heap: str = "320m"
    zookeeper_heap: str = "96m"
    zookeeper_version: str = ""
    jvm_options: Sequence[str] = QUICK_JVM
    more_listeners: Sequence[str] = ()
    dynamic_quorum: bool | None = None
    first_controller: int = FIRST_CONTROLLER

    def check(self) -> None:
        """Hold that there can be such a cluster.

        Raises:
            ConfigError: its version needs ZooKeeper, or knows none, or a number is out of range.
        """
        key = version_key(self.version)
        if self.brokers < 1 or self.disks < 1 or self.zookeepers < 0 or self.controllers < 0:
            raise ConfigError(message("local_clusters.bad_numbers"))
        if self.zookeepers and key >= FIRST_WITHOUT_ZOOKEEPER:
            raise ConfigError(message("local_clusters.no_zookeeper", version=self.version))
        if not self.zookeepers and key < FIRST_READY_KRAFT:
            raise ConfigError(message("local_clusters.needs_zookeeper", version=self.version))
        if self.zookeepers and self.controllers:
            raise ConfigError(message("local_clusters.zookeeper_controllers"))


@dataclass
class LocalNode:
    """One server.

    Attributes:
        name: its directory's name, such as ``broker-1``.
        number: node id, or the ZooKeeper server's number.
        roles: what it does.
        version: of its software.
        port: the listener for clients; of a controller its quorum listener.
        ports: others: ``controller``, or ZooKeeper's ``peer`` and ``election``.
        data: its data directories.
        rack: empty where it has none.
        directory_id: of a dynamic quorum's controller, its metadata directory's id.
        configs: its own properties.
    """

    name: str
    number: int
    roles: tuple[Role, ...]
    version: str
    port: int
    ports: dict[str, int]
    data: list[str]
    rack: str = ""
    directory_id: str = ""
    configs: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def is_kafka(self) -> bool:
        """Whether it is a server of Kafka, not of ZooKeeper."""
        return "zookeeper" not in self.roles

    @property
    def config_name(self) -> str:
        """The name of its configuration file."""
        return KAFKA_CONFIG if self.is_kafka else ZOOKEEPER_CONFIG


@dataclass
class ClusterLayout:
    """All servers of a cluster and what they share.

    Attributes:
        name: of the cluster.
        mode: who keeps its metadata.
        cluster_id: given when KRaft's storage is formatted; empty with ZooKeeper, which makes its own.
        dynamic_quorum: whether controllers can be added at run time.
        configs: properties of all Kafka servers, over the defaults.
        heap: of Kafka servers.
        zookeeper_heap: of ZooKeeper servers.
        jvm_options: of all.
        disks: log directories of a new broker.
        nodes: by name.
    """

    name: str
    mode: Literal["kraft", "zookeeper"]
    cluster_id: str
    dynamic_quorum: bool
    configs: dict[str, str]
    heap: str
    zookeeper_heap: str
    jvm_options: list[str]
    disks: int
    nodes: dict[str, LocalNode] = field(default_factory=dict[str, LocalNode])

    def of_role(self, role: Role) -> list[LocalNode]:
        """The servers of one role, by number."""
        return sorted((node for node in self.nodes.values() if role in node.roles), key=lambda node: node.number)

    @property
    def bootstrap_servers(self) -> str:
        """The brokers' addresses."""
        return ",".join(f"{HOST}:{node.port}" for node in self.of_role("broker"))

    @property
    def zookeeper_connect(self) -> str:
        """The ZooKeeper servers' addresses; empty with KRaft."""
        return ",".join(f"{HOST}:{node.port}" for node in self.of_role("zookeeper"))

    def add_node(
        self, directory: Path, roles: tuple[Role, ...], number: int, version: str, *, rack: str = ""
    ) -> LocalNode:
        """Put one more server into the layout, with ports of its own; brokers take ``disks`` directories."""
        role = roles[0]
        name = f"{role}-{number}"
        home = directory / name
        ports = {"peer": free_port(), "election": free_port()} if role == "zookeeper" else {}
        if "controller" in roles:
            ports["controller"] = free_port()
        disks = self.disks if role == "broker" else 1
        data = [str(home / ("data" if disk == 1 else f"data-{disk}")) for disk in range(1, disks + 1)]
        port = ports["controller"] if role == "controller" else free_port()
        node = LocalNode(name, number, roles, version, port, ports, data, rack)
        if "controller" in roles and self.dynamic_quorum:
            node.directory_id = kafka_id()
        self.nodes[name] = node
        return node

    def host_entry(self, directory: Path, node: LocalNode) -> HostEntry:
        """The entry of a server in the cluster's context."""
        home = directory / node.name
        options = {"software": str(home / SOFTWARE_LINK)}
        if not node.is_kafka:
            options["server"] = f"{HOST}:{node.ports['peer']}:{node.ports['election']}"
        return HostEntry(
            node.number,
            node.roles,
            "local",
            str(home),
            node.name,
            str(home / node.config_name),
            options,
        )

    def config_text(self, directory: Path, node: LocalNode) -> str:
        """The configuration file of a server."""
        if not node.is_kafka:
            servers = {n.number: (n.ports["peer"], n.ports["election"]) for n in self.of_role("zookeeper")}
            return zoo_cfg(Path(node.data[0]), node.port, servers)
        properties = shared_properties(min(3, len(self.of_role("broker"))))
        if self.mode == "zookeeper" and "controller" not in node.roles:
            properties |= zookeeper_broker_properties(node.number, node.port, self.zookeeper_connect)
        else:
            properties |= kraft_properties(node.number, node.roles, node.port, node.ports.get("controller", 0))
            controllers = self.of_role("controller")
            if self.dynamic_quorum:
                addresses = ",".join(f"{HOST}:{n.ports['controller']}" for n in controllers)
                properties["controller.quorum.bootstrap.servers"] = addresses
            else:
                voters = ",".join(f"{n.number}@{HOST}:{n.ports['controller']}" for n in controllers)
                properties["controller.quorum.voters"] = voters
        properties["log.dirs"] = ",".join(node.data)
        if node.rack:
            properties["broker.rack"] = node.rack
        return properties_text(properties | self.configs | node.configs)

    def write(self, directory: Path) -> None:
        """Keep the layout; whole or not at all."""
        temporary = directory / f"{FILE_NAME}.new"
        temporary.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        temporary.replace(directory / FILE_NAME)

    @classmethod
    def read(cls, directory: Path) -> ClusterLayout:
        """The layout that a directory keeps.

        Raises:
            ConfigError: there is none.
        """
        try:
            data: dict[str, Any] = json.loads((directory / FILE_NAME).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(message("local_clusters.unreadable", directory=directory, error=error)) from error
        rows: dict[str, dict[str, Any]] = data.pop("nodes")
        nodes: dict[str, LocalNode] = {}
        for name, row in rows.items():
            row["roles"] = tuple(row["roles"])
            nodes[name] = LocalNode(**row)
        return replace(cls(**data), nodes=nodes)


def new_layout(name: str, directory: Path, spec: ClusterSpec) -> ClusterLayout:
    """Lay out a cluster; nothing is written.

    Raises:
        ConfigError: there can be no such cluster.
    """
    spec.check()
    kraft = not spec.zookeepers
    dynamic = version_key(spec.version) >= FIRST_DYNAMIC_QUORUM if spec.dynamic_quorum is None else spec.dynamic_quorum
    layout = ClusterLayout(
        name,
        "kraft" if kraft else "zookeeper",
        kafka_id() if kraft else "",
        kraft and dynamic,
        {key: str(value) for key, value in spec.configs.items()},
        spec.heap,
        spec.zookeeper_heap,
        list(spec.jvm_options),
        spec.disks,
    )
    zookeeper_version = spec.zookeeper_version or default_zookeeper_version(spec.version)
    for number in range(1, spec.zookeepers + 1):
        layout.add_node(directory, ("zookeeper",), number, zookeeper_version)
    for number in range(spec.first_controller, spec.first_controller + spec.controllers):
        layout.add_node(directory, ("controller",), number, spec.version)
    roles: tuple[Role, ...] = ("broker", "controller") if kraft and not spec.controllers else ("broker",)
    for number in range(1, spec.brokers + 1):
        rack = spec.racks[(number - 1) % len(spec.racks)] if spec.racks else ""
        node = layout.add_node(directory, roles, number, spec.version, rack=rack)
        node.configs = {key: str(value) for key, value in spec.broker_configs.get(number, {}).items()}
        for listener in ("listeners", "advertised.listeners") if spec.more_listeners else ():
            node.configs[listener] = _with_listeners(layout, node, spec.more_listeners, listener)
    return layout


def _with_listeners(layout: ClusterLayout, node: LocalNode, more: Sequence[str], name: str) -> str:
    if layout.mode == "zookeeper":
        own = zookeeper_broker_properties(node.number, node.port, "")
    else:
        own = kraft_properties(node.number, node.roles, node.port, node.ports.get("controller", 0))
    return ",".join((own[name], *more))
