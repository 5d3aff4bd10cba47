"""The directories of one broker: level them, and add one."""

from __future__ import annotations

from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import UsageError
from kappaflow.ops.disk import texts as _texts
from kappaflow.ops.plans.plan import Plan, Step, new_plan
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import message, text

assert _texts
MIB = 1 << 20
TOLERANCE = 0.05
"""Directories whose sizes differ by less than this part of the largest count as level."""


def plan_balance_directories(session: OpsSession, broker: int, batch: int = 10) -> Plan:
    """A plan that levels the bytes of a broker's directories, with few and large moves.

    Args:
        session: the cluster.
        broker: its id.
        batch: how many replicas move at once.

    Raises:
        UsageError: it has one directory, one is offline, replicas move already, or all is level.
    """
    directories = [d for d in session.admin.log_dirs.describe(brokers=[broker]) if not d.error]
    if len(directories) < 2:
        raise UsageError(message("disk.one_directory", broker=broker))
    if any(row.is_future for d in directories for row in d.replicas):
        raise UsageError(message("disk.moving", broker=broker))
    held = {d.path: {row.partition: row.size_bytes for row in d.replicas} for d in directories}
    moves = _level(held)
    if not moves:
        raise UsageError(message("disk.level", broker=broker))
    rows = [
        {"topic": n.topic, "partition": n.partition, "broker": broker, "from": old, "to": new, "bytes": size}
        for n, old, new, size in moves
    ]
    steps = [Step("disk.move", {"replicas": rows[i : i + batch]}) for i in range(0, len(rows), batch)]
    after = {path: sum(sizes.values()) for path, sizes in held.items()}
    before = {d.path: sum(row.size_bytes for row in d.replicas) for d in directories}
    return new_plan(
        session,
        text("disk.balance.title", broker=broker),
        steps,
        effects=[
            text(
                "disk.balance.effect",
                path=path,
                before=f"{before[path] / MIB:,.1f}",
                after=f"{after[path] / MIB:,.1f}",
            )
            for path in sorted(before)
        ],
    )


def _level(held: dict[str, dict[TopicPartition, int]]) -> list[tuple[TopicPartition, str, str, int]]:
    """Move replicas from the fullest to the emptiest directory while that brings the two closer; changes `held`."""
    moves: dict[TopicPartition, tuple[str, str, int]] = {}
    sums = {path: sum(sizes.values()) for path, sizes in held.items()}
    while True:
        full = max(sums, key=lambda path: (sums[path], path))
        empty = min(sums, key=lambda path: (sums[path], path))
        gap = sums[full] - sums[empty]
        fitting = [(size, n) for n, size in held[full].items() if 0 < size < gap and n not in moves]
        if not fitting or gap <= TOLERANCE * sums[full]:
            return [(name, old, new, size) for name, (old, new, size) in moves.items()]
        # The one that brings them closest: half of the gap moves.
        size, name = min(fitting, key=lambda row: (abs(2 * row[0] - gap), row[1]))
        if abs(gap - 2 * size) >= gap:
            return [(n, old, new, s) for n, (old, new, s) in moves.items()]
        held[empty][name] = held[full].pop(name)
        sums[full] -= size
        sums[empty] += size
        moves[name] = (full, empty, size)


def plan_add_directory(session: OpsSession, broker: int, path: str) -> Plan:
    """A plan that writes a new directory into a broker's ``log.dirs``; the broker uses it after a restart.

    Args:
        session: the cluster; its context names the broker's host and properties file.
        broker: its id.
        path: the directory, on a file system of its own.

    Raises:
        UsageError: the host has no properties file in the context, or the directory is used already.
        ConfigError: the context names no host for the broker.
    """
    host = session.hosts.get(broker)
    file = host.entry.config_file
    if not file:
        raise UsageError(message("disk.no_file", broker=broker))
    used = [d.path for d in session.admin.log_dirs.describe(brokers=[broker])]
    if path in used:
        raise UsageError(message("disk.used", path=path, broker=broker))
    return new_plan(
        session,
        text("disk.add.title", path=path, broker=broker),
        [Step("disk.add-directory", {"broker": broker, "path": path, "file": file})],
        effects=[text("disk.add.effect", broker=broker, before=",".join(used), after=",".join([*used, path]))],
        warnings=[text("disk.add.restart", broker=broker)],
    )
