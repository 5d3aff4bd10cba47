"""Topics, partitions, configurations, offsets and the cluster itself.

    with Admin(config) as admin:
        admin.create_topic(NewTopic("orders", partitions=4))
        admin.list_offsets({TopicPartition("orders", 0): LATEST})

Calls block until the brokers have answered.  What may pass by itself (a leader on the move, a lost connection) is
tried again until the request time-out; everything else is raised as ``BrokerError`` with Kafka's code and name.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeVar

from kappaflow.client.broker_errors import broker_error, raise_for_code
from kappaflow.client.connection import ClientConfig, Connection
from kappaflow.client.gathering import ask_together
from kappaflow.client.kafka_python import admin_messages, metadata_messages
from kappaflow.client.listed_offsets import ListedOffset, OffsetQuestion, ask_offsets, no_leader
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import BrokerError, RequestNotSentError, RetriableBrokerError
from kappaflow.runtime.closing import Closing
from kappaflow.wire.error_codes import ErrorCode

LATEST = -1
EARLIEST = -2
MAX_TIMESTAMP = -3
"""Timestamps that stand for a position: the end, the beginning, the record with the highest timestamp."""

PROPAGATION_TIMEOUT_S = 10.0
PROPAGATION_POLL_S = 0.02
RESOURCE_TYPES = {"topic": 2, "broker": 4, "group": 32}
_Key = TypeVar("_Key")
_Hint = TypeVar("_Hint")
_Answer = TypeVar("_Answer")
_SET, _DELETE = 0, 1
_ISOLATION = {"read_uncommitted": 0, "read_committed": 1}


def _has_leaders(topic: Any) -> bool:
    return bool(topic.partitions) and all(row.leader_id >= 0 for row in topic.partitions)


@dataclass(frozen=True)
class NewTopic:
    """A topic to create.

    Attributes:
        name: its name.
        partitions: how many, -1 for the broker's default.
        replication_factor: copies, -1 for the broker's default.
        configs: such as ``{"cleanup.policy": "compact"}``.
    """

    name: str
    partitions: int = -1
    replication_factor: int = -1
    configs: Mapping[str, str] = field(default_factory=dict[str, str])


class PartitionDescription(NamedTuple):
    """One partition as the metadata shows it; ``leader`` is -1 where there is none."""

    partition: int
    leader: int
    leader_epoch: int
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]
    offline: tuple[int, ...]


class TopicDescription(NamedTuple):
    """A topic as the metadata shows it; ``topic_id`` is empty with brokers that have none."""

    name: str
    topic_id: str
    is_internal: bool
    partitions: tuple[PartitionDescription, ...]


class BrokerDescription(NamedTuple):
    """A live broker."""

    node_id: int
    host: str
    port: int
    rack: str | None


class ClusterDescription(NamedTuple):
    """The cluster as one broker sees it."""

    cluster_id: str
    controller_id: int
    brokers: tuple[BrokerDescription, ...]


class ConfigValue(NamedTuple):
    """One configuration; ``value`` is None where it is sensitive or unset."""

    value: str | None
    is_default: bool
    is_read_only: bool
    is_sensitive: bool


class Admin(Closing):
    """Blocking calls for control; safe to be used from any thread."""

    def __init__(self, config: ClientConfig, connection: Connection | None = None) -> None:
        """Connect.

        Args:
            config: how to reach the cluster.
            connection: one to share; by default the admin has its own.

        Raises:
            BrokerUnreachable: no broker answers.
        """
        self._owns = connection is None
        self.connection = connection or Connection(config, "admin")

    def close(self) -> None:
        """Close the connections."""
        if self._owns:
            self.connection.close()

    def _timeout_ms(self) -> int:
        return self.connection.config.request_timeout_ms

    def _metadata_request(self, topics: Sequence[str] | None) -> Any:
        topic_class = metadata_messages.MetadataRequest.MetadataRequestTopic
        return metadata_messages.MetadataRequest(
            topics=None if topics is None else [topic_class(name=name) for name in topics],
            allow_auto_topic_creation=False,
            include_cluster_authorized_operations=False,
            include_topic_authorized_operations=False,
            min_version=4,
            max_version=12,
        )

    def _metadata_of(self, topics: Sequence[str] | None) -> Any:
        def attempt() -> Any:
            return self.connection.request(self._metadata_request(topics), "read the cluster's metadata")

        return self.connection.retry(attempt)

    def _wait_until_known(self, names: Sequence[str], is_known: Callable[[Mapping[str, Any]], bool]) -> None:
        """Wait, for some seconds at most, until every live broker knows of a change that the controller made.

        Args:
            names: the topics that changed.
            is_known: judges a broker's metadata of those that exist and have leaders.
        """
        deadline = time.monotonic() + PROPAGATION_TIMEOUT_S
        for broker in self.describe_cluster().brokers:
            while time.monotonic() < deadline:
                try:
                    response = self.connection.request(
                        self._metadata_request(names), "read the cluster's metadata", broker.node_id
                    )
                except RetriableBrokerError:
                    break
                rows = {row.name: row for row in response.topics if not row.error_code}
                if is_known(rows):
                    break
                time.sleep(PROPAGATION_POLL_S)

    def on_controller(self, request: Any, what: str) -> Any:
        """Send to the controller; any broker will do where it forwards.

        Brokers name one that has just died for some seconds more: while it cannot be connected to, the controller
        is looked up again.

        Raises:
            BrokerError: the request failed; error codes in the answer are the caller's to read.
        """

        def attempt() -> Any:
            controller = self._metadata_of([]).controller_id
            try:
                return self.connection.request(request, what, controller if controller >= 0 else None)
            except RequestNotSentError:
                raise
            except RetriableBrokerError as error:
                return error  # it may have been carried out

        answer = self.connection.retry(attempt)
        if isinstance(answer, RetriableBrokerError):
            raise answer
        return answer

    # ---- topics ----

    def create_topics(
        self,
        topics: Sequence[NewTopic],
        *,
        validate_only: bool = False,
        assignments: Mapping[str, Sequence[Sequence[int]]] | None = None,
    ) -> None:
        """Create topics, and wait until the brokers know them.

        Args:
            topics: what to create.
            validate_only: only check whether they could be created.
            assignments: the replicas of each partition, by topic; where given, its counts must be -1.

        Raises:
            BrokerError: of the first topic that was refused, such as ``TOPIC_ALREADY_EXISTS``.
        """
        request_class = admin_messages.CreateTopicsRequest
        topic_class = request_class.CreatableTopic

        def attempt() -> None:
            request = request_class(
                topics=[
                    topic_class(
                        name=topic.name,
                        num_partitions=topic.partitions,
                        replication_factor=topic.replication_factor,
                        assignments=[
                            topic_class.CreatableReplicaAssignment(partition_index=index, broker_ids=list(brokers))
                            for index, brokers in enumerate((assignments or {}).get(topic.name, ()))
                        ],
                        configs=[
                            topic_class.CreatableTopicConfig(name=name, value=value)
                            for name, value in topic.configs.items()
                        ],
                    )
                    for topic in topics
                ],
                timeout_ms=self._timeout_ms(),
                validate_only=validate_only,
                min_version=4,
                max_version=7,
            )
            response = self.on_controller(request, "create topics")
            for row in response.topics:
                raise_for_code(row.error_code, f"create topic {row.name}", row.error_message)

        self.connection.retry(attempt)
        if not validate_only:
            names = [topic.name for topic in topics]
            self._wait_until_known(names, lambda rows: all(n in rows and _has_leaders(rows[n]) for n in names))

    def create_topic(self, topic: NewTopic, *, exist_ok: bool = False) -> bool:
        """Create one topic and return whether it is new.

        Args:
            topic: what to create.
            exist_ok: whether an existing topic of this name, whatever its settings, is no error.

        Raises:
            BrokerError: it was refused.
        """
        try:
            self.create_topics([topic])
        except BrokerError as error:
            if exist_ok and error.code == ErrorCode.TOPIC_ALREADY_EXISTS:
                return False
            raise
        return True

    def delete_topics(self, names: Sequence[str]) -> None:
        """Delete topics with all their records, and wait until the brokers have forgotten them.

        Raises:
            BrokerError: of the first topic that was refused, such as ``UNKNOWN_TOPIC_OR_PARTITION``.
        """
        request_class = admin_messages.DeleteTopicsRequest
        request = request_class(topic_names=list(names), timeout_ms=self._timeout_ms(), min_version=1, max_version=5)
        response = self.on_controller(request, "delete topics")
        for row in response.responses:
            raise_for_code(row.error_code, f"delete topic {row.name}", row.error_message)
        self._wait_until_known(names, lambda rows: not rows)

    def list_topics(self, *, internal: bool = False) -> list[str]:
        """The names of all topics, sorted.

        Args:
            internal: whether to list the brokers' own topics too.
        """
        topics = self._metadata_of(None).topics
        return sorted(row.name for row in topics if internal or not row.is_internal)

    def describe_topics(self, names: Sequence[str] | None = None) -> dict[str, TopicDescription]:
        """Topics with their partitions; those that do not exist are left out.

        Args:
            names: which topics; all by default.

        Raises:
            BrokerError: a topic may not be seen, or the name cannot be a topic's.
        """
        described: dict[str, TopicDescription] = {}
        for row in self._topic_rows(names):
            if row.error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
                continue
            if row.error_code != ErrorCode.LEADER_NOT_AVAILABLE:
                raise_for_code(row.error_code, f"describe topic {row.name}")
            partitions = tuple(
                PartitionDescription(
                    p.partition_index,
                    p.leader_id,
                    -1 if p.leader_epoch is None else p.leader_epoch,
                    tuple(p.replica_nodes),
                    tuple(p.isr_nodes),
                    tuple(p.offline_replicas or ()),
                )
                for p in sorted(row.partitions, key=lambda p: p.partition_index)
            )
            described[row.name] = TopicDescription(row.name, str(row.topic_id or ""), row.is_internal, partitions)
        return described

    def _topic_rows(self, names: Sequence[str] | None) -> Iterable[Any]:
        if names is None:
            return self._metadata_of(None).topics

        def ask(wanted: Mapping[str, None]) -> dict[str, Any]:
            return {row.name: row for row in self._metadata_of(sorted(wanted)).topics}

        return self._gathered("topics", dict.fromkeys(names), ask).values()

    def partitions_for(self, topic: str) -> int:
        """How many partitions a topic has.

        Raises:
            BrokerError: ``UNKNOWN_TOPIC_OR_PARTITION``, the topic does not exist.
        """
        described = self.describe_topics([topic])
        if topic not in described:
            raise broker_error(
                ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"describe topic {topic}", "the topic does not exist"
            )
        return len(described[topic].partitions)

    def create_partitions(self, counts: Mapping[str, int]) -> None:
        """Grow topics to these numbers of partitions, and wait until the brokers know them.

        Raises:
            BrokerError: of the first topic that was refused.
        """
        request_class = admin_messages.CreatePartitionsRequest
        request = request_class(
            topics=[
                request_class.CreatePartitionsTopic(name=name, count=count, assignments=None)
                for name, count in counts.items()
            ],
            timeout_ms=self._timeout_ms(),
            validate_only=False,
            min_version=0,
            max_version=3,
        )
        for row in self.on_controller(request, "create partitions").results:
            raise_for_code(row.error_code, f"add partitions to topic {row.name}", row.error_message)
        self._wait_until_known(
            list(counts),
            lambda rows: all(
                n in rows and len(rows[n].partitions) >= count and _has_leaders(rows[n]) for n, count in counts.items()
            ),
        )

    def describe_cluster(self) -> ClusterDescription:
        """The live brokers, the controller and the cluster's id."""
        response = self._metadata_of([])
        brokers = tuple(
            BrokerDescription(row.node_id, row.host, row.port, row.rack)
            for row in sorted(response.brokers, key=lambda row: row.node_id)
        )
        return ClusterDescription(response.cluster_id or "", response.controller_id, brokers)

    # ---- configurations ----

    def describe_configs(self, resource: Literal["topic", "broker"], name: str) -> dict[str, ConfigValue]:
        """All configurations of a topic or broker.

        Args:
            resource: what it is.
            name: the topic's name or the broker's id.

        Raises:
            BrokerError: it does not exist or may not be seen.
        """
        request_class = admin_messages.DescribeConfigsRequest
        row = request_class.DescribeConfigsResource(
            resource_type=RESOURCE_TYPES[resource], resource_name=name, configuration_keys=None
        )
        request = request_class(
            resources=[row], include_synonyms=False, include_documentation=False, min_version=1, max_version=4
        )
        what = f"describe the configuration of {resource} {name}"
        node_id = int(name) if resource == "broker" else None
        result = self.connection.retry(lambda: self.connection.request(request, what, node_id)).results[0]
        raise_for_code(result.error_code, what, result.error_message)
        default_source = 5
        return {
            c.name: ConfigValue(c.value, c.config_source == default_source, c.read_only, c.is_sensitive)
            for c in result.configs
        }

    def topic_setting(self, topic: str, name: str) -> str | None:
        """One configuration of a topic; None where brokers do not know it.

        Raises:
            BrokerError: the topic does not exist or may not be seen.
        """
        request_class = admin_messages.DescribeConfigsRequest

        def ask(wanted: Mapping[str, None]) -> dict[str, Any]:
            rows = [
                request_class.DescribeConfigsResource(
                    resource_type=RESOURCE_TYPES["topic"], resource_name=each, configuration_keys=[name]
                )
                for each in wanted
            ]
            request = request_class(
                resources=rows, include_synonyms=False, include_documentation=False, min_version=1, max_version=4
            )
            response = self.connection.retry(lambda: self.connection.request(request, f"read {name} of topics"))
            return {row.resource_name: row for row in response.results}

        row = self._gathered(f"setting-{name}", {topic: None}, ask)[topic]
        raise_for_code(row.error_code, f"read {name} of topic {topic}", row.error_message)
        return next((config.value for config in row.configs if config.name == name), None)

    def alter_configs(
        self,
        resource: Literal["topic", "broker"],
        name: str,
        values: Mapping[str, str] | None = None,
        *,
        delete: Iterable[str] = (),
        validate_only: bool = False,
    ) -> None:
        """Set some configurations and return others to their defaults.

        Raises:
            BrokerError: a value was refused; nothing was changed.
        """
        request_class = admin_messages.IncrementalAlterConfigsRequest
        resource_class = request_class.AlterConfigsResource
        changes = [
            *(
                resource_class.AlterableConfig(name=n, config_operation=_SET, value=v)
                for n, v in (values or {}).items()
            ),
            *(resource_class.AlterableConfig(name=n, config_operation=_DELETE, value=None) for n in delete),
        ]
        row = resource_class(resource_type=RESOURCE_TYPES[resource], resource_name=name, configs=changes)
        request = request_class(resources=[row], validate_only=validate_only, min_version=0, max_version=1)
        what = f"alter the configuration of {resource} {name}"
        for result in self.on_controller(request, what).responses:
            raise_for_code(result.error_code, what, result.error_message)

    # ---- offsets and records ----

    def list_offsets(
        self,
        timestamps: Mapping[TopicPartition, int],
        isolation_level: Literal["read_uncommitted", "read_committed"] = "read_uncommitted",
        *,
        described: Mapping[str, TopicDescription] | None = None,
    ) -> dict[TopicPartition, ListedOffset]:
        """The first offset at or after a time, for each partition.

        Args:
            timestamps: milliseconds since the epoch, or ``EARLIEST``, ``LATEST`` or ``MAX_TIMESTAMP``.
            isolation_level: whether ``LATEST`` is the last stable offset.
            described: what is known of the topics; leaders that are none any more are looked up.

        Raises:
            BrokerError: a partition does not exist or has no leader for too long.
        """
        isolation = _ISOLATION[isolation_level]
        leaders = _leaders(described or {})
        found: dict[TopicPartition, ListedOffset] = {}

        def ask(wanted: Mapping[OffsetQuestion, int | None]) -> dict[OffsetQuestion, ListedOffset | BrokerError]:
            return ask_offsets(self.connection, self._leaders_of, isolation, wanted)

        def attempt() -> None:
            wanted = {
                (p, at): leaders.get(p) for key, at in timestamps.items() if (p := TopicPartition(*key)) not in found
            }
            leaders.clear()  # where something fails they are looked up
            answers = self._gathered(f"offsets-{isolation}", wanted, ask)
            found.update({p: row for (p, _), row in answers.items() if isinstance(row, ListedOffset)})
            for row in answers.values():
                if isinstance(row, BrokerError):
                    raise row

        self.connection.retry(attempt)
        return found

    def _gathered(
        self, kind: str, wanted: Mapping[_Key, _Hint], ask: Callable[[Mapping[_Key, _Hint]], Mapping[_Key, _Answer]]
    ) -> Mapping[_Key, _Answer]:
        """Ask together with others of this process that ask for the same kind of thing now."""
        return ask_together(self.connection.config.gatherings, kind, wanted, ask)

    def delete_records(self, offsets: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Delete all records before an offset of each partition, and return where each then begins.

        Args:
            offsets: the first offset to keep; -1 for the end.

        Raises:
            BrokerError: of the first partition that was refused, such as ``OFFSET_OUT_OF_RANGE``.
        """
        request_class = admin_messages.DeleteRecordsRequest
        topic_class = request_class.DeleteRecordsTopic
        low: dict[TopicPartition, int] = {}

        def attempt() -> None:
            wanted = [TopicPartition(*p) for p in offsets if p not in low]
            for node_id, topics in self._by_leader(wanted).items():
                request = request_class(
                    topics=[
                        topic_class(
                            name=topic,
                            partitions=[
                                topic_class.DeleteRecordsPartition(partition_index=p.partition, offset=offsets[p])
                                for p in partitions
                            ],
                        )
                        for topic, partitions in topics.items()
                    ],
                    timeout_ms=self._timeout_ms(),
                    min_version=0,
                    max_version=2,
                )
                for topic in self.connection.request(request, "delete records", node_id).topics:
                    for row in topic.partitions:
                        partition = TopicPartition(topic.name, row.partition_index)
                        raise_for_code(row.error_code, f"delete records of {partition}")
                        low[partition] = row.low_watermark

        self.connection.retry(attempt)
        return low

    def _leaders_of(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        return _leaders(self.describe_topics(topics))

    def _by_leader(self, partitions: Sequence[TopicPartition]) -> dict[int, dict[str, list[TopicPartition]]]:
        leaders = self._leaders_of(sorted({p.topic for p in partitions}))
        grouped: dict[int, dict[str, list[TopicPartition]]] = {}
        for partition in partitions:
            if leaders.get(partition, -1) < 0:
                raise no_leader(partition, exists=partition in leaders)
            grouped.setdefault(leaders[partition], {}).setdefault(partition.topic, []).append(partition)
        return grouped


def _leaders(described: Mapping[str, TopicDescription]) -> dict[TopicPartition, int]:
    return {
        TopicPartition(name, row.partition): row.leader
        for name, description in described.items()
        for row in description.partitions
    }
