"""Access control lists of a simulated cluster."""

from __future__ import annotations

from collections.abc import Sequence

from kappaflow.ops.admin import AclEntry
from kappaflow.testing.simulated_cluster.state import State


class SimulatedAcls:
    """Access control lists."""

    def __init__(self, state: State) -> None:
        self._state = state

    def list(self) -> list[AclEntry]:
        """All entries, sorted."""
        return sorted(self._state.acls)

    def create(self, entries: Sequence[AclEntry]) -> None:
        """Add entries."""
        self._state.acls |= set(entries)

    def delete(self, entries: Sequence[AclEntry]) -> None:
        """Take entries away."""
        self._state.acls -= set(entries)
