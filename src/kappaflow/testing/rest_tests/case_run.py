"""Run one REST test: topics, statements, records, queries; then compare outputs and responses."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from typing import Any

from kappaflow.client.admin import EARLIEST, LATEST
from kappaflow.client.offsets import GroupOffsets
from kappaflow.client.schema_registry import HttpSchemaRegistry
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import KappaError
from kappaflow.sql.engine import Engine
from kappaflow.sql.metastore import DataSource
from kappaflow.sql.queries import PersistentQuery
from kappaflow.sql.statement_plan import TopicInfo
from kappaflow.testing.query_tests.case_runner import CONFIG, CaseResult, Mismatch, judge
from kappaflow.testing.query_tests.case_topics import LogRecord, topics_before
from kappaflow.testing.query_tests.json_text import dump_json
from kappaflow.testing.query_tests.record_codec import decode_key, decode_value, encode_key, encode_value
from kappaflow.testing.query_tests.value_matching import matches
from kappaflow.testing.rest_tests.case_subjects import register_subjects
from kappaflow.testing.rest_tests.live_server import LiveServer, Refused, Rows
from kappaflow.testing.rest_tests.response_matching import Answer, check_error, check_responses
from kappaflow.testing.rest_tests.rest_case import RestCase

CAUGHT_UP_SECONDS = 30.0
OUTPUT_SECONDS = 15.0
PAUSE_SECONDS = 0.01

BASE_PROPERTIES = {
    "auto.offset.reset": "earliest",
    "cache.max.bytes.buffering": "0",
    "commit.interval.ms": "50",
    "ksql.query.pull.table.scan.enabled": "true",
    "ksql.query.push.v2.enabled": "true",
}
"""What the server of a REST test is configured with; sent with every request, so that any server will do."""


def run_rest_case(case: RestCase, server: LiveServer) -> CaseResult:
    """Run a case on a server that holds nothing of another one, and clear the server again."""
    result = judge(case.id, lambda: _run_and_close(case, server))
    try:
        server.clear()
    except Refused as error:
        raise KappaError(f"The server cannot be cleared after {case.id}: {error}") from error
    return result


def _run_and_close(case: RestCase, server: LiveServer) -> None:
    registry = HttpSchemaRegistry(f"{server.url}/schema-registry")
    try:
        _CaseRun(case, server, registry).run()
    finally:
        registry.close()


class _CaseRun:
    def __init__(self, case: RestCase, server: LiveServer, registry: HttpSchemaRegistry) -> None:
        self._case = case
        self._server = server
        self._properties = BASE_PROPERTIES | case.case.properties
        self._registry = registry
        # Plans the statements once more, for the formats in which a case's own records are written.
        self._planner = Engine(config=CONFIG, registry=self._registry)
        self._topics = topics_before(case.case, self._planner)

    def run(self) -> None:
        expected = self._case.expected_error
        try:
            answers = self._run()
        except Refused as error:
            if expected is None:
                raise Mismatch(str(error)) from None
            check_error(expected, error.status, error.document, self._case.case.statements[-1])
            return
        if expected is not None:
            raise Mismatch(f"nothing was refused, expected {expected.get('message') or expected.get('type')}")
        self._check_outputs()
        case = self._case
        check_responses(case.responses, answers, case.case.statements, keeps_order=case.keeps_order)

    def _run(self) -> list[Answer]:
        self._prepare()
        case, server = self._case, self._server
        answers: list[Answer] = []
        if case.admin:
            answers += [("admin", entity) for entity in server.execute("\n".join(case.admin), self._properties)]
        self._follow()
        queries: list[Rows]
        if case.waits_for_push_query:
            self._wait_until_running()
            with server.push(case.queries[0], self._properties) as rows:
                self._produce()
                queries = [rows()]
        else:
            self._produce()
            if len(case.responses) > len(case.admin) or not case.responses:
                self._wait_until_caught_up()
            queries = [server.query(text, self._properties) for text in case.queries]
        answers += [("query", rows) for rows in queries]
        if case.asks_for_protobuf:
            answers += [("queryProto", server.query_protobuf(text, self._properties)) for text in case.queries]
        return answers

    def _prepare(self) -> None:
        for name, info in self._topics.infos.items():
            self._server.create_topic(name, info.partitions)
        register_subjects(self._case.case, self._planner, self._server)
        self._planner.topics = _ServerTopics(self._server)

    def _follow(self) -> None:
        """Plan what the server has executed."""
        number = 0
        for parsed in self._planner.parse("\n".join(self._case.admin)):
            try:
                plan = self._planner.plan(parsed, self._properties, number)
                self._planner.apply(plan)
            except KappaError:
                continue  # no change of the sources, such as INSERT INTO .. VALUES
            number += 1

    # ---- records ----

    def _source_of(self, topic: str) -> DataSource:
        for source in self._planner.metastore.sources.values():
            if source.topic == topic:
                return source
        raise Mismatch(f"No information found for topic: {topic}")

    def _produce(self) -> None:
        for spec in self._case.case.inputs:
            source = self._source_of(spec["topic"])
            headers = tuple(
                (h["KEY"], None if h["VALUE"] is None else base64.b64decode(h["VALUE"]))
                for h in spec.get("headers") or []
            )
            key = encode_key(spec.get("key"), spec.get("window"), source, self._registry)
            value = encode_value(spec.get("value"), source, self._registry)
            self._server.write(spec["topic"], LogRecord(key, value, int(spec.get("timestamp") or 0), headers))

    def _check_outputs(self) -> None:
        by_topic: dict[str, list[dict[str, Any]]] = {}
        for spec in self._case.case.outputs:
            by_topic.setdefault(spec["topic"], []).append(spec)
        for topic, expected in by_topic.items():
            source = self._source_of(topic)
            records = self._server.read(topic, len(expected), OUTPUT_SECONDS)
            if len(records) < len(expected):
                raise Mismatch(f"topic {topic} has {len(records)} records, expected {len(expected)}")
            for index, (spec, record) in enumerate(zip(expected, records, strict=False)):
                self._check_record(topic, index, spec, record, source)

    def _check_record(
        self, topic: str, index: int, spec: Mapping[str, Any], record: LogRecord, source: DataSource
    ) -> None:
        key = decode_key(record.key, source, self._registry, exact=True)
        value = decode_value(record.value, source, self._registry, exact=True)
        window = spec.get("window")
        bounds = None if window is None else (window["start"], window["end"])
        actual_bounds = None if key.start is None else (key.start, key.end)
        timestamp = spec.get("timestamp")
        if (
            matches(spec.get("key"), key.key)
            and matches(spec.get("value"), value)
            and bounds == actual_bounds
            and (timestamp is None or timestamp == record.timestamp)
        ):
            return
        shown = f"key {key.key!r} {actual_bounds or ''} value {value!r} timestamp {record.timestamp}"
        raise Mismatch(f"topic {topic}, record {index}: expected {dump_json(dict(spec))}, got {shown}")

    # ---- waiting ----

    def _wait_until_running(self) -> None:
        """Wait until every persistent query has its partitions: what is written then is not before its beginning."""
        wanted = {query["id"] for query in self._persistent()}

        def running() -> bool:
            workers = self._server.http.get("/kappa/processes").json()["workers"]
            figures = [worker["queries"].get(query_id) for query_id in wanted for worker in workers]
            return all(each is not None and each["state"] == "RUNNING" and each["tasks"] for each in figures)

        _wait(running, "the queries to run")

    def _wait_until_caught_up(self) -> None:
        """Wait until every persistent query has committed all of its input, in the order of their making."""
        planned = list(self._planner.metastore.queries.values())
        for row, query in zip(self._persistent(), planned, strict=False):
            self._wait_for_commits(row["id"], query)

    def _persistent(self) -> list[dict[str, Any]]:
        (entity,) = self._server.execute("SHOW QUERIES;", {})
        return [query for query in entity["queries"] if query["queryType"] == "PERSISTENT"]

    def _wait_for_commits(self, query_id: str, query: PersistentQuery) -> None:
        group = f"_confluent-ksql-default_query_{query_id}"
        admin = self._server.admin
        topics = [*query.source_topics]
        topics += [t for t in admin.list_topics() if t.startswith(f"{group}-") and t.endswith("-repartition")]
        partitions = [TopicPartition(t, n) for t in dict.fromkeys(topics) for n in range(admin.partitions_for(t))]
        offsets = GroupOffsets(self._server.client, group, admin.connection)

        def caught_up() -> bool:
            committed = offsets.fetch()
            ends = admin.list_offsets(dict.fromkeys(partitions, LATEST))
            starts = admin.list_offsets(dict.fromkeys(partitions, EARLIEST))
            return all(
                committed[p].offset >= ends[p].offset if p in committed else ends[p].offset == starts[p].offset
                for p in partitions
            )

        _wait(caught_up, f"the query {query_id} to read its input")


class _ServerTopics:
    """The planner's view of the server's topics."""

    def __init__(self, server: LiveServer) -> None:
        self._server = server

    def describe(self, name: str) -> TopicInfo | None:
        """Return the facts about a topic."""
        description = self._server.admin.describe_topics([name]).get(name)
        if description is None or not description.partitions:
            return None
        return TopicInfo(len(description.partitions), len(description.partitions[0].replicas))


def _wait(condition: Any, what: str) -> None:
    deadline = time.monotonic() + CAUGHT_UP_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise Mismatch(f"waited {CAUGHT_UP_SECONDS:.0f} s for {what}")
        time.sleep(PAUSE_SECONDS)
