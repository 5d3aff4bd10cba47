"""What a simulated cluster holds."""

from __future__ import annotations

from dataclasses import dataclass, field

from kappaflow.client.topic_partition import TopicPartition
from kappaflow.ops.admin import AclEntry, ProducerState, TransactionState
from kappaflow.ops.admin.user_faces import QuotaEntity
from kappaflow.runtime.clock import ManualClock

COPY_BYTES_PER_S = 100 << 20
DISK_BYTES = 1 << 40
DEFAULTS = {
    "topic": {
        "retention.ms": "604800000",
        "retention.bytes": "-1",
        "segment.bytes": "1073741824",
        "cleanup.policy": "delete",
        "min.insync.replicas": "1",
        "unclean.leader.election.enable": "false",
        "leader.replication.throttled.replicas": "",
        "follower.replication.throttled.replicas": "",
        "max.message.bytes": "1048588",
    },
    "broker": {
        "delete.topic.enable": "true",
        "leader.replication.throttled.rate": "9223372036854775807",
        "follower.replication.throttled.rate": "9223372036854775807",
        "log.retention.ms": "604800000",
        "min.insync.replicas": "1",
        "unclean.leader.election.enable": "false",
        "auto.create.topics.enable": "true",
        "message.max.bytes": "1048588",
        "listeners": "PLAINTEXT://127.0.0.1:9092",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SSL:SSL",
    },
}


@dataclass
class Broker:
    """A broker and its directories, each with its replicas by partition; ``failed`` has the errors of those offline."""

    node_id: int
    rack: str | None
    alive: bool = True
    static: dict[str, str] = field(default_factory=dict[str, str])
    directories: dict[str, set[TopicPartition]] = field(default_factory=dict[str, "set[TopicPartition]"])
    disk_bytes: int = DISK_BYTES
    failed: dict[str, str] = field(default_factory=dict[str, str])


@dataclass
class Partition:
    """A partition; ``copied`` is how much each adding replica has of it, ``target`` its replicas after a move.

    ``stuck`` is a move that was given another target than null or its own on its way: only cancelling ends it.
    """

    replicas: list[int]
    in_sync: set[int]
    leader: int
    begin: int = 0
    end: int = 0
    size_bytes: int = 0
    target: list[int] | None = None
    before: list[int] | None = None
    stuck: bool = False
    copied: dict[int, int] = field(default_factory=dict[int, int])


@dataclass
class Group:
    """A group with its committed offsets."""

    state: str
    members: dict[str, list[TopicPartition]]
    offsets: dict[TopicPartition, int]


@dataclass
class State:
    """Everything."""

    clock: ManualClock
    brokers: dict[int, Broker] = field(default_factory=dict[int, Broker])
    topics: dict[str, list[Partition]] = field(default_factory=dict[str, "list[Partition]"])
    configs: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict[tuple[str, str], dict[str, str]])
    acls: set[AclEntry] = field(default_factory=set[AclEntry])
    quotas: dict[QuotaEntity, dict[str, float]] = field(default_factory=dict[QuotaEntity, dict[str, float]])
    credentials: dict[tuple[str, str], tuple[int, bytes, bytes]] = field(
        default_factory=dict[tuple[str, str], tuple[int, bytes, bytes]]
    )
    groups: dict[str, Group] = field(default_factory=dict[str, Group])
    producers: dict[TopicPartition, list[ProducerState]] = field(
        default_factory=dict[TopicPartition, "list[ProducerState]"]
    )
    transactions: dict[str, TransactionState] = field(default_factory=dict[str, TransactionState])

    def partition(self, name: TopicPartition) -> Partition | None:
        """A partition by name; None where there is none."""
        partitions = self.topics.get(name.topic, [])
        return partitions[name.partition] if 0 <= name.partition < len(partitions) else None

    def config(self, kind: str, name: str, key: str) -> str:
        """The value in force of a topic's or broker's configuration."""
        own = self.configs.get((kind, name), {})
        shared = self.configs.get(("broker", ""), {}) if kind == "broker" else {}
        static = self.brokers[int(name)].static if kind == "broker" and name else {}
        return own.get(key) or shared.get(key) or static.get(key) or DEFAULTS[kind][key]

    def elect(self, partition: Partition) -> None:
        """Keep the leader where it is alive and in sync, else the first in-sync replica that is alive."""
        alive = [r for r in partition.replicas if r in partition.in_sync and self.brokers[r].alive]
        if partition.leader not in alive:
            partition.leader = alive[0] if alive else -1
