"""The state of persistent queries, as the workers last told it."""

from __future__ import annotations

from collections import Counter

from kappaflow.server.control.entities import Entity
from kappaflow.server.control.state import ControlState


def states_of(state: ControlState, query_id: str) -> dict[str, int]:
    """Count the workers by the state of a query there."""
    counts: Counter[str] = Counter()
    for status in state.worker_status:
        if status["state"] == "RESTARTING":
            counts["RESTARTING"] += 1
        elif query_id in status["queries"]:
            counts[status["queries"][query_id]["state"]] += 1
    return dict(counts)


def errors_of(state: ControlState, query_id: str) -> list[Entity]:
    """Return why a query is in error, for each worker where it is."""
    found = [status["queries"].get(query_id, {}) for status in state.worker_status]
    return [{"errorMessage": figures["error"]} for figures in found if figures.get("state") == "ERROR"]
