"""Where the bytes are: by broker, directory, topic or partition."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Literal, NamedTuple

from kappaflow.errors import UsageError
from kappaflow.ops.admin.faces import LogDirState, ReplicaSize
from kappaflow.ops.disk import texts as _texts
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import message

assert _texts
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
        offset_lag: how far the replicas are behind at most; None where that makes no sense.
        moving: how many of the replicas are being copied to another directory of their broker.
    """

    name: str
    size_bytes: int
    replicas: int
    total_bytes: int | None
    usable_bytes: int | None
    error: str
    offset_lag: int | None = None
    moving: int = 0


def disk_usage(
    session: OpsSession,
    by: GroupBy = "broker",
    *,
    brokers: Collection[int] | None = None,
    topics: Collection[str] | None = None,
) -> list[UsageRow]:
    """What is on the brokers' disks, the largest first.

    Args:
        session: the cluster.
        by: what is added up. Directories of one file system are counted as if each had its own.
        brokers: whose disks; of all that are alive by default.
        topics: what is counted; everything by default.

    Raises:
        UsageError: there is no such broker or topic.
    """
    alive = [broker.node_id for broker in session.admin.describe().brokers]
    strangers = sorted(set(brokers or ()) - set(alive))
    if strangers:
        raise UsageError(message("disk.no_broker", broker=strangers[0]))
    if topics is not None:
        missing = sorted(set(topics) - set(session.admin.topics.describe(topics)))
        if missing:
            raise UsageError(message("disk.no_topic", topic=missing[0]))
    directories = session.admin.log_dirs.describe(brokers=alive if brokers is None else sorted(brokers), topics=topics)
    if by in ("broker", "directory"):
        groups: dict[str, list[LogDirState]] = defaultdict(list)
        for d in directories:
            groups[str(d.broker) if by == "broker" else f"{d.broker}:{d.path}"].append(d)
        rows = [_of_directories(name, members) for name, members in groups.items()]
    else:
        replicas: dict[str, list[ReplicaSize]] = defaultdict(list)
        for d in directories:
            for replica in d.replicas:
                name = replica.partition.topic if by == "topic" else f"{replica.partition}@{d.broker}"
                replicas[name].append(replica)
        rows = [_of_replicas(name, found) for name, found in replicas.items()]
    return sorted(rows, key=lambda row: (-row.size_bytes, row.name))


def _of_replicas(name: str, found: list[ReplicaSize]) -> UsageRow:
    return UsageRow(
        name,
        sum(replica.size_bytes for replica in found),
        len(found),
        None,
        None,
        "",
        max(replica.offset_lag for replica in found),
        sum(replica.is_future for replica in found),
    )


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
