"""CREATE SOURCE TABLE: the query that keeps its rows."""

from __future__ import annotations

from kappaflow.sql.metastore import DataSource
from kappaflow.sql.physical.persistent import source_table_query_of
from kappaflow.sql.planning import PlanningContext
from kappaflow.sql.queries import PersistentQuery, QueryKind


def source_table_query(context: PlanningContext, source: DataSource) -> PersistentQuery:
    """Return the query that keeps a source table's rows."""
    query_id = f"{QueryKind.CREATE_SOURCE_TABLE.value}_{source.name.upper()}_{context.query_number}"
    return source_table_query_of(context, source, query_id)
