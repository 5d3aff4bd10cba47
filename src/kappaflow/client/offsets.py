"""The committed offsets of a group: for members of a generation, and for readers that are in no group."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from kappaflow.client.broker_errors import raise_for_code
from kappaflow.client.connection import ClientConfig, Connection
from kappaflow.client.coordinator import Coordinator
from kappaflow.client.gathering import ask_together
from kappaflow.client.kafka_python import consumer_messages
from kappaflow.client.offset_fetch import CommittedAnswer, CommittedOffset, CommittedQuestion, ask_committed
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import BrokerError
from kappaflow.runtime.closing import Closing

_OffsetCommitRequest = consumer_messages.OffsetCommitRequest


class GroupGeneration(NamedTuple):
    """Who commits; a coordinator refuses those of an older generation.

    Attributes:
        generation_id: -1 for a reader that is in no group.
        member_id: the member's id.
        group_instance_id: of a static member.
    """

    generation_id: int = -1
    member_id: str = ""
    group_instance_id: str | None = None


SIMPLE = GroupGeneration()


class GroupOffsets(Closing):
    """Reads and writes a group's committed offsets.  Calls block; safe to be used from any thread."""

    def __init__(self, config: ClientConfig, group_id: str, connection: Connection | None = None) -> None:
        """Connect.

        Args:
            config: how to reach the cluster.
            group_id: the group.
            connection: one to share; by default it has its own.

        Raises:
            BrokerUnreachable: no broker answers.
        """
        self._owns = connection is None
        self._connection = connection or Connection(config, "offsets")
        self._coordinator = Coordinator(self._connection, group_id)
        self.group_id = group_id

    def coordinator_node(self) -> int:
        """The broker that coordinates the group now.

        Raises:
            BrokerError: there is none for too long.
        """
        return self._coordinator.node_id()

    def find_coordinator(self) -> Any:
        """Look up the broker that coordinates the group: its node id, host and port, for a member of the group.

        Raises:
            BrokerError: there is none for too long.
        """
        self._coordinator.node_id()
        return self._coordinator.found

    def close(self) -> None:
        """Close the connection, where it is its own."""
        if self._owns:
            self._connection.close()

    def commit(
        self, offsets: Mapping[TopicPartition, int | CommittedOffset], generation: GroupGeneration = SIMPLE
    ) -> None:
        """Commit the next offset to read of each partition.

        Args:
            offsets: the positions.
            generation: who commits.

        Raises:
            BrokerError: ``ILLEGAL_GENERATION``, ``UNKNOWN_MEMBER_ID``, ``REBALANCE_IN_PROGRESS`` or
                ``FENCED_INSTANCE_ID`` when the member lost its place; nothing was committed then.
        """
        topic_class = _OffsetCommitRequest.OffsetCommitRequestTopic
        topics: dict[str, list[Any]] = {}
        for (topic, partition), position in offsets.items():
            at = position if isinstance(position, CommittedOffset) else CommittedOffset(position)
            topics.setdefault(topic, []).append(
                topic_class.OffsetCommitRequestPartition(
                    partition_index=partition,
                    committed_offset=at.offset,
                    committed_leader_epoch=at.leader_epoch,
                    committed_metadata=at.metadata,
                )
            )
        if not topics:
            return
        request = _OffsetCommitRequest(
            group_id=self.group_id,
            generation_id_or_member_epoch=generation.generation_id,
            member_id=generation.member_id,
            group_instance_id=generation.group_instance_id,
            retention_time_ms=-1,
            topics=[topic_class(name=name, partitions=rows) for name, rows in topics.items()],
            min_version=2,
            max_version=8,
        )

        def check(response: Any) -> None:
            for topic in response.topics:
                for row in topic.partitions:
                    raise_for_code(
                        row.error_code, f"commit {topic.name}-{row.partition_index} of group {self.group_id}"
                    )

        self._coordinator.call(request, f"commit offsets of group {self.group_id}", check)

    def fetch(
        self, partitions: Iterable[TopicPartition] | None = None, *, require_stable: bool = False
    ) -> dict[TopicPartition, CommittedOffset]:
        """The committed offsets; partitions without one are left out.

        Args:
            partitions: which; all that the group has by default.
            require_stable: whether to wait for the end of transactions that commit offsets.

        Raises:
            BrokerError: the group may not be read, or transactions stay open for too long.
        """
        asked = None if partitions is None else frozenset(TopicPartition(*p) for p in partitions)
        question: CommittedQuestion = self.group_id, asked
        gatherings = self._connection.config.gatherings

        def ask(wanted: Mapping[CommittedQuestion, int]) -> dict[CommittedQuestion, CommittedAnswer]:
            return ask_committed(self._connection, require_stable, wanted)

        def send(node_id: int) -> dict[TopicPartition, CommittedOffset]:
            answer = ask_together(gatherings, f"committed-{require_stable}", {question: node_id}, ask)[question]
            if isinstance(answer, BrokerError):
                raise answer
            return answer

        return self._coordinator.ask(send)
