"""Change options of brokers: at once where the option is dynamic, by a rolling restart where it is not."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from kappaflow.errors import UsageError
from kappaflow.ops.admin.faces import ConfigEntry, ConfigResource
from kappaflow.ops.brokers import texts as _texts
from kappaflow.ops.brokers.node_actions import GATE_TIMEOUT_S
from kappaflow.ops.brokers.properties_file import read_properties
from kappaflow.ops.brokers.restart import effect_of_gates, names, refuse_unsafe
from kappaflow.ops.brokers.targets import Rolling, kafka_targets, warnings_of
from kappaflow.ops.config_tables import UpdateMode, newest_update_mode
from kappaflow.ops.plans.plan import Plan, Step, new_plan
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import Text, text

assert _texts


class KeyVerdict(NamedTuple):
    """How an option takes a new value.

    Attributes:
        key: its name.
        mode: ``cluster-wide`` or ``per-broker`` where it is dynamic, ``read-only`` where a restart is needed.
        is_known: whether the brokers know the option.
    """

    key: str
    mode: UpdateMode
    is_known: bool


def judge_keys(session: OpsSession, keys: Collection[str]) -> list[KeyVerdict]:
    """How options take new values: as the brokers say, and of dynamic ones as Kafka's own tables say for whom.

    Args:
        session: the cluster.
        keys: names.
    """
    broker = session.admin.describe().brokers[0].node_id
    resource = ConfigResource("broker", str(broker))
    entries = session.admin.configs.describe([resource])[resource]
    return [_judge(key, entries.get(key)) for key in keys]


def _judge(key: str, entry: ConfigEntry | None) -> KeyVerdict:
    if entry is None or entry.is_read_only:
        return KeyVerdict(key, "read-only", entry is not None)
    mode = newest_update_mode(key)
    return KeyVerdict(key, "cluster-wide" if mode == "cluster-wide" else "per-broker", True)


def plan_rollout(
    session: OpsSession,
    changes: Mapping[str, str | None],
    nodes: Collection[int] | None = None,
    *,
    unknown: bool = False,
    force: bool = False,
    timeout_s: float = GATE_TIMEOUT_S,
) -> Plan:
    """A plan that changes options of brokers and restarts them only where an option needs it.

    Args:
        session: the cluster.
        changes: by key; None for the default.
        nodes: ids; all of Kafka's servers by default.
        unknown: whether options are taken that the brokers do not know, such as those of a plugin.
        force: whether topics that cannot stay writable are accepted.
        timeout_s: how long each server's gates may stay shut.

    Raises:
        UnsafeError: a restart is needed, and a topic cannot stay writable.
        UsageError: an option is not known, or the context names no host of a server.
    """
    verdicts = judge_keys(session, list(changes))
    strange = [verdict.key for verdict in verdicts if not verdict.is_known]
    if strange and not unknown:
        raise UsageError(str(text("broker.unknown_options", keys=", ".join(strange))))
    steps: list[Step] = []
    for verdict in verdicts:
        if verdict.mode == "read-only":
            continue
        everywhere = verdict.mode == "cluster-wide" and nodes is None
        brokers = [""] if everywhere else [str(node) for node in _broker_ids(session, nodes)]
        steps += [_dynamic(verdict.key, broker, changes[verdict.key]) for broker in brokers]
    effects: list[Text] = [text(f"broker.mode.{verdict.mode}", key=verdict.key) for verdict in verdicts]
    static = {verdict.key: changes[verdict.key] for verdict in verdicts if verdict.mode == "read-only"}
    warnings: list[Text] = []
    confirmation, title_nodes = "", ""
    if static:
        targets = [
            target for target in kafka_targets(session, nodes) if not _has(session, target.node, target.role, static)
        ]
        unsafe = Rolling(session).unsafe(targets)
        refuse_unsafe(unsafe, force)
        rolling = Rolling(session, [row.topic for row in unsafe])
        for target in targets:
            change = Step("node.properties", {"node": target.node, "role": target.role, "changes": static})
            steps += [*rolling.away(target, timeout_s), change, *rolling.back(target, reversible=True)]
        effects.append(effect_of_gates())
        warnings = warnings_of(unsafe)
        confirmation = session.context.name if unsafe else ""
        title_nodes = names(targets)
    title = text("broker.rollout.title", keys=", ".join(changes), nodes=title_nodes or "-")
    return new_plan(session, title, steps, effects=effects, warnings=warnings, confirmation=confirmation)


def _broker_ids(session: OpsSession, nodes: Collection[int] | None) -> list[int]:
    alive = [broker.node_id for broker in session.admin.describe().brokers]
    return sorted(alive if nodes is None else set(nodes) & set(alive))


def _dynamic(key: str, broker: str, value: str | None) -> Step:
    return Step("config.set", {"kind": "broker", "name": broker, "key": key, "value": value, "sensitive": False})


def _has(session: OpsSession, node: int, role: str, wanted: Mapping[str, str | None]) -> bool:
    """Whether a server's file has the values already, so that nothing has to be restarted."""
    host = session.hosts.get(node, "controller" if role == "controller" else "broker")
    values = read_properties(host.read_file(host.entry.config_file).decode())
    return all(values.get(key) == value for key, value in wanted.items())
