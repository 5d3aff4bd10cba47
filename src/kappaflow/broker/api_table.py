"""Which APIs and versions the broker speaks; its ApiVersions answer is made from this table.

A handler module is imported when its first request arrives: it has one function ``handle(context, request)``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ApiSpec:
    """One API.

    Attributes:
        key: Kafka's API key.
        name: Kafka's name.
        min_version: the oldest version answered.
        max_version: the newest version answered.
        module: the handler's module in ``kappaflow.broker.handlers``.
        flexible_from: the first version with tagged fields.
    """

    key: int
    name: str
    min_version: int
    max_version: int
    module: str
    flexible_from: int


NEVER = 1 << 15

API_TABLE = {
    spec.key: spec
    for spec in (
        # 0-2 are refused, but librdkafka up to 2.8 turns compression off where they are not listed.
        ApiSpec(0, "Produce", 0, 13, "produce", 9),
        ApiSpec(1, "Fetch", 4, 18, "fetch", 12),
        ApiSpec(2, "ListOffsets", 1, 11, "list_offsets", 6),
        ApiSpec(3, "Metadata", 0, 13, "metadata", 9),
        ApiSpec(8, "OffsetCommit", 2, 10, "offset_commit", 8),
        ApiSpec(9, "OffsetFetch", 1, 10, "offset_fetch", 6),
        ApiSpec(10, "FindCoordinator", 0, 6, "find_coordinator", 3),
        ApiSpec(11, "JoinGroup", 0, 9, "join_group", 6),
        ApiSpec(12, "Heartbeat", 0, 4, "heartbeat", 4),
        ApiSpec(13, "LeaveGroup", 0, 5, "leave_group", 4),
        ApiSpec(14, "SyncGroup", 0, 5, "sync_group", 4),
        ApiSpec(15, "DescribeGroups", 0, 6, "describe_groups", 5),
        ApiSpec(16, "ListGroups", 0, 5, "list_groups", 3),
        ApiSpec(17, "SaslHandshake", 0, 1, "sasl_handshake", NEVER),
        ApiSpec(18, "ApiVersions", 0, 4, "api_versions", 3),
        ApiSpec(19, "CreateTopics", 2, 7, "create_topics", 5),
        ApiSpec(20, "DeleteTopics", 1, 6, "delete_topics", 4),
        ApiSpec(21, "DeleteRecords", 0, 2, "delete_records", 2),
        ApiSpec(22, "InitProducerId", 0, 5, "init_producer_id", 2),
        ApiSpec(23, "OffsetForLeaderEpoch", 2, 4, "offset_for_leader_epoch", 4),
        ApiSpec(24, "AddPartitionsToTxn", 0, 5, "add_partitions_to_txn", 3),
        ApiSpec(25, "AddOffsetsToTxn", 0, 4, "add_offsets_to_txn", 3),
        ApiSpec(26, "EndTxn", 0, 5, "end_txn", 3),
        ApiSpec(27, "WriteTxnMarkers", 1, 2, "write_txn_markers", 1),
        ApiSpec(28, "TxnOffsetCommit", 0, 5, "txn_offset_commit", 3),
        ApiSpec(29, "DescribeAcls", 1, 3, "describe_acls", 2),
        ApiSpec(30, "CreateAcls", 1, 3, "create_acls", 2),
        ApiSpec(31, "DeleteAcls", 1, 3, "delete_acls", 2),
        ApiSpec(32, "DescribeConfigs", 1, 4, "describe_configs", 4),
        ApiSpec(33, "AlterConfigs", 0, 2, "alter_configs", 2),
        ApiSpec(34, "AlterReplicaLogDirs", 1, 2, "alter_replica_log_dirs", 2),
        ApiSpec(35, "DescribeLogDirs", 1, 5, "describe_log_dirs", 2),
        ApiSpec(36, "SaslAuthenticate", 0, 2, "sasl_authenticate", 2),
        ApiSpec(37, "CreatePartitions", 0, 3, "create_partitions", 2),
        ApiSpec(42, "DeleteGroups", 0, 2, "delete_groups", 2),
        ApiSpec(43, "ElectLeaders", 0, 2, "elect_leaders", 2),
        ApiSpec(44, "IncrementalAlterConfigs", 0, 1, "incremental_alter_configs", 1),
        ApiSpec(45, "AlterPartitionReassignments", 0, 1, "alter_partition_reassignments", 0),
        ApiSpec(46, "ListPartitionReassignments", 0, 0, "list_partition_reassignments", 0),
        ApiSpec(47, "OffsetDelete", 0, 0, "offset_delete", NEVER),
        ApiSpec(48, "DescribeClientQuotas", 0, 1, "describe_client_quotas", 1),
        ApiSpec(49, "AlterClientQuotas", 0, 1, "alter_client_quotas", 1),
        ApiSpec(50, "DescribeUserScramCredentials", 0, 0, "describe_user_scram_credentials", 0),
        ApiSpec(51, "AlterUserScramCredentials", 0, 0, "alter_user_scram_credentials", 0),
        ApiSpec(55, "DescribeQuorum", 0, 2, "describe_quorum", 0),
        ApiSpec(57, "UpdateFeatures", 0, 2, "update_features", 0),
        ApiSpec(60, "DescribeCluster", 0, 2, "describe_cluster", 0),
        ApiSpec(61, "DescribeProducers", 0, 0, "describe_producers", 0),
        ApiSpec(64, "UnregisterBroker", 0, 0, "unregister_broker", 0),
        ApiSpec(65, "DescribeTransactions", 0, 0, "describe_transactions", 0),
        ApiSpec(66, "ListTransactions", 0, 2, "list_transactions", 0),
        ApiSpec(68, "ConsumerGroupHeartbeat", 0, 1, "consumer_group_heartbeat", 0),
        ApiSpec(69, "ConsumerGroupDescribe", 0, 1, "consumer_group_describe", 0),
        ApiSpec(74, "ListConfigResources", 0, 1, "list_config_resources", 0),
        ApiSpec(75, "DescribeTopicPartitions", 0, 0, "describe_topic_partitions", 0),
    )
}
