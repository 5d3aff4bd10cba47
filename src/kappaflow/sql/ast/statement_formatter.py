"""Statements back to SQL text: parsing the text again gives an equal statement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kappaflow.serde.schema import WindowType
from kappaflow.sql.ast import relations as r
from kappaflow.sql.ast import statements as s
from kappaflow.sql.ast.formatter import format_expression, format_name, format_string, format_type


def format_statement(statement: s.Statement) -> str:
    """Print a statement without its semicolon.

    >>> from kappaflow.sql.grammar.parser import parse_statement
    >>> format_statement(parse_statement("select a from b where a > 1 emit changes"))
    'SELECT A FROM B WHERE (A > 1) EMIT CHANGES'
    """
    return _FORMATTERS[type(statement)](statement)


def _milliseconds(value_ms: int) -> str:
    return f"{value_ms} MILLISECONDS"


def _item(item: r.SelectItem) -> str:
    if isinstance(item, r.AllColumns):
        return f"{format_name(item.source)}.*" if item.source is not None else "*"
    if isinstance(item, r.StructAll):
        return f"{format_expression(item.expression)}->*"
    alias = f" AS {format_name(item.alias)}" if item.alias is not None else ""
    return format_expression(item.expression) + alias


def _relation(relation: r.Relation) -> str:
    if isinstance(relation, r.Table):
        return format_name(relation.name)
    if isinstance(relation, r.AliasedRelation):
        return f"{format_name(relation.relation.name)} AS {format_name(relation.alias)}"
    return _relation(relation.first) + "".join(_joined(joined) for joined in relation.joined)


def _joined(joined: r.JoinedSource) -> str:
    within = ""
    if joined.within is not None:
        before, after = _milliseconds(joined.within.before_ms), _milliseconds(joined.within.after_ms)
        grace = joined.within.grace_ms
        within = f" WITHIN ({before}, {after})"
        within += f" GRACE PERIOD {_milliseconds(grace)}" if grace is not None else ""
    criteria = format_expression(joined.criteria)
    return f" {joined.type.value} JOIN {_relation(joined.relation)}{within} ON {criteria}"


def _window(window: r.Window) -> str:
    size = _milliseconds(window.size_ms)
    parts = [size if window.type is WindowType.SESSION else f"SIZE {size}"]
    if window.advance_ms is not None:
        parts.append(f"ADVANCE BY {_milliseconds(window.advance_ms)}")
    if window.retention_ms is not None:
        parts.append(f"RETENTION {_milliseconds(window.retention_ms)}")
    if window.grace_ms is not None:
        parts.append(f"GRACE PERIOD {_milliseconds(window.grace_ms)}")
    return f" WINDOW {window.type.value} ({', '.join(parts)})"


def _query(query: s.Query) -> str:
    text = f"SELECT {', '.join(_item(item) for item in query.select)} FROM {_relation(query.source)}"
    if query.window is not None:
        text += _window(query.window)
    if query.where is not None:
        text += f" WHERE {format_expression(query.where)}"
    if query.group_by is not None:
        text += f" GROUP BY {', '.join(format_expression(g) for g in query.group_by)}"
    if query.partition_by is not None:
        text += f" PARTITION BY {', '.join(format_expression(p) for p in query.partition_by)}"
    if query.having is not None:
        text += f" HAVING {format_expression(query.having)}"
    if query.emit is not None:
        text += f" EMIT {query.emit.value}"
    return text + (f" LIMIT {query.limit}" if query.limit is not None else "")


def _value(value: s.PropertyValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else format_string(value)


def _with(properties: s.Properties) -> str:
    if not properties:
        return ""
    return " WITH (" + ", ".join(f"{_property_name(name)}={_value(value)}" for name, value in properties) + ")"


def _property_name(name: str) -> str:
    return name if name.replace("_", "").isalnum() else format_string(name)


def _column(column: s.ColumnDefinition) -> str:
    constraint = f" {column.constraint}" if column.constraint else ""
    if column.header_key is not None:
        constraint = f" HEADER({format_string(column.header_key)})"
    return f"{format_name(column.name)} {format_type(column.type)}{constraint}"


def _columns(columns: tuple[s.ColumnDefinition, ...]) -> str:
    return " (" + ", ".join(_column(column) for column in columns) + ")" if columns else ""


def _kind(is_table: bool) -> str:
    return "TABLE" if is_table else "STREAM"


def _create(statement: s.CreateSource) -> str:
    replace = " OR REPLACE" if statement.or_replace else ""
    source = " SOURCE" if statement.is_source else ""
    exists = " IF NOT EXISTS" if statement.if_not_exists else ""
    head = f"CREATE{replace}{source} {_kind(statement.is_table)}{exists} {format_name(statement.name)}"
    return head + _columns(statement.columns) + _with(statement.properties)


def _create_as(statement: s.CreateAsSelect) -> str:
    replace = " OR REPLACE" if statement.or_replace else ""
    exists = " IF NOT EXISTS" if statement.if_not_exists else ""
    head = f"CREATE{replace} {_kind(statement.is_table)}{exists} {format_name(statement.name)}"
    return f"{head}{_with(statement.properties)} AS {_query(statement.query)}"


def _insert_values(statement: s.InsertValues) -> str:
    names = " (" + ", ".join(map(format_name, statement.columns)) + ")" if statement.columns else ""
    values = ", ".join(format_expression(v) for v in statement.values)
    return f"INSERT INTO {format_name(statement.target)}{names} VALUES ({values})"


def _drop(statement: s.DropSource) -> str:
    exists = " IF EXISTS" if statement.if_exists else ""
    topic = " DELETE TOPIC" if statement.delete_topic else ""
    return f"DROP {_kind(statement.is_table)}{exists} {format_name(statement.name)}{topic}"


def _alter(statement: s.AlterSource) -> str:
    added = ", ".join(f"ADD COLUMN {_column(c)}" for c in statement.columns)
    return f"ALTER {_kind(statement.is_table)} {format_name(statement.name)} {added}"


def _show(statement: s.Show) -> str:
    everything = "ALL " if statement.all else ""
    scope = f"{statement.scope} " if statement.scope else ""
    return f"SHOW {everything}{scope}{statement.what}{' EXTENDED' if statement.extended else ''}"


def _explain(statement: s.Explain) -> str:
    analyze = " ANALYZE" if statement.analyze else ""
    what = format_statement(statement.statement) if statement.statement else format_name(statement.query_id or "")
    return f"EXPLAIN{analyze} {what}"


def _print(statement: s.Print) -> str:
    text = f"PRINT {format_string(statement.topic)}"
    text += " FROM BEGINNING" if statement.from_beginning else ""
    text += f" INTERVAL {statement.interval}" if statement.interval != 1 else ""
    return text + (f" LIMIT {statement.limit}" if statement.limit is not None else "")


def _connector(statement: s.CreateConnector) -> str:
    exists = " IF NOT EXISTS" if statement.if_not_exists else ""
    head = f"CREATE {statement.kind} CONNECTOR{exists} {format_name(statement.name)}"
    return head + _with(statement.properties)


def _timeout(timeout_ms: int | None) -> str:
    return f" TIMEOUT {_milliseconds(timeout_ms)}" if timeout_ms is not None else ""


def _assert_topic(statement: s.AssertTopic) -> str:
    negated = "" if statement.exists else " NOT EXISTS"
    head = f"ASSERT{negated} TOPIC {format_string(statement.topic)}"
    return head + _with(statement.properties) + _timeout(statement.timeout_ms)


def _assert_schema(statement: s.AssertSchema) -> str:
    text = "ASSERT" + ("" if statement.exists else " NOT EXISTS") + " SCHEMA"
    text += f" SUBJECT {format_string(statement.subject)}" if statement.subject is not None else ""
    text += f" ID {statement.schema_id}" if statement.schema_id is not None else ""
    return text + _timeout(statement.timeout_ms)


def _assert_values(statement: s.AssertValues) -> str:
    inner = _insert_values(statement.statement).removeprefix("INSERT INTO ")
    if statement.tombstone:
        head, _, values = inner.rpartition(" VALUES ")
        return f"ASSERT NULL VALUES {head} KEY {values}"
    return f"ASSERT VALUES {inner}"


def _query_name(keyword: str) -> Callable[[Any], str]:
    return lambda node: f"{keyword} {format_name(node.query_id) if node.query_id is not None else 'ALL'}"


def _if(condition: bool, text: str) -> str:
    return text if condition else ""


_FORMATTERS: dict[type[s.Statement], Callable[[Any], str]] = {
    s.Query: _query,
    s.CreateSource: _create,
    s.CreateAsSelect: _create_as,
    s.InsertInto: lambda n: f"INSERT INTO {format_name(n.target)}{_with(n.properties)} {_query(n.query)}",
    s.InsertValues: _insert_values,
    s.DropSource: _drop,
    s.AlterSource: _alter,
    s.CreateType: lambda n: (
        f"CREATE TYPE {_if(n.if_not_exists, 'IF NOT EXISTS ')}{format_name(n.name)} AS {format_type(n.type)}"
    ),
    s.DropType: lambda n: f"DROP TYPE {_if(n.if_exists, 'IF EXISTS ')}{format_name(n.name)}",
    s.Terminate: _query_name("TERMINATE"),
    s.Pause: _query_name("PAUSE"),
    s.Resume: _query_name("RESUME"),
    s.SetProperty: lambda n: f"SET {format_string(n.name)}={format_string(n.value)}",
    s.UnsetProperty: lambda n: f"UNSET {format_string(n.name)}",
    s.AlterSystem: lambda n: f"ALTER SYSTEM {format_string(n.name)}={format_string(n.value)}",
    s.DefineVariable: lambda n: f"DEFINE {format_name(n.name)}={format_string(n.value)}",
    s.UndefineVariable: lambda n: f"UNDEFINE {format_name(n.name)}",
    s.Show: _show,
    s.Describe: lambda n: f"DESCRIBE {format_name(n.name)}{_if(n.extended, ' EXTENDED')}",
    s.DescribeAll: lambda n: f"DESCRIBE {n.what}{_if(n.extended, ' EXTENDED')}",
    s.DescribeFunction: lambda n: f"DESCRIBE FUNCTION {format_name(n.name)}",
    s.DescribeConnector: lambda n: f"DESCRIBE CONNECTOR {format_name(n.name)}",
    s.Explain: _explain,
    s.Print: _print,
    s.CreateConnector: _connector,
    s.DropConnector: lambda n: f"DROP CONNECTOR {_if(n.if_exists, 'IF EXISTS ')}{format_name(n.name)}",
    s.AssertTopic: _assert_topic,
    s.AssertSchema: _assert_schema,
    s.AssertValues: _assert_values,
    s.AssertSource: lambda n: "ASSERT " + _create(n.statement).removeprefix("CREATE "),
    s.RunScript: lambda n: f"RUN SCRIPT {format_string(n.path)}",
}
