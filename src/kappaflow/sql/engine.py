"""The SQL engine: text in, plans and queries out.

    text -> parse -> plan -> apply          statements that change something (stored in the command topic)
                  -> plan_push, plan_pull   SELECT
                  -> insert_values          INSERT INTO .. VALUES
                  -> describe, explain      answers about what is

Pure: no I/O, no clock, no randomness.  What comes from outside (facts about topics, the query number, settings)
is handed in as values, so applying the same plans in the same order always gives the same state.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from kappaflow.errors import StatementError
from kappaflow.serde.schema_registry import SchemaRegistry
from kappaflow.sql.ast.statements import (
    Explain,
    InsertValues,
    Query,
    Statement,
)
from kappaflow.sql.explain import Explanation, explain_statement
from kappaflow.sql.functions.registry import FunctionRegistry, default_registry
from kappaflow.sql.functions.user.declarations import RecordedFunctions
from kappaflow.sql.grammar.parser import ParsedStatement, parse
from kappaflow.sql.metastore import MetaStore
from kappaflow.sql.planning import PlanningContext
from kappaflow.sql.queries import InsertRecord, PersistentQuery, PullQuery, PushQuery, QueryState
from kappaflow.sql.schema_facts import RecordedSchemas
from kappaflow.sql.settings import Settings
from kappaflow.sql.statement_plan import (
    Plan,
    RecordedTopics,
    RegisterSource,
    RegisterType,
    RemoveSource,
    RemoveType,
    StoredPlan,
    TopicCatalog,
)
from kappaflow.sql.statements.insert_values import RowInserter, plan_insert_values
from kappaflow.sql.statements.planners import PLANNERS
from kappaflow.sql.statements.pull import plan_pull
from kappaflow.sql.statements.push import plan_push
from kappaflow.sql.statements.switches import check_query_limit


class Engine:
    """Plans statements against a metastore and applies the plans to it.

    Args:
        service_id: names consumer groups and internal topics.
        config: settings that every statement starts from.
        topics: facts about existing topics; None knows no topic.
        functions: the SQL functions; None means the built-in ones.
        registry: the schema registry, asked while planning and by the serdes of queries; None where there is none.
    """

    def __init__(
        self,
        service_id: str = "default_",
        config: Mapping[str, str] | None = None,
        topics: TopicCatalog | None = None,
        functions: FunctionRegistry | None = None,
        registry: SchemaRegistry | None = None,
    ) -> None:
        self.service_id = service_id
        self.config: dict[str, str] = dict(config or {})
        self.topics = topics
        self.registry = registry
        self.functions = functions or default_registry()
        self.metastore = MetaStore()

    def parse(self, text: str, variables: Mapping[str, str] | None = None) -> list[ParsedStatement]:
        """Split `text` into statements, with ``${name}`` replaced from `variables`.

        Raises:
            ParseError: with line and column.
        """
        return parse(text, dict(variables or {}))

    def sandbox(self) -> Engine:
        """Return an engine on a copy of the metastore, to try statements without consequences."""
        copy = Engine(self.service_id, self.config, self.topics, self.functions, self.registry)
        copy.metastore = self.metastore.copy()
        return copy

    def plan(
        self,
        statement: ParsedStatement | str,
        properties: Mapping[str, str] | None = None,
        query_number: int = 0,
    ) -> Plan:
        """Plan a statement that changes the metastore or the running queries.

        Raises:
            StatementError: names, types or properties are wrong, the statement is not of that kind, or one query more
                would be too many.
        """
        parsed = self._one(statement)
        context = self._context(parsed.text, properties, query_number, RecordedTopics(self.topics))
        plan = self._plan(parsed, context)
        check_query_limit(plan, self.metastore, context.settings)
        return plan

    def apply(self, plan: Plan) -> None:
        """Change the metastore as `plan` says.

        Raises:
            StatementError: a transition of a query is not possible.
        """
        for query_id, state in plan.transitions:
            query = self.metastore.queries.get(query_id)
            if query is None:
                raise StatementError(f"Unknown queryId: {query_id}", plan.text)
            query.move(state)
            if state is QueryState.TERMINATED:
                del self.metastore.queries[query_id]
        match plan.ddl:
            case RegisterSource(source):
                self.metastore.sources[source.name] = source
            case RemoveSource(name):
                self.metastore.sources.pop(name, None)
            case RegisterType(name, type_):
                self.metastore.types[name] = type_
            case RemoveType(name):
                self.metastore.types.pop(name, None)
            case None:
                pass
        if plan.query is not None:
            self.metastore.queries[plan.query.id] = plan.query

    def replay(self, document: Mapping[str, Any]) -> Plan:
        """Plan a stored document again and apply it.

        Raises:
            StatementError: the statement is invalid at this place of the sequence; every engine that replays
                the same sequence raises here, so it has no effect anywhere.
        """
        stored = StoredPlan.from_json(document)
        parsed = self._one(stored.text)
        topics = RecordedTopics(None, stored.topics)
        schemas = RecordedSchemas(self.registry, stored.schemas)
        functions = RecordedFunctions(self.functions, stored.functions)
        context = self._context(
            parsed.text, stored.properties, stored.query_number, topics, schemas, functions, stored.settings
        )
        plan = self._plan(parsed, context)
        self.apply(plan)
        return plan

    def plan_push(self, statement: ParsedStatement | str, properties: Mapping[str, str] | None = None) -> PushQuery:
        """Plan SELECT .. EMIT CHANGES.

        Raises:
            StatementError: the query is wrong, or not a push query.
        """
        parsed = self._one(statement)
        context = self._context(parsed.text, properties, 0, RecordedTopics(self.topics))
        with _telling_place(parsed):
            return plan_push(context, self._query(parsed))

    def plan_pull(self, statement: ParsedStatement | str, properties: Mapping[str, str] | None = None) -> PullQuery:
        """Plan SELECT without EMIT.

        Raises:
            StatementError: the query is wrong, or asks for what pull queries cannot do.
        """
        parsed = self._one(statement)
        context = self._context(parsed.text, properties, 0, RecordedTopics(self.topics))
        with _telling_place(parsed):
            return plan_pull(context, self._query(parsed))

    def insert_values(
        self, statement: ParsedStatement | str, properties: Mapping[str, str] | None = None
    ) -> InsertRecord:
        """Evaluate and serialise INSERT INTO .. VALUES.

        Raises:
            StatementError: columns and values do not fit, or the target cannot be written.
        """
        parsed = self._one(statement)
        if not isinstance(parsed.statement, InsertValues):
            raise StatementError("Expected INSERT INTO .. VALUES.", parsed.text)
        context = self._context(parsed.text, properties, 0, RecordedTopics(self.topics))
        with _telling_place(parsed):
            return plan_insert_values(context, parsed.statement)

    def inserter(self, target: str, properties: Mapping[str, str] | None = None) -> RowInserter:
        """Return what makes records of JSON objects, for the stream or table `target`.

        Raises:
            StatementError: it does not exist, or cannot be written.
        """
        return RowInserter(self._context(target, properties, 0, RecordedTopics(self.topics)), target)

    def explain(self, statement: ParsedStatement | str, properties: Mapping[str, str] | None = None) -> Explanation:
        """Explain a statement or a running query: logical plan, rules, steps, topology.

        Raises:
            StatementError: the statement cannot be planned, or the query id is unknown.
        """
        parsed = self._one(statement)
        context = self._context(parsed.text, properties, 0, RecordedTopics(self.topics))
        if isinstance(parsed.statement, Explain):
            if parsed.statement.statement is None:
                return self._explain_query(parsed.statement.query_id or "", parsed.text)
            with _telling_place(parsed):
                return explain_statement(context, parsed.statement.statement)
        with _telling_place(parsed):
            return explain_statement(context, parsed.statement)

    def query(self, query_id: str) -> PersistentQuery | None:
        """Return the persistent query with that id, in any case of its letters, or None."""
        wanted = query_id.upper()
        return next((q for name, q in self.metastore.queries.items() if name.upper() == wanted), None)

    def _explain_query(self, query_id: str, text: str) -> Explanation:
        query = self.query(query_id)
        if query is None:
            raise StatementError(
                f"Query with id:{query_id} does not exist, use SHOW QUERIES to view the full set of queries.", text
            )
        return Explanation(query.statement, query.id, dict(query.explanation), query.properties, query)

    def _one(self, statement: ParsedStatement | str) -> ParsedStatement:
        if isinstance(statement, ParsedStatement):
            return statement
        parsed = self.parse(statement)
        if len(parsed) != 1:
            raise StatementError(f"Expected one statement, got {len(parsed)}.", statement)
        return parsed[0]

    def _query(self, parsed: ParsedStatement) -> Query:
        if not isinstance(parsed.statement, Query):
            raise StatementError("Expected a SELECT statement.", parsed.text)
        return parsed.statement

    def _context(
        self,
        text: str,
        properties: Mapping[str, str] | None,
        query_number: int,
        topics: RecordedTopics,
        schemas: RecordedSchemas | None = None,
        functions: RecordedFunctions | None = None,
        kept: Mapping[str, str] | None = None,
    ) -> PlanningContext:
        settings = Settings(self.config, dict(properties or {}), dict(kept or {}))
        return PlanningContext(
            text,
            self.metastore,
            functions or RecordedFunctions(self.functions),
            topics,
            settings,
            self.service_id,
            query_number,
            schemas or RecordedSchemas(self.registry),
            is_replay=kept is not None,
        )

    def _plan(self, parsed: ParsedStatement, context: PlanningContext) -> Plan:
        planner = PLANNERS.get(type(parsed.statement))
        if planner is None:
            raise StatementError(_NOT_PLANNED.format(kind=_kind(parsed.statement)), parsed.text)
        with _telling_place(parsed):
            plan = planner(context, parsed.statement)
            functions = dict(context.functions.facts)
            if plan.query is not None:
                plan.query.functions = functions
            return replace(plan, functions=functions, settings=dict(context.settings.read))


@contextmanager
def _telling_place(parsed: ParsedStatement) -> Generator[None]:
    """Have errors say where in the text they are, and of which statement."""
    try:
        yield
    except StatementError as error:
        error.statement = error.statement or parsed.text
        error.tell_place()
        raise


_NOT_PLANNED = "{kind} does not change streams, tables, types or queries; it has no plan."


def _kind(statement: Statement) -> str:
    return type(statement).__name__
