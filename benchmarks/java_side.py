"""Kafka Streams as a side: a Java program on a virtual machine of its own."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from benchmarks.side import CACHE_BYTES, Side
from benchmarks.workload import OUTPUT, Workload
from kappaflow.testing.java_program import KAFKA_STREAMS, java_program

HERE = Path(__file__).parent
JAVA_HEAP = "2g"
JAVA_SOURCES = ("OrdersStreams", "OrdersTrees", "OrdersFormats", "OrdersJoins")
JAVA_FORMATS = ("org.apache.avro:avro:1.12.0", "com.google.protobuf:protobuf-java:4.29.3")

JAVA_PROPERTIES: dict[str, object] = {
    "num.stream.threads": 1,
    "auto.offset.reset": "earliest",
    "max.poll.records": 10_000,
    "buffered.records.per.partition": 10_000,
    "fetch.max.bytes": 50_000_000,
    "max.partition.fetch.bytes": 10_000_000,
    "receive.buffer.bytes": -1,
    "send.buffer.bytes": -1,
    "producer.linger.ms": 50,
    "producer.batch.size": 1_000_000,
    "producer.buffer.memory": 64 << 20,
    "replication.factor": 1,
    # As with ours: the topic of a table is its changelog.
    "topology.optimization": "reuse.ktable.source.topics",
}
"""Large fetches and batches; everything else is Kafka Streams' default, as with ours."""


class JavaSide(Side):
    """Kafka Streams with one stream thread.

    Args:
        name: what the results call it.
        style: how it reads and writes JSON: `trees` as applications commonly do, or `streaming`, written for speed.
        overrides: properties over the benchmark's own.
    """

    def __init__(
        self,
        bootstrap: str,
        workload: Workload,
        name: str = "java-streaming",
        *,
        style: Literal["trees", "streaming"] = "streaming",
        overrides: dict[str, object] | None = None,
    ) -> None:
        self.name = name
        self._style = style
        self._bootstrap = bootstrap
        self._workload = workload
        self._overrides = overrides or {}
        self._state = Path(tempfile.mkdtemp(prefix="kappa-bench-java-"))
        self._records = 0
        self._restores: dict[str, list[int]] = {}
        self.group = f"bench-{workload.group}-{uuid.uuid4().hex[:8]}"

    def start(self, topics: Sequence[str], caching: bool) -> None:
        """Start the program."""
        properties = {
            **JAVA_PROPERTIES,
            "application.id": self.group,
            "bootstrap.servers": self._bootstrap,
            "state.dir": str(self._state),
            "commit.interval.ms": self._workload.commit_interval_ms,
            "processing.guarantee": self._workload.guarantee,
            "statestore.cache.max.bytes": CACHE_BYTES if caching else 0,
            **self._overrides,
        }
        sources = [HERE / "java" / f"{name}.java" for name in JAVA_SOURCES]
        program = java_program(sources, (*KAFKA_STREAMS, *JAVA_FORMATS))
        pairs = [f"{name}={value}" for name, value in properties.items()]
        command = program.command(
            [self._style, self._workload.group, ",".join(topics), OUTPUT, *pairs],
            (f"-Xms{JAVA_HEAP}", f"-Xmx{JAVA_HEAP}"),
        )
        self._restores = {"begin": [], "end": []}
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("P "):
                self._records = int(line.split()[2])
            elif line.startswith("R "):
                _, nanoseconds, what = line.split()
                self._restores[what].append(int(nanoseconds))

    @property
    def pid(self) -> int:
        """The virtual machine."""
        return self._process.pid

    def processed(self) -> float | None:
        """What the program printed last."""
        if self._process.poll() is not None:
            raise RuntimeError(f"The Java program ended with code {self._process.returncode}.")
        return self._records

    def restore_seconds(self) -> float:
        """From the first begin of a restore that its listener told to the last end; 0 without any."""
        begins, ends = self._restores["begin"], self._restores["end"]
        return (max(ends) - min(begins)) / 1e9 if ends else 0.0

    def stop(self) -> None:
        """Let it close its stores."""
        process = getattr(self, "_process", None)
        if process is not None and process.poll() is None:
            process.stdin.close()
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def wipe(self) -> None:
        """Remove the state that it keeps on disk."""
        shutil.rmtree(self._state, ignore_errors=True)
        self._state.mkdir()

    def close(self) -> None:
        """End it and remove what it kept."""
        self.stop()
        shutil.rmtree(self._state, ignore_errors=True)
