"""The simulated cluster itself: what a test does to it, and how time passes in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kappaflow.client.broker_errors import broker_error
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.ops.admin import BrokerState, ClusterState
from kappaflow.ops.contexts import ClusterContext
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.clock import ManualClock
from kappaflow.testing.simulated_cluster.acls import SimulatedAcls
from kappaflow.testing.simulated_cluster.agreement import SimulatedFeatures, SimulatedQuorum
from kappaflow.testing.simulated_cluster.configs import SimulatedConfigs
from kappaflow.testing.simulated_cluster.disks import SimulatedLogDirs
from kappaflow.testing.simulated_cluster.groups import SimulatedGroups
from kappaflow.testing.simulated_cluster.placement import SimulatedPlacement
from kappaflow.testing.simulated_cluster.state import COPY_BYTES_PER_S, Broker, Group, Partition, State
from kappaflow.testing.simulated_cluster.topics import SimulatedTopics
from kappaflow.testing.simulated_cluster.transactions import SimulatedTransactions
from kappaflow.testing.simulated_cluster.users import SimulatedQuotas, SimulatedUsers
from kappaflow.wire.error_codes import ErrorCode

START_MS = 1_700_000_000_000
RATE = "follower.replication.throttled.rate"
THROTTLED = "follower.replication.throttled.replicas"


class SimulatedCluster:
    """A cluster in memory.

    Attributes:
        state: what it holds; tests may look and change.
        clock: its time, which only `advance` moves.
    """

    def __init__(self, brokers: int = 3, *, racks: int = 0, directories: int = 1) -> None:
        """A cluster without topics.

        Args:
            brokers: how many, numbered from 1.
            racks: how many racks they are spread over; 0 for none.
            directories: log directories of each.
        """
        self.clock = ManualClock(START_MS)
        self.state = State(self.clock)
        self._directories = directories
        for number in range(1, brokers + 1):
            self.add_broker(number, f"r{number % racks}" if racks else None)
        self.topics = SimulatedTopics(self.state)
        self.configs = SimulatedConfigs(self.state)
        self.groups = SimulatedGroups(self.state)
        self.log_dirs = SimulatedLogDirs(self.state)
        self.placement = SimulatedPlacement(self.state)
        self.acls = SimulatedAcls(self.state)
        self.quotas = SimulatedQuotas(self.state)
        self.users = SimulatedUsers(self.state)
        self.transactions = SimulatedTransactions(self.state)
        self.quorum = SimulatedQuorum(self.state)
        self.features = SimulatedFeatures()

    def session(self, *, read_only: bool = False) -> OpsSession:
        """A session of operations on it."""
        context = ClusterContext("simulated", "127.0.0.1:1", read_only=read_only)
        return OpsSession(context, admin=self, clock=self.clock, pause=self.advance)

    def describe(self) -> ClusterState:
        """The brokers that are alive; the first one is the controller."""
        alive = [b for b in self.state.brokers.values() if b.alive]
        rows = tuple(BrokerState(b.node_id, "127.0.0.1", 9000 + b.node_id, b.rack) for b in alive)
        return ClusterState("simulated-cluster", alive[0].node_id if alive else -1, rows)

    def unregister(self, broker: int) -> None:
        """Forget a broker that is away."""
        if broker in self.state.brokers and self.state.brokers[broker].alive:
            raise broker_error(ErrorCode.INVALID_REQUEST, f"unregister broker {broker}", "it is alive")
        self.state.brokers.pop(broker, None)

    def supports(self, api_key: int, version: int = 0) -> bool:
        """It knows everything."""
        return api_key >= 0 <= version

    def close(self) -> None:
        """Nothing is open."""

    def add_broker(self, node_id: int, rack: str | None = None) -> None:
        """A new broker joins, empty."""
        directories: dict[str, set[TopicPartition]] = {f"/data{d}": set() for d in range(1, self._directories + 1)}
        self.state.brokers[node_id] = Broker(node_id, rack, directories=directories)

    def stop_broker(self, node_id: int) -> None:
        """A broker goes away: it leaves every in-sync set and its leaderships move."""
        self.state.brokers[node_id].alive = False
        for partition in self._all():
            if len(partition.in_sync) > 1:
                partition.in_sync.discard(node_id)
            self.state.elect(partition)

    def start_broker(self, node_id: int) -> None:
        """A broker comes back, and its replicas catch up at once."""
        self.state.brokers[node_id].alive = True
        for partition in self._all():
            if node_id in partition.replicas:
                partition.in_sync.add(node_id)
            self.state.elect(partition)

    def add_topic(
        self,
        name: str,
        partitions: int = 1,
        replication_factor: int = 1,
        *,
        size_bytes: int = 0,
        records: int = 0,
        replicas: Sequence[Sequence[int]] | None = None,
        configs: Mapping[str, str] | None = None,
    ) -> None:
        """A topic, its replicas laid round robin over the brokers unless they are given.

        Args:
            name: of the topic.
            partitions: how many.
            replication_factor: copies of each.
            size_bytes: of each partition.
            records: of each partition.
            replicas: of each partition.
            configs: its own.
        """
        brokers = sorted(self.state.brokers)
        start = sum(len(rows) for rows in self.state.topics.values())
        rows = replicas or [
            [brokers[(start + p + r) % len(brokers)] for r in range(replication_factor)] for p in range(partitions)
        ]
        self.state.topics[name] = [
            Partition(list(row), set(row), row[0], end=records, size_bytes=size_bytes) for row in rows
        ]
        for number, row in enumerate(rows):
            for broker in row:
                self.state.brokers[broker].directories["/data1"].add(TopicPartition(name, number))
        if configs:
            self.state.configs["topic", name] = dict(configs)

    def add_group(
        self,
        name: str,
        offsets: Mapping[TopicPartition, int],
        members: Mapping[str, Sequence[TopicPartition]] | None = None,
    ) -> None:
        """A group with offsets, and members where given."""
        kept = {member: list(partitions) for member, partitions in (members or {}).items()}
        self.state.groups[name] = Group("Stable" if kept else "Empty", kept, dict(offsets))

    def _all(self) -> list[Partition]:
        return [partition for rows in self.state.topics.values() for partition in rows]

    def advance(self, seconds: float) -> None:
        """Time passes: replicas that are being added copy, as fast as throttles let them."""
        self.clock.advance(int(seconds * 1000))
        moving = [
            (TopicPartition(topic, number), partition)
            for topic, rows in self.state.topics.items()
            for number, partition in enumerate(rows)
            if partition.target is not None
        ]
        for broker in self.state.brokers:
            mine = [(n, p) for n, p in moving if p.target and broker in p.target and broker not in (p.before or ())]
            left = seconds * self._rate(broker, mine)
            for _, partition in mine:
                copied = partition.copied.get(broker, 0)
                step = int(min(left, partition.size_bytes - copied))
                partition.copied[broker] = copied + step
                left -= step
        for name, _ in moving:
            self.placement.finish(name)

    def _rate(self, broker: int, moving: Sequence[tuple[TopicPartition, Partition]]) -> int:
        """Bytes a second that a broker copies; a throttle holds for the topics that name its replicas."""
        throttled = any(
            f"{name.partition}:{broker}" in self.state.config("topic", name.topic, THROTTLED).split(",")
            for name, _ in moving
        )
        limit = int(self.state.config("broker", str(broker), RATE)) if throttled else COPY_BYTES_PER_S
        return min(limit, COPY_BYTES_PER_S)
