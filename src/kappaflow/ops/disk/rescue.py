"""Bring a broker back whose disk is full, as a plan: shorter retention elsewhere, old segments off its disk, start.

A broker that cannot write to any of its directories ends; one that has others runs on without those that failed, and is
stopped first, behind the gates of a restart. What lies on its disk before the beginning of the same partition elsewhere
is of no use to anybody: there retention has deleted it already. So the retention of the largest topics is cut where
brokers still run, and then the same segments are taken off the full disk, before the broker is started.
"""

from __future__ import annotations

from collections.abc import Collection

from kappaflow.errors import UnsafeError, UsageError
from kappaflow.ops.admin.faces import ConfigResource
from kappaflow.ops.brokers.gates import UnsafeTopic
from kappaflow.ops.brokers.node_actions import GATE_TIMEOUT_S
from kappaflow.ops.brokers.targets import Rolling, kafka_targets, warnings_of
from kappaflow.ops.disk import texts as _texts
from kappaflow.ops.disk.broker_disks import look_at_broker
from kappaflow.ops.disk.directory_action import log_directories
from kappaflow.ops.disk.segments import list_segments
from kappaflow.ops.plans.plan import Plan, Step, new_plan
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import Text, message, text

assert _texts
MIB = 1 << 20


def plan_rescue(session: OpsSession, broker: int, retention_ms: int, topics: Collection[str] | None = None) -> Plan:
    """A plan that frees the disk of a broker that is down, or has lost a directory, and starts it.

    Args:
        session: the cluster; its context names the broker's host and properties file, and another broker runs.
        broker: its id.
        retention_ms: the retention that topics get; those that have less keep theirs.
        topics: which; all but the brokers' own that lie on the disk by default.

    Raises:
        UnsafeError: the broker runs with all its directories.
        UsageError: its host or properties file is not named, or nothing on the disk may be cut.
    """
    host = session.hosts.get(broker)
    disks = look_at_broker(session, broker)
    if disks.is_whole:
        raise UnsafeError(message("disk.rescue.runs", broker=broker))
    if not host.entry.config_file:
        raise UsageError(message("disk.no_file", broker=broker))
    paths = log_directories(host)
    held = {name: sum(s.size_bytes for s in rows) for name, rows in list_segments(host, paths).items()}
    described = session.admin.topics.describe()
    on_disk = sorted({n.topic for n in held if n.topic in described and not described[n.topic].is_internal})
    chosen = [t for t in on_disk if topics is None or t in topics]
    if not chosen:
        raise UsageError(message("disk.rescue.nothing", broker=broker))
    configs = session.admin.configs.describe([ConfigResource("topic", t) for t in chosen], ["retention.ms"])
    steps: list[Step] = []
    effects: list[Text] = []
    for topic in chosen:
        now = int(configs[ConfigResource("topic", topic)]["retention.ms"].value or -1)
        size = sum(bytes_ for name, bytes_ in held.items() if name.topic == topic)
        if now < 0 or now > retention_ms:
            arguments = {"kind": "topic", "name": topic, "key": "retention.ms", "value": str(retention_ms)}
            steps.append(Step("config.set", arguments | {"sensitive": False}))
            effects.append(
                text(
                    "disk.rescue.effect",
                    topic=topic,
                    before="-" if now < 0 else f"{now / 3_600_000:g} h",
                    after=f"{retention_ms / 3_600_000:g} h",
                    mib=f"{size / MIB:,.1f}",
                )
            )
    warnings = [text("disk.rescue.warning")]
    if disks.runs:
        steps_away, unsafe = _away(session, broker)
        steps += steps_away
        effects.append(text("disk.rescue.offline", broker=broker, paths=", ".join(disks.failed)))
        warnings += warnings_of(unsafe)
    steps.append(Step("disk.trim", {"broker": broker, "topics": chosen, "retention_ms": retention_ms}))
    space = [host.disk_space(path) for path in paths if host.exists(path)]
    free = min((s.free_bytes for s in space), default=0)
    return new_plan(
        session,
        text("disk.rescue.title", broker=broker, mib=f"{free / MIB:,.1f}"),
        steps,
        effects=effects,
        warnings=warnings,
        confirmation=str(broker),
    )


def _away(session: OpsSession, broker: int) -> tuple[list[Step], list[UnsafeTopic]]:
    """The steps that take a broker away that still runs, and the topics that cannot be written while it is away."""
    targets = kafka_targets(session, [broker])
    unsafe = Rolling(session).unsafe(targets)
    return Rolling(session, [row.topic for row in unsafe]).away(targets[0], GATE_TIMEOUT_S), unsafe
