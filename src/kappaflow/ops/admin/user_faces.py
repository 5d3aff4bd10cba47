"""The faces of quotas and of users with passwords, and what they answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

DEFAULT_NAME = "<default>"
"""How Kafka's own tools write the entity that counts where no other does."""

ENTITY_KINDS = ("user", "client-id", "ip")
QUOTA_KEYS = {
    "producer_byte_rate": ("user", "client-id"),
    "consumer_byte_rate": ("user", "client-id"),
    "request_percentage": ("user", "client-id"),
    "controller_mutation_rate": ("user", "client-id"),
    "connection_creation_rate": ("ip",),
}
"""The quotas and the kinds of entities that have them. Source: QuotaConfig of Apache Kafka."""

SCRAM_MECHANISMS = {"SCRAM-SHA-256": 1, "SCRAM-SHA-512": 2}
"""Numbers of the protocol. Source: KIP-554."""


class QuotaEntity(NamedTuple):
    """Whose a quota is: a user, a client id, both together, or an address; ``<default>`` for all others.

    Attributes:
        user: empty where the quota does not depend on users.
        client_id: empty where it does not depend on client ids.
        ip: empty where it is none of an address.
    """

    user: str = ""
    client_id: str = ""
    ip: str = ""

    def parts(self) -> dict[str, str]:
        """The names by kind, without those that do not count."""
        return {kind: name for kind, name in zip(ENTITY_KINDS, self, strict=True) if name}

    def __str__(self) -> str:
        return ", ".join(f"{kind} {name}" for kind, name in self.parts().items())


class QuotaAdmin(Protocol):
    """Quotas of clients."""

    def list(self) -> dict[QuotaEntity, dict[str, float]]:
        """All quotas, by whose they are."""
        ...

    def alter(self, entity: QuotaEntity, values: Mapping[str, float | None], *, validate_only: bool = False) -> None:
        """Set quotas of one entity; None takes one away."""
        ...


class UserAdmin(Protocol):
    """Users that log on by SCRAM."""

    def list(self) -> dict[str, dict[str, int]]:
        """The iterations of each user's credentials, by mechanism; passwords are in no answer."""
        ...

    def put(self, user: str, mechanism: str, iterations: int, salt: bytes, salted_password: bytes) -> None:
        """Set a user's credential of a mechanism."""
        ...

    def delete(self, user: str, mechanism: str) -> None:
        """Take a user's credential of a mechanism away; nothing happens where there is none."""
        ...
