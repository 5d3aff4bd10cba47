"""Quotas and users of a simulated cluster."""

from __future__ import annotations

from collections.abc import Mapping

from kappaflow.ops.admin.user_faces import QuotaEntity
from kappaflow.testing.simulated_cluster.state import State


class SimulatedQuotas:
    """Quotas of clients."""

    def __init__(self, state: State) -> None:
        self._state = state

    def list(self) -> dict[QuotaEntity, dict[str, float]]:
        """All quotas, by whose they are."""
        return {entity: dict(values) for entity, values in sorted(self._state.quotas.items()) if values}

    def alter(self, entity: QuotaEntity, values: Mapping[str, float | None], *, validate_only: bool = False) -> None:
        """Set quotas of one entity."""
        if not validate_only:
            kept = {**self._state.quotas.get(entity, {}), **values}
            self._state.quotas[entity] = {key: value for key, value in kept.items() if value is not None}


class SimulatedUsers:
    """Users that log on by SCRAM; what their passwords came to is kept to be looked at."""

    def __init__(self, state: State) -> None:
        self._state = state

    def list(self) -> dict[str, dict[str, int]]:
        """The iterations of each user's credentials, by mechanism."""
        found: dict[str, dict[str, int]] = {}
        for (user, mechanism), (iterations, _, _) in sorted(self._state.credentials.items()):
            found.setdefault(user, {})[mechanism] = iterations
        return found

    def put(self, user: str, mechanism: str, iterations: int, salt: bytes, salted_password: bytes) -> None:
        """Set a credential."""
        self._state.credentials[user, mechanism] = (iterations, salt, salted_password)

    def delete(self, user: str, mechanism: str) -> None:
        """Take a credential away."""
        self._state.credentials.pop((user, mechanism), None)
