"""Run the tests of SQL test files: statement by statement, every inserted row through every query at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from kappaflow.errors import FunctionError, KappaError, SqlError, StatementError, StreamsError
from kappaflow.serde.schema_registry import MemorySchemaRegistry
from kappaflow.sql.ast import statements as s
from kappaflow.sql.engine import Engine
from kappaflow.sql.grammar.parser import ParsedStatement, parse
from kappaflow.sql.queries import PersistentQuery
from kappaflow.sql.statements.registrations import delete_schemas
from kappaflow.sql.statements.registrations import register_schemas as register_planned
from kappaflow.testing.batch_driver import Form
from kappaflow.testing.query_tests.assertions import Log, check_source, check_values, topic_problem
from kappaflow.testing.query_tests.case_runner import CONFIG, SERVICE_ID, CaseResult, Mismatch, judge
from kappaflow.testing.query_tests.case_topics import CaseTopics, LogRecord, add_inferred
from kappaflow.testing.query_tests.query_driver import EMIT_INTERVAL, OUTER_INTERVAL, QueryDriver
from kappaflow.testing.query_tests.sql_files import SqlTest, split_statements

_JAVA_NAMES = {
    "ParseFailedException": "SqlError",
    "KsqlStatementException": "SqlError",
    "KsqlException": "SqlError",
    "AssertionError": "Mismatch",
    "StreamsException": "KappaError",
}
_DEPTH_MAX = 16


def run_sql_test(case_id: str, test: SqlTest, form: Form, register: Callable[[Engine], None]) -> CaseResult:
    """Run one test in one form: ``row`` or ``column``."""
    return judge(case_id, _SqlTestRun(test, form, register).run)


class _SqlTestRun:
    def __init__(self, test: SqlTest, form: Form, register: Callable[[Engine], None]) -> None:
        self._test = test
        self._form: Form = form
        self._registry = MemorySchemaRegistry()
        self._engine = Engine(SERVICE_ID, CONFIG, registry=self._registry)
        register(self._engine)
        self._topics = CaseTopics()
        self._engine.topics = self._topics
        self._drivers: dict[str, tuple[PersistentQuery, QueryDriver]] = {}
        self._log = Log(self._engine, self._topics, self._registry)
        self._overrides: dict[str, str] = {}
        self._variables: dict[str, str] = {}
        self._number = 0

    def run(self) -> None:
        """Run the statements; the last one must raise what the test says.

        Raises:
            Mismatch: an assertion does not hold, or the error is another than expected.
        """
        try:
            self._script(self._test.text, self._test.line, 0)
        except (KappaError, Mismatch) as error:
            if not self._test.expects_error:
                raise
            self._check_error(error)
            return
        if self._test.expects_error:
            wanted = self._test.expected_message or self._test.expected_error
            raise Mismatch(f"nothing was raised, expected {wanted}")

    def _check_error(self, error: Exception) -> None:
        wanted = self._test.expected_error.rsplit(".", 1)[-1]
        names = {kind.__name__ for kind in type(error).__mro__}
        if wanted and wanted not in names and _JAVA_NAMES.get(wanted) not in names:
            raise Mismatch(f"raised {type(error).__name__}, expected {wanted}: {error}")
        if self._test.expected_message not in str(error):
            raise Mismatch(f"the message is {str(error)!r}, expected it to contain {self._test.expected_message!r}")

    def _script(self, text: str, first_line: int, depth: int) -> None:
        if depth > _DEPTH_MAX:
            raise StatementError("Scripts run each other more than 16 deep.")
        for line, statement in split_statements(text):
            try:
                for parsed in parse(statement, self._variables, test_statements=True):
                    self._statement(parsed, depth)
            except Mismatch as error:
                raise Mismatch(f"line {first_line + line}: {error}") from None

    def _statement(self, parsed: ParsedStatement, depth: int) -> None:
        match parsed.statement:
            case s.InsertValues():
                self._insert(parsed)
            case s.AssertValues() as wanted:
                check_values(self._log, wanted)
            case s.AssertSource(wanted):
                check_source(self._engine, wanted)
            case s.AssertTopic() as wanted:
                problem = topic_problem(wanted, self._topics)
                if problem:
                    raise Mismatch(problem)
            case s.AssertSchema() as wanted:
                self._check_schema(wanted)
            case s.RunScript(path):
                file = self._test.path.parent / path
                if not file.is_file():
                    raise StatementError(f"RUN SCRIPT: there is no file {path} beside {self._test.path.name}.")
                self._script(file.read_text(encoding="utf-8"), 1, depth + 1)
            case s.SetProperty(name, value):
                self._overrides[name] = value
            case s.UnsetProperty(name):
                self._overrides.pop(name, None)
            case s.DefineVariable(name, value):
                self._variables[name] = value
            case s.UndefineVariable(name):
                self._variables.pop(name, None)
            case s.Query():
                raise StatementError(
                    "A SELECT gives a test nothing to assert on. Write CREATE STREAM .. AS SELECT and assert its rows."
                )
            case _:
                self._plan(parsed)

    def _plan(self, parsed: ParsedStatement) -> None:
        add_inferred(parsed.statement, self._topics)
        plan = self._engine.plan(parsed, self._overrides, self._number)
        self._number += 1
        self._topics.apply(plan)
        register_planned(plan, self._engine.registry)
        delete_schemas(plan, self._engine.registry)
        replayed = self._engine.replay(plan.to_json())
        query = replayed.query
        if query is not None:
            properties = {**CONFIG, EMIT_INTERVAL: "0", OUTER_INTERVAL: "0", **self._overrides}
            self._drivers[query.id] = (
                query,
                QueryDriver(query.build_topology(), self._form, properties, hides_expired=False),
            )
        for query_id in list(self._drivers):
            if query_id not in self._engine.metastore.queries:
                del self._drivers[query_id]

    def _insert(self, parsed: ParsedStatement) -> None:
        record = self._engine.insert_values(parsed, self._overrides)
        timestamp = int(time.time() * 1000) if record.timestamp is None else record.timestamp
        self._write(record.topic, LogRecord(record.key, record.value, timestamp))

    def _write(self, topic: str, record: LogRecord) -> None:
        """Append a record, and what the queries that read it make of it, each before the next."""
        waiting = [(topic, record)]
        while waiting:
            name, written = waiting.pop(0)
            self._topics.append(name, written)
            for query, driver in self._drivers.values():
                if name in query.source_topics:
                    waiting.extend(p for p in self._pipe(driver, name, written) if p[0] == query.sink_topic)

    @staticmethod
    def _pipe(driver: QueryDriver, topic: str, record: LogRecord) -> list[tuple[str, LogRecord]]:
        try:
            return driver.pipe(topic, record)
        except (StreamsError, FunctionError, SqlError) as error:
            raise StreamsError(f"A query failed on a record of {topic}: {error}") from error

    def _check_schema(self, wanted: s.AssertSchema) -> None:
        found: Any = None
        if wanted.subject is not None:
            found = self._registry.latest(wanted.subject)
        elif wanted.schema_id is not None:
            found = self._registry.by_id(wanted.schema_id)
        if (found is not None) != wanted.exists:
            subject = wanted.subject or wanted.schema_id
            raise Mismatch(f"Schema {subject} {'does not exist' if wanted.exists else 'exists'}")
