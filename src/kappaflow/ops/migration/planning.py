"""The plan of the next phase."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kappaflow.errors import UnsafeError, UsageError
from kappaflow.ops.brokers.node_actions import GATE_TIMEOUT_S
from kappaflow.ops.brokers.restart import effect_of_gates, refuse_unsafe
from kappaflow.ops.brokers.targets import Rolling, Target, kafka_targets, warnings_of
from kappaflow.ops.hosts.face import Host
from kappaflow.ops.hosts.properties import read_property
from kappaflow.ops.migration import actions as _actions
from kappaflow.ops.migration import texts as _texts
from kappaflow.ops.migration.actions import data_directories
from kappaflow.ops.migration.state import CONNECT, ENABLE, MigrationStatus, Phase, migration_status, properties_of
from kappaflow.ops.plans.plan import Plan, Step, new_plan
from kappaflow.ops.session import OpsSession
from kappaflow.ops.upgrade.software import LINK_OPTION, version_of
from kappaflow.runtime.messages import Text, message, text

assert _texts
assert _actions
VERSION = "3.9"
PROTOCOL = "inter.broker.protocol.version"
QUORUM_KEYS = ("controller.quorum.voters", "controller.quorum.bootstrap.servers")
NAMES, PROTOCOLS = "controller.listener.names", "listener.security.protocol.map"
DEFAULT_PROTOCOLS = "PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL"
"""Source: the default of ``listener.security.protocol.map`` in Kafka's configuration."""
OLD_AUTHORIZER, NEW_AUTHORIZER = "AclAuthorizer", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
Changes = Mapping[str, str | None]


def plan_migration(
    session: OpsSession, to: Phase | None = None, *, force: bool = False, timeout_s: float = GATE_TIMEOUT_S
) -> Plan:
    """A plan that brings a cluster to the next phase.

    The context names the brokers' machines and, with the role ``controller``, those of KRaft's controllers: their
    properties files are written and their storage is formatted with the cluster's id.

    Args:
        session: the cluster.
        to: the phase that is wanted, to hold against a mistake; the next one by default.
        force: whether topics that cannot stay writable are accepted.
        timeout_s: how long each server's gates may stay shut.

    Raises:
        UsageError: it is not the next phase, or something has to be set up first.
        UnsafeError: a topic cannot stay writable, or the cluster is not well.
    """
    status = migration_status(session)
    if status.phase is Phase.FINAL:
        raise UsageError(message("migration.done"))
    phases = list(Phase)
    following = phases[phases.index(status.phase) + 1]
    if to is not None and to is not following:
        raise UsageError(message("migration.not_next", now=str(status.phase), following=str(following)))
    if not status.controllers:
        raise UsageError(message("migration.no_controllers"))
    if session.admin.placement.reassignments():
        raise UnsafeError(message("migration.moving"))
    make = {Phase.DUAL_WRITE: _to_dual_write, Phase.KRAFT: _to_kraft, Phase.FINAL: _to_final}[following]
    return make(session, status, force, timeout_s)


def _to_dual_write(session: OpsSession, status: MigrationStatus, force: bool, timeout_s: float) -> Plan:
    cluster_id = session.admin.describe().cluster_id
    _require_ready(session, status, cluster_id)
    controllers = sorted(status.controllers)
    switch: Changes = {ENABLE: "true", CONNECT: session.context.zookeeper}
    steps: list[Step] = []
    for node in controllers:
        arguments = {"node": node, "role": "controller"}
        steps.append(Step("migration.metadata", arguments))
        steps.append(Step("node.properties", arguments | {"changes": switch, "interim": True}))
        steps.append(Step("node.start", arguments | {"wait": False, "undo_stops": True, "ungated": True}))
    first = status.controllers[controllers[0]]
    rolled, warnings = _roll(session, force, timeout_s, lambda host: _hybrid(first, properties_of(host)), clean=True)
    steps += [*rolled, Step("migration.await", {"controllers": controllers})]
    listed = ", ".join(map(str, controllers))
    effects = [text("migration.effect.controllers", nodes=listed), text("migration.effect.dual"), effect_of_gates()]
    return _plan(session, Phase.DUAL_WRITE, steps, effects, warnings)


def _to_kraft(session: OpsSession, status: MigrationStatus, force: bool, timeout_s: float) -> Plan:
    steps, warnings = _roll(session, force, timeout_s, lambda host: _as_kraft(host.entry.node_id, properties_of(host)))
    effects = [text("migration.effect.kraft"), effect_of_gates()]
    return _plan(session, Phase.KRAFT, steps, effects, warnings)


def _to_final(session: OpsSession, status: MigrationStatus, force: bool, timeout_s: float) -> Plan:
    leader = session.admin.quorum.describe().leader_id
    steps: list[Step] = []
    for node in sorted(status.controllers, key=lambda n: (n == leader, n)):
        arguments = {"node": node, "role": "controller"}
        gone: Changes = dict.fromkeys(k for k in status.controllers[node] if k.startswith("zookeeper."))
        steps.append(Step("node.stop", arguments | {"timeout_s": timeout_s, "accepted": []}))
        steps.append(Step("node.properties", arguments | {"changes": gone, "final": True}))
        steps.append(Step("node.start", arguments | {"undo_stops": False}))
    effects = [text("migration.effect.final"), text("migration.effect.context", cluster=session.context.name)]
    return _plan(session, Phase.FINAL, steps, effects, [text("migration.no_way_back")], session.context.name)


def _plan(
    session: OpsSession,
    phase: Phase,
    steps: list[Step],
    effects: list[Text],
    warnings: list[Text],
    confirmation: str = "",
) -> Plan:
    title = text("migration.title", cluster=session.context.name, phase=str(phase))
    return new_plan(session, title, steps, effects=effects, warnings=warnings, confirmation=confirmation)


def _roll(
    session: OpsSession,
    force: bool,
    timeout_s: float,
    changes_of: Callable[[Host], Changes],
    *,
    clean: bool = False,
) -> tuple[list[Step], list[Text]]:
    """One broker after the other gets other properties; those that have them are left alone."""
    brokers = [host.entry.node_id for host in session.hosts.all("broker")]
    targets: list[Target] = kafka_targets(session, brokers)
    unsafe = Rolling(session).unsafe(targets)
    refuse_unsafe(unsafe, force)
    rolling = Rolling(session, [row.topic for row in unsafe])
    steps: list[Step] = []
    for target in targets:
        host = session.hosts.get(target.node)
        changes, now = changes_of(host), properties_of(host)
        if all(now.get(key) == value for key, value in changes.items()):
            continue
        arguments = {"node": target.node, "role": target.role}
        between = [Step("migration.metadata", arguments)] if clean else []
        between.append(Step("node.properties", arguments | {"changes": changes, "interim": True}))
        steps += [*rolling.away(target, timeout_s), *between, *rolling.back(target, reversible=True)]
    return steps, warnings_of(unsafe)


def _hybrid(controller: Mapping[str, str], broker: Mapping[str, str]) -> Changes:
    """What a broker has to know about KRaft's controllers while ZooKeeper still counts."""
    listener = controller[NAMES].split(",")[0].strip()
    theirs = dict(pair.split(":", 1) for pair in controller.get(PROTOCOLS, DEFAULT_PROTOCOLS).split(","))
    protocols = dict(pair.split(":", 1) for pair in broker.get(PROTOCOLS, DEFAULT_PROTOCOLS).split(","))
    protocols[listener] = theirs.get(listener, "PLAINTEXT")
    changes: dict[str, str | None] = {
        ENABLE: "true",
        NAMES: listener,
        PROTOCOLS: ",".join(f"{name}:{protocol}" for name, protocol in protocols.items()),
    }
    return changes | {key: controller[key] for key in QUORUM_KEYS if key in controller}


def _as_kraft(node: int, broker: Mapping[str, str]) -> Changes:
    """What makes a broker one of KRaft's; the id stays."""
    changes: dict[str, str | None] = dict.fromkeys(key for key in broker if key.startswith("zookeeper."))
    gone = ("broker.id", "broker.id.generation.enable", PROTOCOL, "control.plane.listener.name")
    changes |= dict.fromkeys(key for key in gone if key in broker)
    if OLD_AUTHORIZER in broker.get("authorizer.class.name", ""):
        changes["authorizer.class.name"] = NEW_AUTHORIZER
    return changes | {"process.roles": "broker", "node.id": str(node)}


def _require_ready(session: OpsSession, status: MigrationStatus, cluster_id: str) -> None:
    """Hold what has to be so before the first server is touched.

    Raises:
        UsageError: it is not; the message says what to do.
    """
    alive = {broker.node_id for broker in session.admin.describe().brokers}
    away = sorted(set(status.brokers) ^ alive)
    if away:
        raise UsageError(message("migration.brokers", brokers=", ".join(map(str, away))))
    both = sorted(set(status.controllers) & alive)
    if both:
        raise UsageError(message("migration.same_id", node=both[0]))
    for host in session.hosts.all("broker"):
        version = version_of(host) if host.entry.options.get(LINK_OPTION) else ""
        if version and not version.startswith(f"{VERSION}."):
            raise UsageError(message("migration.version", broker=host.entry.node_id, version=version))
        protocol = properties_of(host).get(PROTOCOL, VERSION)
        if not protocol.startswith(VERSION):
            raise UsageError(message("migration.protocol", broker=host.entry.node_id, protocol=protocol))
    for host in session.hosts.all("controller"):
        properties = properties_of(host)
        missing = [key for key in (NAMES, "listeners", "node.id") if key not in properties]
        if not any(key in properties for key in QUORUM_KEYS):
            missing.append(QUORUM_KEYS[0])
        if missing or properties.get("process.roles") != "controller":
            raise UsageError(message("migration.controller_file", node=host.entry.node_id, key=(missing or ["-"])[0]))
        if not _is_formatted(host, properties, cluster_id):
            file = host.entry.config_file
            raise UsageError(message("migration.format", node=host.entry.node_id, cluster_id=cluster_id, file=file))


def _is_formatted(host: Host, properties: Mapping[str, str], cluster_id: str) -> bool:
    for path in data_directories(properties):
        identity = f"{path}/meta.properties"
        if host.exists(identity):
            return read_property(host.read_file(identity).decode(), "cluster.id") == cluster_id
    return False
