"""End-to-end latency at 5,000 records a second: from the producer's timestamp to the consumer of the output."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from confluent_kafka import Consumer, TopicPartition

from benchmarks.engine_side import EngineSide
from benchmarks.java_side import JavaSide
from benchmarks.kafka import create_topic, remove_outputs
from benchmarks.orders import PARTITIONS
from benchmarks.sampling import CpuMeter
from benchmarks.turns import turn
from benchmarks.workload import OUTPUT, Workload
from benchmarks.workloads import WORKLOADS

RATE = 5_000
WARM_UP_SECONDS = 10
QUIET_SECONDS = 3.0
INPUT = "live"
GROUPS = ("filter", "group")
# Nobody waits for a fuller batch: the engine never does, so Java must not either.
JAVA_OVERRIDES: dict[str, object] = {"producer.linger.ms": 0}


def compare(bootstrap: str, runs: int, seconds: int, lock: Path | None = None) -> list[dict[str, Any]]:
    """Measure both sides in turn, every update written."""
    results: list[dict[str, Any]] = []
    for group in GROUPS:
        workload = WORKLOADS[group]
        found: dict[str, list[dict[str, float]]] = {}
        for number in range(runs):
            for side in (
                JavaSide(bootstrap, workload, overrides=JAVA_OVERRIDES),
                EngineSide(bootstrap, workload),
            ):
                with turn(lock):
                    figures = measure(bootstrap, workload, side, seconds)
                found.setdefault(side.name, []).append(figures)
                print(f"latency {group} run {number + 1} {side.name}: {figures}", flush=True)
        medians = {
            name: {figure: median(row[figure] for row in rows) for figure in rows[0]} for name, rows in found.items()
        }
        results.append(
            {
                "workload": f"latency-{group}",
                "title": workload.title,
                "records_per_second": RATE,
                "seconds": seconds,
                "runs": found,
                "medians": medians,
            }
        )
    return results


def measure(bootstrap: str, workload: Workload, side: JavaSide | EngineSide, seconds: int) -> dict[str, float]:
    """One run: latencies in milliseconds after a warm-up, and the CPU share of one core."""
    remove_outputs(bootstrap)
    create_topic(bootstrap, INPUT, PARTITIONS)
    create_topic(bootstrap, OUTPUT, PARTITIONS)
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "benchmark-latency", "fetch.wait.max.ms": 100})
    consumer.assign([TopicPartition(OUTPUT, number, 0) for number in range(PARTITIONS)])
    with side:
        side.start([INPUT], caching=False)
        time.sleep(QUIET_SECONDS)
        meter = CpuMeter(side.pid)
        command = [sys.executable, "-m", "benchmarks.paced_producer", bootstrap, INPUT, str(RATE)]
        producer = subprocess.Popen(
            [*command, str(WARM_UP_SECONDS + seconds)], stdout=subprocess.PIPE, text=True, stderr=sys.stderr
        )
        first: float | None = None
        begun_cpu = ended_cpu = 0.0
        latencies: list[float] = []
        received, last_at = 0, time.monotonic()
        while producer.poll() is None or time.monotonic() - last_at < QUIET_SECONDS:
            message = consumer.poll(0.1)
            if message is None or message.error():
                continue
            now = time.time()
            last_at = time.monotonic()
            received += 1
            first = first or now
            if now - first < WARM_UP_SECONDS:
                continue
            if not latencies:
                begun_cpu, begun = meter.read(), now
            latencies.append(now * 1000 - message.timestamp()[1])
        ended_cpu = meter.read()
        sent = int(producer.communicate()[0])
    consumer.close()
    if workload.is_aggregation and received != sent:
        raise RuntimeError(f"{side.name} wrote {received} of {sent} records.")
    p50, p99, worst = np.percentile(latencies, [50, 99, 100]).tolist()
    share = (ended_cpu - begun_cpu) / (last_at + time.time() - time.monotonic() - begun)
    return {
        "p50_ms": round(p50, 1),
        "p99_ms": round(p99, 1),
        "max_ms": round(worst, 1),
        "cpu_cores": round(share, 3),
        "records": len(latencies),
    }
