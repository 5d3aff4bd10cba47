"""Rules about brokers' processes; only where the context names their machines."""

from __future__ import annotations

from kappaflow.ops.doctor.findings import Finding, Severity, finding
from kappaflow.ops.doctor.observation import Observation

GIB = 1 << 30
HEAP_MIN_BYTES, HEAP_MAX_BYTES = 5_000_000_000, 6 * GIB
HEAP_PART = 0.5
"""More of a machine's memory than this leaves too little for the page cache."""
OPEN_FILES = 100_000
"""Source: Kafka's documentation of operations asks for at least so many."""


def heap_large(seen: Observation) -> list[Finding]:
    """Brokers whose heap takes memory from the page cache."""
    return [
        f
        for broker, machine in sorted(seen.machines.items())
        if machine.heap_bytes is not None
        and (
            machine.heap_bytes > HEAP_MAX_BYTES
            or (machine.memory_bytes is not None and machine.heap_bytes > HEAP_PART * machine.memory_bytes)
        )
        for f in finding(
            "heap_large",
            Severity.WARNING,
            [str(broker)],
            heap=f"{machine.heap_bytes / GIB:.1f}",
            memory=f"{(machine.memory_bytes or 0) / GIB:.1f}",
        )
    ]


def heap_small(seen: Observation) -> list[Finding]:
    """Brokers with less heap than there is room for."""
    found = [
        str(broker)
        for broker, machine in sorted(seen.machines.items())
        if machine.heap_bytes is not None
        and machine.heap_bytes < HEAP_MIN_BYTES
        and (machine.memory_bytes or 0) * HEAP_PART >= HEAP_MIN_BYTES
    ]
    return finding("heap_small", Severity.NOTE, found)


def few_open_files(seen: Observation) -> list[Finding]:
    """Brokers that may have few files open: each segment takes some, each connection one."""
    found = {b: m.open_files for b, m in sorted(seen.machines.items()) if m.open_files and m.open_files < OPEN_FILES}
    least = min(found.values(), default=0)
    return finding("few_open_files", Severity.WARNING, map(str, found), least=least, wanted=OPEN_FILES)
