"""Access control entries in Kafka's terms, and filters over them.

Source: KIP-11, KIP-290 (prefixed patterns); the numbers are those of the protocol.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

WILDCARD = "*"
ANY_USER = "User:*"
CLUSTER_NAME = "kafka-cluster"


class ResourceType(IntEnum):
    """What is protected."""

    UNKNOWN = 0
    ANY = 1
    TOPIC = 2
    GROUP = 3
    CLUSTER = 4
    TRANSACTIONAL_ID = 5
    DELEGATION_TOKEN = 6
    USER = 7


class PatternType(IntEnum):
    """How an entry names resources."""

    UNKNOWN = 0
    ANY = 1
    MATCH = 2
    LITERAL = 3
    PREFIXED = 4


class AclOperation(IntEnum):
    """What is done."""

    UNKNOWN = 0
    ANY = 1
    ALL = 2
    READ = 3
    WRITE = 4
    CREATE = 5
    DELETE = 6
    ALTER = 7
    DESCRIBE = 8
    CLUSTER_ACTION = 9
    DESCRIBE_CONFIGS = 10
    ALTER_CONFIGS = 11
    IDEMPOTENT_WRITE = 12
    CREATE_TOKENS = 13
    DESCRIBE_TOKENS = 14
    TWO_PHASE_COMMIT = 15


class Permission(IntEnum):
    """What an entry says."""

    UNKNOWN = 0
    ANY = 1
    DENY = 2
    ALLOW = 3


@dataclass(frozen=True, slots=True)
class AclBinding:
    """One entry: on these resources, this principal from this host may, or may not, do this.

    Attributes:
        resource_type: the kind of resource.
        name: the resource's name, a prefix, or ``*``.
        pattern_type: LITERAL or PREFIXED.
        principal: such as ``User:alice``, or ``User:*``.
        host: an address, or ``*``.
        operation: what is done.
        permission: ALLOW or DENY.
    """

    resource_type: ResourceType
    name: str
    pattern_type: PatternType
    principal: str
    host: str
    operation: AclOperation
    permission: Permission

    def covers(self, resource_type: ResourceType, name: str) -> bool:
        """Whether it is about a resource."""
        if self.resource_type is not resource_type:
            return False
        if self.pattern_type is PatternType.PREFIXED:
            return name.startswith(self.name)
        return self.name in (name, WILDCARD)


@dataclass(frozen=True, slots=True)
class AclFilter:
    """Selects entries; None and ANY select all.

    Attributes:
        resource_type: the kind of resource.
        name: the resource's name.
        pattern_type: LITERAL, PREFIXED, ANY, or MATCH for all patterns that cover `name`.
        principal: the exact principal.
        host: the exact host.
        operation: the exact operation.
        permission: the exact permission.
    """

    resource_type: ResourceType = ResourceType.ANY
    name: str | None = None
    pattern_type: PatternType = PatternType.ANY
    principal: str | None = None
    host: str | None = None
    operation: AclOperation = AclOperation.ANY
    permission: Permission = Permission.ANY

    def selects(self, binding: AclBinding) -> bool:
        """Whether an entry is meant."""
        return (
            self.resource_type in (ResourceType.ANY, binding.resource_type)
            and self._selects_name(binding)
            and self.principal in (None, binding.principal)
            and self.host in (None, binding.host)
            and self.operation in (AclOperation.ANY, binding.operation)
            and self.permission in (Permission.ANY, binding.permission)
        )

    def _selects_name(self, binding: AclBinding) -> bool:
        if self.pattern_type in (PatternType.LITERAL, PatternType.PREFIXED):
            if self.pattern_type is not binding.pattern_type:
                return False
        elif self.pattern_type is PatternType.MATCH and self.name is not None:
            return binding.covers(binding.resource_type, self.name)
        return self.name in (None, binding.name)
