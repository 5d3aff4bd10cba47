"""The users that the broker knows, with their SCRAM credentials; every change is journalled before it is answered.

Source: KIP-554.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kappaflow.broker.security.scram import SCRAM_MECHANISMS, ScramCredential, ScramMechanism


class UserCredentials:
    """SCRAM credentials by user and mechanism; PLAIN checks passwords against the same ones.

    Args:
        write: makes one journal entry durable.
    """

    def __init__(self, write: Callable[[dict[str, Any]], None]) -> None:
        self._write = write
        self._held: dict[str, dict[str, ScramCredential]] = {}

    def users(self) -> list[str]:
        """Every user, by name."""
        return sorted(self._held)

    def of_user(self, user: str) -> dict[str, ScramCredential]:
        """A user's credentials by mechanism; empty where there is no such user."""
        return self._held.get(user, {})

    def find(self, user: str, mechanism: ScramMechanism) -> ScramCredential | None:
        """A user's credential for a mechanism."""
        return self._held.get(user, {}).get(mechanism.name)

    def put(self, user: str, mechanism: ScramMechanism, credential: ScramCredential) -> None:
        """Set or replace a credential."""
        entry = _entry(user, mechanism.name, credential)
        self._write(entry)
        self.replay(entry)

    def remove(self, user: str, mechanism: ScramMechanism) -> None:
        """Remove a credential, and the user with the last one."""
        entry = {"type": "scram_credential_removed", "user": user, "mechanism": mechanism.name}
        self._write(entry)
        self.replay(entry)

    def replay(self, entry: dict[str, Any]) -> None:
        """Apply one journal entry; entries of others are ignored."""
        if entry["type"] == "scram_credential_set" and entry["mechanism"] in SCRAM_MECHANISMS:
            self._held.setdefault(entry["user"], {})[entry["mechanism"]] = ScramCredential(
                entry["salt"], entry["stored_key"], entry["server_key"], entry["iterations"]
            )
        elif entry["type"] == "scram_credential_removed":
            left = self._held.get(entry["user"], {})
            left.pop(entry["mechanism"], None)
            if not left:
                self._held.pop(entry["user"], None)

    def snapshot(self) -> list[dict[str, Any]]:
        """The entries that rebuild this."""
        return [
            _entry(user, mechanism, credential)
            for user, held in self._held.items()
            for mechanism, credential in held.items()
        ]


def _entry(user: str, mechanism: str, credential: ScramCredential) -> dict[str, Any]:
    return {
        "type": "scram_credential_set",
        "user": user,
        "mechanism": mechanism,
        "salt": credential.salt,
        "stored_key": credential.stored_key,
        "server_key": credential.server_key,
        "iterations": credential.iterations,
    }
