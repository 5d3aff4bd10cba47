"""What would be different in another version: configurations against the cluster's real ones, Java, protocol."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from kappaflow.errors import KappaError
from kappaflow.ops.admin.faces import ConfigResource
from kappaflow.ops.brokers.properties_file import read_properties
from kappaflow.ops.config_tables import ConfigDefinition, Scope, load_tables
from kappaflow.ops.hosts.face import Host
from kappaflow.ops.session import OpsSession
from kappaflow.ops.upgrade.paths import java_needed, oldest_client

REPLACED_BY: dict[str, str] = {
    "advertised.host.name": "advertised.listeners",
    "advertised.port": "advertised.listeners",
    "host.name": "listeners",
    "port": "listeners",
    "quota.producer.default": "a default client quota (kafka-configs --entity-type clients --entity-default)",
    "quota.consumer.default": "a default client quota (kafka-configs --entity-type clients --entity-default)",
    "delegation.token.master.key": "delegation.token.secret.key",
    "log.message.timestamp.difference.max.ms": "log.message.timestamp.before.max.ms and ...after.max.ms",
    "message.timestamp.difference.max.ms": "message.timestamp.before.max.ms and ...after.max.ms",
    "inter.broker.protocol.version": "metadata.version (a feature level)",
    "zookeeper.connect": "controller.quorum.bootstrap.servers, after a migration to KRaft",
    "offsets.commit.required.acks": "nothing; commits always wait for all in-sync replicas",
}
"""What took the place of configurations that are gone. Source: the notes on upgrading of Kafka 3.0 and 4.0."""

REQUIRED = "(required)"
"""In place of a default, where a value has to be given."""


class ConfigChange(NamedTuple):
    """A configuration that is not the same in the other version.

    Attributes:
        scope: of a broker or of a topic.
        name: Kafka's name.
        change: ``removed``, ``default``, ``range`` or ``added``.
        before: the old default or range.
        after: the new default or range; what took its place, where it is removed.
        set_on: where the cluster sets it, such as ``broker 1`` or ``topic orders``; for a default also empty means that
            the cluster relies on the default, so that its behaviour changes.
    """

    scope: Scope
    name: str
    change: str
    before: str
    after: str
    set_on: tuple[str, ...]

    @property
    def concerns(self) -> bool:
        """Whether the cluster is touched: it sets what goes, or relies on a default that changes."""
        return (
            bool(self.set_on) if self.change in ("removed", "range") else self.change == "default" and not self.set_on
        )


class UpgradeReport(NamedTuple):
    """What would be different.

    Attributes:
        old: version now, as the tables have it.
        new: version wanted, as the tables have it.
        changes: of configurations; additions last.
        java_needed: oldest Java for brokers of the new version.
        java_found: of each server whose host is known, ``0`` where it could not be told.
        oldest_client: oldest clients that the new brokers answer.
        protocol: inter.broker.protocol.version or metadata.version in force; empty where no cluster was asked.
        source: where the tables come from.
    """

    old: str
    new: str
    changes: tuple[ConfigChange, ...]
    java_needed: int
    java_found: dict[str, int]
    oldest_client: str
    protocol: str
    source: str


Settings = Mapping[str, Mapping[str, str]]
"""Values that somebody set, by where (``broker 1``) and name."""


def compare(old: str, new: str, settings: Mapping[Scope, Settings]) -> list[ConfigChange]:
    """How configurations differ between two versions, and where a cluster sets them.

    Raises:
        UsageError: the tables know no such version.
    """
    tables = load_tables()
    changes: list[ConfigChange] = []
    scopes: tuple[Scope, ...] = ("broker", "topic")
    for scope in scopes:
        before, after = tables.of(old, scope), tables.of(new, scope)
        for name in sorted(set(before) | set(after)):
            set_on = tuple(where for where, values in settings.get(scope, {}).items() if name in values)
            changes += _changes(scope, name, before.get(name), after.get(name), set_on)
    order = ("removed", "default", "range", "added")
    return sorted(changes, key=lambda c: (order.index(c.change), not c.concerns, c.scope, c.name))


def _changes(
    scope: Scope, name: str, before: ConfigDefinition | None, after: ConfigDefinition | None, set_on: tuple[str, ...]
) -> list[ConfigChange]:
    if before is None:
        assert after is not None
        return [ConfigChange(scope, name, "added", "", after.default or "", set_on)]
    if after is None:
        return [ConfigChange(scope, name, "removed", before.default or "", REPLACED_BY.get(name, ""), set_on)]
    found: list[ConfigChange] = []
    if _default_of(before) != _default_of(after):
        found.append(ConfigChange(scope, name, "default", _default_of(before), _default_of(after), set_on))
    if before.range != after.range:
        found.append(ConfigChange(scope, name, "range", before.range, after.range, set_on))
    return found


def _default_of(definition: ConfigDefinition) -> str:
    """What holds where nothing is set; a marker where something has to be."""
    return REQUIRED if definition.required else definition.default or ""


def report(session: OpsSession | None, old: str, new: str) -> UpgradeReport:
    """What would be different, for a cluster where one is given.

    Args:
        session: the cluster; None compares the versions alone.
        old: version now.
        new: version wanted.

    Raises:
        UsageError: the tables know no such version.
        BrokerUnreachable: the cluster does not answer.
    """
    tables = load_tables()
    settings: dict[Scope, Settings] = {}
    java: dict[str, int] = {}
    protocol = ""
    if session is not None:
        settings = {"broker": broker_settings(session), "topic": topic_settings(session)}
        hosts = [host for host in session.hosts.all() if "zookeeper" not in host.entry.roles]
        java = {f"{host.entry.roles[0]} {host.entry.node_id}": java_of(host) for host in hosts}
        protocol = protocol_in_force(session)
    changes = compare(old, new, settings)
    found = (tables.nearest(old), tables.nearest(new))
    return UpgradeReport(*found, tuple(changes), java_needed(new), java, oldest_client(new), protocol, tables.source)


def broker_settings(session: OpsSession) -> dict[str, dict[str, str]]:
    """What brokers do not have by default, by broker: as they say, and in their files where hosts are known."""
    brokers = [str(broker.node_id) for broker in session.admin.describe().brokers]
    described = session.admin.configs.describe([ConfigResource("broker", broker) for broker in brokers])
    found: dict[str, dict[str, str]] = {}
    for resource, entries in described.items():
        own = {e.name: e.value or "" for e in entries.values() if e.source not in ("default", "unknown")}
        found[f"broker {resource.name}"] = own
    for host in session.hosts.all() if session.context.hosts else ():
        if "zookeeper" in host.entry.roles or not host.entry.config_file:
            continue
        values = read_properties(host.read_file(host.entry.config_file).decode())
        found.setdefault(f"{host.entry.roles[0]} {host.entry.node_id}", {}).update(values)
    return found


def topic_settings(session: OpsSession) -> dict[str, dict[str, str]]:
    """What topics have of their own, by topic."""
    resources = [ConfigResource("topic", name) for name in session.admin.topics.describe()]
    described = session.admin.configs.describe(resources)
    return {
        f"topic {resource.name}": {e.name: e.value or "" for e in entries.values() if e.source == "topic"}
        for resource, entries in described.items()
    }


def protocol_in_force(session: OpsSession) -> str:
    """``metadata.version``'s level, or inter.broker.protocol.version with ZooKeeper; empty where neither is told."""
    if not session.context.zookeeper:
        level = session.admin.features.describe().get("metadata.version")
        return "" if level is None else f"metadata.version {level.level}"
    broker = ConfigResource("broker", str(session.admin.describe().brokers[0].node_id))
    entry = session.admin.configs.describe([broker], ["inter.broker.protocol.version"])[broker]
    value = entry["inter.broker.protocol.version"].value if entry else None
    return value or ""


def java_of(host: Host) -> int:
    """The major version of the Java that a server runs on; 0 where it cannot be told."""
    try:
        pid = host.service_state().pid
        program = host.run(["readlink", "-f", f"/proc/{pid}/exe"]).output.strip() if pid else ""
        done = host.run([program if program.endswith("java") else "java", "-version"])
    except KappaError:
        return 0
    return java_major(done.errors + done.output)


def java_major(said: str) -> int:
    """The major version in what ``java -version`` says; 0 where there is none.

    >>> java_major('openjdk version "17.0.15" 2025-04-15'), java_major('java version "1.8.0_402"')
    (17, 8)
    """
    match = re.search(r'version "(\d+)(?:\.(\d+))?', said)
    if match is None:
        return 0
    return int(match[2]) if match[1] == "1" and match[2] else int(match[1])


def blockers(found: UpgradeReport) -> Sequence[str]:
    """Servers whose Java is too old for the new version."""
    return [node for node, java in found.java_found.items() if 0 < java < found.java_needed]
