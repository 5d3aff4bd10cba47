"""Decisions by the rules of Kafka's StandardAuthorizer.

super user            -> allowed
a DENY that fits      -> refused
an ALLOW that fits    -> allowed
other entries only    -> refused
no entry at all       -> allow.everyone.if.no.acl.found

Source: KIP-801; KIP-679 (a right on any resource of a type).
"""

from __future__ import annotations

from collections.abc import Iterable

from kappaflow.broker.authorization.acl import (
    ANY_USER,
    WILDCARD,
    AclBinding,
    AclOperation,
    PatternType,
    Permission,
    ResourceType,
)
from kappaflow.broker.authorization.acl_store import AclStore
from kappaflow.broker.security.principals import Principal

IMPLIED_BY: dict[AclOperation, frozenset[AclOperation]] = {
    AclOperation.DESCRIBE: frozenset(
        {AclOperation.DESCRIBE, AclOperation.READ, AclOperation.WRITE, AclOperation.DELETE, AclOperation.ALTER}
    ),
    AclOperation.DESCRIBE_CONFIGS: frozenset({AclOperation.DESCRIBE_CONFIGS, AclOperation.ALTER_CONFIGS}),
}
"""Who may do one of the right side may do the left side as well; a DENY implies nothing."""

MAX_CACHED_DECISIONS = 20_000
_SUPER_USER_PROBE = "hardcode"


class Authorizer:
    """Decides who may do what.

    Args:
        acls: the entries.
        super_users: principals that may do everything.
        allow_if_no_acl: whether everyone may use a resource that has no entry.
    """

    def __init__(self, acls: AclStore, super_users: frozenset[str], *, allow_if_no_acl: bool) -> None:
        self._acls = acls
        self._super_users = super_users
        self._allow_if_no_acl = allow_if_no_acl
        self._decisions: dict[tuple[Principal, str, AclOperation, ResourceType, str], bool] = {}
        self._generation = acls.generation

    def allows(
        self, principal: Principal, host: str, operation: AclOperation, resource_type: ResourceType, name: str
    ) -> bool:
        """Whether a principal may do something; remembered until the entries change."""
        if self._generation != self._acls.generation or len(self._decisions) > MAX_CACHED_DECISIONS:
            self._decisions.clear()
            self._generation = self._acls.generation
        key = (principal, host, operation, resource_type, name)
        found = self._decisions.get(key)
        if found is None:
            found = self._decisions[key] = self._decide(str(principal), host, operation, resource_type, name)
        return found

    def _decide(
        self, principal: str, host: str, operation: AclOperation, resource_type: ResourceType, name: str
    ) -> bool:
        if principal in self._super_users:
            return True
        has_entries = is_allowed = False
        for binding in self._acls.covering(resource_type, name):
            has_entries = True
            if not _fits(binding, principal, host):
                continue
            if binding.permission is Permission.DENY:
                if binding.operation in (operation, AclOperation.ALL):
                    return False
            elif binding.operation is AclOperation.ALL or binding.operation in IMPLIED_BY.get(operation, (operation,)):
                is_allowed = True
        return is_allowed if has_entries else self._allow_if_no_acl

    def allows_any(self, principal: Principal, host: str, operation: AclOperation, resource_type: ResourceType) -> bool:
        """Whether there can be a resource of a type on which a principal may do something."""
        if self.allows(principal, host, operation, resource_type, _SUPER_USER_PROBE):
            return True
        fitting = [
            binding
            for binding in self._acls.of_type(resource_type)
            if _fits(binding, str(principal), host) and binding.operation in (operation, AclOperation.ALL)
        ]
        denied = [binding for binding in fitting if binding.permission is Permission.DENY]
        allowed = [binding for binding in fitting if binding.permission is Permission.ALLOW]
        return any(not _is_dominated(binding, denied) for binding in allowed)


def _fits(binding: AclBinding, principal: str, host: str) -> bool:
    return binding.principal in (principal, ANY_USER) and binding.host in (host, WILDCARD)


def _is_dominated(allowed: AclBinding, denied: Iterable[AclBinding]) -> bool:
    """Whether all that an ALLOW covers is covered by one DENY."""
    for binding in denied:
        if binding.pattern_type is PatternType.LITERAL:
            if binding.name == WILDCARD:
                return True
            if allowed.pattern_type is PatternType.LITERAL and allowed.name == binding.name:
                return True
        elif _is_no_wildcard(allowed) and allowed.name.startswith(binding.name):
            return True
    return False


def _is_no_wildcard(binding: AclBinding) -> bool:
    return binding.pattern_type is PatternType.PREFIXED or binding.name != WILDCARD
