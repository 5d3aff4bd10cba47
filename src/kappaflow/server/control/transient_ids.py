"""What transient queries are called.

    transient_<SOURCE>_<number>            reads its topics from where the client says
    SCALABLE_PUSH_QUERY_<SOURCE>_<number>  gets what the one query that writes its source writes from now on

Both run alike here, many to a run; ksqlDB's clients tell the second kind by its name, and by what may be asked of it.
"""

from __future__ import annotations

import secrets

from kappaflow.server.control.state import ControlState
from kappaflow.server.control.statements.session import Session
from kappaflow.sql.ast import statements as s
from kappaflow.sql.ast.expressions import ColumnReference, Expression
from kappaflow.sql.ast.relations import AliasedRelation, Emit, SingleColumn, StructAll, Table
from kappaflow.sql.ast.rewrite import walk
from kappaflow.sql.metastore import DataSource
from kappaflow.sql.settings import Settings

SCALABLE = "ksql.query.push.v2.enabled"
_POSITIONS = frozenset({"ROWPARTITION", "ROWOFFSET"})


def transient_id(state: ControlState, statement: s.Statement, session: Session) -> str:
    """Return an id for a query that runs as long as its client reads."""
    source = source_of(state, statement) if isinstance(statement, s.Query) else None
    name = f"{source.name}_" if source is not None else ""
    number = secrets.randbelow(10**18)
    if isinstance(statement, s.Query) and source is not None and _is_scalable(state, statement, source, session):
        return f"SCALABLE_PUSH_QUERY_{name}{number}"
    return f"transient_{name}{number}"


def source_of(state: ControlState, query: s.Query) -> DataSource | None:
    """Return the only stream or table that a query reads, or None where it joins several."""
    relation = query.source
    named = relation.relation if isinstance(relation, AliasedRelation) else relation
    return state.engine.metastore.source(named.name) if isinstance(named, Table) else None


def _is_scalable(state: ControlState, query: s.Query, source: DataSource, session: Session) -> bool:
    settings = Settings(state.engine.config, session.properties)
    if not settings.flag(SCALABLE, default=False) or query.emit is not Emit.CHANGES:
        return False
    if settings.get("auto.offset.reset", "latest").lower() != "latest":
        return False
    if query.group_by or query.partition_by or query.window is not None or query.having is not None:
        return False
    with state.commands.lock:
        writers = [each for each in state.engine.metastore.queries.values() if each.sink == source.name]
    selected: list[Expression] = [i.expression for i in query.select if isinstance(i, SingleColumn | StructAll)]
    read = [*selected, *([] if query.where is None else [query.where])]
    reads_positions = any(
        isinstance(node, ColumnReference) and node.name in _POSITIONS for part in read for node in walk(part)
    )
    return len(writers) == 1 and not reads_positions
