"""The quotas that are set; every change is journalled before it is answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kappaflow.broker.quotas.entities import IP, Entity


class QuotaStore:
    """Quotas by entity.

    Args:
        write: makes one journal entry durable.

    Attributes:
        limits_clients: whether a user or client id has a quota.
        limits_addresses: whether an address has one.
        generation: one more with each change.
    """

    def __init__(self, write: Callable[[dict[str, Any]], None]) -> None:
        self.limits_clients = False
        self.limits_addresses = False
        self.generation = 0
        self._write = write
        self._held: dict[Entity, dict[str, float]] = {}

    def all(self) -> Iterator[tuple[Entity, Mapping[str, float]]]:
        """Every entity with its quotas."""
        return iter(self._held.items())

    def of_entity(self, entity: Entity) -> Mapping[str, float]:
        """An entity's own quotas."""
        return self._held.get(entity, {})

    def put(self, entity: Entity, values: Mapping[str, float]) -> None:
        """Replace an entity's quotas; none removes it."""
        entry = _entry(entity, values)
        self._write(entry)
        self.replay(entry)

    def replay(self, entry: dict[str, Any]) -> None:
        """Apply one journal entry; entries of others are ignored."""
        if entry["type"] != "client_quotas_set":
            return
        entity: Entity = tuple((kind, name) for kind, name in entry["entity"])
        if entry["values"]:
            self._held[entity] = dict(entry["values"])
        else:
            self._held.pop(entity, None)
        self.limits_addresses = any(entity[0][0] == IP for entity in self._held)
        self.limits_clients = any(entity[0][0] != IP for entity in self._held)
        self.generation += 1

    def snapshot(self) -> list[dict[str, Any]]:
        """The entries that rebuild this."""
        return [_entry(entity, values) for entity, values in self._held.items()]


def _entry(entity: Entity, values: Mapping[str, float]) -> dict[str, Any]:
    return {"type": "client_quotas_set", "entity": [list(part) for part in entity], "values": dict(values)}
