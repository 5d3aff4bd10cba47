"""kappaflow: streaming SQL on a durable embedded Kafka broker, or on real Apache Kafka.

    kappaflow.connect()  ->  database  ->  server (SQL engine, workers)  ->  streams  ->  client  ->  broker

Names are loaded on first use, so that the broker process stays small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kappaflow.database import Database, connect
    from kappaflow.errors import KappaError

__all__ = ["Database", "KappaError", "__version__", "connect"]
__version__ = "0.1.0"

_HOMES = {"Database": "kappaflow.database", "connect": "kappaflow.database", "KappaError": "kappaflow.errors"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'kappaflow' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
