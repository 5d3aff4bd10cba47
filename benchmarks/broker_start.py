"""How long kappaflow's broker takes from exec to its first answered request, after a clean end and after SIGKILL."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from confluent_kafka import Producer

from benchmarks.kafka import admin, create_topic
from benchmarks.turns import turn
from kappaflow.testing.apache_kafka import live_brokers
from kappaflow.testing.embedded_broker import EmbeddedBroker
from kappaflow.testing.ports import free_port

LIMITS_SECONDS = {100: 0.3, 10_000: 2.0}
TOPIC = "started"
BATCH_RECORDS = 20_000


def measure(starts: int, partitions: tuple[int, ...], lock: Path | None) -> list[dict[str, Any]]:
    """Start a broker again and again; every partition holds a record."""
    return [_partitions(count, starts, lock) for count in partitions]


def _partitions(count: int, starts: int, lock: Path | None) -> dict[str, Any]:
    directory = Path(tempfile.mkdtemp(prefix="kappa-bench-"))
    broker = EmbeddedBroker(directory, port=free_port())
    seconds: dict[str, list[float]] = {"clean": [], "killed": []}
    try:
        broker.start()
        create_topic(broker.bootstrap_servers, TOPIC, count)
        _write(broker.bootstrap_servers, count)
        admin.cache_clear()
        for end, taken in seconds.items():
            for _ in range(starts):
                broker.stop() if end == "clean" else broker.kill()
                with turn(lock):
                    taken.append(_start(broker))
                if end == "killed":
                    _write(broker.bootstrap_servers, count)
    finally:
        broker.close()
        shutil.rmtree(directory, ignore_errors=True)
    medians = {end: round(median(values), 3) for end, values in seconds.items()}
    print(f"start with {count} partitions: {medians}", flush=True)
    return {
        "workload": f"start-{count}",
        "partitions": count,
        "limit_seconds": LIMITS_SECONDS.get(count),
        "seconds": {end: [round(each, 3) for each in values] for end, values in seconds.items()},
        "medians": medians,
    }


def _start(broker: EmbeddedBroker) -> float:
    """Seconds from exec until a request for metadata is answered."""
    begun = time.monotonic()
    broker.start()
    if not live_brokers(broker.port):
        raise RuntimeError(f"The broker said that it was ready and answered nothing:\n{broker.log}")
    return time.monotonic() - begun


def _write(bootstrap: str, partitions: int) -> None:
    """One record into every partition."""
    producer = Producer({"bootstrap.servers": bootstrap})
    for number in range(partitions):
        producer.produce(TOPIC, b"v" * 100, partition=number)
        if number % BATCH_RECORDS == 0:
            producer.poll(0)
    if producer.flush(120):
        raise RuntimeError("Not every record was written.")
