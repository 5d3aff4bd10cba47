"""The Python API: one object for streaming SQL from a notebook or a service.

    connect()  -> Database   starts an embedded server (in memory, or on a path), or speaks to a running one
    db.write   -> frames into a stream        db.sql -> Result: rows, Polars, pandas, Arrow
    connect_async() -> AsyncDatabase          the same for asyncio

Not here: planning or running queries; this package only speaks HTTP to a server and Kafka to its broker.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kappaflow.database import texts as _texts

if TYPE_CHECKING:
    from kappaflow.database.asynchronous import AsyncDatabase, AsyncResult, connect_async
    from kappaflow.database.database import Database, connect
    from kappaflow.database.result import Result, Row

assert _texts
_HOMES = {
    "AsyncDatabase": "asynchronous",
    "AsyncResult": "asynchronous",
    "Database": "database",
    "Result": "result",
    "Row": "result",
    "connect": "database",
    "connect_async": "asynchronous",
}
"""Imported when first asked for, as commands that print their help need none of them."""

__all__ = ["AsyncDatabase", "AsyncResult", "Database", "Result", "Row", "connect", "connect_async"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found
    return found
