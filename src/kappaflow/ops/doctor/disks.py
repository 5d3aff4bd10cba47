"""Rules about disks: offline, full, uneven."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from kappaflow.ops.admin.faces import LogDirState
from kappaflow.ops.doctor.findings import Finding, Severity, finding
from kappaflow.ops.doctor.observation import Observation

NEARLY_FULL, FULL = 0.85, 0.95
UNEVEN = 1.5
"""Holding this many times the average is uneven."""
SMALL_BYTES = 1 << 30
"""Differences below this are nobody's concern."""


def _name(directory: LogDirState) -> str:
    return f"{directory.broker}:{directory.path}"


def _taken(directory: LogDirState) -> float:
    """The part of its file system that is not free; 0 where the broker does not say."""
    if directory.error or directory.total_bytes <= 0 or directory.usable_bytes < 0:
        return 0.0
    return 1 - directory.usable_bytes / directory.total_bytes


def _held(directory: LogDirState) -> int:
    return sum(replica.size_bytes for replica in directory.replicas)


def _above_average(sizes: Mapping[str, int]) -> list[str]:
    average = sum(sizes.values()) / max(1, len(sizes))
    return [name for name, size in sizes.items() if size > UNEVEN * average and size - average > SMALL_BYTES]


def directories_offline(seen: Observation) -> list[Finding]:
    """Log directories that a broker cannot use."""
    rows = [d for d in seen.log_dirs if d.error]
    errors = ", ".join(sorted({d.error for d in rows}))
    return finding("directories_offline", Severity.ERROR, map(_name, rows), errors=errors)


def disks_full(seen: Observation) -> list[Finding]:
    """Disks that are about to stop their broker."""
    rows = sorted((d for d in seen.log_dirs if _taken(d) > FULL), key=_taken, reverse=True)
    return [
        f
        for d in rows
        for f in finding("disks_full", Severity.ERROR, [_name(d)], percent=f"{_taken(d):.0%}", broker=d.broker)
    ]


def disks_nearly_full(seen: Observation) -> list[Finding]:
    """Disks that fill up."""
    rows = sorted((d for d in seen.log_dirs if NEARLY_FULL < _taken(d) <= FULL), key=_taken, reverse=True)
    return [
        f
        for d in rows
        for f in finding("disks_nearly_full", Severity.WARNING, [_name(d)], percent=f"{_taken(d):.0%}", broker=d.broker)
    ]


def brokers_uneven(seen: Observation) -> list[Finding]:
    """Brokers that hold far more than the others."""
    sizes = {str(broker): 0 for broker in seen.alive}
    for directory in seen.log_dirs:
        sizes[str(directory.broker)] = sizes.get(str(directory.broker), 0) + _held(directory)
    return finding("brokers_uneven", Severity.WARNING, _above_average(sizes), times=UNEVEN)


def directories_uneven(seen: Observation) -> list[Finding]:
    """Directories that hold far more than the others of their broker."""
    by_broker: dict[int, dict[str, int]] = defaultdict(dict)
    for directory in seen.log_dirs:
        if not directory.error:
            by_broker[directory.broker][_name(directory)] = _held(directory)
    return [
        f
        for broker, sizes in sorted(by_broker.items())
        for f in finding("directories_uneven", Severity.WARNING, _above_average(sizes), broker=broker, times=UNEVEN)
    ]
