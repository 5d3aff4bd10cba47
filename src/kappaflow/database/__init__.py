"""The Python API: one object for streaming SQL from a notebook or a service.

    connect()  -> Database   starts an embedded server (in memory, or on a path), or speaks to a running one
    db.write   -> frames into a stream        db.sql -> Result: rows, Polars, pandas, Arrow
    connect_async() -> AsyncDatabase          the same for asyncio

Not here: planning or running queries; this package only speaks HTTP to a server and Kafka to its broker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kappaflow.database import texts as _texts
from kappaflow.runtime.lazy_names import lazy_names

if TYPE_CHECKING:
    from kappaflow.database.asynchronous import AsyncDatabase, AsyncResult, connect_async
    from kappaflow.database.database import Database, connect
    from kappaflow.database.result import Result, Row

assert _texts
# Imported when first asked for, as commands that print their help need none of them.
__getattr__ = lazy_names(
    __name__,
    {
        "AsyncDatabase": "asynchronous",
        "AsyncResult": "asynchronous",
        "Database": "database",
        "Result": "result",
        "Row": "result",
        "connect": "database",
        "connect_async": "asynchronous",
    },
)

__all__ = ["AsyncDatabase", "AsyncResult", "Database", "Result", "Row", "connect", "connect_async"]
