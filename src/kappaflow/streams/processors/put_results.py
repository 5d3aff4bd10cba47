"""What a store says to a new row of a table."""

from __future__ import annotations

from kappaflow.state.versioned import IS_LATEST, NOT_PUT


def is_kept(result: int | None) -> bool:
    """Tell whether a row was taken; versioned stores take none from beyond their retention."""
    return result != NOT_PUT


def is_latest(result: int | None) -> bool:
    """Tell whether a row is the latest of its key."""
    return result is None or result == IS_LATEST
