"""Custom types: CREATE TYPE, DROP TYPE, and their names in column definitions."""

from __future__ import annotations

from dataclasses import replace

from kappaflow.errors import StatementError
from kappaflow.serde.types import Array, DataType, Map, Struct
from kappaflow.sql.ast.statements import CreateType, DropType, NamedType
from kappaflow.sql.metastore import MetaStore
from kappaflow.sql.planning import PlanningContext
from kappaflow.sql.statement_plan import Plan, RegisterType, RemoveType
from kappaflow.sql.statements.naming import command_of


def resolve_type(data_type: DataType, metastore: MetaStore) -> DataType:
    """Return the type with every custom type replaced by what it stands for.

    Raises:
        StatementError: a custom type is unknown.
    """
    match data_type:
        case NamedType(name):
            found = metastore.types.get(name) or metastore.types.get(name.upper())
            if found is None:
                raise StatementError(f"Cannot resolve unknown type: {name}")
            return found
        case Array(element):
            return Array(resolve_type(element, metastore))
        case Map(key, value):
            return Map(resolve_type(key, metastore), resolve_type(value, metastore))
        case Struct(fields):
            return Struct(tuple(replace(f, type=resolve_type(f.type, metastore)) for f in fields))
        case _:
            return data_type


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
        raise StatementError(f"Type {statement.name} does not exist.")
    return Plan(
        context.text,
        statement,
        command,
        ddl=RemoveType(statement.name),
        message=f"Dropped type '{statement.name}'",
    )
