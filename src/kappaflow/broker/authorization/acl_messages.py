"""Access control entries and filters as requests carry them."""

from __future__ import annotations

from enum import IntEnum
from typing import TypeVar

from kappaflow.broker.authorization.acl import (
    CLUSTER_NAME,
    AclBinding,
    AclFilter,
    AclOperation,
    PatternType,
    Permission,
    ResourceType,
)
from kappaflow.errors import BrokerError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message

Code = TypeVar("Code", bound=IntEnum)


def _invalid(text: str) -> BrokerError:
    return BrokerError(ErrorCode.INVALID_REQUEST, "INVALID_REQUEST", text)


def _known(kind: type[Code], number: int, what: str) -> Code:
    """The value of a number; UNKNOWN stands for those of newer clients and is refused."""
    if number not in {each.value for each in kind} - {0}:
        raise _invalid(f"Unknown {what} {number}.")
    return kind(number)


def read_filter(request: Message) -> AclFilter:
    """The filter of a request.

    Raises:
        BrokerError: INVALID_REQUEST.
    """
    return AclFilter(
        _known(ResourceType, request.resource_type_filter, "resource type"),
        request.resource_name_filter,
        _known(PatternType, request.pattern_type_filter, "pattern type"),
        request.principal_filter,
        request.host_filter,
        _known(AclOperation, request.operation, "operation"),
        _known(Permission, request.permission_type, "permission type"),
    )


def read_binding(creation: Message) -> AclBinding:
    """The entry that a request wants.

    Raises:
        BrokerError: INVALID_REQUEST.
    """
    binding = AclBinding(
        _known(ResourceType, creation.resource_type, "resource type"),
        creation.resource_name,
        _known(PatternType, creation.resource_pattern_type, "pattern type"),
        creation.principal,
        creation.host,
        _known(AclOperation, creation.operation, "operation"),
        _known(Permission, creation.permission_type, "permission type"),
    )
    for value in (binding.resource_type, binding.operation, binding.permission):
        if value.name == "ANY":
            raise _invalid(f"An entry cannot be for ANY {type(value).__name__}.")
    if binding.pattern_type not in (PatternType.LITERAL, PatternType.PREFIXED):
        raise _invalid(f"An entry's pattern is LITERAL or PREFIXED, not {binding.pattern_type.name}.")
    if not binding.name:
        raise _invalid("Resource name should not be empty")
    if binding.resource_type is ResourceType.CLUSTER and binding.name != CLUSTER_NAME:
        raise _invalid(f"The only valid name for the CLUSTER resource is {CLUSTER_NAME}")
    if ":" not in binding.principal:
        raise _invalid(
            f"Could not parse principal from `{binding.principal}` "
            "(no colon is present separating the principal type from the principal name)"
        )
    return binding
