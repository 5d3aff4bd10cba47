"""The metadata quorum of a real cluster with KRaft."""

from __future__ import annotations

from typing import Any

from kappaflow.client.admin import Admin
from kappaflow.client.broker_errors import raise_for_code
from kappaflow.client.kafka_python import admin_messages
from kappaflow.ops.admin.faces import QuorumMember, QuorumState

METADATA_TOPIC = "__cluster_metadata"


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
            return row

        row = connection.retry(attempt)
        return QuorumState(
            row.leader_id,
            row.leader_epoch,
            row.high_watermark,
            tuple(sorted(map(_member, row.current_voters))),
            tuple(sorted(map(_member, row.observers))),
        )


def _member(row: Any) -> QuorumMember:
    directory = getattr(row, "replica_directory_id", None)
    caught_up = getattr(row, "last_caught_up_timestamp", None)
    fetched = getattr(row, "last_fetch_timestamp", None)
    return QuorumMember(
        row.replica_id,
        "" if directory is None else str(directory),
        row.log_end_offset,
        -1 if fetched is None else fetched,
        -1 if caught_up is None else caught_up,
    )
