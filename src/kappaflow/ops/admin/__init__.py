"""What operations ask of a cluster, behind faces of one family each.

    ClusterAdmin ── brokers, features of the whole
      ├── topics       describe, create, delete, grow
      ├── configs      describe with source and default, alter
      ├── groups       list, describe, offsets
      ├── log_dirs     sizes on disk, directories, moves between directories of a broker
      ├── placement    reassignments, elections
      ├── transactions transactional ids, producers of partitions
      ├── acls         who may do what
      ├── quotas       what users, client ids and addresses may use
      ├── users        who logs on by SCRAM
      ├── quorum       who keeps the metadata, with KRaft
      └── features     levels that the servers agreed on, such as metadata.version

``KafkaClusterAdmin`` speaks to real clusters; ``kappaflow.testing`` has a simulated one behind the same faces.
Answers come for many things at once: a cluster with 40,000 partitions is asked a few times, not 40,000 times.
"""

from kappaflow.ops.admin.acl_faces import AclAdmin, AclEntry
from kappaflow.ops.admin.faces import (
    BrokerState,
    ClusterAdmin,
    ClusterState,
    ConfigAdmin,
    ConfigEntry,
    ConfigResource,
    FeatureAdmin,
    FeatureChange,
    FeatureState,
    GroupAdmin,
    GroupListing,
    GroupState,
    LogDirAdmin,
    LogDirState,
    MemberState,
    PartitionState,
    PlacementAdmin,
    QuorumAdmin,
    QuorumListener,
    QuorumMember,
    QuorumState,
    Reassignment,
    ReplicaSize,
    TopicAdmin,
    TopicState,
)
from kappaflow.ops.admin.kafka_admin import KafkaClusterAdmin
from kappaflow.ops.admin.transaction_faces import (
    ProducerState,
    TransactionAdmin,
    TransactionListing,
    TransactionState,
)

__all__ = [
    "AclAdmin",
    "AclEntry",
    "BrokerState",
    "ClusterAdmin",
    "ClusterState",
    "ConfigAdmin",
    "ConfigEntry",
    "ConfigResource",
    "FeatureAdmin",
    "FeatureChange",
    "FeatureState",
    "GroupAdmin",
    "GroupListing",
    "GroupState",
    "KafkaClusterAdmin",
    "LogDirAdmin",
    "LogDirState",
    "MemberState",
    "PartitionState",
    "PlacementAdmin",
    "ProducerState",
    "QuorumAdmin",
    "QuorumListener",
    "QuorumMember",
    "QuorumState",
    "Reassignment",
    "ReplicaSize",
    "TopicAdmin",
    "TopicState",
    "TransactionAdmin",
    "TransactionListing",
    "TransactionState",
]
