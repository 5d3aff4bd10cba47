"""Custom types: CREATE TYPE and DROP TYPE."""

from __future__ import annotations

from kappaflow.errors import StatementError
from kappaflow.sql.analyzer.custom_types import resolve_type
from kappaflow.sql.ast.statements import CreateType, DropType
from kappaflow.sql.nearest_names import did_you_mean
from kappaflow.sql.planning import PlanningContext
from kappaflow.sql.statement_plan import Plan, RegisterType, RemoveType
from kappaflow.sql.statements.naming import command_of


def plan_create_type(context: PlanningContext, statement: CreateType) -> Plan:
    """Plan CREATE TYPE.

    Raises:
        StatementError: the name is taken, or the type mentions an unknown one.
    """
    command = command_of("type", statement.name, "create")
    if statement.name in context.metastore.types:
        known = context.metastore.types[statement.name]
        message = f"Cannot register custom type '{statement.name}' since it is already registered with type: {known}"
        if statement.if_not_exists:
            return Plan(context.text, statement, command, warning=f"{statement.name} is already registered")
        raise StatementError(message)
    data_type = resolve_type(statement.type, context.metastore)
    return Plan(
        context.text,
        statement,
        command,
        ddl=RegisterType(statement.name, data_type),
        message=f"Registered custom type with name '{statement.name}' and SQL type {data_type}",
    )


def plan_drop_type(context: PlanningContext, statement: DropType) -> Plan:
    """Plan DROP TYPE.

    Raises:
        StatementError: there is no such type.
    """
    command = command_of("type", statement.name, "drop")
    if statement.name not in context.metastore.types:
        if statement.if_exists:
            return Plan(context.text, statement, command, warning=f"Type '{statement.name}' does not exist")
        hint = did_you_mean(context.metastore.types, statement.name)
        raise StatementError(f"Type {statement.name} does not exist.{hint}", at=statement.name_at)
    return Plan(
        context.text,
        statement,
        command,
        ddl=RemoveType(statement.name),
        message=f"Dropped type '{statement.name}'",
    )
