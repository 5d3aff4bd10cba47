"""A cluster that speaks Kafka's protocol, behind the faces of operations."""

from __future__ import annotations

from typing import Any

from kappaflow.client.admin import Admin
from kappaflow.client.broker_errors import raise_for_code
from kappaflow.client.connection import ClientConfig
from kappaflow.client.kio_request import request_by_schema
from kappaflow.ops.admin.faces import BrokerState, ClusterState
from kappaflow.ops.admin.kafka_acls import KafkaAcls
from kappaflow.ops.admin.kafka_configs import KafkaConfigs
from kappaflow.ops.admin.kafka_features import KafkaFeatures
from kappaflow.ops.admin.kafka_groups import KafkaGroups
from kappaflow.ops.admin.kafka_log_dirs import KafkaLogDirs
from kappaflow.ops.admin.kafka_placement import KafkaPlacement
from kappaflow.ops.admin.kafka_quorum import KafkaQuorum
from kappaflow.ops.admin.kafka_topics import KafkaTopics
from kappaflow.ops.admin.kafka_transactions import KafkaTransactions
from kappaflow.ops.admin.kafka_users import KafkaQuotas, KafkaUsers
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message

UNREGISTER_BROKER = 64


class KafkaClusterAdmin:
    """One connection to a cluster and all faces over it.

    Attributes:
        admin: the client's own calls over the same connection.
    """

    def __init__(self, config: ClientConfig) -> None:
        """Connect.

        Raises:
            BrokerUnreachable: no broker answers.
            BrokerError: the credentials are refused.
        """
        self.admin = Admin(config)
        self.connection = self.admin.connection
        self.topics = KafkaTopics(self.admin)
        self.configs = KafkaConfigs(self.admin)
        self.groups = KafkaGroups(self.admin)
        self.log_dirs = KafkaLogDirs(self.admin)
        self.placement = KafkaPlacement(self.admin)
        self.acls = KafkaAcls(self.admin)
        self.transactions = KafkaTransactions(self.admin)
        self.quotas = KafkaQuotas(self.admin)
        self.users = KafkaUsers(self.admin)
        self.quorum = KafkaQuorum(self.admin)
        self.features = KafkaFeatures(self.admin)

    def describe(self) -> ClusterState:
        """The brokers that are alive.

        Raises:
            BrokerError: the request was refused.
        """
        seen = self.admin.describe_cluster()
        brokers = tuple(BrokerState(*broker) for broker in seen.brokers)
        return ClusterState(seen.cluster_id, seen.controller_id, brokers)

    def unregister(self, broker: int) -> None:
        """Forget a broker that is away. Nothing happens where it is not registered.

        Raises:
            BrokerError: refused, or the brokers do not know how, as with ZooKeeper.
        """
        what = f"unregister broker {broker}"

        def attempt() -> None:
            body = Message(broker_id=broker)
            response: Any = request_by_schema(self.connection, UNREGISTER_BROKER, range(1), body, what)
            if response.error_code != ErrorCode.BROKER_ID_NOT_REGISTERED:
                raise_for_code(response.error_code, what, response.error_message)

        self.connection.retry(attempt)

    def supports(self, api_key: int, version: int = 0) -> bool:
        """Whether the brokers know an API in this version."""
        versions = self.connection.manager.broker_version_data.api_versions
        low_high = versions.get(api_key)
        return low_high is not None and low_high[0] <= version <= low_high[1]

    def close(self) -> None:
        """Close the connections."""
        self.admin.close()
