"""What happens in a stream thread, measured: how often, how long, on average and at most.

As Kafka's own metrics with their defaults, averages, maxima and rates are those of the last one to two windows of 30 s;
totals count from the beginning.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kappaflow.runtime.clock import SYSTEM_CLOCK

IntArray = npt.NDArray[np.signedinteger[Any]]

WINDOW_SECONDS = 30.0
THREAD_SENSORS = ("process", "poll", "commit", "punctuate")


class Sample(NamedTuple):
    """What was recorded since a time.

    Attributes:
        happened: how often.
        values: how many values were recorded.
    """

    since: float
    happened: int = 0
    values: int = 0
    total: float = 0.0
    least: float = float("inf")
    most: float = float("-inf")


class Sensor:
    """Counts something and keeps what values it had.

    >>> now = [0.0]
    >>> sensor = Sensor(lambda: now[0])
    >>> sensor.record(2.0)
    >>> sensor.record(4.0, count=9)
    >>> now[0] = 10.0
    >>> sensor.average, sensor.most, sensor.rate, sensor.count
    (3.0, 4.0, 1.0, 10)
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._before: Sample | None = None
        self._now = Sample(clock())
        self.count = 0

    def record(self, value: float, count: int = 1) -> None:
        """Keep a value of so many."""
        self.record_all(value, value, value, 1, count)

    def record_all(self, least: float, total: float, most: float, values: int, count: int | None = None) -> None:
        """Keep several values by their least, their sum and their greatest."""
        self._turn()
        now, times = self._now, values if count is None else count
        self.count += times
        self._now = Sample(
            now.since,
            now.happened + times,
            now.values + values,
            now.total + total,
            min(now.least, least),
            max(now.most, most),
        )

    def _turn(self) -> None:
        at = self._clock()
        age = at - self._now.since
        if age >= WINDOW_SECONDS:
            self._before = self._now if age < 2 * WINDOW_SECONDS else None
            self._now = Sample(at)

    @property
    def samples(self) -> list[Sample]:
        """What counts now."""
        self._turn()
        return [self._now] if self._before is None else [self._before, self._now]

    @property
    def average(self) -> float:
        """Of the values of the last windows; 0 where there are none."""
        return average([self])

    @property
    def least(self) -> float:
        """Of the values of the last windows; 0 where there are none."""
        return min((sample.least for sample in self.samples if sample.values), default=0.0)

    @property
    def most(self) -> float:
        """Of the values of the last windows; 0 where there are none."""
        return max((sample.most for sample in self.samples if sample.values), default=0.0)

    @property
    def rate(self) -> float:
        """How many happened in a second of the last windows."""
        samples = self.samples
        seconds = max(1.0, self._clock() - samples[0].since)
        return sum(sample.happened for sample in samples) / seconds


def average(sensors: Iterable[Sensor]) -> float:
    """Return the average of the values of several sensors; 0 where there are none."""
    samples = [sample for sensor in sensors for sample in sensor.samples]
    values = sum(sample.values for sample in samples)
    return sum(sample.total for sample in samples) / values if values else 0.0


class ThreadSensors:
    """What a stream thread does: processing, polling, committing, punctuating."""

    def __init__(self) -> None:
        self.by_name = {name: Sensor() for name in THREAD_SENSORS}
        self.tasks_created = self.tasks_closed = 0

    def __getitem__(self, name: str) -> Sensor:
        return self.by_name[name]

    @contextmanager
    def timed(self, name: str) -> Generator[None]:
        """Measure one of something, in milliseconds."""
        started = time.perf_counter()
        yield
        self.by_name[name].record((time.perf_counter() - started) * 1000)


def record_times(latency: Sensor, lateness: Sensor, times: IntArray, stream_time: int) -> None:
    """Keep how old records are, and how far each is behind the greatest time before it.

    Args:
        times: of records in their order, in milliseconds since the epoch.
        stream_time: before the first of them.
    """
    ages = SYSTEM_CLOCK.time_ms() - times
    latency.record_all(float(ages.min()), float(ages.sum()), float(ages.max()), len(ages))
    late = np.maximum(np.maximum.accumulate(times), stream_time) - times
    lateness.record_all(float(late.min()), float(late.sum()), float(late.max()), len(late))


def task_figures(sensor: Sensor, latency: Sensor, lateness: Sensor) -> dict[str, int | float]:
    """Return the figures of a task, by Kafka Streams' names."""
    return {
        "process-rate": sensor.rate,
        "process-latency-avg": sensor.average,
        "process-latency-max": sensor.most,
        "record-e2e-latency-avg": latency.average,
        "record-e2e-latency-min": latency.least,
        "record-e2e-latency-max": latency.most,
        "record-lateness-avg": lateness.average,
        "record-lateness-max": lateness.most,
    }


def figures_of(name: str, sensors: Iterable[Sensor]) -> dict[str, int | float]:
    """Return the figures of what has a duration, by Kafka Streams' names, of several threads together."""
    all_ = list(sensors)
    return {
        f"{name}-total": sum(each.count for each in all_),
        f"{name}-rate": sum(each.rate for each in all_),
        f"{name}-latency-avg": average(all_),
        f"{name}-latency-max": max((each.most for each in all_), default=0.0),
    }
