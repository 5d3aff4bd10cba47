"""Rules about replicas that move, and limits that were set for moves."""

from __future__ import annotations

from collections.abc import Iterable

from kappaflow.ops.doctor.findings import Finding, Severity, finding
from kappaflow.ops.doctor.observation import Observation
from kappaflow.ops.reassignment.throttles import DIRS_RATE, Throttle
from kappaflow.runtime.messages import message


def reassignments_under_way(seen: Observation) -> list[Finding]:
    """Partitions that get other replicas now."""
    return finding("reassignments_under_way", Severity.NOTE, [str(r.partition) for r in seen.reassignments])


def throttles_left_behind(seen: Observation) -> list[Finding]:
    """Limits that no move needs any more: they slow replicas that want to catch up."""
    if message("seen.reassignments") in seen.unseen:
        return []
    copies_between_directories = any(row.is_future for d in seen.log_dirs for row in d.replicas)
    idle = [t for t in seen.throttles if not (copies_between_directories if t.key == DIRS_RATE else seen.reassignments)]
    return [
        *finding("throttles_left_behind", Severity.WARNING, _names(t for t in idle if not t.is_static)),
        *finding("throttles_in_files", Severity.NOTE, _names(t for t in idle if t.is_static)),
    ]


def _names(throttles: Iterable[Throttle]) -> list[str]:
    return sorted({f"{t.resource.kind} {t.resource.name or '*'}" for t in throttles})
