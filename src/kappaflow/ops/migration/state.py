"""How far a migration is, by the properties files of its servers and by ZooKeeper."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from kappaflow.errors import UsageError
from kappaflow.ops.brokers.properties_file import read_properties
from kappaflow.ops.hosts.face import Host
from kappaflow.ops.migration import texts as _texts
from kappaflow.ops.migration.znodes import ZookeeperView, look_at_zookeeper
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import message

assert _texts
ENABLE = "zookeeper.metadata.migration.enable"
CONNECT = "zookeeper.connect"


class Phase(StrEnum):
    """Where a cluster is, in the order of the way."""

    ZOOKEEPER = "zookeeper"
    DUAL_WRITE = "dual-write"
    KRAFT = "kraft"
    FINAL = "final"


class MigrationStatus(NamedTuple):
    """A cluster on its way.

    Attributes:
        phase: the last one that all servers have reached.
        brokers: the phase of each broker by its file.
        controllers: the files' properties of KRaft's controllers, by id.
        zookeeper: what stands there; None after the last phase.
    """

    phase: Phase
    brokers: Mapping[int, Phase]
    controllers: Mapping[int, Mapping[str, str]]
    zookeeper: ZookeeperView | None


def properties_of(host: Host) -> dict[str, str]:
    """The properties file of a server.

    Raises:
        UsageError: the context does not name it.
    """
    if not host.entry.config_file:
        raise UsageError(message("migration.no_file", node=host.entry.node_id))
    return read_properties(host.read_file(host.entry.config_file).decode())


def migration_status(session: OpsSession) -> MigrationStatus:
    """Look at files and ZooKeeper.

    Raises:
        UsageError: the context names no machines, or not their files.
        HostError: a machine, or ZooKeeper, does not answer.
    """
    if not session.context.hosts:
        raise UsageError(message("migration.no_hosts", cluster=session.context.name))
    brokers = {host.entry.node_id: _phase_of(properties_of(host)) for host in session.hosts.all("broker")}
    controllers = {host.entry.node_id: properties_of(host) for host in session.hosts.all("controller")}
    order = list(Phase)
    phase = min(brokers.values(), key=order.index, default=Phase.ZOOKEEPER)
    if phase is Phase.KRAFT and controllers and not any(ENABLE in rows for rows in controllers.values()):
        return MigrationStatus(Phase.FINAL, brokers, controllers, None)
    view = look_at_zookeeper(session)
    if phase is Phase.DUAL_WRITE and not view.is_dual:
        phase = Phase.ZOOKEEPER
    return MigrationStatus(phase, brokers, controllers, view)


def _phase_of(properties: Mapping[str, str]) -> Phase:
    if "process.roles" in properties:
        return Phase.KRAFT
    return Phase.DUAL_WRITE if properties.get(ENABLE, "").lower() == "true" else Phase.ZOOKEEPER
