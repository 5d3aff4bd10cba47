"""Disks of a simulated cluster."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from kappaflow.client.broker_errors import broker_error
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.ops.admin import LogDirState, ReplicaSize
from kappaflow.testing.simulated_cluster.state import State
from kappaflow.wire.error_codes import ErrorCode


class SimulatedLogDirs:
    """What lies on the brokers' disks."""

    def __init__(self, state: State) -> None:
        self._state = state

    def describe(
        self, brokers: Collection[int] | None = None, topics: Collection[str] | None = None
    ) -> list[LogDirState]:
        """The log directories of brokers."""
        rows: list[LogDirState] = []
        for node_id, broker in sorted(self._state.brokers.items()):
            if not broker.alive or (brokers is not None and node_id not in brokers):
                continue
            used = 0
            found: list[tuple[str, tuple[ReplicaSize, ...]]] = []
            for path, replicas in sorted(broker.directories.items()):
                sizes = tuple(self._size(node_id, name) for name in sorted(replicas))
                used += sum(row.size_bytes for row in sizes)
                shown = tuple(row for row in sizes if topics is None or row.partition.topic in topics)
                found.append((path, shown))
            free = broker.disk_bytes - used
            for path, shown in found:
                error = broker.failed.get(path, "")
                rows.append(
                    LogDirState(node_id, path, error, -1, -1, ())
                    if error
                    else LogDirState(node_id, path, "", broker.disk_bytes, free, shown)
                )
        return rows

    def _size(self, broker: int, name: TopicPartition) -> ReplicaSize:
        partition = self._state.partition(name)
        if partition is None:
            return ReplicaSize(name, 0, 0, False)
        adding = partition.target is not None and broker not in (partition.before or ())
        size = partition.copied.get(broker, 0) if adding else partition.size_bytes
        return ReplicaSize(name, size, 0 if size == partition.size_bytes else 1, False)

    def move(self, moves: Mapping[tuple[TopicPartition, int], str]) -> None:
        """Move replicas between directories, at once."""
        for (name, node_id), path in moves.items():
            directories = self._state.brokers[node_id].directories
            if path not in directories:
                raise broker_error(ErrorCode.LOG_DIR_NOT_FOUND, f"move {name} on broker {node_id}", path)
            for replicas in directories.values():
                replicas.discard(name)
            directories[path].add(name)
