"""Build queries from the parse tree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lark.tree import Meta

from kappaflow.serde.schema import WindowType
from kappaflow.sql.ast import expressions as e
from kappaflow.sql.ast import relations as r
from kappaflow.sql.ast import statements as s
from kappaflow.sql.grammar.expression_builder import (
    BIGINT_MAX,
    ExpressionBuilder,
    parts,
    position,
    whole,
    with_meta,
)

Children = list[Any]
UNIT_MS = {"DAY": 86_400_000, "HOUR": 3_600_000, "MINUTE": 60_000, "SECOND": 1_000, "MILLISECOND": 1}


@dataclass(frozen=True, slots=True)
class _Clause:
    """A clause of a query with its content."""

    name: str
    content: Any


@with_meta
class QueryBuilder(ExpressionBuilder):
    """Callbacks for the rules of a query."""

    def query(self, meta: Meta, children: Children) -> s.Statement:
        select, source, *rest = parts(children)
        clauses: dict[str, Any] = {}
        for item in rest:
            if isinstance(item, _Clause):
                clauses[item.name] = item.content
            elif isinstance(item, r.Window):
                clauses["window"] = item
            elif isinstance(item, r.Emit):
                clauses["emit"] = item
            else:
                clauses["limit"] = item
        return s.Query(tuple(select), source, **clauses, position=position(meta))

    def select_list(self, _meta: Meta, children: Children) -> Children:
        return children

    def select_all(self, meta: Meta, _children: Children) -> r.SelectItem:
        return r.AllColumns(position=position(meta))

    def select_source_all(self, meta: Meta, children: Children) -> r.SelectItem:
        return r.AllColumns(parts(children)[0], position=position(meta))

    def select_struct_all(self, meta: Meta, children: Children) -> r.SelectItem:
        return r.StructAll(parts(children)[0], position=position(meta))

    def select_single(self, meta: Meta, children: Children) -> r.SelectItem:
        expression, *alias = parts(children)
        return r.SingleColumn(expression, alias[0] if alias else None, position=position(meta))

    # --- relations -------------------------------------------------------------------------------------

    def aliased(self, meta: Meta, children: Children) -> r.Relation:
        name, *alias = parts(children)
        table = r.Table(name, position=position(meta))
        return r.AliasedRelation(table, alias[0]) if alias else table

    def join(self, _meta: Meta, children: Children) -> r.Relation:
        first, *joined = children
        return r.Join(first, tuple(joined))

    def joined(self, _meta: Meta, children: Children) -> r.JoinedSource:
        items = parts(children)
        kind = next((i for i in items if isinstance(i, r.JoinType)), r.JoinType.INNER)
        within = next((i for i in items if isinstance(i, r.Within)), None)
        relation = next(i for i in items if isinstance(i, r.Table | r.AliasedRelation))
        return r.JoinedSource(relation, kind, items[-1], within)

    def inner(self, _meta: Meta, _children: Children) -> r.JoinType:
        return r.JoinType.INNER

    def left(self, _meta: Meta, _children: Children) -> r.JoinType:
        return r.JoinType.LEFT

    def right(self, _meta: Meta, _children: Children) -> r.JoinType:
        return r.JoinType.RIGHT

    def full(self, _meta: Meta, _children: Children) -> r.JoinType:
        return r.JoinType.FULL

    def time_unit(self, _meta: Meta, children: Children) -> int:
        return UNIT_MS[str(children[0]).upper().removesuffix("S")]

    def duration(self, meta: Meta, children: Children) -> int:
        count, unit_ms = parts(children)
        duration_ms = whole(count) * unit_ms
        if duration_ms > BIGINT_MAX:
            raise self.error(f"A duration has at most {BIGINT_MAX} milliseconds", meta.line, meta.column)
        return duration_ms

    def grace(self, _meta: Meta, children: Children) -> _Clause:
        return _Clause("grace_ms", parts(children)[0])

    def retention(self, _meta: Meta, children: Children) -> _Clause:
        return _Clause("retention_ms", parts(children)[0])

    def within_one(self, _meta: Meta, children: Children) -> r.Within:
        size_ms, *grace = parts(children)
        return r.Within(size_ms, size_ms, grace[0].content if grace else None)

    def within_two(self, _meta: Meta, children: Children) -> r.Within:
        before_ms, after_ms, *grace = parts(children)
        return r.Within(before_ms, after_ms, grace[0].content if grace else None)

    # --- windows ---------------------------------------------------------------------------------------

    def _window(self, kind: WindowType, children: Children) -> r.Window:
        items = parts(children)
        durations = [i for i in items if isinstance(i, int)]
        options = {i.name: i.content for i in items if isinstance(i, _Clause)}
        advance_ms = durations[1] if len(durations) > 1 else None
        return r.Window(kind, durations[0], advance_ms, options.get("retention_ms"), options.get("grace_ms"))

    def tumbling(self, _meta: Meta, children: Children) -> r.Window:
        return self._window(WindowType.TUMBLING, children)

    def hopping(self, _meta: Meta, children: Children) -> r.Window:
        return self._window(WindowType.HOPPING, children)

    def session(self, _meta: Meta, children: Children) -> r.Window:
        return self._window(WindowType.SESSION, children)

    # --- clauses ---------------------------------------------------------------------------------------

    def where(self, _meta: Meta, children: Children) -> _Clause:
        return _Clause("where", parts(children)[0])

    def having(self, _meta: Meta, children: Children) -> _Clause:
        return _Clause("having", parts(children)[0])

    def parenthesised(self, _meta: Meta, children: Children) -> list[e.Expression]:
        first, rest = parts(children)
        return [first, *rest]

    def group_by(self, _meta: Meta, children: Children) -> _Clause:
        return _Clause("group_by", tuple(parts(children)[0]))

    def partition_by(self, _meta: Meta, children: Children) -> _Clause:
        return _Clause("partition_by", tuple(parts(children)[0]))

    def emit_changes(self, _meta: Meta, _children: Children) -> r.Emit:
        return r.Emit.CHANGES

    def emit_final(self, _meta: Meta, _children: Children) -> r.Emit:
        return r.Emit.FINAL

    def limit(self, meta: Meta, children: Children) -> int:
        number = children[-1]
        if number.type != "INTEGER_VALUE":
            message = "Failed to prepare statement: Value must be integer for command: LIMIT"
            raise self.error(message, meta.line, meta.column)
        return -whole(number) if len(children) > 2 else whole(number)
