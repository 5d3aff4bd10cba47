"""Conditions of the demo: a query has read and committed all there is, a worker died and is back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import httpx

from kappaflow.cli.messages import message
from kappaflow.client.admin import LATEST, Admin
from kappaflow.client.connection import ClientConfig
from kappaflow.client.offsets import GroupOffsets
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import ServerError
from kappaflow.sql.queries import application_id_of

POLL_SECONDS = 0.1
QUICK_POLL_SECONDS = 0.01
STALLED_SECONDS = 120.0
T = TypeVar("T")


def wait_until(
    condition: Callable[[], T | None],
    what: str,
    *,
    progress: Callable[[], object] = lambda: None,
    why: Callable[[], str] = lambda: "",
    poll_seconds: float = POLL_SECONDS,
) -> T:
    """Ask again and again until a condition gives something.

    Args:
        condition: gives None as long as it does not hold.
        what: what is waited for, for the message.
        progress: a value that changes as long as there is hope.
        why: what may be the cause, asked when there is no hope left.
        poll_seconds: how long to wait between two questions.

    Raises:
        ServerError: it does not hold, and nothing changed for `STALLED_SECONDS`.
    """
    last = progress()
    deadline = time.monotonic() + STALLED_SECONDS
    while (found := condition()) is None:
        if (now := progress()) != last:
            last, deadline = now, time.monotonic() + STALLED_SECONDS
        if time.monotonic() > deadline:
            text = message("demo.timeout", what=what, seconds=int(STALLED_SECONDS))
            raise ServerError(f"{text} {why()}".strip(), 503)
        time.sleep(poll_seconds)
    return found


class ServerFigures:
    """What the server says of its processes and queries."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=10.0)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _read(self) -> dict[str, Any]:
        try:
            return self._http.get("/kappa/processes").raise_for_status().json()
        except httpx.HTTPError as error:
            raise ServerError(f"GET /kappa/processes: {error}", 503) from error

    def process(self, index: int) -> dict[str, Any]:
        """Return name, state, pid and restarts of a worker's process."""
        return next(child for child in self._read()["processes"] if child["name"] == f"worker-{index}")

    def query(self, query_id: str) -> list[dict[str, Any]]:
        """Return the figures of a query in each worker; empty ones where it does not run."""
        return [worker.get("queries", {}).get(query_id, {}) for worker in self._read()["workers"]]

    def errors(self, query_ids: Iterable[str]) -> str:
        """Return the last error of each query that had one."""
        found = [(query_id, figures.get("error")) for query_id in query_ids for figures in self.query(query_id)]
        return "; ".join(f"{query_id}: {error}" for query_id, error in found if error)

    def running_tasks(self, query_id: str) -> int:
        """Return the number of tasks of a query in the workers where it runs."""
        return sum(int(f.get("tasks", 0)) for f in self.query(query_id) if f.get("state") == "RUNNING")

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
        self._groups: dict[str, GroupOffsets] = {}

    def close(self) -> None:
        """Close the connections."""
        for offsets in self._groups.values():
            offsets.close()
        self._admin.close()

    def lag(self, query_id: str, sources: list[str]) -> int:
        """Return the records that a query has not committed yet, those of its repartition topics included."""
        group = application_id_of(self._service_id, query_id)
        names = self._admin.list_topics(internal=True)
        inner = [name for name in names if name.startswith(f"{group}-") and name.endswith("-repartition")]
        if group not in self._groups:
            self._groups[group] = GroupOffsets(self._client, group)
        # Sources first: once they are done nothing is added to the repartition topics any more.
        return sum(self._lag_of(self._groups[group], topics) for topics in (sources, inner) if topics)

    def _lag_of(self, offsets: GroupOffsets, topics: list[str]) -> int:
        described = self._admin.describe_topics(topics)
        partitions = [TopicPartition(t, p.partition) for t, d in described.items() for p in d.partitions]
        committed = offsets.fetch(partitions)
        ends = self._admin.list_offsets(dict.fromkeys(partitions, LATEST))
        return sum(ends[p].offset - (committed[p].offset if p in committed else 0) for p in partitions)
