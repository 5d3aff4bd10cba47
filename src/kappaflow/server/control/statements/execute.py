"""Execute the statements of one POST /ksql request in order."""

from __future__ import annotations

from anyio import from_thread

from kappaflow.errors import KappaError, ServerError, StatementError
from kappaflow.server.control.entities import Entity
from kappaflow.server.control.errors import USE_QUERY_ENDPOINT, error_answer, statement_error
from kappaflow.server.control.state import ControlState
from kappaflow.server.control.statements.assertions import execute_assert_schema, execute_assert_topic
from kappaflow.server.control.statements.describe import (
    execute_describe,
    execute_describe_all,
    execute_describe_function,
    execute_explain,
)
from kappaflow.server.control.statements.distributed import execute_distributed
from kappaflow.server.control.statements.insert_values import execute_insert_values
from kappaflow.server.control.statements.session import Session
from kappaflow.server.control.statements.show import execute_show
from kappaflow.sql.ast import statements as s
from kappaflow.sql.grammar.parser import ParsedStatement
from kappaflow.sql.statement_plan import CreateTopic, Plan, TopicCatalog, TopicInfo
from kappaflow.sql.statements.control import NO_CONNECTORS, no_alter_system
from kappaflow.sql.statements.registrations import PlannedSchemas

DISTRIBUTED = (
    s.CreateSource, s.CreateAsSelect, s.InsertInto, s.DropSource, s.AlterSource, s.CreateType, s.DropType,
    s.Terminate, s.Pause, s.Resume,
)  # fmt: skip
QUERY_ENDPOINT_TEXT = (
    "The following statement types should be issued to the websocket endpoint '/query':\n\t* PRINT\n\t* SELECT"
)


def execute_request(state: ControlState, text: str, session: Session) -> tuple[int, list[Entity] | Entity]:
    """Validate all statements in a sandbox, then execute them.

    Returns:
        HTTP status and the answer: a list of entities, or one error entity.
    """
    entities: list[Entity] = []
    current = text
    try:
        if state.functions is not None:
            from_thread.run(state.refresh_functions)
        statements = state.engine.parse(text, session.variables)
        for parsed in statements:
            if isinstance(parsed.statement, s.Query | s.Print):
                return 400, statement_error(USE_QUERY_ENDPOINT, QUERY_ENDPOINT_TEXT, parsed.text)
        if any(_tells_of_queries(parsed.statement) for parsed in statements):
            from_thread.run(state.refresh_peers)
        current = _validate(state, statements, session)
        for parsed in statements:
            current = parsed.text
            answer = _execute(state, parsed, session)
            if answer is not None:
                entities.append(answer)
    except KappaError as error:
        return error_answer(error, current, entities)
    return 200, entities


def _tells_of_queries(statement: s.Statement) -> bool:
    """Whether the answer says how queries are, which other servers know as well."""
    match statement:
        case s.Show():
            return statement.what == "QUERIES" or statement.extended
        case s.Describe() | s.DescribeAll() | s.Explain():
            return True
        case _:
            return False


class PlannedTopics:
    """The broker's topics as they will be after the earlier statements of the request."""

    def __init__(self, catalog: TopicCatalog | None) -> None:
        self._catalog = catalog
        self._planned: dict[str, TopicInfo | None] = {}

    def add(self, plan: Plan) -> None:
        """Take in what a plan will create and delete."""
        for action in plan.topic_actions:
            created = isinstance(action, CreateTopic)
            self._planned[action.name] = TopicInfo(action.partitions, action.replicas) if created else None

    def describe(self, name: str) -> TopicInfo | None:
        """Return the facts about a topic."""
        if name in self._planned:
            return self._planned[name]
        return self._catalog.describe(name) if self._catalog is not None else None


def _validate(state: ControlState, statements: list[ParsedStatement], session: Session) -> str:
    """Apply the plans to a copy, so that a wrong later statement stops the earlier ones."""
    with state.commands.lock:
        sandbox = state.engine.sandbox()
        number = state.commands.next_offset
    planned = PlannedTopics(state.engine.topics)
    sandbox.topics = planned
    schemas = None if sandbox.registry is None else PlannedSchemas(sandbox.registry)
    sandbox.registry = schemas
    trial = session.copy()
    for parsed in statements:
        try:
            if trial.apply(parsed.statement):
                continue
            if isinstance(parsed.statement, DISTRIBUTED):
                plan = sandbox.plan(parsed, trial.properties, number)
                if plan.warning is None:
                    sandbox.apply(plan)
                    planned.add(plan)
                    if schemas is not None:
                        schemas.add(plan)
                    number += 1
        except StatementError as error:
            error.statement = error.statement or parsed.text
            raise
    return ""


def _execute(state: ControlState, parsed: ParsedStatement, session: Session) -> Entity | None:
    statement = parsed.statement
    if session.apply(statement):
        return None
    match statement:
        case s.Show():
            return execute_show(state, statement, parsed.text, session)
        case s.Describe():
            return execute_describe(state, statement, parsed.text)
        case s.DescribeAll():
            return execute_describe_all(state, statement, parsed.text)
        case s.DescribeFunction():
            return execute_describe_function(state, statement, parsed.text)
        case s.Explain():
            return execute_explain(state, parsed, session)
        case s.InsertValues():
            execute_insert_values(state, parsed, session)
            return None
        case s.AssertTopic():
            return execute_assert_topic(state, statement, parsed.text, session)
        case s.AssertSchema():
            return execute_assert_schema(state, statement, parsed.text, session)
        case s.AlterSystem():
            raise no_alter_system(statement, parsed.text)
        case s.CreateConnector() | s.DropConnector() | s.DescribeConnector():
            raise StatementError(NO_CONNECTORS, parsed.text)
        case _ if isinstance(statement, DISTRIBUTED):
            return execute_distributed(state, parsed, session)
        case _:
            raise ServerError(f"{type(statement).__name__} is not available on this server.", 400, 40001)
