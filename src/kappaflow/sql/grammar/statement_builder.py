"""Build statements from the parse tree."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from lark import Token
from lark.tree import Meta

from kappaflow.sql.ast import expressions as e
from kappaflow.sql.ast import statements as s
from kappaflow.sql.ast.places import PlacedName
from kappaflow.sql.grammar.expression_builder import has, parts, position, unquote, whole, with_meta
from kappaflow.sql.grammar.query_builder import QueryBuilder

Children = list[Any]


class _Flag(str):
    """An optional phrase of a statement, such as IF NOT EXISTS."""

    __slots__ = ()


def _split(children: Children) -> tuple[list[Any], set[str]]:
    items = parts(children)
    return [i for i in items if not isinstance(i, _Flag)], {str(i) for i in items if isinstance(i, _Flag)}


class _Properties(tuple[tuple[str, s.PropertyValue], ...]):
    """The WITH clause, told apart from other tuples."""

    __slots__ = ()


class _Columns(tuple[s.ColumnDefinition, ...]):
    """The column list, told apart from other tuples."""

    __slots__ = ()


class _Names(tuple[str, ...]):
    """A list of names, told apart from other tuples."""

    __slots__ = ()


def _of(kind: type[Any], items: list[Any], default: Any) -> Any:
    return next((i for i in items if isinstance(i, kind)), default)


@with_meta
class StatementBuilder(QueryBuilder):
    """Callbacks for the statement rules of the grammar."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._spans: dict[int, tuple[int, int]] = {}
        self._open = False

    def statements(self, _meta: Meta, children: Children) -> list[tuple[int, int, s.Statement]]:
        self.check_overflows()
        found: list[tuple[int, int, s.Statement]] = []
        for child in children:
            if isinstance(child, Token):
                if child.type == "SEMICOLON" and found:
                    start, _, statement = found[-1]
                    found[-1] = (
                        start,
                        max(found[-1][1], child.end_pos or 0) if self._open else found[-1][1],
                        statement,
                    )
                    self._open = False
            else:
                start, end = self._spans.pop(id(child))
                found.append((start, end, child))
                self._open = True
        return found

    def _made(self, meta: Meta, statement: s.Statement) -> s.Statement:
        if not meta.empty:
            self._spans[id(statement)] = (meta.start_pos, meta.end_pos)
        return statement

    def query(self, meta: Meta, children: Children) -> s.Statement:
        return self._made(meta, super().query(meta, children))

    # --- flags -----------------------------------------------------------------------------------------

    def or_replace(self, _meta: Meta, _children: Children) -> _Flag:
        return _Flag("or_replace")

    def if_not_exists(self, _meta: Meta, _children: Children) -> _Flag:
        return _Flag("if_not_exists")

    def if_exists(self, _meta: Meta, _children: Children) -> _Flag:
        return _Flag("if_exists")

    def not_exists(self, _meta: Meta, _children: Children) -> _Flag:
        return _Flag("not_exists")

    def delete_topic(self, _meta: Meta, _children: Children) -> _Flag:
        return _Flag("delete_topic")

    def print_from(self, _meta: Meta, _children: Children) -> _Flag:
        return _Flag("from_beginning")

    # --- columns and properties ------------------------------------------------------------------------

    def columns(self, _meta: Meta, children: Children) -> _Columns:
        return _Columns(children)

    def value_column(self, _meta: Meta, children: Children) -> s.ColumnDefinition:
        name, type_ = parts(children)
        return s.ColumnDefinition(name, type_)

    def key_column(self, _meta: Meta, children: Children) -> s.ColumnDefinition:
        name, type_ = parts(children)
        return s.ColumnDefinition(name, type_, "KEY")

    def primary_key_column(self, _meta: Meta, children: Children) -> s.ColumnDefinition:
        name, type_ = parts(children)
        return s.ColumnDefinition(name, type_, "PRIMARY KEY")

    def headers_column(self, _meta: Meta, children: Children) -> s.ColumnDefinition:
        name, type_ = parts(children)
        return s.ColumnDefinition(name, type_, "HEADERS")

    def header_column(self, _meta: Meta, children: Children) -> s.ColumnDefinition:
        name, type_, key = parts(children)
        return s.ColumnDefinition(name, type_, "HEADERS", unquote(key))

    def placed_name(self, meta: Meta, children: Children) -> PlacedName:
        return PlacedName(children[0], position(meta))

    def names(self, _meta: Meta, children: Children) -> _Names:
        return _Names(children)

    def with_properties(self, meta: Meta, children: Children) -> _Properties:
        properties = _Properties(parts(children))
        names = [name for name, _ in properties]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise self.error(f"The WITH clause has {twice} more than once", meta.line, meta.column)
        return properties

    def property(self, meta: Meta, children: Children) -> tuple[str, s.PropertyValue]:
        name, (value, value_at) = parts(children)
        key = unquote(name) if isinstance(name, Token) and name.type == "STRING_LITERAL" else str(name)
        return PlacedName(key.upper(), position(meta), value_at), value

    def property_value(self, meta: Meta, children: Children) -> tuple[s.PropertyValue, e.Position | None]:
        literal = children[0]
        if isinstance(literal, e.DecimalLiteral):
            return str(literal.value), position(meta)
        if isinstance(literal, e.NullLiteral):
            raise self.error("A property needs a value, not NULL", meta.line, meta.column)
        return literal.value, position(meta)

    def negative(self, _meta: Meta, children: Children) -> e.Expression:
        token = children[-1]
        if token.type == "INTEGER_VALUE":
            return e.LongLiteral(-whole(token))
        return e.DecimalLiteral(-Decimal(token)) if token.type == "DECIMAL_VALUE" else e.DoubleLiteral(-float(token))

    def property_name(self, meta: Meta, children: Children) -> tuple[s.PropertyValue, e.Position | None]:
        return str(children[0]), position(meta)

    # --- CREATE ----------------------------------------------------------------------------------------

    def _create(self, meta: Meta, children: Children, is_table: bool) -> s.Statement:
        items, flags = _split(children)
        columns = _of(_Columns, items, _Columns())
        self._check_keys(columns, is_table, meta)
        statement = s.CreateSource(
            items[0],
            tuple(columns),
            tuple(_of(_Properties, items, ())),
            is_table,
            "or_replace" in flags,
            "if_not_exists" in flags,
            has(children, "SOURCE"),
            position=position(meta),
        )
        return self._made(meta, statement)

    def _check_keys(self, columns: _Columns, is_table: bool, meta: Meta) -> None:
        wrong, right, kind = ("KEY", "PRIMARY KEY", "tables") if is_table else ("PRIMARY KEY", "KEY", "streams")
        for column in columns:
            if column.constraint == wrong:
                line, place = self._place_of(column.name, meta)
                raise self._key_error(column.name, wrong, right, kind, line, place)

    def _place_of(self, name: str, meta: Meta) -> tuple[int, int]:
        match = re.compile(rf"[`\"]?{re.escape(name)}[`\"]?\s+\S", re.IGNORECASE).search(
            self._text, self._text.find("(", meta.start_pos), meta.end_pos
        )
        start = match.start() if match else meta.start_pos
        return self._text.count("\n", 0, start) + 1, start - (self._text.rfind("\n", 0, start) + 1) + 1

    def _key_error(self, name: str, wrong: str, right: str, kind: str, line: int, column: int) -> Exception:
        from kappaflow.errors import ParseError

        hint = (
            "\nTables have PRIMARY KEYs, which are unique and NON NULL.\nStreams have KEYs, which have no uniqueness "
            "or NON NULL constraints."
        )
        message = (
            f"Line: {line}, Col: {column}: Column `{name}` is a '{wrong}' column: please use '{right}' for {kind}."
        )
        return ParseError(message + hint, self._text, line, column)

    def create_stream(self, meta: Meta, children: Children) -> s.Statement:
        return self._create(meta, children, False)

    def create_table(self, meta: Meta, children: Children) -> s.Statement:
        return self._create(meta, children, True)

    def _create_as(self, meta: Meta, children: Children, is_table: bool) -> s.Statement:
        items, flags = _split(children)
        statement = s.CreateAsSelect(
            items[0],
            items[-1],
            tuple(_of(_Properties, items, ())),
            is_table,
            "or_replace" in flags,
            "if_not_exists" in flags,
            position=position(meta),
        )
        return self._made(meta, statement)

    def create_stream_as(self, meta: Meta, children: Children) -> s.Statement:
        return self._create_as(meta, children, False)

    def create_table_as(self, meta: Meta, children: Children) -> s.Statement:
        return self._create_as(meta, children, True)

    def create_type(self, meta: Meta, children: Children) -> s.Statement:
        (name, type_), flags = _split(children)
        return self._made(meta, s.CreateType(name, type_, "if_not_exists" in flags, position=position(meta)))

    def create_source_connector(self, meta: Meta, children: Children) -> s.Statement:
        return self._connector(meta, children, "SOURCE")

    def create_sink_connector(self, meta: Meta, children: Children) -> s.Statement:
        return self._connector(meta, children, "SINK")

    def _connector(self, meta: Meta, children: Children, kind: str) -> s.Statement:
        items, flags = _split(children)
        statement = s.CreateConnector(
            items[0],
            kind,
            tuple(_of(_Properties, items, ())),
            "if_not_exists" in flags,
            position=position(meta),
        )
        return self._made(meta, statement)

    # --- INSERT ----------------------------------------------------------------------------------------

    def insert_into(self, meta: Meta, children: Children) -> s.Statement:
        items, _ = _split(children)
        properties = tuple(_of(_Properties, items, ()))
        target: PlacedName = items[0]
        statement = s.InsertInto(str(target), items[-1], properties, position=position(meta), name_at=target.position)
        return self._made(meta, statement)

    def _values(self, meta: Meta, children: Children) -> s.InsertValues:
        items, _ = _split(children)
        names = tuple(_of(_Names, items, ()))
        target: PlacedName = items[0]
        return s.InsertValues(str(target), names, tuple(items[-1]), position=position(meta), name_at=target.position)

    def insert_values(self, meta: Meta, children: Children) -> s.Statement:
        return self._made(meta, self._values(meta, children))

    # --- DROP, ALTER -----------------------------------------------------------------------------------

    def _drop(self, meta: Meta, children: Children, is_table: bool) -> s.Statement:
        (name,), flags = _split(children)
        statement = s.DropSource(
            str(name),
            is_table,
            "if_exists" in flags,
            "delete_topic" in flags,
            position=position(meta),
            name_at=name.position,
        )
        return self._made(meta, statement)

    def drop_stream(self, meta: Meta, children: Children) -> s.Statement:
        return self._drop(meta, children, False)

    def drop_table(self, meta: Meta, children: Children) -> s.Statement:
        return self._drop(meta, children, True)

    def drop_type(self, meta: Meta, children: Children) -> s.Statement:
        (name,), flags = _split(children)
        statement = s.DropType(str(name), "if_exists" in flags, position=position(meta), name_at=name.position)
        return self._made(meta, statement)

    def drop_connector(self, meta: Meta, children: Children) -> s.Statement:
        (name,), flags = _split(children)
        return self._made(meta, s.DropConnector(name, "if_exists" in flags, position=position(meta)))

    def alterations(self, _meta: Meta, children: Children) -> _Columns:
        return _Columns(parts(children))

    alteration = value_column

    def alter_stream(self, meta: Meta, children: Children) -> s.Statement:
        return self._made(meta, self._altered(meta, children, False))

    def alter_table(self, meta: Meta, children: Children) -> s.Statement:
        return self._made(meta, self._altered(meta, children, True))

    def _altered(self, meta: Meta, children: Children, is_table: bool) -> s.AlterSource:
        name, columns = parts(children)
        return s.AlterSource(str(name), tuple(columns), is_table, position=position(meta), name_at=name.position)

    def alter_system(self, meta: Meta, children: Children) -> s.Statement:
        name, value = parts(children)
        return self._made(meta, s.AlterSystem(unquote(name), unquote(value), position=position(meta)))

    # --- control ---------------------------------------------------------------------------------------

    def all_queries(self, _meta: Meta, _children: Children) -> None:
        return None

    def one_query(self, _meta: Meta, children: Children) -> str:
        return children[0]

    def terminate(self, meta: Meta, children: Children) -> s.Statement:
        return self._made(meta, s.Terminate(parts(children)[0], position=position(meta)))

    def pause(self, meta: Meta, children: Children) -> s.Statement:
        return self._made(meta, s.Pause(parts(children)[0], position=position(meta)))

    def resume(self, meta: Meta, children: Children) -> s.Statement:
        return self._made(meta, s.Resume(parts(children)[0], position=position(meta)))

    def set_property(self, meta: Meta, children: Children) -> s.Statement:
        name, value = parts(children)
        return self._made(meta, s.SetProperty(unquote(name), unquote(value), position=position(meta)))

    def unset_property(self, meta: Meta, children: Children) -> s.Statement:
        return self._made(meta, s.UnsetProperty(unquote(parts(children)[0]), position=position(meta)))

    def define(self, meta: Meta, children: Children) -> s.Statement:
        name, value = parts(children)
        return self._made(meta, s.DefineVariable(name, unquote(value), position=position(meta)))

    def undefine(self, meta: Meta, children: Children) -> s.Statement:
        return self._made(meta, s.UndefineVariable(parts(children)[0], position=position(meta)))

    # --- introspection ---------------------------------------------------------------------------------

    def show(self, meta: Meta, children: Children) -> s.Statement:
        what, extended, everything, scope = parts(children)[0]
        return self._made(meta, s.Show(what, extended, everything, scope, position=position(meta)))

    def _shown(self, what: str, children: Children) -> tuple[str, bool, bool, str | None]:
        scope = next((k for k in ("SOURCE", "SINK") if has(children, k)), None)
        return what, has(children, "EXTENDED"), has(children, "ALL"), scope

    def show_properties(self, _meta: Meta, children: Children) -> Any:
        return self._shown("PROPERTIES", children)

    def show_topics(self, _meta: Meta, children: Children) -> Any:
        return self._shown("TOPICS", children)

    def show_streams(self, _meta: Meta, children: Children) -> Any:
        return self._shown("STREAMS", children)

    def show_tables(self, _meta: Meta, children: Children) -> Any:
        return self._shown("TABLES", children)

    def show_functions(self, _meta: Meta, children: Children) -> Any:
        return self._shown("FUNCTIONS", children)

    def show_connectors(self, _meta: Meta, children: Children) -> Any:
        return self._shown("CONNECTORS", children)

    def show_plugins(self, _meta: Meta, children: Children) -> Any:
        return self._shown("CONNECTOR PLUGINS", children)

    def show_types(self, _meta: Meta, children: Children) -> Any:
        return self._shown("TYPES", children)

    def show_variables(self, _meta: Meta, children: Children) -> Any:
        return self._shown("VARIABLES", children)

    def show_queries(self, _meta: Meta, children: Children) -> Any:
        return self._shown("QUERIES", children)

    def describe_statement(self, meta: Meta, children: Children) -> s.Statement:
        return self._made(meta, parts(children)[0])

    def describe(self, meta: Meta, children: Children) -> s.Statement:
        return s.Describe(parts(children)[0], has(children, "EXTENDED"), position=position(meta))

    def describe_streams(self, meta: Meta, children: Children) -> s.Statement:
        return s.DescribeAll("STREAMS", has(children, "EXTENDED"), position=position(meta))

    def describe_tables(self, meta: Meta, children: Children) -> s.Statement:
        return s.DescribeAll("TABLES", has(children, "EXTENDED"), position=position(meta))

    def describe_function(self, meta: Meta, children: Children) -> s.Statement:
        return s.DescribeFunction(parts(children)[0], position=position(meta))

    def describe_connector(self, meta: Meta, children: Children) -> s.Statement:
        return s.DescribeConnector(parts(children)[0], position=position(meta))

    def explain_statement(self, meta: Meta, children: Children) -> s.Statement:
        statement = parts(children)[0]
        return self._made(meta, s.Explain(statement, None, has(children, "ANALYZE"), position=position(meta)))

    def explain_query(self, meta: Meta, children: Children) -> s.Statement:
        name = parts(children)[0]
        return self._made(meta, s.Explain(None, name, has(children, "ANALYZE"), position=position(meta)))

    # --- PRINT, RUN, ASSERT ----------------------------------------------------------------------------

    def topic_name(self, meta: Meta, children: Children) -> str:
        child = children[0]
        if isinstance(child, Token):
            return unquote(child)
        # Topic names are case-sensitive, so an unquoted one is taken as written.
        written = self._text[meta.start_pos : meta.end_pos]
        return unquote(written) if written[0] in "`\"'" else written

    def print_interval(self, _meta: Meta, children: Children) -> tuple[str, int]:
        return "interval", whole(parts(children)[0])

    def print(self, meta: Meta, children: Children) -> s.Statement:
        items, flags = _split(children)
        topic, *rest = items
        interval = next((i[1] for i in rest if isinstance(i, tuple)), 1)
        limit = next((i for i in rest if isinstance(i, int)), None)
        if limit is not None and limit < 0:
            raise self.error(f"LIMIT of PRINT must be non-negative, got {limit}", meta.line, meta.column)
        statement = s.Print(topic, "from_beginning" in flags, interval, limit, position=position(meta))
        return self._made(meta, statement)

    def run_script(self, meta: Meta, children: Children) -> s.Statement:
        return self._made(meta, s.RunScript(unquote(parts(children)[0]), position=position(meta)))

    def timeout(self, _meta: Meta, children: Children) -> tuple[str, int]:
        return "timeout", parts(children)[0]

    def subject(self, _meta: Meta, children: Children) -> tuple[str, str]:
        return "subject", parts(children)[0]

    def schema_id(self, _meta: Meta, children: Children) -> tuple[str, int]:
        return "id", whole(parts(children)[0])

    def assert_topic(self, meta: Meta, children: Children) -> s.Statement:
        items, flags = _split(children)
        properties = tuple(_of(_Properties, items, ()))
        options = dict(i for i in items[1:] if type(i) is tuple)
        statement = s.AssertTopic(
            items[0], properties, options.get("timeout"), "not_exists" not in flags, position=position(meta)
        )
        return self._made(meta, statement)

    def assert_schema(self, meta: Meta, children: Children) -> s.Statement:
        items, flags = _split(children)
        options = dict(items)
        statement = s.AssertSchema(
            options.get("subject"),
            options.get("id"),
            options.get("timeout"),
            "not_exists" not in flags,
            position=position(meta),
        )
        return self._made(meta, statement)

    def assert_values(self, meta: Meta, children: Children) -> s.Statement:
        return self._made(meta, s.AssertValues(self._values(meta, children), position=position(meta)))

    def assert_null_values(self, meta: Meta, children: Children) -> s.Statement:
        return self._made(meta, s.AssertValues(self._values(meta, children), True, position=position(meta)))

    def assert_stream(self, meta: Meta, children: Children) -> s.Statement:
        return self._made(meta, s.AssertSource(self._source(meta, children, False), position=position(meta)))

    def assert_table(self, meta: Meta, children: Children) -> s.Statement:
        return self._made(meta, s.AssertSource(self._source(meta, children, True), position=position(meta)))

    def _source(self, meta: Meta, children: Children, is_table: bool) -> s.CreateSource:
        items, _ = _split(children)
        columns = tuple(_of(_Columns, items, ()))
        return s.CreateSource(items[0], columns, tuple(_of(_Properties, items, ())), is_table, position=position(meta))
