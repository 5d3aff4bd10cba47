"""Answer pull queries from the state of this worker."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any

from kappaflow.errors import StateNotReady, StreamsError
from kappaflow.server.rows import result_header, result_renderer
from kappaflow.server.worker.pull_plans import PullPlans
from kappaflow.server.worker.queries import RunningQueries
from kappaflow.sql.engine import Engine
from kappaflow.sql.queries import PullQuery, PushQuery
from kappaflow.streams.execution.row_task import read_key
from kappaflow.streams.execution.session import Task
from kappaflow.streams.execution.stream_thread import StreamThread
from kappaflow.streams.execution.task_assignor import TaskId
from kappaflow.streams.processors.keys import KeyWriter
from kappaflow.streams.record import Record, Windowed
from kappaflow.streams.topology import StoreSpec


class PullServer:
    """Plans pull queries and reads the stores.

    Args:
        lock: guards the engine.
    """

    def __init__(self, engine: Engine, lock: threading.RLock, queries: RunningQueries) -> None:
        self.plans = PullPlans(engine, lock)
        self._queries = queries

    def answer(self, statement: str, properties: dict[str, str], rows_as: str) -> dict[str, Any]:
        """Return schema and rows of this worker's share.

        Raises:
            StatementError: the query is wrong.
            StateNotReady: its state is not here yet.
        """
        plan = self.plans.plan(statement, properties)
        thread = self._thread(plan)
        with thread.reading() as tasks:
            return _answer(plan, tasks or {}, thread.generation_id, rows_as)

    def answer_now(self, statement: str, properties: dict[str, str], rows_as: str) -> dict[str, Any] | None:
        """Answer a look-up that needs no planning and no waiting; None where it would.

        Raises:
            StateNotReady: its state is not here yet.
        """
        plan = self.plans.known(statement, properties)
        if plan is None or plan.keys is None:
            return None
        thread = self._thread(plan)
        with thread.reading(wait=False) as tasks:
            return None if tasks is None else _answer(plan, tasks, thread.generation_id, rows_as)

    def _thread(self, plan: PullQuery) -> StreamThread:
        if plan.query_id is None or plan.store is None:
            raise StreamsError(f"{plan.source} has no state to look into; it is read from its topic.")
        thread = self._queries.thread(plan.query_id)
        if thread is None:
            raise StateNotReady(f"The query {plan.query_id} is not running in this worker.")
        if thread.figures.state not in {"RUNNING", "PAUSED"} and not thread.tasks:
            raise StateNotReady(f"The query {plan.query_id} is {thread.figures.state.lower()}; try again in a moment.")
        return thread


def stream_scan(plan: PullQuery) -> PushQuery:
    """Return a pull query on a stream as the query that reads its topic.

    Raises:
        StreamsError: it is a look-up in a table.
    """
    if plan.build_topology is None:
        raise StreamsError(f"{plan.source} is a table; it is not read from its topic.")
    topics = (plan.source_topic,)
    return PushQuery(plan.statement, (plan.source,), topics, plan.schema, plan.build_topology, plan.limit)


def _answer(plan: PullQuery, tasks: Mapping[TaskId, Task], generation_id: int, rows_as: str) -> dict[str, Any]:
    render = result_renderer(plan.schema, rows_as)
    return {
        **result_header(plan.schema, rows_as),
        "rows": [render(row) for row in _rows(plan, tasks)],
        "limit": plan.limit,
        "query_id": plan.query_id,
        "keys": None if plan.keys is None or plan.is_windowed else len(plan.keys),
        "generation": generation_id,
        "tasks": [str(task_id) for task_id in tasks],
    }


def _rows(plan: PullQuery, tasks: Mapping[TaskId, Task]) -> Iterator[tuple[Any, ...]]:
    found = 0
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
