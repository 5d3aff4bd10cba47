"""The steps of the tasks of one loop; those that keep no state go through their operators together.

    rows of task 0 ┐
    rows of task 1 ┼─ few of each ─▶ one batch ─▶ the operators of the first of them ─▶ one batch a partition
    rows of task 2 ┘

Operators in column form cost as much for one row as for some hundred. Behind a live topic every partition has a few
rows at a time, and without state it does not matter whose operators they pass: rows of a partition keep their order.
"""

from __future__ import annotations

from collections.abc import Iterable

from kappaflow.streams.execution.columnar_task import ColumnarTask
from kappaflow.streams.execution.running_task import RunningTask

JOINED_ROWS_MAX = 1_000
"""Of all tasks; from there on a row costs more than what all batches together cost at least."""


def run_tasks(tasks: Iterable[RunningTask | ColumnarTask]) -> int:
    """Process what is ready in tasks and return the number of records."""
    count = 0
    joining: dict[int, list[ColumnarTask]] = {}
    for task in tasks:
        if isinstance(task, ColumnarTask) and task.joins:
            joining.setdefault(task.id.subtopology, []).append(task)
        else:
            count += task.run()
    for together in joining.values():
        count += _run_together(together)
    return count


def _run_together(tasks: list[ColumnarTask]) -> int:
    """Run tasks of one subtopology that keeps no state."""
    taken = [(task, task.take()) for task in tasks]
    found = [(task, batch) for task, inputs in taken for batches in inputs.values() for batch in batches]
    if len(found) > 1 and sum(len(batch) for _, batch in found) <= JOINED_ROWS_MAX:
        tasks[0].process_joined(found)
    else:
        for task, inputs in taken:
            task.process(inputs)
    return sum(task.passed() for task in tasks)
