"""Run one case: statements in order, then each query to completion, then compare."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kappaflow.errors import FunctionError, KappaError, ParseError, SqlError, StatementError, StreamsError
from kappaflow.serde.schema_registry import MemorySchemaRegistry
from kappaflow.sql.ast.statements import (
    InsertValues,
    SetProperty,
    UnsetProperty,
)
from kappaflow.sql.engine import Engine
from kappaflow.sql.grammar.parser import ParsedStatement
from kappaflow.sql.metastore import DataSource
from kappaflow.sql.queries import PersistentQuery
from kappaflow.sql.statements.registrations import delete_schemas
from kappaflow.sql.statements.registrations import register_schemas as register_planned
from kappaflow.testing.batch_driver import Form
from kappaflow.testing.query_tests.case_files import TestCase
from kappaflow.testing.query_tests.case_schemas import register_schemas
from kappaflow.testing.query_tests.case_topics import CaseTopics, Headers, LogRecord, topics_before
from kappaflow.testing.query_tests.json_text import dump_json
from kappaflow.testing.query_tests.post_checks import check_post
from kappaflow.testing.query_tests.query_driver import QueryDriver
from kappaflow.testing.query_tests.record_codec import (
    CaseError,
    decode_key,
    decode_value,
    encode_key,
    encode_value,
)
from kappaflow.testing.query_tests.value_matching import matches

SERVICE_ID = "some.ksql.service.id"
CONFIG = {
    "bootstrap.servers": "localhost:0",
    "auto.commit.interval.ms": "0",
    "auto.offset.reset": "earliest",
    "cache.max.bytes.buffering": "0",
    "ksql.service.id": SERVICE_ID,
    "ksql.headers.columns.enabled": "true",
}

_EXCEPTIONS: dict[str, tuple[type[BaseException], ...]] = {
    "KsqlException": (SqlError,),
    "KsqlStatementException": (SqlError,),
    "ParseFailedException": (ParseError, StatementError),
    "StreamsException": (StreamsError, FunctionError),
}


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How a case went; `problem` is empty when it passed."""

    id: str
    problem: str = ""

    @property
    def passed(self) -> bool:
        """True when nothing went wrong."""
        return not self.problem


class Mismatch(Exception):
    """The case ran, and gave something else than it should."""


def run_case(case: TestCase, form: Form, register: Callable[[Engine], None] | None = None) -> CaseResult:
    """Run a case in one form: ``row`` or ``column``."""
    return judge(case.id, lambda: _CaseRun(case, form, register).run())


def judge(case_id: str, run: Callable[[], None]) -> CaseResult:
    """Run something and say how it went."""
    try:
        run()
    except Mismatch as error:
        return CaseResult(case_id, str(error))
    except KappaError as error:
        return CaseResult(case_id, f"{type(error).__name__}: {error}")
    except Exception as error:
        return CaseResult(case_id, f"defect: {type(error).__name__}: {error}{_where(error)}")
    return CaseResult(case_id)


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f" ({trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno})"


class _CaseRun:
    def __init__(self, case: TestCase, form: Form, register: Callable[[Engine], None] | None) -> None:
        self._case = case
        self._form: Form = form
        self._registry = MemorySchemaRegistry()
        self._engine = Engine(SERVICE_ID, CONFIG, registry=self._registry)
        if register is not None:
            register(self._engine)
        self._topics: CaseTopics = topics_before(case, self._engine)
        register_schemas(case, self._engine, self._registry)
        self._engine.topics = self._topics
        self._queries: dict[str, PersistentQuery] = {}
        self._internal: set[str] = set()

    def run(self) -> None:
        expected = self._case.expected_exception
        try:
            self._run_statements()
            if expected is None and not self._queries and not self._case.outputs:
                raise Mismatch("the case starts no query")
            self._produce_inputs()
            for query in list(self._queries.values()):
                self._run_query(query)
        except (SqlError, StreamsError, FunctionError) as error:
            if expected is None:
                raise
            _check_exception(expected, error)
            return
        self._compare_outputs()
        if expected is not None:
            raise Mismatch(f"nothing was raised, expected {expected.get('message') or expected.get('type')}")
        post = self._case.document.get("post")
        if post:
            names = [*self._topics.infos, *sorted(self._internal)]
            problems = check_post(post, self._engine, names)
            if problems:
                raise Mismatch("; ".join(problems))

    def _run_statements(self) -> None:
        overrides = dict(self._case.properties)
        for parsed in self._engine.parse("\n".join(self._case.statements)):
            try:
                self._run_statement(parsed, overrides)
            except StatementError as error:
                error.statement = error.statement or parsed.text
                raise

    def _run_statement(self, parsed: ParsedStatement, overrides: dict[str, str]) -> None:
        match parsed.statement:
            case InsertValues():
                record = self._engine.insert_values(parsed, overrides)
                timestamp = int(time.time() * 1000) if record.timestamp is None else record.timestamp
                self._topics.append(record.topic, LogRecord(record.key, record.value, timestamp))
            case SetProperty(name, value):
                overrides[name] = value
            case UnsetProperty(name):
                overrides.pop(name, None)
            case _:
                self._run_distributed(parsed, overrides)

    def _run_distributed(self, parsed: ParsedStatement, overrides: dict[str, str]) -> None:
        plan = self._engine.plan(parsed, overrides, len(self._queries))
        self._topics.apply(plan)
        register_planned(plan, self._engine.registry)
        delete_schemas(plan, self._engine.registry)
        # Planning again from the stored document must give the same: every server replays it.
        replayed = self._engine.replay(plan.to_json())
        if replayed.query is not None:
            self._queries[replayed.query.id] = replayed.query
        for query_id, _ in plan.transitions:
            if query_id not in self._engine.metastore.queries:
                self._queries.pop(query_id, None)

    def _source_of(self, topic: str) -> DataSource:
        for source in self._engine.metastore.sources.values():
            if source.topic == topic:
                return source
        raise Mismatch(f"No information found for topic: {topic}")

    def _produce_inputs(self) -> None:
        for spec in self._case.inputs:
            self._topics.append(spec["topic"], self._encode(spec))

    def _encode(self, spec: dict[str, Any]) -> LogRecord:
        source = self._source_of(spec["topic"])
        headers: Headers = tuple(
            (h["KEY"], None if h["VALUE"] is None else base64.b64decode(h["VALUE"])) for h in spec.get("headers") or []
        )
        return LogRecord(
            encode_key(spec.get("key"), spec.get("window"), source, self._registry),
            encode_value(spec.get("value"), source, self._registry),
            int(spec.get("timestamp") or 0),
            headers,
        )

    def _run_query(self, query: PersistentQuery) -> None:
        properties = {**CONFIG, **self._case.properties}
        wanted = set(query.source_topics)
        from_inputs = {spec["topic"] for spec in self._case.inputs} & wanted
        driver = QueryDriver(query.build_topology(), self._form, properties)
        if from_inputs:
            for spec in self._case.inputs:
                if spec["topic"] in wanted:
                    self._pipe(driver, spec["topic"], self._encode(spec), query)
        for topic in dict.fromkeys(query.source_topics):
            if topic not in from_inputs:
                for record in list(self._topics.logs.get(topic, [])):
                    self._pipe(driver, topic, record, query)
        self._internal.update(driver.internal_topics())

    def _pipe(self, driver: QueryDriver, topic: str, record: LogRecord, query: PersistentQuery) -> None:
        for produced_to, produced in driver.pipe(topic, record):
            if produced_to == query.sink_topic:
                self._topics.append(produced_to, produced)

    def _compare_outputs(self) -> None:
        by_topic: dict[str, list[dict[str, Any]]] = {}
        for spec in self._case.outputs:
            by_topic.setdefault(spec["topic"], []).append(spec)
        for topic, expected in by_topic.items():
            actual = self._topics.logs.get(topic, [])
            source = self._source_of(topic)
            for index, (spec, record) in enumerate(zip(expected, actual, strict=False)):
                self._compare(topic, index, spec, record, source)
            if len(actual) != len(expected):
                extra = f", next: {self._shown(actual[len(expected)], source)}" if len(actual) > len(expected) else ""
                raise Mismatch(f"topic {topic} has {len(actual)} records, expected {len(expected)}{extra}")

    def _compare(self, topic: str, index: int, spec: dict[str, Any], record: LogRecord, source: DataSource) -> None:
        exact = self._case.exact_numbers
        key = decode_key(record.key, source, self._registry, exact=exact)
        value = decode_value(record.value, source, self._registry, exact=exact)
        window = spec.get("window")
        bounds = None if window is None else (window["start"], window["end"])
        actual_bounds = None if key.start is None else (key.start, key.end)
        timestamp = spec.get("timestamp")
        same_time = timestamp is None or timestamp == record.timestamp or (not self._case.inputs and timestamp == 0)
        same_headers = _headers_match(spec.get("headers") or [], record.headers)
        if (
            matches(spec.get("key"), key.key)
            and matches(spec.get("value"), value)
            and bounds == actual_bounds
            and same_time
            and same_headers
        ):
            return
        raise Mismatch(f"topic {topic}, record {index}: expected {dump_json(spec)}, got {self._shown(record, source)}")

    def _shown(self, record: LogRecord, source: DataSource) -> str:
        key = decode_key(record.key, source, self._registry, exact=True)
        value = decode_value(record.value, source, self._registry, exact=True)
        window = "" if key.start is None else f" window [{key.start}, {key.end}]"
        return f"key {key.key!r}{window} value {value!r} timestamp {record.timestamp} headers {record.headers}"


def _headers_match(expected: list[dict[str, Any]], actual: Headers) -> bool:
    wanted = tuple((h["KEY"], None if h["VALUE"] is None else base64.b64decode(h["VALUE"])) for h in expected)
    return wanted == actual


def _check_exception(expected: dict[str, Any], error: KappaError) -> None:
    name = (expected.get("type") or "").rsplit(".", 1)[-1]
    allowed = _EXCEPTIONS.get(name, (KappaError,))
    if not isinstance(error, allowed):
        raise Mismatch(f"raised {type(error).__name__}, expected {name}: {error}")
    statement = getattr(error, "statement", "")
    text = f"{error}\nStatement: {statement}"
    for part in (expected.get("message"), expected.get("causeMessage")):
        if part and part not in text:
            raise Mismatch(f"the message is {str(error)!r}, expected it to contain {part!r}")


__all__ = ["CaseError", "CaseResult", "Mismatch", "judge", "run_case"]
