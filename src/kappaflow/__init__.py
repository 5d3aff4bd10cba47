"""kappaflow: streaming SQL on a durable embedded Kafka broker, or on real Apache Kafka.

    kappaflow.connect()  ->  database  ->  server (SQL engine, workers)  ->  streams  ->  client  ->  broker

Names are loaded on first use, so that the broker process stays small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kappaflow.database import Database, connect
    from kappaflow.errors import KappaError
    from kappaflow.sql.functions.user.annotations import Int
    from kappaflow.sql.functions.user.decorators import udaf, udf, udtf

__all__ = ["Database", "Int", "KappaError", "__version__", "connect", "udaf", "udf", "udtf"]
__version__ = "0.1.0"

_DECORATORS = "kappaflow.sql.functions.user.decorators"
_HOMES = {
    "Database": "kappaflow.database",
    "Int": "kappaflow.sql.functions.user.annotations",
    "KappaError": "kappaflow.errors",
    "connect": "kappaflow.database",
    "udaf": _DECORATORS,
    "udf": _DECORATORS,
    "udtf": _DECORATORS,
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'kappaflow' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
