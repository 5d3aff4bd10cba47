"""The steps of the tasks of one loop; those that keep no state go through their operators together.

    rows of task 0 ┐
    rows of task 1 ┼─ few of each ─▶ one batch ─▶ the operators of the first of them ─▶ one batch a partition
    rows of task 2 ┘

Operators in column form cost as much for one row as for some hundred. Behind a live topic every partition has a few
rows at a time, and without state it does not matter whose operators they pass: rows of a partition keep their order.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from kappaflow.streams.execution.columnar_task import ColumnarTask
from kappaflow.streams.execution.running_task import RunningTask
from kappaflow.streams.execution.sensors import Sensor

JOINED_ROWS_MAX = 1_000
"""Of all tasks; from there on a row costs more than what all batches together cost at least."""


def run_tasks(tasks: Iterable[RunningTask | ColumnarTask], process: Sensor | None = None) -> int:
    """Process what is ready in tasks and return the number of records.

    Args:
        process: told how many milliseconds a record took.
    """
    began = time.perf_counter()
    count = _run(tasks)
    if process is not None and count:
        process.record((time.perf_counter() - began) * 1000 / count, count)
    return count


def _run(tasks: Iterable[RunningTask | ColumnarTask]) -> int:
    count = 0
    joining: dict[int, list[ColumnarTask]] = {}
    for task in tasks:
        if isinstance(task, ColumnarTask) and task.joins:
            joining.setdefault(task.id.subtopology, []).append(task)
        else:
            began = time.perf_counter()
            done = task.run()
            if done:
                task.sensor.record((time.perf_counter() - began) * 1000 / done, done)
            count += done
    for together in joining.values():
        count += _run_together(together)
    return count


def _run_together(tasks: list[ColumnarTask]) -> int:
    """Run tasks of one subtopology that keeps no state."""
    began = time.perf_counter()
    taken = [(task, task.take()) for task in tasks]
    found = [(task, batch) for task, inputs in taken for batches in inputs.values() for batch in batches]
    if len(found) > 1 and sum(len(batch) for _, batch in found) <= JOINED_ROWS_MAX:
        tasks[0].process_joined(found)
    else:
        for task, inputs in taken:
            task.process(inputs)
    counts = [task.passed() for task in tasks]
    if done := sum(counts):
        each_ms = (time.perf_counter() - began) * 1000 / done
        for task, count in zip(tasks, counts, strict=True):
            if count:
                task.sensor.record(each_ms, count)
    return done
