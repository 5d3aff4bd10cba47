"""Reassignments and elections of a simulated cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kappaflow.client.broker_errors import broker_error
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import BrokerError
from kappaflow.ops.admin import Reassignment
from kappaflow.ops.admin.faces import ElectionKind
from kappaflow.testing.simulated_cluster.state import Partition, State
from kappaflow.wire.error_codes import ErrorCode


class SimulatedPlacement:
    """Where replicas are and who leads."""

    def __init__(self, state: State) -> None:
        self._state = state

    def reassign(self, replicas: Mapping[TopicPartition, Sequence[int] | None]) -> dict[TopicPartition, BrokerError]:
        """Start, change or cancel moves."""
        refused: dict[TopicPartition, BrokerError] = {}
        for name, wanted in replicas.items():
            code = self._start(name, None if wanted is None else list(wanted))
            if code is not None:
                refused[name] = broker_error(code, f"reassign {name}")
        return refused

    def _start(self, name: TopicPartition, wanted: list[int] | None) -> ErrorCode | None:
        partition = self._state.partition(name)
        if partition is None:
            return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        cancels = wanted is None
        if wanted is None:
            if partition.target is None:
                return ErrorCode.NO_REASSIGNMENT_IN_PROGRESS
            wanted = list(partition.before or ())
        brokers = self._state.brokers
        if not wanted or len(set(wanted)) != len(wanted) or any(b not in brokers for b in wanted):
            return ErrorCode.INVALID_REPLICA_ASSIGNMENT
        before = partition.before if partition.target is not None else list(partition.replicas)
        assert before is not None
        if any(not brokers[b].alive for b in wanted if b not in before):
            return ErrorCode.INVALID_REPLICA_ASSIGNMENT
        if not cancels and partition.target is not None and set(partition.target) - set(before) - set(wanted):
            partition.stuck = True  # as KRaft, which goes on adding what the new target removes
            return None
        partition.stuck = False
        self._begin(name, partition, before, wanted)
        return None

    def _begin(self, name: TopicPartition, partition: Partition, before: list[int], wanted: list[int]) -> None:
        for broker in set(partition.replicas) - set(before) - set(wanted):  # of a move that is given up
            partition.copied.pop(broker, None)
            partition.in_sync.discard(broker)
            self._drop(name, broker)
        partition.before, partition.target = before, wanted
        partition.replicas = [*wanted, *(b for b in before if b not in wanted)]
        for broker in wanted:
            if broker not in before:
                partition.copied.setdefault(broker, 0)
                self._state.brokers[broker].directories["/data1"].add(name)
        self._state.elect(partition)
        self.finish(name)

    def _drop(self, name: TopicPartition, broker: int) -> None:
        for replicas in self._state.brokers[broker].directories.values():
            replicas.discard(name)

    def finish(self, name: TopicPartition) -> None:
        """End a move whose new replicas have everything."""
        partition = self._state.partition(name)
        if partition is None or partition.target is None or partition.stuck:
            return
        before, target = partition.before or [], partition.target
        alive = self._state.brokers
        if any(
            partition.copied.get(b, 0) < partition.size_bytes or not alive[b].alive for b in target if b not in before
        ):
            return
        partition.in_sync |= {b for b in target if b not in before}
        partition.in_sync &= set(target)
        for broker in set(before) - set(target):
            self._drop(name, broker)
        partition.replicas, partition.target, partition.before, partition.copied = list(target), None, None, {}
        self._state.elect(partition)

    def reassignments(self) -> list[Reassignment]:
        """What is under way."""
        return [
            Reassignment(
                TopicPartition(topic, number),
                tuple(p.replicas),
                tuple(b for b in p.target if b not in (p.before or ())),
                tuple(b for b in p.before or () if b not in p.target),
            )
            for topic, rows in sorted(self._state.topics.items())
            for number, p in enumerate(rows)
            if p.target is not None
        ]

    def elect(self, kind: ElectionKind, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, BrokerError]:
        """Elect leaders."""
        refused: dict[TopicPartition, BrokerError] = {}
        for name in partitions:
            partition = self._state.partition(name)
            if partition is None:
                refused[name] = broker_error(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"elect a leader of {name}")
                continue
            alive = [b for b in partition.replicas if self._state.brokers[b].alive]
            candidates = [b for b in alive if b in partition.in_sync] or (alive if kind == "unclean" else [])
            if not candidates or (kind == "preferred" and candidates[0] != partition.replicas[0]):
                code = ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE
                refused[name] = broker_error(code, f"elect a leader of {name}")
                continue
            partition.leader = candidates[0]
            partition.in_sync.add(candidates[0])
        return refused
