"""The TIMESTAMP property: which column holds a record's time."""

from __future__ import annotations

from kappaflow.errors import StatementError
from kappaflow.serde.schema import Schema
from kappaflow.serde.types import BigInt, String, Timestamp
from kappaflow.sql.metastore import TimestampColumn
from kappaflow.sql.nearest_names import did_you_mean
from kappaflow.sql.properties import WithClause


def timestamp_column(clause: WithClause, schema: Schema) -> TimestampColumn | None:
    """Return the column named by TIMESTAMP, or None.

    Raises:
        StatementError: there is no such column, or its type is none of a time.
    """
    name = clause.text("TIMESTAMP")
    pattern = clause.text("TIMESTAMP_FORMAT")
    if name is None:
        return None
    name = check_timestamp_name(clause, schema) or name
    column = schema.find(name)
    assert column is not None
    if isinstance(column.type, String):
        if pattern is None:
            raise StatementError(
                f"A String timestamp field has been specified without also specifying the timestamp_format: "
                f"`{name}`. {_refusal(name)}"
            )
        return TimestampColumn(name, pattern)
    if pattern is not None:
        raise StatementError(
            "'TIMESTAMP_FORMAT' set in the WITH clause can only be used when the timestamp column is of type STRING."
        )
    if not isinstance(column.type, BigInt | Timestamp):
        raise StatementError(_refusal(name))
    return TimestampColumn(name)


def check_timestamp_name(clause: WithClause, schema: Schema) -> str | None:
    """Return the name of the TIMESTAMP column as schemas have it, or None.

    Raises:
        StatementError: the schema has no such column.
    """
    name = clause.text("TIMESTAMP")
    if name is None:
        return None
    quoted = len(name) > 1 and name[0] == name[-1] and name[0] in '`"'
    name = name[1:-1] if quoted else name.upper()
    if schema.find(name) is None:
        hint = did_you_mean((column.name for column in schema.columns), name)
        raise StatementError(
            f"The TIMESTAMP column set in the WITH clause does not exist in the schema: '{name}'{hint and '.'}{hint}",
            at=clause.place("TIMESTAMP"),
        )
    return name


def _refusal(name: str) -> str:
    return (
        f"Timestamp column, `{name}`, should be LONG(INT64), TIMESTAMP, or a String with a timestamp_format specified."
    )
