"""Where the bytes are: by broker, directory, topic or partition."""

from __future__ import annotations

from collections import defaultdict
from typing import Literal, NamedTuple

from kappaflow.ops.admin.faces import LogDirState
from kappaflow.ops.session import OpsSession

GroupBy = Literal["broker", "directory", "topic", "partition"]


class UsageRow(NamedTuple):
    """What one thing takes.

    Attributes:
        name: a broker, a broker's directory, a topic, or a partition on a broker.
        size_bytes: of log segments.
        replicas: how many.
        total_bytes: of the file systems below; None where that makes no sense or the brokers do not say.
        usable_bytes: what is free on them.
        error: why a directory cannot be used; empty where it can.
    """

    name: str
    size_bytes: int
    replicas: int
    total_bytes: int | None
    usable_bytes: int | None
    error: str


def disk_usage(session: OpsSession, by: GroupBy = "broker") -> list[UsageRow]:
    """What is on the brokers' disks, the largest first.

    Args:
        session: the cluster.
        by: what is added up. Directories of one file system are counted as if each had its own.
    """
    alive = [broker.node_id for broker in session.admin.describe().brokers]
    directories = session.admin.log_dirs.describe(brokers=alive)
    if by in ("broker", "directory"):
        groups: dict[str, list[LogDirState]] = defaultdict(list)
        for d in directories:
            groups[str(d.broker) if by == "broker" else f"{d.broker}:{d.path}"].append(d)
        rows = [_of_directories(name, members) for name, members in groups.items()]
    else:
        sizes: dict[str, list[int]] = defaultdict(list)
        for d in directories:
            for replica in d.replicas:
                name = replica.partition.topic if by == "topic" else f"{replica.partition}@{d.broker}"
                sizes[name].append(replica.size_bytes)
        rows = [UsageRow(name, sum(parts), len(parts), None, None, "") for name, parts in sizes.items()]
    return sorted(rows, key=lambda row: (-row.size_bytes, row.name))


def _of_directories(name: str, members: list[LogDirState]) -> UsageRow:
    known = all(d.total_bytes >= 0 for d in members)
    return UsageRow(
        name,
        sum(replica.size_bytes for d in members for replica in d.replicas),
        sum(len(d.replicas) for d in members),
        sum(d.total_bytes for d in members) if known else None,
        sum(d.usable_bytes for d in members) if known else None,
        "; ".join(f"{d.path}: {d.error}" for d in members if d.error),
    )
