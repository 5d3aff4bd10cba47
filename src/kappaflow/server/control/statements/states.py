"""The state of persistent queries, as the workers of all servers last told it."""

from __future__ import annotations

from collections import Counter

from kappaflow.server.control.entities import Entity
from kappaflow.server.control.peers import UNRESPONSIVE
from kappaflow.server.control.state import ControlState

AWAY = ("RESTARTING", UNRESPONSIVE)


def states_of(state: ControlState, query_id: str) -> dict[str, int]:
    """Count the workers by the state of a query there."""
    counts: Counter[str] = Counter()
    for status in state.all_status:
        if status["state"] in AWAY:
            counts[status["state"]] += 1
        elif query_id in status["queries"]:
            counts[status["queries"][query_id]["state"]] += 1
    return dict(counts)


def restore_of(state: ControlState, query_id: str) -> Entity | None:
    """Return how far the workers are that restore the state of a query; None where none does.

    The time left is that of the worker that needs longest, None where one cannot tell yet.
    """
    found = [status["queries"].get(query_id, {}) for status in state.all_status]
    restoring = [figures for figures in found if figures.get("state") == "RESTORING" and figures.get("to_restore")]
    if not restoring:
        return None
    left = [figures["restore_seconds_left"] for figures in restoring]
    return {
        "restoredRecords": sum(figures["restored"] for figures in restoring),
        "recordsToRestore": sum(figures["to_restore"] for figures in restoring),
        "secondsLeft": None if None in left else max(left),
    }


def errors_of(state: ControlState, query_id: str) -> list[Entity]:
    """Return why a query is in error, for each worker where it is."""
    found = [status["queries"].get(query_id, {}) for status in state.all_status]
    return [{"errorMessage": figures["error"]} for figures in found if figures.get("state") == "ERROR"]
