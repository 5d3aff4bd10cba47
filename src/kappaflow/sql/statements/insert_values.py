"""INSERT INTO .. VALUES: one row, evaluated and serialised; and rows that clients insert as JSON objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kappaflow.errors import ConfigError, SerializationError, StatementError
from kappaflow.serde.schema import Column, Namespace
from kappaflow.serde.types import BIGINT
from kappaflow.sql.analyzer.custom_types import resolve_casts
from kappaflow.sql.ast.expressions import ColumnReference, Expression, FunctionCall
from kappaflow.sql.ast.places import PlacedName, located, place_of
from kappaflow.sql.ast.rewrite import walk
from kappaflow.sql.ast.statements import InsertValues
from kappaflow.sql.expressions.constants import evaluate_constant
from kappaflow.sql.expressions.json_values import column_name, json_reader
from kappaflow.sql.formats import key_serde, value_serde
from kappaflow.sql.functions.registry import FunctionRegistry
from kappaflow.sql.metastore import DataSource
from kappaflow.sql.nearest_names import did_you_mean
from kappaflow.sql.planning import PlanningContext
from kappaflow.sql.queries import InsertRecord


def plan_insert_values(context: PlanningContext, statement: InsertValues) -> InsertRecord:
    """Evaluate INSERT INTO .. VALUES.

    Raises:
        StatementError: the target cannot be written, or columns and values do not fit.
    """
    with located(statement.name_at):
        target = _target(context, statement.target)
    if not statement.columns and target.schema.headers:
        listed = ", ".join(column.name for column in target.schema.headers)
        raise StatementError(f"{_failed(target)} Cannot insert into HEADER columns: {listed}")
    _check_count(target, statement)
    _check_no_sources(statement)
    try:
        row = _row(context, target, statement)
    except StatementError as error:
        raise error.within(f"{_failed(target)} {error}") from None
    return _RecordMaker(context, target).record(row, row.pop("ROWTIME", None))


def _check_count(target: DataSource, statement: InsertValues) -> None:
    columns = statement.columns or tuple(column.name for column in target.schema.key + target.schema.value)
    count, given = len(columns), len(statement.values)
    if count == given:
        return
    # The first value that has no column, or the last one before those that are missing.
    at = statement.values[min(count, given - 1)].position
    raise StatementError(
        f"Failed to prepare statement: Expected number columns and values to match: {count}, {given}. "
        f"The columns are {', '.join(columns)}.",
        at=at,
    )


def _row(context: PlanningContext, target: DataSource, statement: InsertValues) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for column, expression in zip(_columns(target, statement), statement.values, strict=True):
        with place_of(expression):
            _check_functions(expression, context.functions)
            resolved = resolve_casts(expression, context.metastore)
            row[column.name] = evaluate_constant(resolved, column.type, column.name, context.functions)
            if column.name == "ROWTIME" and (row["ROWTIME"] or 0) < 0:
                raise StatementError(f"ROWTIME must be non-negative, got {row['ROWTIME']}.")
    return row


def _failed(target: DataSource) -> str:
    return f"Failed to insert values into '{target.name}'."


class RowInserter:
    """Makes records of JSON objects for one stream or table.

    Args:
        name: of the stream or table.

    Raises:
        StatementError: it cannot be written.
    """

    def __init__(self, context: PlanningContext, name: str) -> None:
        target = _target(context, name)
        if target.schema.headers:
            raise StatementError(f"Cannot insert into {name} because it has header columns")
        self._maker = _RecordMaker(context, target)
        self._readers = {c.name: json_reader(c.type) for c in (*target.schema.key, *target.schema.value)}

    def record(self, row: Mapping[str, Any]) -> InsertRecord:
        """Return the record of a row; columns that it leaves out are null, names that are no columns are ignored.

        Raises:
            StatementError: a value does not fit its column.
        """
        given = {column_name(name): value for name, value in row.items()}
        return self._maker.record({name: read(given.get(name)) for name, read in self._readers.items()}, None)


def _check_no_sources(statement: InsertValues) -> None:
    for expression in statement.values:
        for node in walk(expression):
            if isinstance(node, ColumnReference) and node.source is not None:
                raise StatementError(
                    f"Failed to prepare statement: '{node.source}' is not a valid stream/table name or alias.",
                    at=node.position,
                )


def _check_functions(expression: Expression, functions: FunctionRegistry) -> None:
    for node in walk(expression):
        if not isinstance(node, FunctionCall):
            continue
        for kind, is_kind in (("Aggregate", functions.is_aggregate), ("Table", functions.is_table)):
            if is_kind(node.name):
                raise StatementError(f"{kind} functions cannot be used in VALUES: {node.name}.")


def _target(context: PlanningContext, name: str) -> DataSource:
    if not context.settings.flag("ksql.insert.into.values.enabled", default=True):
        raise StatementError(
            "The server has disabled INSERT INTO ... VALUES functionality. "
            "To enable it, restart your server with 'ksql.insert.into.values.enabled'=true"
        )
    target = context.metastore.source(name)
    if target is None:
        hint = context.metastore.hint(name)
        raise StatementError(f"Cannot insert values into an unknown stream/table: `{name}`{hint}")
    if target.is_read_only:
        raise StatementError(f"Cannot insert values into read-only {target.kind.value.lower()}: {name}")
    if target.is_windowed:
        raise StatementError("Cannot insert values into windowed stream/table!")
    return target


def _columns(target: DataSource, statement: InsertValues) -> tuple[Column, ...]:
    if not statement.columns:
        return target.schema.key + target.schema.value
    found: list[Column] = []
    for name in statement.columns:
        with located(name.position if isinstance(name, PlacedName) else None):
            if any(name == column.name for column in found):
                raise StatementError(f"Duplicate column names: `{name}`")
            found.append(_column(target, str(name)))
    return tuple(found)


def _column(target: DataSource, name: str) -> Column:
    if name == "ROWTIME":
        return Column(name, BIGINT)
    column = target.schema.find(name)
    if name in {"ROWPARTITION", "ROWOFFSET"} or (column and column.namespace is Namespace.HEADERS):
        raise StatementError(f"Inserting into column `{name}` is not allowed.")
    if column is None:
        hint = did_you_mean((each.name for each in target.schema.key + target.schema.value), name)
        raise StatementError(f"Column name `{name}` does not exist in stream/table `{target.name}`.{hint}")
    return column


class _RecordMaker:
    """Serialises rows of one stream or table."""

    def __init__(self, context: PlanningContext, target: DataSource) -> None:
        self._target = target
        schema, registry = target.schema, context.schemas.registry
        self._failed = _failed(target)
        try:
            self._keys = key_serde(target.key_format, schema.key, target.topic, registry)
            self._values = value_serde(target.value_format, schema.value, target.topic, registry)
        except (SerializationError, ConfigError) as error:
            raise StatementError(f"{self._failed} {error}") from None

    def record(self, row: Mapping[str, Any], timestamp: int | None) -> InsertRecord:
        """Return the record of a row.

        Raises:
            StatementError: it cannot be written.
        """
        target, schema = self._target, self._target.schema
        key = tuple(row.get(c.name) for c in schema.key)
        value = tuple(row.get(c.name) for c in schema.value)
        if target.is_table and any(part is None for part in key):
            names = ", ".join(c.name for c in schema.key)
            raise StatementError(f"{self._failed} Value for primary key column(s) {names} is required for tables")
        # A key of nothing but NULLs is a null key; formats without columns give no bytes anyway.
        absent_key = not key or all(part is None for part in key)
        try:
            key_bytes = None if absent_key else self._keys.serialize(key)
            value_bytes = self._values.serialize(value)
        except (SerializationError, ConfigError) as error:
            raise StatementError(f"{self._failed} {error}") from None
        return InsertRecord(target.topic, key_bytes, value_bytes, timestamp)
