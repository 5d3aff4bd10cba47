"""Runs the examples of the reference in this process: no server, no broker, every row through every query at once.

What a statement prints is what the command line prints of the same answer.
"""

from __future__ import annotations

import contextlib
import io
import json
import threading
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from kappaflow.cli.sql.printing import make_printer, print_entity
from kappaflow.client.records import ConsumedRecord
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import KappaError
from kappaflow.serde.schema_registry import MemorySchemaRegistry
from kappaflow.server.configuration import ServerConfig
from kappaflow.server.control.state import ControlState
from kappaflow.server.control.statements.describe import execute_describe, execute_describe_function, execute_explain
from kappaflow.server.control.statements.session import Session
from kappaflow.server.control.statements.show import execute_show
from kappaflow.server.rows import row_renderer
from kappaflow.server.worker.print_topic import line_of
from kappaflow.sql.ast import statements as s
from kappaflow.sql.engine import Engine
from kappaflow.sql.grammar.parser import ParsedStatement
from kappaflow.sql.queries import QueryState
from kappaflow.streams.execution.row_task import RawRecord, read_key
from kappaflow.streams.processors.keys import KeyWriter
from kappaflow.streams.record import Record
from kappaflow.testing.batch_driver import BatchTopologyDriver
from kappaflow.testing.query_tests.assertions import Log, check_values, topic_problem
from kappaflow.testing.query_tests.case_topics import CaseTopics, LogRecord

FIRST_TIME_MS = 1_700_000_000_000


class ExampleError(Exception):
    """An example did not run as it is meant to."""


class SqlSession:
    """A session without a server."""

    def __init__(self) -> None:
        self._topics = CaseTopics()
        self._registry = MemorySchemaRegistry()
        self.engine = Engine("default_", {}, self._topics, registry=self._registry)
        self._session = Session({}, {})
        self._drivers: dict[str, BatchTopologyDriver] = {}
        self._log = Log(self.engine, self._topics, self._registry)
        self._written = 0
        self._number = 0
        nothing: Any = SimpleNamespace(describe_topics=lambda _names=None: {}, lock=threading.RLock(), others=())
        self._state = ControlState(
            ServerConfig(), nothing, self.engine, nothing, nothing, nothing, [], "example", 1, nothing
        )

    def records(self, topic: str) -> list[RawRecord]:
        """Return what a topic holds."""
        found = enumerate(self._topics.logs.get(topic, []))
        return [RawRecord(topic, r.key, r.value, r.timestamp, (), 0, offset) for offset, r in found]

    def run(self, script: str) -> str:
        """Run statements and return what they print."""
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            for parsed in self._parsed(script):
                try:
                    self._statement(parsed)
                except KappaError as error:
                    print(error)  # noqa: T201
        return "\n".join(line.rstrip() for line in out.getvalue().strip().splitlines())

    def _parsed(self, script: str) -> Iterable[ParsedStatement]:
        from kappaflow.sql.grammar.parser import parse
        from kappaflow.testing.query_tests.sql_files import split_statements

        for _, text in split_statements(script):
            yield from parse(text, self._session.variables, test_statements=True)

    def _statement(self, parsed: ParsedStatement) -> None:
        statement = parsed.statement
        if self._session.apply(statement):
            return
        match statement:
            case s.InsertValues():
                record = self.engine.insert_values(parsed, self._session.properties)
                self._written += 1
                at = FIRST_TIME_MS + self._written if record.timestamp is None else record.timestamp
                self._write(record.topic, LogRecord(record.key, record.value, at))
            case s.Query():
                self._query(parsed)
            case s.Print():
                self._print(statement)
            case s.AssertValues():
                check_values(self._log, statement)
            case s.AssertTopic():
                problem = topic_problem(statement, self._topics)
                if problem:
                    raise ExampleError(problem)
            case s.AssertSchema():
                if self._registry.latest(statement.subject or "") is None:
                    raise ExampleError(f"There is no schema {statement.subject}.")
            case s.Show():
                print_entity(execute_show(self._state, statement, parsed.text, self._session), "table")
            case s.Describe():
                print_entity(execute_describe(self._state, statement, parsed.text), "table")
            case s.DescribeFunction():
                print_entity(execute_describe_function(self._state, statement, parsed.text), "table")
            case s.Explain():
                print_entity(execute_explain(self._state, parsed, self._session), "table")
            case s.CreateConnector() | s.DropConnector() | s.DescribeConnector():
                show = s.Show("CONNECTORS")
                print_entity(execute_show(self._state, show, parsed.text, self._session), "table")
            case _:
                self._define(parsed)

    def _define(self, parsed: ParsedStatement) -> None:
        plan = self.engine.plan(parsed, self._session.properties, self._number)
        self._number += 1
        self._topics.apply(plan)
        query = self.engine.replay(plan.to_json()).query
        if query is not None:
            self._drivers[query.id] = BatchTopologyDriver(query.build_topology(), form="column")
        for query_id in set(self._drivers) - set(self.engine.metastore.queries):
            del self._drivers[query_id]

    def _write(self, topic: str, record: LogRecord) -> None:
        waiting = [(topic, record)]
        while waiting:
            name, written = waiting.pop(0)
            self._topics.append(name, written)
            for query in list(self.engine.metastore.queries.values()):
                if name not in query.source_topics or query.state is QueryState.PAUSED:
                    continue
                driver = self._drivers[query.id]
                raw = RawRecord(
                    name, written.key, written.value, written.timestamp, (), 0, len(self._topics.logs[name])
                )
                driver.pipe(raw)
                sink = query.sink_topic or ""
                found = driver.take(sink) if sink else []
                waiting += [(sink, LogRecord(r.key, r.value, r.timestamp, r.headers)) for r in found]

    def _query(self, parsed: ParsedStatement) -> None:
        if isinstance(parsed.statement, s.Query) and parsed.statement.emit is not None:
            query = self.engine.plan_push(parsed, self._session.properties)
            driver = BatchTopologyDriver(query.build_topology(), form="row")
            for topic in query.source_topics:
                for raw in self.records(topic):
                    driver.pipe(raw)
            self._rows(query.schema, [record.value for record in driver.results])
            return
        pull = self.engine.plan_pull(parsed, self._session.properties)
        driver = self._drivers[str(pull.query_id)]
        maker = self.engine.metastore.queries[str(pull.query_id)].build_topology()
        spec = next(spec for spec in maker.stores if spec.name == pull.store)
        store = driver.stores[spec.name]
        if pull.keys is None:
            records = [Record(read_key(spec.key_serde, key), *found) for key, found in store.range()]
        else:
            write = KeyWriter(spec.key_serde)
            looked_up = [(key, store.get(write(key))) for key in pull.keys]
            records = [Record(key, *found) for key, found in looked_up if found is not None]
        self._rows(pull.schema, [row for row in map(pull.answer, records) if row is not None])

    @staticmethod
    def _rows(schema: Any, rows: list[Any]) -> None:
        printer = make_printer("table", [column.name for column in schema])
        render = row_renderer([column.type for column in schema])
        for row in rows:
            printer.row(json.loads(render(row), parse_float=str))
        printer.close()

    def _print(self, statement: s.Print) -> None:
        for offset, record in enumerate(self._topics.logs.get(statement.topic, [])[: statement.limit]):
            place = TopicPartition(statement.topic, 0)
            print(line_of(ConsumedRecord(place, offset, record.timestamp, record.key, record.value, ())))  # noqa: T201
