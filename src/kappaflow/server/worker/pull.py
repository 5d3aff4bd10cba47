"""Answer pull queries from the state of this worker."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from typing import Any

from kappaflow.errors import StateNotReady, StreamsError
from kappaflow.server.rows import row_renderer
from kappaflow.server.worker.queries import RunningQueries
from kappaflow.sql.engine import Engine
from kappaflow.sql.queries import PullQuery
from kappaflow.streams.execution.row_task import read_key
from kappaflow.streams.execution.stream_thread import Task
from kappaflow.streams.processors.keys import KeyWriter
from kappaflow.streams.record import Record, Windowed
from kappaflow.streams.topology import StoreSpec

PLANS_MAX = 2048


class PullServer:
    """Plans pull queries (plans are kept by their text) and reads the stores.

    Args:
        lock: guards the engine.
    """

    def __init__(self, engine: Engine, lock: threading.RLock, queries: RunningQueries) -> None:
        self._engine = engine
        self._lock = lock
        self._queries = queries
        self._plan_cached = functools.lru_cache(maxsize=PLANS_MAX)(self._plan)
        self.version = 0

    def _plan(self, statement: str, properties: tuple[tuple[str, str], ...], _version: int) -> PullQuery:
        with self._lock:
            return self._engine.plan_pull(statement, dict(properties))

    def answer(self, statement: str, properties: dict[str, str]) -> dict[str, Any]:
        """Return schema and rows of this worker's share.

        Raises:
            StatementError: the query is wrong.
            StreamsError: its state is not here yet.
        """
        plan = self._plan_cached(statement, tuple(sorted(properties.items())), self.version)
        columns = list(plan.schema)
        render = row_renderer([column.type for column in columns])
        rows = [render(row) for row in self._rows(plan)]
        return {
            "schema": str(plan.schema),
            "names": [column.name for column in columns],
            "types": [str(column.type) for column in columns],
            "rows": rows,
            "limit": plan.limit,
        }

    def _rows(self, plan: PullQuery) -> Iterator[tuple[Any, ...]]:
        if plan.query_id is None or plan.store is None:
            raise StreamsError("Pull queries on streams are not available yet. Use EMIT CHANGES with LIMIT.")
        thread = self._queries.thread(plan.query_id)
        if thread is None:
            raise StateNotReady(f"The query {plan.query_id} is not running in this worker.")
        if thread.figures.state not in {"RUNNING", "PAUSED"} and not thread.tasks:
            raise StateNotReady(f"The query {plan.query_id} is {thread.figures.state.lower()}; try again in a moment.")
        found = 0
        with thread.reading() as tasks:
            for task in tasks.values():
                spec = next((s for s in task.subtopology.stores if s.name == plan.store), None)
                if spec is None:
                    continue
                for record in _records(plan, task, spec):
                    if plan.limit is not None and found >= plan.limit:
                        return
                    row = plan.answer(record)
                    if row is not None:
                        found += 1
                        yield row


def _records(plan: PullQuery, task: Task, spec: StoreSpec) -> Iterator[Record]:
    store = task.stores[spec.name]
    if plan.keys is None:
        for key, (row, timestamp) in store.range():
            yield from _checked(plan, Record(read_key(spec.key_serde, key), row, timestamp))
        return
    write = KeyWriter(spec.key_serde)
    for key in plan.keys:
        if not plan.is_windowed:
            found = store.get(write(key))
            if found is not None:
                yield Record(key, *found)
            continue
        prefix = write(Windowed(key, 0, 0))
        inner = prefix[: -16 if spec.window is not None and spec.window.size_ms is None else -8]
        for full, (row, timestamp) in store.range(inner, inner + b"\xff" * 17):
            if len(full) == len(prefix):
                yield from _checked(plan, Record(read_key(spec.key_serde, full), row, timestamp))


def _checked(plan: PullQuery, record: Record) -> Iterator[Record]:
    window = record.key
    if isinstance(window, Windowed) and not (
        plan.window_start.contains(window.start) and plan.window_end.contains(window.end)
    ):
        return
    yield record
