"""The face of a cluster's access control lists, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

RESOURCE_KINDS = {"topic": 2, "group": 3, "cluster": 4, "transactional-id": 5, "delegation-token": 6, "user": 7}
PATTERNS = {"literal": 3, "prefixed": 4}
OPERATIONS = {
    "All": 2,
    "Read": 3,
    "Write": 4,
    "Create": 5,
    "Delete": 6,
    "Alter": 7,
    "Describe": 8,
    "ClusterAction": 9,
    "DescribeConfigs": 10,
    "AlterConfigs": 11,
    "IdempotentWrite": 12,
    "CreateTokens": 13,
    "DescribeTokens": 14,
}
PERMISSIONS = {"deny": 2, "allow": 3}
"""Numbers of the protocol. Source: ResourceType, PatternType, AclOperation and AclPermissionType of Apache Kafka."""

CLUSTER_NAME = "kafka-cluster"
"""What the cluster itself is called as a resource."""


class AclEntry(NamedTuple):
    """Who may, or may not, do what to what.

    Attributes:
        resource_kind: a key of ``RESOURCE_KINDS``.
        resource_name: its name; ``*`` for all of a kind.
        pattern: ``literal`` or ``prefixed``.
        principal: such as ``User:alice`` or ``User:*``.
        host: an address, or ``*``.
        operation: a key of ``OPERATIONS``.
        permission: ``allow`` or ``deny``.
    """

    resource_kind: str
    resource_name: str
    pattern: str
    principal: str
    host: str
    operation: str
    permission: str


class AclAdmin(Protocol):
    """Access control lists."""

    def list(self) -> list[AclEntry]:
        """All entries, sorted."""
        ...

    def create(self, entries: Sequence[AclEntry]) -> None:
        """Add entries; those that are there already stay."""
        ...

    def delete(self, entries: Sequence[AclEntry]) -> None:
        """Take entries away; those that are not there are passed over."""
        ...
