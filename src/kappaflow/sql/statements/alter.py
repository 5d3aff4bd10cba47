"""ALTER STREAM|TABLE .. ADD COLUMN."""

from __future__ import annotations

from dataclasses import replace

from kappaflow.errors import StatementError
from kappaflow.serde.schema import Column, Schema
from kappaflow.sql.analyzer.custom_types import resolve_type
from kappaflow.sql.ast.statements import AlterSource
from kappaflow.sql.formats import check_value, with_wrapping
from kappaflow.sql.planning import PlanningContext
from kappaflow.sql.statement_plan import Plan, RegisterSource
from kappaflow.sql.statements.naming import check_column_names, command_of


def plan_alter(context: PlanningContext, statement: AlterSource) -> Plan:
    """Plan ALTER .. ADD COLUMN.

    Raises:
        StatementError: the source cannot be altered, or a column exists already.
    """
    kind = "table" if statement.is_table else "stream"
    source = context.metastore.source(statement.name)
    if source is None:
        hint = context.metastore.hint(statement.name)
        raise StatementError(f"Source {statement.name} does not exist.{hint}", at=statement.name_at)
    if source.is_table != statement.is_table:
        raise StatementError(
            f"Incompatible data source type is {source.kind.value}, but statement was ALTER {kind.upper()}"
        )
    if source.is_read_only:
        raise StatementError(
            f"Cannot alter {kind} '{statement.name}': ALTER operations are not supported on source {kind}s."
        )
    if source.created_by is not None:
        raise StatementError("ALTER command is not supported for CREATE ... AS statements.")
    check_column_names(definition.name for definition in statement.columns)
    added: list[Column] = []
    for definition in statement.columns:
        if source.schema.find(definition.name) is not None:
            raise StatementError(
                f"Cannot add column `{definition.name}` to schema. A column with the same name already exists."
            )
        added.append(Column(definition.name, resolve_type(definition.type, context.metastore)))
    schema = Schema(source.schema.columns + tuple(added))
    value_format = with_wrapping(replace(source.value_format, wrap_single=None), schema.value, None, context.settings)
    check_value(value_format, schema.value)
    altered = replace(source, schema=schema, value_format=value_format)
    return Plan(
        context.text,
        statement,
        command_of(kind, statement.name, "alter"),
        ddl=RegisterSource(altered),
        message="Alter " + kind + " succeeded.",
        properties=dict(context.settings.overrides),
    )
