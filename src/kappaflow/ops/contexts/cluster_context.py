"""What is known about one cluster before it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from kappaflow.client.security import client_security
from kappaflow.errors import ConfigError
from kappaflow.ops.contexts import texts as _texts
from kappaflow.runtime.messages import message

if TYPE_CHECKING:
    from kappaflow.client.connection import ClientConfig

assert _texts

Role = Literal["broker", "controller", "zookeeper"]
ROLES: tuple[Role, ...] = ("broker", "controller", "zookeeper")
ADAPTERS = ("local", "ssh")
CLIENT_ID = "kappa-ops"


@dataclass(frozen=True)
class HostEntry:
    """One server process of a cluster and the machine it runs on.

    Attributes:
        node_id: the broker's or controller's id, or the ZooKeeper server's number (``myid``).
        roles: what it does; a combined KRaft node has two.
        adapter: ``local`` for processes of this machine, ``ssh`` for a machine with systemd.
        address: of the machine; for ``ssh`` as ``user@host:port``, for ``local`` the directory of the node.
        service: the systemd unit, or the name of the local service.
        config_file: the properties file of the server.
        options: more settings of the adapter, such as ``identity_file``.
    """

    node_id: int
    roles: tuple[Role, ...] = ("broker",)
    adapter: Literal["local", "ssh"] = "local"
    address: str = ""
    service: str = "kafka"
    config_file: str = ""
    options: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class ClusterContext:
    """How a cluster is reached.

    Attributes:
        name: what people call it.
        bootstrap_servers: ``host:port``, comma-separated.
        properties: client properties under Kafka's names, such as ``security.protocol``; may hold secrets.
        read_only: whether every change is refused.
        zookeeper: ``host:port`` of its ZooKeeper servers, comma-separated; empty with KRaft.
        hosts: its servers, where they can be reached.
        jmx: addresses of a JMX exporter or Jolokia by broker id, such as ``http://10.0.0.1:8778/jolokia``.
    """

    name: str
    bootstrap_servers: str
    properties: Mapping[str, str] = field(default_factory=dict[str, str])
    read_only: bool = False
    zookeeper: str = ""
    hosts: tuple[HostEntry, ...] = ()
    jmx: Mapping[int, str] = field(default_factory=dict[int, str])

    def client_config(self, request_timeout_ms: int = 30_000) -> ClientConfig:
        """The settings of a client.

        Raises:
            ConfigError: a property cannot be used.
        """
        security = client_security(self.properties)
        from kappaflow.client.connection import ClientConfig  # slow to load, and machines need none

        return ClientConfig(
            self.bootstrap_servers, client_id=CLIENT_ID, request_timeout_ms=request_timeout_ms, security=security
        )

    def to_data(self) -> dict[str, Any]:
        """The context as it stands in the file, without what is a default."""
        data: dict[str, Any] = {"bootstrap_servers": self.bootstrap_servers}
        if self.read_only:
            data["read_only"] = True
        if self.zookeeper:
            data["zookeeper"] = self.zookeeper
        if self.properties:
            data["properties"] = dict(self.properties)
        if self.jmx:
            data["jmx"] = {str(node): address for node, address in self.jmx.items()}
        if self.hosts:
            data["hosts"] = [_host_data(host) for host in self.hosts]
        return data

    @classmethod
    def from_data(cls, name: str, data: Mapping[str, Any]) -> ClusterContext:
        """The context that stands in the file.

        Raises:
            ConfigError: a key is unknown, missing or of the wrong kind.
        """
        known = {"bootstrap_servers", "properties", "read_only", "zookeeper", "hosts", "jmx"}
        unknown = sorted(set(data) - known)
        if unknown:
            raise ConfigError(
                message("contexts.unknown_setting", name=name, unknown=unknown[0], known=", ".join(sorted(known)))
            )
        servers = data.get("bootstrap_servers")
        if not isinstance(servers, str) or not servers:
            raise ConfigError(message("contexts.no_servers", name=name))
        return cls(
            name,
            servers,
            {str(k): str(v) for k, v in data.get("properties", {}).items()},
            bool(data.get("read_only", False)),
            str(data.get("zookeeper", "")),
            tuple(_host(name, row) for row in data.get("hosts", ())),
            {int(node): str(address) for node, address in data.get("jmx", {}).items()},
        )


def _host_data(host: HostEntry) -> dict[str, Any]:
    data: dict[str, Any] = {"node_id": host.node_id, "roles": list(host.roles), "adapter": host.adapter}
    rest = {"address": host.address, "service": host.service, "config_file": host.config_file}
    return data | {key: value for key, value in rest.items() if value} | dict(host.options)


def _host(cluster: str, row: Mapping[str, Any]) -> HostEntry:
    where = f"cluster {cluster}, host {row.get('node_id', '?')}"
    if not isinstance(row.get("node_id"), int):
        raise ConfigError(message("contexts.no_node_id", where=where))
    roles = tuple(row.get("roles", ("broker",)))
    if not roles or any(role not in ROLES for role in roles):
        raise ConfigError(message("contexts.bad_roles", where=where, known=", ".join(ROLES), given=list(roles)))
    adapter = row.get("adapter", "local")
    if adapter not in ADAPTERS:
        raise ConfigError(message("contexts.bad_adapter", where=where, adapter=adapter))
    named = {"node_id", "roles", "adapter", "address", "service", "config_file"}
    options = {str(k): str(v) for k, v in row.items() if k not in named}
    return HostEntry(
        row["node_id"],
        roles,
        adapter,
        str(row.get("address", "")),
        str(row.get("service", "kafka")),
        str(row.get("config_file", "")),
        options,
    )
