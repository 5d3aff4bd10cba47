"""Progress and CPU time of a side, sampled from outside while it runs."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")


class Sample(NamedTuple):
    """What was seen at one moment.

    Attributes:
        at: seconds, monotonic.
        records: records done so far.
        cpu: CPU seconds of the whole process tree so far.
        written: output so far, where that is looked at as well.
    """

    at: float
    records: float
    cpu: float
    written: float = 0.0


def tree(pid: int) -> list[int]:
    """A process and all its descendants that run now."""
    found, waiting = [], [pid]
    while waiting:
        current = waiting.pop()
        found.append(current)
        for task in Path(f"/proc/{current}/task").glob("*"):
            try:
                waiting.extend(int(child) for child in (task / "children").read_text().split())
            except OSError:
                continue
    return found


class CpuMeter:
    """CPU seconds of a process tree; time of processes that ended in between stays counted."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._seen: dict[int, float] = {}

    def read(self) -> float:
        """User and system seconds of all threads so far."""
        for pid in tree(self._pid):
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            self._seen[pid] = (int(fields[11]) + int(fields[12])) * TICK_SECONDS
        return sum(self._seen.values())


@dataclass
class Sampler:
    """Samples until stopped, in a thread.

    Attributes:
        progress: gives the records done so far; None when it is not known now.
        pid: root of the process tree whose CPU counts.
        written: gives the output so far.
    """

    progress: Callable[[], float | None]
    pid: int
    interval_seconds: float
    written: Callable[[], float] = lambda: 0.0
    samples: list[Sample] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._meter = CpuMeter(self.pid)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self.interval_seconds):
            records = self.progress()
            if records is not None:
                self.samples.append(Sample(time.monotonic(), records, self._meter.read(), self.written()))

    def now(self, records: float) -> Sample:
        """A sample of this moment, from the caller's thread."""
        return Sample(time.monotonic(), records, self._meter.read())

    def last(self) -> float:
        """Records done at the last sample."""
        return self.samples[-1].records if self.samples else 0

    def still_seconds(self) -> float:
        """How long neither records nor output have moved."""
        seen = list(self.samples)
        last = seen[-1]
        same = next(s for s in seen if (s.records, s.written) == (last.records, last.written))
        return last.at - same.at


def at_records(samples: list[Sample], records: float) -> Sample:
    """The moment at which this many records were done, between two samples in proportion.

    Raises:
        ValueError: they were never done.
    """
    before = Sample(samples[0].at, 0.0, samples[0].cpu)
    for sample in samples:
        if sample.records >= records:
            gained = sample.records - before.records
            part = (records - before.records) / gained if gained else 1.0
            return Sample(
                before.at + part * (sample.at - before.at), records, before.cpu + part * (sample.cpu - before.cpu)
            )
        before = sample
    raise ValueError(f"Only {before.records:.0f} of {records:.0f} records were done.")
