"""The metadata quorum of a real cluster with KRaft."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from kappaflow.client.admin import Admin
from kappaflow.client.broker_errors import raise_for_code
from kappaflow.client.kafka_python import admin_messages
from kappaflow.client.kio_request import request_by_schema
from kappaflow.ops.admin.faces import QuorumListener, QuorumMember, QuorumState
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message

METADATA_TOPIC = "__cluster_metadata"
ADD_RAFT_VOTER, REMOVE_RAFT_VOTER = 80, 81
VOTER_TIMEOUT_MS = 20_000
"""How long the leader may wait for a new voter; below the time-out of requests."""


class KafkaQuorum:
    """Who keeps the metadata; with ZooKeeper there is no quorum of brokers."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin

    def describe(self) -> QuorumState:
        """The quorum as its leader sees it.

        Raises:
            BrokerError: the cluster has no KRaft, or the request was refused.
        """
        request_class = admin_messages.DescribeQuorumRequest
        topic_class = request_class.TopicData
        request = request_class(
            topics=[topic_class(topic_name=METADATA_TOPIC, partitions=[topic_class.PartitionData(partition_index=0)])],
            min_version=0,
            max_version=2,
        )
        what = "describe the metadata quorum"
        connection = self._admin.connection

        def attempt() -> Any:
            response = connection.request(request, what)
            raise_for_code(response.error_code, what)
            row = response.topics[0].partitions[0]
            raise_for_code(row.error_code, what)
            return row, response

        row, response = connection.retry(attempt)
        return QuorumState(
            row.leader_id,
            row.leader_epoch,
            row.high_watermark,
            tuple(sorted(map(_member, row.current_voters))),
            tuple(sorted(map(_member, row.observers))),
            {
                node.node_id: tuple(QuorumListener(x.name, x.host, x.port) for x in node.listeners)
                for node in getattr(response, "nodes", None) or ()
            },
        )

    def add_voter(self, cluster_id: str, node_id: int, directory_id: str, listeners: Sequence[QuorumListener]) -> None:
        """Make an observer a voter; returns when that is committed. Nothing happens where it is one.

        Raises:
            BrokerError: the brokers are older than 3.9, or the leader refused; ``REQUEST_TIMED_OUT`` where the observer
                has not caught up, or another change of the voters is under way.
        """
        body = Message(
            cluster_id=cluster_id,
            timeout_ms=VOTER_TIMEOUT_MS,
            voter_id=node_id,
            voter_directory_id=uuid_of(directory_id),
            listeners=[Message(name=x.name, host=x.host, port=x.port) for x in listeners],
            ack_when_committed=True,
        )
        self._change(ADD_RAFT_VOTER, range(2), body, f"make controller {node_id} a voter", ErrorCode.DUPLICATE_VOTER)

    def remove_voter(self, cluster_id: str, node_id: int, directory_id: str) -> None:
        """Make a voter an observer. Nothing happens where it is no voter.

        Raises:
            BrokerError: the brokers are older than 3.9, or the leader refused.
        """
        body = Message(cluster_id=cluster_id, voter_id=node_id, voter_directory_id=uuid_of(directory_id))
        what = f"take controller {node_id} out of the voters"
        self._change(REMOVE_RAFT_VOTER, range(1), body, what, ErrorCode.VOTER_NOT_FOUND)

    def _change(self, api_key: int, versions: range, body: Message, what: str, done: ErrorCode) -> None:
        """Send it until it is done; an answer that got lost shows as `done` at the next attempt."""
        connection = self._admin.connection

        def attempt() -> None:
            response: Any = request_by_schema(connection, api_key, versions, body, what)
            if response.error_code != done:
                raise_for_code(response.error_code, what, response.error_message)

        connection.retry(attempt)


def kafka_uuid(value: UUID | str | None) -> str:
    """An id as Kafka writes it; empty for none and for the zero id.

    >>> kafka_uuid(UUID(int=1)), kafka_uuid(UUID(int=0)), uuid_of(kafka_uuid(UUID(int=1))) == UUID(int=1)
    ('AAAAAAAAAAAAAAAAAAAAAQ', '', True)
    """
    found = UUID(str(value)) if value else UUID(int=0)
    return urlsafe_b64encode(found.bytes).decode().rstrip("=") if found.int else ""


def uuid_of(text: str) -> UUID:
    """The id that Kafka writes so; the zero id for an empty text."""
    return UUID(bytes=urlsafe_b64decode(text + "==")) if text else UUID(int=0)


def _member(row: Any) -> QuorumMember:
    caught_up = getattr(row, "last_caught_up_timestamp", None)
    fetched = getattr(row, "last_fetch_timestamp", None)
    return QuorumMember(
        row.replica_id,
        kafka_uuid(getattr(row, "replica_directory_id", None)),
        row.log_end_offset,
        -1 if fetched is None else fetched,
        -1 if caught_up is None else caught_up,
    )
