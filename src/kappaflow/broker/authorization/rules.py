"""Which API asks for which operation on which resource: the one table of it.

``ACCESS`` is read by handlers through ``RequestContext.refusal``; what is in ``WHOLE_REQUEST`` is decided before the
handler, because nothing of such a request can be answered without the right.

Source: the authorization table of Apache Kafka's security documentation, section "Operations and Resources on
Protocols".
"""

from __future__ import annotations

from kappaflow.broker.authorization.acl import AclOperation, ResourceType
from kappaflow.wire.error_codes import ErrorCode

_READ, _WRITE, _CREATE, _DELETE = AclOperation.READ, AclOperation.WRITE, AclOperation.CREATE, AclOperation.DELETE
_ALTER, _DESCRIBE, _CLUSTER_ACTION = AclOperation.ALTER, AclOperation.DESCRIBE, AclOperation.CLUSTER_ACTION
_DESCRIBE_CONFIGS, _ALTER_CONFIGS = AclOperation.DESCRIBE_CONFIGS, AclOperation.ALTER_CONFIGS
_TOPIC, _GROUP, _CLUSTER = ResourceType.TOPIC, ResourceType.GROUP, ResourceType.CLUSTER
_TRANSACTIONAL_ID = ResourceType.TRANSACTIONAL_ID

ACCESS: dict[int, dict[ResourceType, AclOperation]] = {
    0: {_TOPIC: _WRITE, _TRANSACTIONAL_ID: _WRITE},  # Produce
    1: {_TOPIC: _READ},  # Fetch
    2: {_TOPIC: _DESCRIBE},  # ListOffsets
    3: {_TOPIC: _DESCRIBE},  # Metadata; CREATE on topic or cluster where it creates one
    8: {_GROUP: _READ, _TOPIC: _READ},  # OffsetCommit
    9: {_GROUP: _DESCRIBE, _TOPIC: _DESCRIBE},  # OffsetFetch
    10: {_GROUP: _DESCRIBE, _TRANSACTIONAL_ID: _DESCRIBE},  # FindCoordinator
    11: {_GROUP: _READ},  # JoinGroup
    12: {_GROUP: _READ},  # Heartbeat
    13: {_GROUP: _READ},  # LeaveGroup
    14: {_GROUP: _READ},  # SyncGroup
    15: {_GROUP: _DESCRIBE},  # DescribeGroups
    16: {_CLUSTER: _DESCRIBE, _GROUP: _DESCRIBE},  # ListGroups: the cluster's right shows all
    17: {},  # SaslHandshake
    18: {},  # ApiVersions
    19: {_CLUSTER: _CREATE, _TOPIC: _CREATE},  # CreateTopics: either right
    20: {_TOPIC: _DELETE},  # DeleteTopics; DELETE on the cluster for all of them
    21: {_TOPIC: _DELETE},  # DeleteRecords
    22: {_TRANSACTIONAL_ID: _WRITE, _CLUSTER: AclOperation.IDEMPOTENT_WRITE, _TOPIC: _WRITE},  # InitProducerId
    23: {_CLUSTER: _CLUSTER_ACTION, _TOPIC: _DESCRIBE},  # OffsetForLeaderEpoch: either right
    24: {_TRANSACTIONAL_ID: _WRITE, _TOPIC: _WRITE, _CLUSTER: _CLUSTER_ACTION},  # AddPartitionsToTxn
    25: {_TRANSACTIONAL_ID: _WRITE, _GROUP: _READ},  # AddOffsetsToTxn
    26: {_TRANSACTIONAL_ID: _WRITE},  # EndTxn
    27: {_CLUSTER: _CLUSTER_ACTION},  # WriteTxnMarkers
    28: {_TRANSACTIONAL_ID: _WRITE, _GROUP: _READ, _TOPIC: _READ},  # TxnOffsetCommit
    29: {_CLUSTER: _DESCRIBE},  # DescribeAcls
    30: {_CLUSTER: _ALTER},  # CreateAcls
    31: {_CLUSTER: _ALTER},  # DeleteAcls
    32: {_CLUSTER: _DESCRIBE_CONFIGS, _TOPIC: _DESCRIBE_CONFIGS, _GROUP: _DESCRIBE_CONFIGS},  # DescribeConfigs
    33: {_CLUSTER: _ALTER_CONFIGS, _TOPIC: _ALTER_CONFIGS, _GROUP: _ALTER_CONFIGS},  # AlterConfigs
    34: {_CLUSTER: _ALTER},  # AlterReplicaLogDirs
    35: {_CLUSTER: _DESCRIBE},  # DescribeLogDirs
    36: {},  # SaslAuthenticate
    37: {_TOPIC: _ALTER},  # CreatePartitions
    42: {_GROUP: _DELETE},  # DeleteGroups
    43: {_CLUSTER: _ALTER},  # ElectLeaders
    44: {_CLUSTER: _ALTER_CONFIGS, _TOPIC: _ALTER_CONFIGS, _GROUP: _ALTER_CONFIGS},  # IncrementalAlterConfigs
    45: {_CLUSTER: _ALTER},  # AlterPartitionReassignments
    46: {_CLUSTER: _DESCRIBE},  # ListPartitionReassignments
    47: {_GROUP: _DELETE, _TOPIC: _READ},  # OffsetDelete
    48: {_CLUSTER: _DESCRIBE_CONFIGS},  # DescribeClientQuotas
    49: {_CLUSTER: _ALTER_CONFIGS},  # AlterClientQuotas
    50: {_CLUSTER: _DESCRIBE},  # DescribeUserScramCredentials
    51: {_CLUSTER: _ALTER},  # AlterUserScramCredentials
    55: {_CLUSTER: _DESCRIBE},  # DescribeQuorum
    57: {_CLUSTER: _ALTER},  # UpdateFeatures
    60: {},  # DescribeCluster: everyone; DESCRIBE on the cluster for the operations that are allowed
    61: {_TOPIC: _READ},  # DescribeProducers
    64: {_CLUSTER: _ALTER},  # UnregisterBroker
    65: {_TRANSACTIONAL_ID: _DESCRIBE, _TOPIC: _DESCRIBE},  # DescribeTransactions
    66: {_TRANSACTIONAL_ID: _DESCRIBE},  # ListTransactions
    68: {_GROUP: _READ, _TOPIC: _DESCRIBE},  # ConsumerGroupHeartbeat
    69: {_GROUP: _DESCRIBE, _TOPIC: _DESCRIBE},  # ConsumerGroupDescribe
    71: {},  # GetTelemetrySubscriptions
    72: {},  # PushTelemetry
    74: {_CLUSTER: _DESCRIBE_CONFIGS},  # ListConfigResources
    75: {_TOPIC: _DESCRIBE},  # DescribeTopicPartitions
}
"""API key -> resource type -> the operation that it asks for."""

WHOLE_REQUEST: dict[int, dict[ResourceType, str]] = {
    11: {_GROUP: "group_id"},
    12: {_GROUP: "group_id"},
    13: {_GROUP: "group_id"},
    14: {_GROUP: "group_id"},
    25: {_TRANSACTIONAL_ID: "transactional_id", _GROUP: "group_id"},
    26: {_TRANSACTIONAL_ID: "transactional_id"},
    29: {_CLUSTER: ""},
    35: {_CLUSTER: ""},
    45: {_CLUSTER: ""},
    46: {_CLUSTER: ""},
    47: {_GROUP: "group_id"},
    48: {_CLUSTER: ""},
    55: {_CLUSTER: ""},
    57: {_CLUSTER: ""},
    64: {_CLUSTER: ""},
    68: {_GROUP: "group_id"},
    74: {_CLUSTER: ""},
}
"""API key -> resource type -> the request's field with the name; the answer is one error for all of it."""

REFUSALS: dict[ResourceType, ErrorCode] = {
    ResourceType.TOPIC: ErrorCode.TOPIC_AUTHORIZATION_FAILED,
    ResourceType.GROUP: ErrorCode.GROUP_AUTHORIZATION_FAILED,
    ResourceType.CLUSTER: ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
    ResourceType.TRANSACTIONAL_ID: ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    ResourceType.DELEGATION_TOKEN: ErrorCode.DELEGATION_TOKEN_AUTHORIZATION_FAILED,
}
"""The error that says that a right on a resource is missing."""

REFUSAL_TEXTS: dict[ErrorCode, str] = {
    error: f"{kind.name.replace('_', ' ').title()} authorization failed." for kind, error in REFUSALS.items()
}
"""What those errors say."""

SUPPORTED_OPERATIONS: dict[ResourceType, tuple[AclOperation, ...]] = {
    ResourceType.TOPIC: (
        _READ, _WRITE, _CREATE, _DELETE, _ALTER, _DESCRIBE, _DESCRIBE_CONFIGS, _ALTER_CONFIGS,
    ),
    ResourceType.GROUP: (_READ, _DELETE, _DESCRIBE, _DESCRIBE_CONFIGS, _ALTER_CONFIGS),
    ResourceType.CLUSTER: (
        _CREATE, _ALTER, _DESCRIBE, _CLUSTER_ACTION, _DESCRIBE_CONFIGS, _ALTER_CONFIGS, AclOperation.IDEMPOTENT_WRITE,
    ),
}  # fmt: skip
"""What can be done at all with a resource, for answers that list what is allowed (KIP-430)."""
