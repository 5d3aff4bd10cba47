"""The way to another version, as a plan.

ZooKeeper lines   phase 1, one server at a time: new software, inter.broker.protocol.version stays the old one
                  phase 2, one server at a time: inter.broker.protocol.version becomes the new one (no way back)
KRaft lines       phase 1, one server at a time: new software
                  phase 2: metadata.version becomes the highest that all support (no way back)
full stop         all servers stop, get the new software and start: shorter, and nobody can work meanwhile
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from kappaflow.errors import UnsafeError, UsageError
from kappaflow.ops.brokers.node_actions import GATE_TIMEOUT_S
from kappaflow.ops.brokers.restart import effect_of_gates, refuse_unsafe
from kappaflow.ops.brokers.targets import Rolling, Target, kafka_targets, warnings_of, zookeeper_targets
from kappaflow.ops.plans.plan import Plan, Step, new_plan
from kappaflow.ops.session import OpsSession
from kappaflow.ops.upgrade import texts as _texts
from kappaflow.ops.upgrade.compatibility import UpgradeReport, blockers, protocol_in_force, report
from kappaflow.ops.upgrade.paths import FORMAT, PROTOCOL, Mode, UpgradePath, line_of, path_between, why_no_path
from kappaflow.ops.upgrade.software import link_of, target_for, version_of
from kappaflow.runtime.messages import Text, text

assert _texts
Strategy = Literal["rolling", "full-stop"]
FEATURES = ["metadata.version"]


def plan_upgrade(
    session: OpsSession,
    new: str,
    *,
    old: str = "",
    strategy: Strategy = "rolling",
    software: str = "",
    finalize: bool = True,
    force: bool = False,
    timeout_s: float = GATE_TIMEOUT_S,
) -> Plan:
    """A plan that brings Kafka's servers to another version.

    Args:
        session: the cluster.
        new: version wanted.
        old: version now; by default what the servers' software says.
        strategy: one server at a time, or all together.
        software: the directory of a version on the machines, with ``{version}`` in it.
        finalize: whether the last phase, after which there is no way back, is part of the plan.
        force: whether topics that cannot stay writable are accepted.
        timeout_s: how long each server's gates may stay shut.

    Raises:
        UnsafeError: there is no way, Java is too old, or a topic cannot stay writable.
        UsageError: the context lacks a host or its software, or the old version cannot be told.
    """
    targets = kafka_targets(session)
    mode: Mode = "zookeeper" if session.context.zookeeper else "kraft"
    before = old or _version_now(session, targets)
    reasons = why_no_path(before, new, mode)
    found = report(session, before, new)
    too_old = blockers(found)
    if too_old:
        reasons.append(text("upgrade.java_too_old", nodes=", ".join(too_old), java=found.java_needed, new=new))
    if reasons:
        raise UnsafeError("; ".join(map(str, reasons)))
    path = path_between(before, new, mode, protocol_now=protocol_in_force(session) if mode == "zookeeper" else "")
    unsafe = Rolling(session).unsafe(targets) if strategy == "rolling" else []
    refuse_unsafe(unsafe, force)
    rolling = Rolling(session, [row.topic for row in unsafe])
    if strategy == "rolling":
        steps = _rolling_steps(session, targets, path, software, rolling, timeout_s, finalize=finalize)
    else:
        steps = _full_stop_steps(session, targets, path, software, finalize=finalize)
    return new_plan(
        session,
        text("upgrade.title", old=before, new=new, strategy=strategy),
        steps,
        effects=_effects(path, strategy, finalize=finalize),
        warnings=[*warnings_of(unsafe), *_warnings(found)],
        confirmation=session.context.name if unsafe or strategy == "full-stop" else "",
        facts={"old": before, "new": new, "mode": mode, "protocol": found.protocol},
    )


def plan_finalize(session: OpsSession, *, force: bool = False, timeout_s: float = GATE_TIMEOUT_S) -> Plan:
    """A plan of the last phase alone, for servers that have their new software already; there is no way back.

    Args:
        session: the cluster.
        force: whether topics that cannot stay writable are accepted.
        timeout_s: how long each server's gates may stay shut.

    Raises:
        UnsafeError: servers have to restart, and a topic cannot stay writable.
        UsageError: the servers do not have the same software yet, or the context lacks a host.
    """
    targets = kafka_targets(session)
    version = _version_now(session, targets)
    title = text("upgrade.finalize.title", new=version)
    effects = [text("upgrade.no_way_back")]
    if not session.context.zookeeper:
        return new_plan(session, title, [Step("upgrade.features", {"features": FEATURES})], effects=effects)
    unsafe = Rolling(session).unsafe(targets)
    refuse_unsafe(unsafe, force)
    rolling = Rolling(session, [row.topic for row in unsafe])
    steps = _protocol_steps(targets, line_of(version), rolling, timeout_s)
    confirmation = session.context.name if unsafe else ""
    effects.append(effect_of_gates())
    return new_plan(session, title, steps, effects=effects, warnings=warnings_of(unsafe), confirmation=confirmation)


def _version_now(session: OpsSession, targets: Sequence[Target]) -> str:
    versions = {version_of(session.hosts.get(target.node, target.role)) for target in targets}
    if len(versions) != 1 or "" in versions:
        listed = ", ".join(sorted(version or "?" for version in versions))
        raise UsageError(str(text("upgrade.old_unknown", versions=listed)))
    return versions.pop()


def _software(session: OpsSession, target: Target, version: str, template: str) -> Step:
    host = session.hosts.get(target.node, target.role)
    arguments = {"link": link_of(host), "target": target_for(host, version, template)}
    return Step("node.software", {"node": target.node, "role": target.role, **arguments})


def _properties(target: Target, changes: dict[str, str | None], **how: bool) -> Step:
    return Step("node.properties", {"node": target.node, "role": target.role, "changes": changes, **how})


def _rolling_steps(
    session: OpsSession,
    targets: Sequence[Target],
    path: UpgradePath,
    template: str,
    rolling: Rolling,
    timeout_s: float,
    *,
    finalize: bool,
) -> list[Step]:
    steps: list[Step] = []
    for target in targets:
        steps += rolling.away(target, timeout_s)
        if path.mode == "zookeeper":
            held: dict[str, str | None] = {PROTOCOL: path.protocol_before}
            if path.format_before:
                held[FORMAT] = path.format_before
            steps.append(_properties(target, held, interim=finalize))
        steps += [_software(session, target, path.new, template), *rolling.back(target, reversible=True)]
    if not finalize:
        return steps
    if path.mode == "kraft":
        return [*steps, Step("upgrade.features", {"features": FEATURES})]
    return [*steps, *_protocol_steps(targets, path.protocol_after, rolling, timeout_s)]


def _protocol_steps(targets: Sequence[Target], protocol: str, rolling: Rolling, timeout_s: float) -> list[Step]:
    steps: list[Step] = []
    for target in targets:
        raised = _properties(target, {PROTOCOL: protocol, FORMAT: None}, final=True)
        steps += [*rolling.away(target, timeout_s), raised, *rolling.back(target, reversible=False)]
    return steps


def _full_stop_steps(
    session: OpsSession, targets: Sequence[Target], path: UpgradePath, template: str, *, finalize: bool
) -> list[Step]:
    """Brokers go before controllers of their own; all are started before one is waited for."""
    groups = [[t for t in targets if "broker" in t.roles], [t for t in targets if "broker" not in t.roles]]
    steps = [Step("node.stop_together", {"nodes": [_of(t) for t in group]}) for group in groups if group]
    for target in targets:
        if path.mode == "zookeeper":
            protocol = path.protocol_after if finalize else path.protocol_before
            changes: dict[str, str | None] = {
                PROTOCOL: protocol,
                FORMAT: None if finalize else path.format_before or None,
            }
            steps.append(_properties(target, changes, final=finalize))
        steps.append(_software(session, target, path.new, template))
    steps += [Step("node.start", _of(target, undo_stops=True, ungated=True, wait=False)) for target in targets]
    steps += [Step("node.start", _of(target, undo_stops=False)) for target in targets]
    if finalize and path.mode == "kraft":
        steps.append(Step("upgrade.features", {"features": FEATURES}))
    return steps


def _of(target: Target, **more: Any) -> dict[str, Any]:
    return {"node": target.node, "role": target.role, **more}


def _effects(path: UpgradePath, strategy: Strategy, *, finalize: bool) -> list[Text]:
    effects: list[Text] = [effect_of_gates() if strategy == "rolling" else text("upgrade.full_stop")]
    if path.mode == "zookeeper":
        effects.append(text("upgrade.phase_protocol", before=path.protocol_before, after=path.protocol_after))
    else:
        effects.append(text("upgrade.phase_features"))
    effects.append(text("upgrade.no_way_back") if finalize else text("upgrade.not_finalized"))
    return effects


def _warnings(found: UpgradeReport) -> list[Text]:
    warnings: list[Text] = []
    for change in found.changes:
        if not change.concerns:
            continue
        values = {"name": change.name, "before": change.before, "after": change.after or "-"}
        if change.change == "removed":
            warnings.append(text("upgrade.removed", **values, where=", ".join(change.set_on[:3])))
        elif change.change == "default":
            warnings.append(text("upgrade.default", **values))
    return warnings


def plan_zookeeper_upgrade(
    session: OpsSession, new: str, *, software: str = "", timeout_s: float = GATE_TIMEOUT_S
) -> Plan:
    """A plan that brings the ZooKeeper servers to another version, one at a time, the leader last.

    Args:
        session: the cluster.
        new: version wanted.
        software: the directory of a version on the machines, with ``{version}`` in it.
        timeout_s: how long each server's gate may stay shut.

    Raises:
        UsageError: the context names no ZooKeeper servers or not their software.
    """
    numbers = zookeeper_targets(session)
    if not numbers:
        raise UsageError(str(text("upgrade.no_zookeeper", cluster=session.context.name)))
    steps: list[Step] = []
    for number in numbers:
        target = Target(number, ("zookeeper",))
        stop = _of(target, timeout_s=timeout_s)
        steps += [Step("node.stop", stop), _software(session, target, new, software)]
        steps.append(Step("node.start", _of(target, undo_stops=True)))
    versions = sorted({version_of(session.hosts.get(number, "zookeeper")) for number in numbers})
    title = text("upgrade.zookeeper.title", old=", ".join(versions), new=new)
    return new_plan(session, title, steps, effects=[text("upgrade.zookeeper.gates")])
