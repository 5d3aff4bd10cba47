"""What settings switch off: whoever runs a server may not want all of the language."""

from __future__ import annotations

from kappaflow.errors import StatementError
from kappaflow.serde.schema import Schema
from kappaflow.sql.ast.relations import Emit
from kappaflow.sql.settings import Settings


def check_final(emit: Emit | None, settings: Settings) -> None:
    """Check that EMIT FINAL is allowed where it is asked for.

    Raises:
        StatementError: ``ksql.suppress.enabled`` is false.
    """
    if emit is Emit.FINAL and not settings.flag("ksql.suppress.enabled", default=True):
        raise StatementError(
            "Suppression is currently disabled. You can enable it by setting ksql.suppress.enabled to true"
        )


def check_headers(kind: str, schema: Schema, settings: Settings) -> None:
    """Check that columns of headers are allowed where there are any.

    Args:
        kind: stream or table.
        schema: of what is created.
        settings: in force.

    Raises:
        StatementError: ``ksql.headers.columns.enabled`` is false.
    """
    if schema.headers and not settings.flag("ksql.headers.columns.enabled", default=True):
        raise StatementError(f"Cannot create {kind} because schema with headers columns is disabled.")


def check_source_table(settings: Settings) -> None:
    """Check that source tables are allowed, which keep their rows in a query of their own.

    Raises:
        StatementError: ``ksql.source.table.materialization.enabled`` is false.
    """
    if not settings.flag("ksql.source.table.materialization.enabled", default=True):
        raise StatementError("Cannot execute command because source table materialization is disabled.")
