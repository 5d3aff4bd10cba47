"""Executes the examples that functions are registered with, and prints values as the examples do.

scalar     the call alone
aggregate  over the rows of `SAMPLE`
table      of a stream with one row
"""

from __future__ import annotations

import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from sql_session import SqlSession

from kappaflow.kernel.number_text import double_text
from kappaflow.serde import types as t
from kappaflow.sql.ast.statements import InsertValues
from kappaflow.sql.expressions.row import compile_row
from kappaflow.sql.expressions.scope import EmptyScope
from kappaflow.sql.functions.registry import Function
from kappaflow.sql.grammar.parser import parse
from kappaflow.streams.record import Record
from kappaflow.testing.batch_driver import BatchTopologyDriver

SAMPLE = (
    "CREATE STREAM sample (city STRING KEY, name STRING, amount INT, price DOUBLE, tags ARRAY<INT>)\n"
    "  WITH (KAFKA_TOPIC='sample', VALUE_FORMAT='JSON', PARTITIONS=1);\n"
    "INSERT INTO sample (city, name, amount, price, tags) VALUES ('Seoul', 'pen', 4, 1.5, ARRAY[1, 2]);\n"
    "INSERT INTO sample (city, name, amount, price, tags) VALUES ('Seoul', 'ink', 9, 4.0, ARRAY[3]);\n"
    "INSERT INTO sample (city, name, amount, price) VALUES ('Seoul', 'pen', 7, 2.5);"
)
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
VARYING = frozenset({"UUID", "RANDOM"})
"""Functions that give another value each time."""


def shown(value: Any, data_type: t.DataType | None) -> str:
    """Return a value as text."""
    if value is None:
        return "NULL"
    match data_type:
        case t.Array(element):
            return "[" + ", ".join(shown(item, element) for item in value) + "]"
        case t.Map(key, inner):
            return (
                "{"
                + ", ".join(f"{k if key == t.STRING else shown(k, key)}={shown(v, inner)}" for k, v in value.items())
                + "}"
            )
        case t.Struct(fields):
            return "{" + ", ".join(f"{f.name}={shown(value[f.name], f.type)}" for f in fields) + "}"
        case t.Boolean():
            return "true" if value else "false"
        case t.Double():
            return double_text(value)
        case t.Decimal():
            return format(Decimal(value), "f")
        case t.Bytes():
            return "0x" + value.hex()
        case t.Date():
            return (_EPOCH + datetime.timedelta(days=value)).strftime("%Y-%m-%d")
        case t.Time():
            return (_EPOCH + datetime.timedelta(milliseconds=value)).strftime("%H:%M:%S")
        case t.Timestamp():
            return (_EPOCH + datetime.timedelta(milliseconds=value)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        case t.String():
            return f"'{value}'"
        case _:
            return str(value)


def result_of(function: Function, call: str) -> str:
    """Execute an example and return its result."""
    if function.kind == "scalar":
        (parsed,) = parse(f"INSERT INTO x (a) VALUES ({call});")
        assert isinstance(parsed.statement, InsertValues)
        failures: list[Exception] = []
        expression = parsed.statement.values[0]
        program = compile_row([("", expression)], EmptyScope(), lambda _n, error, _r: failures.append(error), None)
        value = program.function(Record(None, None, 0))[0]
        if failures:
            raise failures[0]
        return shown(value, program.types[0])
    query = (
        f"SELECT {call} AS result FROM sample{' GROUP BY city' if function.kind == 'aggregate' else ''} EMIT CHANGES;"
    )
    push = _sample().engine.plan_push(query)
    driver = BatchTopologyDriver(push.build_topology(), form="row")
    for raw in _sample().records("sample"):
        driver.pipe(raw)
    (column,) = push.schema
    rows = [shown(record.value[0], column.type) for record in driver.results]
    return rows[-1] if function.kind == "aggregate" else ", ".join(rows[: len(rows) // 3])


@cache
def _sample() -> SqlSession:
    session = SqlSession()
    session.run(SAMPLE)
    return session
