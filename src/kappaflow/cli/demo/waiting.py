"""Conditions of the demo: a query has read and committed all there is, a worker died and is back."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from kappaflow.cli.messages import message
from kappaflow.client.admin import LATEST, Admin
from kappaflow.client.connection import ClientConfig
from kappaflow.client.offsets import GroupOffsets
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import ServerError
from kappaflow.sql.queries import application_id_of

POLL_SECONDS = 0.05
STALLED_SECONDS = 120.0
T = TypeVar("T")


def wait_until(condition: Callable[[], T | None], what: str, seconds: float = STALLED_SECONDS) -> T:
    """Ask again and again until a condition gives something.

    Raises:
        ServerError: it did not within the time; names what was waited for.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found is not None:
            return found
        time.sleep(POLL_SECONDS)
    raise ServerError(message("demo.timeout", what=what, seconds=int(seconds)), 503)


class ServerFigures:
    """What the server says of its processes and queries."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=10.0)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _read(self) -> dict[str, Any]:
        return self._http.get("/kappa/processes").raise_for_status().json()

    def process(self, index: int) -> dict[str, Any]:
        """Return name, state, pid and restarts of a worker's process."""
        return next(child for child in self._read()["processes"] if child["name"] == f"worker-{index}")

    def query(self, query_id: str) -> list[dict[str, Any]]:
        """Return the figures of a query in each worker; empty ones where it does not run."""
        return [worker.get("queries", {}).get(query_id, {}) for worker in self._read()["workers"]]

    def error(self, query_ids: list[str]) -> str | None:
        """Return why a query does not run, or None."""
        for query_id in query_ids:
            for figures in self.query(query_id):
                if figures.get("state") == "ERROR":
                    return f"{query_id}: {figures.get('error')}"
        return None

    def dropped(self, query_id: str) -> int:
        """Return how many records of a query came after their window was closed."""
        return sum(figures.get("dropped", {}).get("expired-window", 0) for figures in self.query(query_id))

    def busiest(self, query_id: str) -> tuple[int, int]:
        """Return the worker that has processed most records of a query, and how many."""
        records = [int(figures.get("records", 0)) for figures in self.query(query_id)]
        return max(range(len(records)), key=records.__getitem__), max(records)


class Drained:
    """Tells when queries have read, and committed, everything in their input topics."""

    def __init__(self, client: ClientConfig, service_id: str) -> None:
        self._client = client
        self._service_id = service_id
        self._admin = Admin(client)

    def close(self) -> None:
        """Close the connection."""
        self._admin.close()

    def lag(self, query_id: str, sources: list[str]) -> int:
        """Return the records that a query has not committed yet, those of its repartition topics included."""
        group = application_id_of(self._service_id, query_id)
        names = self._admin.list_topics(internal=True)
        inner = [name for name in names if name.startswith(f"{group}-") and name.endswith("-repartition")]
        with GroupOffsets(self._client, group) as offsets:
            # Sources first: once they are done nothing is added to the repartition topics any more.
            return sum(self._lag_of(offsets, topics) for topics in (sources, inner) if topics)

    def _lag_of(self, offsets: GroupOffsets, topics: list[str]) -> int:
        described = self._admin.describe_topics(topics)
        partitions = [TopicPartition(t, p.partition) for t, d in described.items() for p in d.partitions]
        committed = offsets.fetch(partitions)
        ends = self._admin.list_offsets(dict.fromkeys(partitions, LATEST))
        return sum(ends[p].offset - (committed[p].offset if p in committed else 0) for p in partitions)
