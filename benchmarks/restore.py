"""How long the restore of a table of 1,000,000 keys takes, and the start with it until there are new results.

    fill: every key once ─▶ stop ─▶ wipe the local state, write one more record a partition ─▶ start ─▶ first results

The changelog of both sides has one record a key.  Each side tells what its restore took: Kafka Streams by its restore
listener, from the first partition's begin to the last one's end, kappaflow by the figures of its query, from before it
connects to read the changelog until the last row is in the database.  The start is measured from outside; one with the
local state kept tells what of it is starting.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.engine_side import EngineSide
from benchmarks.java_side import JavaSide
from benchmarks.kafka import committed, create_topic, end_offsets, group_members, partition_ends, remove_outputs
from benchmarks.orders import PARTITIONS, Orders
from benchmarks.sampling import CpuMeter
from benchmarks.turns import turn
from benchmarks.workload import OUTPUT
from benchmarks.workloads import WORKLOADS
from kappaflow.kernel import murmur2

KEYS = 1_000_000
FILL_SECONDS_MAX = 300
RESULT_SECONDS_MAX = 180
EMPTY_SECONDS_MAX = 90
ORDER = '{"ordertime":1,"orderid":1,"itemid":"item_1","orderunits":1.0,"address":null}'
# Java's members are forgotten as soon as ours are; the wait for that is not measured.
JAVA_OVERRIDES: dict[str, object] = {"session.timeout.ms": 10_000, "heartbeat.interval.ms": 1_000}
Started = JavaSide | EngineSide
FIGURES = ("restore_seconds", "first_seconds", "all_seconds", "cpu_seconds")


@dataclass(frozen=True)
class Start:
    """Figures of one start, in seconds from the start of the process.

    Attributes:
        state: whether the local state was `kept` or `wiped`.
        restore_seconds: of the restore alone, as the side tells it.
        first_seconds: until the first new result of any partition was read.
        all_seconds: until every partition had given one.
        cpu_seconds: of all processes of the side until then.
    """

    side: str
    state: str
    restore_seconds: float
    first_seconds: float
    all_seconds: float
    cpu_seconds: float


def compare(bootstrap: str, runs: int, keys: int | None, lock: Path | None) -> list[dict[str, Any]]:
    """Fill both sides, then start them in turn with and without their state."""
    count = keys or KEYS
    remove_outputs(bootstrap)
    create_topic(bootstrap, OUTPUT, PARTITIONS)
    workload = WORKLOADS["keys"]
    java = JavaSide(bootstrap, workload, overrides=JAVA_OVERRIDES)
    ours = EngineSide(bootstrap, workload)
    starts: list[Start] = []
    with closing(java), closing(ours):
        subjects = [_Subject(bootstrap, side, Orders(count, count, True, side.name)) for side in (java, ours)]
        for subject in subjects:
            with turn(lock):
                subject.fill()
        for number in range(runs):
            with turn(lock):
                for state in ("kept", "wiped"):
                    for subject in subjects:
                        starts.append(subject.start_again(state))
                        print(f"restore run {number + 1} {starts[-1]}", flush=True)
    return [_result(count, starts, java.name, ours.name)]


def _result(count: int, starts: list[Start], java: str, ours: str) -> dict[str, Any]:
    medians: dict[str, dict[str, dict[str, float]]] = {}
    for side in (java, ours):
        medians[side] = {}
        for state in ("kept", "wiped"):
            rows = [start for start in starts if (start.side, start.state) == (side, state)]
            medians[side][state] = {name: round(median(getattr(row, name) for row in rows), 2) for name in FIGURES}
    ratios = {name: medians[java]["wiped"][name] / value for name, value in medians[ours]["wiped"].items()}
    return {
        "workload": "restore",
        "title": WORKLOADS["keys"].title,
        "keys": count,
        "runs": [asdict(start) for start in starts],
        "starts": medians,
        "ratios": {name: round(ratio, 2) for name, ratio in ratios.items()},
    }


class _Subject:
    """One side with an input of its own."""

    def __init__(self, bootstrap: str, side: Started, orders: Orders) -> None:
        self._bootstrap = bootstrap
        self._side = side
        self._orders = orders
        self._more = 0
        self._keys = _key_of_each_partition(orders)

    def fill(self) -> None:
        """Let the side build its table and stop it."""
        self._orders.load(self._bootstrap)
        begin = partition_ends(self._bootstrap, OUTPUT, PARTITIONS)
        if isinstance(self._side, EngineSide):
            self._side.restart()
        self._side.start([self._orders.topic], caching=False)
        count = self._orders.count
        _wait(
            lambda: committed(self._bootstrap, self._orders.topic, self._side.group) >= count,
            FILL_SECONDS_MAX,
            f"{self._side.name} to fill its table",
        )
        written = partition_ends(self._bootstrap, OUTPUT, PARTITIONS) - begin
        if written != count:
            raise RuntimeError(f"{self._side.name} wrote {written} results instead of {count}.")
        self._side.stop()

    def start_again(self, state: str) -> Start:
        """Start the side and wait for results of records that came in between; check what they count."""
        if state == "wiped":
            self._side.wipe()
        _wait(
            lambda: not group_members(self._bootstrap, self._side.group), EMPTY_SECONDS_MAX, "members to be forgotten"
        )
        ends = end_offsets(self._bootstrap, OUTPUT)
        consumer = Consumer({"bootstrap.servers": self._bootstrap, "group.id": "restore", "fetch.wait.max.ms": 10})
        consumer.assign([TopicPartition(OUTPUT, number, end) for number, end in enumerate(ends)])
        self._write_more()
        started = time.monotonic()
        starting = threading.Thread(target=self._start)
        starting.start()
        seen: dict[int, float] = {}
        while len(seen) < PARTITIONS:
            message = consumer.poll(0.5)
            if time.monotonic() - started > RESULT_SECONDS_MAX:
                raise RuntimeError(f"{self._side.name} gave no result in {RESULT_SECONDS_MAX} s.")
            if message is None or message.error():
                continue
            seen.setdefault(message.partition(), time.monotonic() - started)
            if msgspec.json.decode(message.value()) != {"C": 1 + self._more}:
                raise RuntimeError(f"{self._side.name} lost state: {message.value()} instead of {1 + self._more}.")
        spent = CpuMeter(self._side.pid).read()
        starting.join()
        consumer.close()
        topic, group = self._orders.topic, self._side.group
        total = self._orders.count + self._more * PARTITIONS
        _wait(lambda: committed(self._bootstrap, topic, group) >= total, RESULT_SECONDS_MAX, "the commit")
        restored = self._side.restore_seconds() if state == "wiped" else 0.0
        self._side.stop()
        return Start(self._side.name, state, restored, min(seen.values()), max(seen.values()), spent)

    def _start(self) -> None:
        if isinstance(self._side, EngineSide):
            self._side.restart()
        else:
            self._side.start([self._orders.topic], caching=False)

    def _write_more(self) -> None:
        producer = Producer({"bootstrap.servers": self._bootstrap, "partitioner": "murmur2"})
        for key in self._keys:
            producer.produce(self._orders.topic, ORDER, str(key))
        producer.flush()
        self._more += 1


def _key_of_each_partition(orders: Orders) -> list[int]:
    """One key of every partition of the input."""
    found: dict[int, int] = {}
    for key in range(orders.keys):
        found.setdefault((murmur2(str(key).encode()) & 0x7FFFFFFF) % PARTITIONS, key)
        if len(found) == PARTITIONS:
            break
    return list(found.values())


def _wait(condition: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"Waited {seconds:.0f} s for {what}.")
        time.sleep(0.1)
