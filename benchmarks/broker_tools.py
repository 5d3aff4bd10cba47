"""The two brokers, and Kafka's own performance tools run against one of them, a JVM a call."""

from __future__ import annotations

import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from kappaflow.ops.local_clusters.maven import class_path, resolve_jars
from kappaflow.testing.apache_kafka import broker_dependencies
from kappaflow.testing.java_program import KAFKA_VERSION
from kappaflow.testing.java_tools.calls import CONSUMER_PERFORMANCE, PRODUCER_PERFORMANCE
from kappaflow.testing.toolchain import command_path

TOOL_HEAP = "512m"
TOOL_SECONDS_MAX = 200
_PRODUCED = re.compile(
    r"(\d+) records sent, ([\d.]+) records/sec \(([\d.]+) MB/sec\), ([\d.]+) ms avg latency, .*"
    r"?([\d.]+) ms 50th, ([\d.]+) ms 95th, ([\d.]+) ms 99th"
)


@dataclass(frozen=True)
class Subject:
    """A broker that runs."""

    name: str
    bootstrap: str
    pid: int


class Produced(NamedTuple):
    """What the producer's tool says: MB/s (2^20 bytes of values) and latencies in ms."""

    records: int
    mb_per_second: float
    p50_ms: float
    p99_ms: float


def produce(bootstrap: str, topic: str, records: int, record_bytes: int, throughput: int = -1) -> Produced:
    """Run kafka-producer-perf-test with acks=all and the client's other settings as they come.

    Raises:
        RuntimeError: not every record was acknowledged.
    """
    text = _tool(
        PRODUCER_PERFORMANCE, "--topic", topic, "--num-records", str(records), "--record-size", str(record_bytes),
        "--throughput", str(throughput), "--producer-props", f"bootstrap.servers={bootstrap}", "acks=all",
    )  # fmt: skip
    found = _PRODUCED.search(text.strip().splitlines()[-1] if text.strip() else "")
    if found is None or int(found[1]) != records or "Exception" in text:
        raise RuntimeError(f"The producer did not write {records} records: {text[-1000:]}")
    return Produced(records, float(found[3]), float(found[5]), float(found[7]))


def consume(bootstrap: str, topic: str, records: int) -> float:
    """Run kafka-consumer-perf-test over a whole topic; MB/s from the first fetch on, without joining the group.

    Raises:
        RuntimeError: it read fewer records than there are.
    """
    text = _tool(
        CONSUMER_PERFORMANCE, "--bootstrap-server", bootstrap, "--topic", topic, "--num-records", str(records),
        "--timeout", "20000",
    )  # fmt: skip
    lines = [line.split(", ") for line in text.splitlines() if ", " in line]
    header = next((line for line in lines if line[0].strip() == "start.time"), None)
    if header is None or len(lines[-1]) != len(header):
        raise RuntimeError(f"The consumer's answer cannot be read: {text[-1000:]}")
    row = {name.strip(): value for name, value in zip(header, lines[-1], strict=True)}
    if int(row["data.consumed.in.nMsg"]) < records:
        raise RuntimeError(f"The consumer read {row['data.consumed.in.nMsg']} of {records} records: {text[-1000:]}")
    return float(row["fetch.MB.sec"])


def memory_mb(pid: int, name: str = "VmRSS") -> float:
    """Resident memory of a process in MB (2^20 bytes): now, or its peak as ``VmHWM``."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"No {name} of process {pid}")


def _tool(main_class: str, *arguments: str) -> str:
    jars = class_path(resolve_jars(broker_dependencies(KAFKA_VERSION)))
    command = [command_path("java"), f"-Xmx{TOOL_HEAP}", "-cp", jars, main_class, *arguments]
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, timeout=TOOL_SECONDS_MAX, check=False)
    if done.returncode:
        seconds = time.monotonic() - started
        raise RuntimeError(f"{main_class} ended with {done.returncode} in {seconds:.0f} s: {done.stderr[-1500:]}")
    return done.stdout
