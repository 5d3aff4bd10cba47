"""What the servers of the simulated cluster agree on: the metadata quorum and feature levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kappaflow.ops.admin import FeatureChange, FeatureState, QuorumMember, QuorumState
from kappaflow.ops.admin.faces import QuorumListener
from kappaflow.testing.simulated_cluster.state import State

VOTERS = 3
METADATA_LEVELS = (7, 25)


class SimulatedQuorum:
    """The first brokers vote, until others are made voters; one that is away has not caught up."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._voters: list[int] | None = None

    def _voting(self) -> list[int]:
        return list(self._state.brokers)[:VOTERS] if self._voters is None else self._voters

    def add_voter(self, cluster_id: str, node_id: int, directory_id: str, listeners: Sequence[QuorumListener]) -> None:
        """Make a broker a voter."""
        self._voters = sorted({*self._voting(), node_id})

    def remove_voter(self, cluster_id: str, node_id: int, directory_id: str) -> None:
        """Make a voter an observer."""
        self._voters = [voter for voter in self._voting() if voter != node_id]

    def describe(self) -> QuorumState:
        """The quorum, led by the first voter that is alive."""
        voters = [self._state.brokers[voter] for voter in self._voting()]
        alive = [voter.node_id for voter in voters if voter.alive]
        now = self._state.clock.time_ms()
        members = tuple(
            QuorumMember(v.node_id, "", now if v.alive else 0, now if v.alive else 0, now if v.alive else 0)
            for v in voters
        )
        return QuorumState(alive[0] if alive else -1, 1, now, members, ())


class SimulatedFeatures:
    """Levels of ``metadata.version``; ``supported`` has what single brokers support instead of the usual."""

    def __init__(self) -> None:
        self.supported: dict[int, tuple[int, int]] = {}
        self.levels = {"metadata.version": METADATA_LEVELS[0]}

    def describe(self, broker: int | None = None) -> dict[str, FeatureState]:
        """Features by name, as one broker knows them."""
        supported = METADATA_LEVELS if broker is None else self.supported.get(broker, METADATA_LEVELS)
        return {name: FeatureState(name, level, *supported) for name, level in self.levels.items()}

    def update(
        self, levels: Mapping[str, int], change: FeatureChange = "upgrade", *, validate_only: bool = False
    ) -> None:
        """Agree on other levels."""
        if not validate_only:
            self.levels |= dict(levels)
