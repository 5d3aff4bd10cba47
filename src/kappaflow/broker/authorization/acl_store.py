"""The access control entries of the broker; every change is journalled before it is answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from kappaflow.broker.authorization.acl import (
    WILDCARD,
    AclBinding,
    AclFilter,
    AclOperation,
    PatternType,
    Permission,
    ResourceType,
)


class AclStore:
    """All entries, in the order of their creation.

    Args:
        write: makes one journal entry durable.

    Attributes:
        generation: one more with each change.
    """

    def __init__(self, write: Callable[[dict[str, Any]], None]) -> None:
        self.generation = 0
        self._write = write
        # By type, pattern and name; the innermost is an ordered set. A name's prefixes can all be looked up.
        self._held: dict[ResourceType, dict[tuple[PatternType, str], dict[AclBinding, None]]] = {}

    def all(self) -> Iterator[AclBinding]:
        """Every entry."""
        for resource_type in self._held:
            yield from self.of_type(resource_type)

    def of_type(self, resource_type: ResourceType) -> Iterator[AclBinding]:
        """Every entry for one kind of resource."""
        for held in self._held.get(resource_type, {}).values():
            yield from held

    def covering(self, resource_type: ResourceType, name: str) -> Iterator[AclBinding]:
        """Every entry that is about one resource."""
        held = self._held.get(resource_type)
        if not held:
            return
        literals = {name, WILDCARD}
        keys = [(PatternType.LITERAL, each) for each in literals]
        keys += [(PatternType.PREFIXED, name[:length]) for length in range(1, len(name) + 1)]
        for key in keys:
            yield from held.get(key, ())

    def selected(self, wanted: AclFilter) -> list[AclBinding]:
        """The entries that a filter selects."""
        return [binding for binding in self.all() if wanted.selects(binding)]

    def add(self, binding: AclBinding) -> None:
        """Add an entry; one that is there already stays."""
        if binding not in self._held.get(binding.resource_type, {}).get(_key(binding), ()):
            self._change("acl_added", binding)

    def remove(self, binding: AclBinding) -> None:
        """Remove an entry."""
        self._change("acl_removed", binding)

    def _change(self, kind: str, binding: AclBinding) -> None:
        entry = _entry(kind, binding)
        self._write(entry)
        self.replay(entry)

    def replay(self, entry: dict[str, Any]) -> None:
        """Apply one journal entry; entries of others are ignored."""
        if entry["type"] not in ("acl_added", "acl_removed"):
            return
        binding = AclBinding(
            ResourceType(entry["resource_type"]),
            entry["name"],
            PatternType(entry["pattern_type"]),
            entry["principal"],
            entry["host"],
            AclOperation(entry["operation"]),
            Permission(entry["permission"]),
        )
        by_name = self._held.setdefault(binding.resource_type, {})
        held = by_name.setdefault(_key(binding), {})
        if entry["type"] == "acl_added":
            held[binding] = None
        else:
            held.pop(binding, None)
            if not held:
                del by_name[_key(binding)]
        self.generation += 1

    def snapshot(self) -> list[dict[str, Any]]:
        """The entries that rebuild this."""
        return [_entry("acl_added", binding) for binding in self.all()]


def _key(binding: AclBinding) -> tuple[PatternType, str]:
    return binding.pattern_type, binding.name


def _entry(kind: str, binding: AclBinding) -> dict[str, Any]:
    return {
        "type": kind,
        "resource_type": int(binding.resource_type),
        "name": binding.name,
        "pattern_type": int(binding.pattern_type),
        "principal": binding.principal,
        "host": binding.host,
        "operation": int(binding.operation),
        "permission": int(binding.permission),
    }
