"""The faces of a cluster that operations use, and what they answer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, NamedTuple, Protocol

from kappaflow.client.admin import NewTopic
from kappaflow.client.listed_offsets import ListedOffset
from kappaflow.client.offset_fetch import CommittedOffset
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import BrokerError
from kappaflow.ops.admin.acl_faces import AclAdmin
from kappaflow.ops.admin.transaction_faces import TransactionAdmin
from kappaflow.ops.admin.user_faces import QuotaAdmin, UserAdmin

ElectionKind = Literal["preferred", "unclean"]
FeatureChange = Literal["upgrade", "safe-downgrade", "unsafe-downgrade"]


class BrokerState(NamedTuple):
    """A broker that is registered and alive; ``rack`` is None where it has none."""

    node_id: int
    host: str
    port: int
    rack: str | None


class ClusterState(NamedTuple):
    """The cluster as its controller sees it; ``controller_id`` is -1 while there is none."""

    cluster_id: str
    controller_id: int
    brokers: tuple[BrokerState, ...]


class PartitionState(NamedTuple):
    """One partition; ``leader`` is -1 where it has none. The first of ``replicas`` is the preferred leader."""

    topic: str
    partition: int
    leader: int
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]
    offline: tuple[int, ...]


class TopicState(NamedTuple):
    """A topic; ``topic_id`` is as Kafka writes it, and empty with brokers that have none."""

    name: str
    topic_id: str
    is_internal: bool
    partitions: tuple[PartitionState, ...]


class ConfigResource(NamedTuple):
    """What has configurations: ``topic``, ``broker``, ``broker_logger``, ``client_metrics`` or ``group``.

    An empty name of kind ``broker`` is the default of all brokers.
    """

    kind: Literal["topic", "broker", "broker_logger", "client_metrics", "group"]
    name: str


class ConfigEntry(NamedTuple):
    """One configuration.

    Attributes:
        name: Kafka's name.
        value: None where it is sensitive or unset.
        source: where the value comes from: ``topic``, ``broker``, ``cluster``, ``static``, ``default``, ``logger``,
            ``client_metrics``, ``group`` or ``unknown``.
        default: the value it would have without its own; None where the broker does not say.
        is_read_only: whether it changes only with the broker's properties file and a restart.
        is_sensitive: whether the broker keeps the value to itself.
        kind: of the value, such as ``int`` or ``list``; empty where the broker does not say.
        documentation: the broker's own words; empty where it has none.
    """

    name: str
    value: str | None
    source: str
    default: str | None
    is_read_only: bool
    is_sensitive: bool
    kind: str
    documentation: str


class GroupListing(NamedTuple):
    """A group as the brokers list it; ``kind`` is ``classic``, ``consumer``, ``share``, ``streams`` or empty."""

    group_id: str
    protocol_type: str
    state: str
    kind: str


class MemberState(NamedTuple):
    """A member of a group with what it was assigned; None where the assignment is not a consumer's."""

    member_id: str
    instance_id: str | None
    client_id: str
    client_host: str
    assignment: tuple[TopicPartition, ...] | None


class GroupState(NamedTuple):
    """A group; ``assignor`` is the protocol its members agreed on, ``coordinator`` a broker's id."""

    group_id: str
    state: str
    protocol_type: str
    assignor: str
    coordinator: int
    members: tuple[MemberState, ...]


class ReplicaSize(NamedTuple):
    """A replica on disk.

    Attributes:
        partition: which.
        size_bytes: of its log segments.
        offset_lag: how far it is behind the high watermark, or behind its current log where it is a future one.
        is_future: whether it is being copied to another directory of its broker.
    """

    partition: TopicPartition
    size_bytes: int
    offset_lag: int
    is_future: bool


class LogDirState(NamedTuple):
    """A log directory of a broker; sizes are -1 with brokers before 3.3, ``error`` is empty where it is online."""

    broker: int
    path: str
    error: str
    total_bytes: int
    usable_bytes: int
    replicas: tuple[ReplicaSize, ...]


class Reassignment(NamedTuple):
    """A reassignment under way; ``replicas`` are the old and the new ones together."""

    partition: TopicPartition
    replicas: tuple[int, ...]
    adding: tuple[int, ...]
    removing: tuple[int, ...]


class QuorumMember(NamedTuple):
    """A voter or observer of the metadata quorum.

    Attributes:
        node_id: of the server.
        directory_id: of its metadata directory, as Kafka writes it; empty where unknown, as before KIP-853.
        log_end_offset: how far its log is, as the leader knows.
        last_fetch_ms: when it last asked the leader, in ms since the epoch; -1 where unknown, as of the leader itself.
        last_caught_up_ms: when it last had all records; -1 where unknown.
    """

    node_id: int
    directory_id: str
    log_end_offset: int
    last_fetch_ms: int
    last_caught_up_ms: int


class QuorumListener(NamedTuple):
    """Where other members of the quorum reach a controller."""

    name: str
    host: str
    port: int


class QuorumState(NamedTuple):
    """The metadata quorum; ``leader_id`` is -1 while there is no leader.

    Attributes:
        leader_id: of the leader.
        leader_epoch: its term.
        high_watermark: what a majority of the voters has.
        voters: those that elect and acknowledge, by id.
        observers: those that only read along, by id: brokers, and controllers that are no voters.
        listeners: of voters, by id; empty before KIP-853.
    """

    leader_id: int
    leader_epoch: int
    high_watermark: int
    voters: tuple[QuorumMember, ...]
    observers: tuple[QuorumMember, ...]
    listeners: Mapping[int, tuple[QuorumListener, ...]] = MappingProxyType({})


class FeatureState(NamedTuple):
    """A feature: the level in force, 0 where none is, and the levels that the asked broker supports."""

    name: str
    level: int
    supported_min: int
    supported_max: int


class TopicAdmin(Protocol):
    """Topics and the offsets of their partitions."""

    def describe(self, names: Collection[str] | None = None) -> dict[str, TopicState]:
        """Topics by name, all by default; those that do not exist are left out."""
        ...

    def create(
        self, topics: Sequence[NewTopic], assignments: Mapping[str, Sequence[Sequence[int]]] | None = None
    ) -> None:
        """Create topics, with these replicas of each partition where given."""
        ...

    def delete(self, names: Collection[str]) -> None:
        """Delete topics with their records."""
        ...

    def grow(self, name: str, count: int, assignments: Sequence[Sequence[int]] | None = None) -> None:
        """Give a topic more partitions; ``assignments`` are those of the new ones."""
        ...

    def list_offsets(self, timestamps: Mapping[TopicPartition, int]) -> dict[TopicPartition, ListedOffset]:
        """The first offset at or after a time; partitions without a leader are left out."""
        ...

    def delete_records(self, before: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Delete the records before an offset, -1 for all; returns where each partition begins then."""
        ...


class ConfigAdmin(Protocol):
    """Configurations of topics, brokers and groups."""

    def describe(
        self, resources: Sequence[ConfigResource], names: Collection[str] | None = None, *, documentation: bool = False
    ) -> dict[ConfigResource, dict[str, ConfigEntry]]:
        """Configurations of each resource by name, all of them by default."""
        ...

    def alter(self, changes: Mapping[ConfigResource, Mapping[str, str | None]], *, validate_only: bool = False) -> None:
        """Set values; None takes a resource's own value away, so that the default holds again."""
        ...


class GroupAdmin(Protocol):
    """Groups and their committed offsets."""

    def list(self) -> list[GroupListing]:
        """All groups, sorted by id."""
        ...

    def describe(self, group_ids: Sequence[str]) -> dict[str, GroupState]:
        """Groups with their members; one that does not exist has the state ``Dead``."""
        ...

    def offsets(self, group_ids: Sequence[str]) -> dict[str, dict[TopicPartition, CommittedOffset]]:
        """All committed offsets of each group."""
        ...

    def commit(self, group_id: str, offsets: Mapping[TopicPartition, int | CommittedOffset]) -> None:
        """Set the offsets of a group that has no members."""
        ...

    def delete_offsets(self, group_id: str, partitions: Sequence[TopicPartition]) -> None:
        """Forget committed offsets; of topics that no member reads."""
        ...

    def delete(self, group_id: str) -> None:
        """Delete an empty group."""
        ...

    def remove_members(self, group_id: str, members: Sequence[MemberState]) -> None:
        """Take members out; those that run join again."""
        ...


class LogDirAdmin(Protocol):
    """What lies on the brokers' disks."""

    def describe(
        self, brokers: Collection[int] | None = None, topics: Collection[str] | None = None
    ) -> list[LogDirState]:
        """The log directories of brokers, all by default, sorted by broker and path."""
        ...

    def move(self, moves: Mapping[tuple[TopicPartition, int], str]) -> None:
        """Copy replicas, each named by partition and broker, to another directory of their broker."""
        ...


class PlacementAdmin(Protocol):
    """Where replicas are and who leads."""

    def reassign(self, replicas: Mapping[TopicPartition, Sequence[int] | None]) -> dict[TopicPartition, BrokerError]:
        """Start to move partitions to these replicas; None cancels what is under way. Returns what was refused."""
        ...

    def reassignments(self) -> list[Reassignment]:
        """What is under way, by whomever it was started."""
        ...

    def elect(self, kind: ElectionKind, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, BrokerError]:
        """Elect leaders. Returns what was refused; a leader that is already the right one is none of these."""
        ...


class QuorumAdmin(Protocol):
    """The metadata quorum of a cluster with KRaft."""

    def describe(self) -> QuorumState:
        """The quorum as its leader sees it."""
        ...

    def add_voter(self, cluster_id: str, node_id: int, directory_id: str, listeners: Sequence[QuorumListener]) -> None:
        """Make an observer a voter; returns when that is committed. Nothing happens where it is one."""
        ...

    def remove_voter(self, cluster_id: str, node_id: int, directory_id: str) -> None:
        """Make a voter an observer. Nothing happens where it is no voter."""
        ...


class FeatureAdmin(Protocol):
    """Feature levels, ``metadata.version`` among them."""

    def describe(self, broker: int | None = None) -> dict[str, FeatureState]:
        """Features by name, as one broker knows them; any one by default."""
        ...

    def update(
        self, levels: Mapping[str, int], change: FeatureChange = "upgrade", *, validate_only: bool = False
    ) -> None:
        """Agree on other levels."""
        ...


class ClusterAdmin(Protocol):
    """A cluster."""

    @property
    def topics(self) -> TopicAdmin:
        """Topics and the offsets of their partitions."""
        ...

    @property
    def configs(self) -> ConfigAdmin:
        """Configurations."""
        ...

    @property
    def groups(self) -> GroupAdmin:
        """Consumer groups."""
        ...

    @property
    def log_dirs(self) -> LogDirAdmin:
        """Disks."""
        ...

    @property
    def placement(self) -> PlacementAdmin:
        """Replicas and leaders."""
        ...

    @property
    def transactions(self) -> TransactionAdmin:
        """Transactions."""
        ...

    @property
    def acls(self) -> AclAdmin:
        """Access control lists."""
        ...

    @property
    def quotas(self) -> QuotaAdmin:
        """Quotas of clients."""
        ...

    @property
    def users(self) -> UserAdmin:
        """Users that log on by SCRAM."""
        ...

    @property
    def quorum(self) -> QuorumAdmin:
        """The metadata quorum."""
        ...

    @property
    def features(self) -> FeatureAdmin:
        """Feature levels."""
        ...

    def describe(self) -> ClusterState:
        """The brokers that are alive."""
        ...

    def unregister(self, broker: int) -> None:
        """Forget a broker that is away, with KRaft. Nothing happens where it is not registered."""
        ...

    def supports(self, api_key: int, version: int = 0) -> bool:
        """Whether the brokers know an API in this version."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...
