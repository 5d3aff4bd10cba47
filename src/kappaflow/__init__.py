"""kappaflow: streaming SQL on a durable embedded Kafka broker, or on real Apache Kafka.

    kappaflow.connect()  ->  database  ->  server (SQL engine, workers)  ->  streams  ->  client  ->  broker

Names are loaded on first use, so that the broker process stays small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kappaflow.runtime.lazy_names import lazy_names

if TYPE_CHECKING:
    from kappaflow.database import Database, connect
    from kappaflow.errors import KappaError
    from kappaflow.sql.functions.user.annotations import Int
    from kappaflow.sql.functions.user.decorators import udaf, udf, udtf

__all__ = ["Database", "Int", "KappaError", "__version__", "connect", "udaf", "udf", "udtf"]
__version__ = "0.1.0"

_DECORATORS = "sql.functions.user.decorators"
__getattr__ = lazy_names(
    __name__,
    {
        "Database": "database",
        "Int": "sql.functions.user.annotations",
        "KappaError": "errors",
        "connect": "database",
        "udaf": _DECORATORS,
        "udf": _DECORATORS,
        "udtf": _DECORATORS,
    },
)
