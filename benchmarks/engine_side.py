"""kappaflow as a side: `kappa server` on the same broker."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import httpx

from benchmarks.order_formats import registry
from benchmarks.side import CACHE_BYTES, Side
from benchmarks.workload import Workload, source_statements
from kappaflow.testing.embedded_server import EmbeddedServer

HERE = Path(__file__).parent


class EngineSide(Side):
    """`kappa server` with one worker: supervisor, control and worker together are what counts.

    Args:
        profile: where the worker writes a sampled profile; None for runs that are measured.
    """

    name = "kappaflow"

    def __init__(self, bootstrap: str, workload: Workload, *, profile: Path | None = None) -> None:
        self._workload = workload
        service = f"bench_{uuid.uuid4().hex[:8]}_"
        self.group = service
        environment: dict[str, str] = {}
        if profile is not None:
            paths = [str(HERE / "sampler"), os.environ.get("PYTHONPATH", "")]
            environment = {"KAPPA_BENCH_PROFILE": str(profile), "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        arguments = ["--service-id", service]
        self._registry = ExitStack()
        if workload.format != "JSON":
            url = self._registry.enter_context(registry())
            arguments += ["--property", f"ksql.schema.registry.url={url}"]
        self._server = EmbeddedServer(
            bootstrap_servers=bootstrap, workers=1, arguments=arguments, environment=environment
        )

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def start(self, topics: Sequence[str], caching: bool) -> None:
        """Declare the inputs and start the query."""
        properties = {
            "ksql.streams.auto.offset.reset": "earliest",
            "ksql.streams.commit.interval.ms": str(self._workload.commit_interval_ms),
            "ksql.streams.processing.guarantee": self._workload.guarantee,
            "ksql.streams.cache.max.bytes.buffering": str(CACHE_BYTES if caching else 0),
        }
        for statement in (*source_statements(self._workload, topics), self._workload.statement):
            body = {"ksql": statement, "streamsProperties": properties}
            answer = httpx.post(f"{self._server.url}/ksql", json=body, timeout=60)
            if answer.status_code != 200:
                raise RuntimeError(f"{statement} was refused: {answer.text}")

    @property
    def pid(self) -> int:
        """The supervisor."""
        return self._server.pid

    def processed(self) -> float | None:
        """The figure that SHOW QUERIES is fed from."""
        figures = self._server.figures()
        for query in figures.values():
            if query.get("state") == "ERROR":
                raise RuntimeError(f"The query failed: {query.get('error')}")
        return sum(query.get("records", 0) for query in figures.values())

    def restore_seconds(self) -> float:
        """What the restore of its query took, by its own figures; 0 without any."""
        return sum(query.get("restore_seconds") or 0.0 for query in self._server.figures().values())

    def restart(self) -> None:
        """Start the process tree again; its query goes on."""
        self._server.start()

    def stop(self) -> None:
        """Stop the process tree; its state stays."""
        self._server.stop()

    def wipe(self) -> None:
        """Remove the state that its worker keeps on disk."""
        shutil.rmtree(self._server.data_dir / "state")

    def close(self) -> None:
        """Stop the process tree and remove its state."""
        self._server.stop()
        log = self._server.log()
        self._server.close()
        self._registry.close()
        if log.strip():
            print("kappaflow wrote:", log[-2000:])
