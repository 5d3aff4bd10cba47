"""kappaflow's broker against Apache Kafka under Kafka's own performance tools, in alternating runs.

Both acknowledge from the page cache and leave it to the system when records reach the device: ``--flush none``, and
Kafka's defaults with one replica.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.broker_tools import Subject, consume, memory_mb, produce
from benchmarks.kafka import BROKER_CONFIGS, BROKER_HEAP, admin, create_topic
from benchmarks.turns import turn
from kappaflow.testing.apache_kafka import ApacheKafka
from kappaflow.testing.embedded_broker import EmbeddedBroker

PARTITIONS = 4
RECORDS_BY_SIZE = {100: 2_000_000, 1_000: 400_000, 10_000: 40_000}
PACED_BYTES_PER_SECOND = 2_000_000
PACED_SECONDS = 8


@dataclass(frozen=True)
class Run:
    """One round of one broker.

    Attributes:
        paced_p99_ms: latency at `PACED_BYTES_PER_SECOND`, where no queue builds up in the producer.
        memory_mb: resident memory after the round.
        memory_peak_mb: its largest so far.
    """

    side: str
    record_bytes: int
    produce_mb_per_second: float
    produce_p99_ms: float
    paced_p50_ms: float
    paced_p99_ms: float
    consume_mb_per_second: float
    memory_mb: float
    memory_peak_mb: float


def compare(runs: int, share: float, sizes: Sequence[int], lock: Path | None) -> list[dict[str, Any]]:
    """Run every size on both brokers in turn.

    Args:
        runs: rounds of each broker and size, after one short round that warms up.
        share: of the records of `RECORDS_BY_SIZE`.
        sizes: bytes of a record's value.
        lock: held while a pair is measured.
    """
    found: list[Run] = []
    with (
        tempfile.TemporaryDirectory(prefix="kappa-bench-") as directory,
        ApacheKafka(configs=BROKER_CONFIGS, heap=BROKER_HEAP, jvm_options=(), directory=Path(directory)) as kafka,
        EmbeddedBroker(flush="none") as ours,
    ):
        subjects = [
            Subject("Apache Kafka", kafka.bootstrap_servers, kafka.pid(1)),
            Subject("kappaflow", ours.bootstrap_servers, ours.pid),
        ]
        for size in sizes:
            count = max(int(RECORDS_BY_SIZE[size] * share), 1_000)
            for number in range(runs + 1):
                with turn(lock):
                    # Who begins changes from round to round.
                    for subject in subjects if number % 2 else subjects[::-1]:
                        run = _round(subject, size, count if number else count // 4, paced=number > 0)
                        print(f"{'run ' + str(number) if number else 'warm-up'} {run}", flush=True)
                        found += [run] if number else []
    return [_result(size, max(int(RECORDS_BY_SIZE[size] * share), 1_000), found) for size in sizes]


def _round(subject: Subject, size: int, count: int, *, paced: bool) -> Run:
    topic = "perf"
    create_topic(subject.bootstrap, topic, PARTITIONS)
    produced = produce(subject.bootstrap, topic, count, size)
    consumed = consume(subject.bootstrap, topic, count)
    rate = PACED_BYTES_PER_SECOND // size
    calm = produce(subject.bootstrap, topic, rate * PACED_SECONDS, size, rate) if paced else produced
    run = Run(
        subject.name, size, produced.mb_per_second, produced.p99_ms, calm.p50_ms, calm.p99_ms, consumed,
        round(memory_mb(subject.pid), 1), round(memory_mb(subject.pid, "VmHWM"), 1),
    )  # fmt: skip
    admin(subject.bootstrap).delete_topics([topic])[topic].result()
    return run


def _result(size: int, count: int, found: list[Run]) -> dict[str, Any]:
    rows = {side: [run for run in found if (run.side, run.record_bytes) == (side, size)] for side in _sides(found)}
    names = [name for name in Run.__dataclass_fields__ if name not in ("side", "record_bytes")]
    medians = {
        side: {name: round(median(getattr(run, name) for run in of_side), 2) for name in names}
        for side, of_side in rows.items()
    }
    return {
        "workload": f"perf-{size}",
        "record_bytes": size,
        "records": count,
        "partitions": PARTITIONS,
        "runs": [asdict(run) for of_side in rows.values() for run in of_side],
        "medians": medians,
    }


def _sides(found: list[Run]) -> list[str]:
    return list(dict.fromkeys(run.side for run in found))
