"""The server that REST tests run against: its requests, its topics, and how one case's traces are removed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import httpx

from kappaflow.client.admin import Admin, NewTopic
from kappaflow.client.connection import ClientConfig
from kappaflow.client.records import RecordReader, RecordWriter
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import BrokerError, KappaError, ServerError
from kappaflow.sql.ast.formatter import format_name
from kappaflow.testing.query_tests.case_topics import LogRecord

ANSWER_SECONDS = 60.0
V1_JSON = "application/vnd.ksql.v1+json"
V1_PROTOBUF = "application/vnd.ksql.v1+protobuf"
INTERNAL = ("_", "ksql__commands")
Properties = Mapping[str, str]
Rows = list[dict[str, Any]]


class Refused(Exception):
    """The server answered with an error."""

    def __init__(self, status: int, document: dict[str, Any]) -> None:
        super().__init__(f"HTTP {status}: {document.get('message', document)}")
        self.status = status
        self.document = document


class LiveServer:
    """A client of a running server and of its brokers.

    Args:
        url: of the server; its brokers are those that it names.

    Raises:
        ServerError: no server answers there.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        # A TLS context takes longer to make than most answers take to come.
        self.http = httpx.Client(
            base_url=self.url, timeout=ANSWER_SECONDS, trust_env=False, verify=self.url.startswith("https:")
        )
        try:
            processes = self.http.get("/kappa/processes").json()
        except (httpx.HTTPError, ValueError) as error:
            raise ServerError(f"No server answers at {url}: {error}. Start one with: kappa up", 503) from None
        self.client = ClientConfig(processes["bootstrapServers"], "kappa-rest-tests")
        self.admin = Admin(self.client)
        self.writer = RecordWriter(self.client)

    def close(self) -> None:
        """Close the connections."""
        self.http.close()
        self.writer.close()
        self.admin.close()

    # ---- requests ----

    def execute(self, text: str, properties: Properties) -> Rows:
        """Send statements to POST /ksql and return one entity each.

        Raises:
            Refused: one of them failed.
        """
        return _document(self.http.post("/ksql", json={"ksql": text, "streamsProperties": dict(properties)}))

    def query(self, text: str, properties: Properties) -> Rows:
        """Send a query to POST /query and return all rows of its answer.

        Raises:
            Refused: it failed.
        """
        with self.push(text, properties) as rows:
            return rows()

    @contextmanager
    def push(self, text: str, properties: Properties) -> Generator[Callable[[], Rows]]:
        """Send a query to POST /query; entered when its header has come, and what is yielded reads its rows.

        Raises:
            Refused: it failed.
        """
        body = {"ksql": text, "streamsProperties": dict(properties)}
        with self.http.stream("POST", "/query", json=body, headers={"Accept": V1_JSON}) as response:
            if response.status_code != 200:
                response.read()
                _document(response)
            chunks = response.iter_bytes()
            read = [next(chunks, b"")]

            def rows() -> Rows:
                read.extend(chunks)
                return parse_json(b"".join(read))

            yield rows

    def query_protobuf(self, text: str, properties: Properties) -> Rows:
        """Send a query to POST /query-stream and return its rows as Protobuf.

        Raises:
            Refused: it failed.
        """
        body = {"sql": text, "properties": dict(properties)}
        return _document(self.http.post("/query-stream", json=body, headers={"Accept": V1_PROTOBUF}))

    def registry(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Ask the server's own schema registry.

        Raises:
            Refused: it answered with an error.
        """
        return _document(self.http.request(method, f"/schema-registry{path}", json=body))

    # ---- topics ----

    def create_topic(self, name: str, partitions: int) -> None:
        """Create a topic; one that exists is left as it is."""
        self.admin.create_topic(NewTopic(name, partitions, 1), exist_ok=True)

    def write(self, topic: str, record: LogRecord) -> None:
        """Append a record to the partition that its key decides."""
        self.writer.send(topic, record.key, record.value, timestamp=record.timestamp, headers=record.headers)

    def read(self, topic: str, count: int, timeout_seconds: float) -> list[LogRecord]:
        """Return the first records of a topic, as soon as there are `count` of them or the time is over."""
        partitions = [TopicPartition(topic, n) for n in range(self.admin.partitions_for(topic))]
        found: list[LogRecord] = []
        deadline = time.monotonic() + timeout_seconds
        with RecordReader(self.client, dict.fromkeys(partitions, 0), isolation_level="read_committed") as reader:
            while len(found) < count and time.monotonic() < deadline:
                found += [LogRecord(r.key, r.value, r.timestamp, tuple(r.headers)) for r in reader.poll(0.1)]
        return found

    # ---- between cases ----

    def clear(self) -> None:
        """End all queries, drop all streams, tables and types, and delete all topics and subjects.

        Raises:
            KappaError: something cannot be dropped.
        """
        for query in self._listed("SHOW QUERIES;", "queries"):
            if query["queryType"] == "PUSH":
                self.http.post("/close-query", json={"queryId": query["id"]})
            elif query["sinks"]:
                self.execute(f"TERMINATE {query['id']};", {})
        self._drop_sources()
        (types,) = self.execute("SHOW TYPES;", {})
        for name in types["types"]:
            self.execute(f"DROP TYPE {format_name(name)};", {})
        topics = [name for name in self.admin.list_topics() if not name.startswith(INTERNAL)]
        for topic in topics:
            with suppress(BrokerError):
                self.admin.delete_topics([topic])
            self.writer.forget(topic)
        with suppress(Refused):
            for subject in self.registry("GET", "/subjects"):
                # Not for good: what has read a schema by its id may keep it.
                self.registry("DELETE", f"/subjects/{quote(subject, safe='')}")

    def _drop_sources(self) -> None:
        """Drop streams and tables, those that others are made of last."""
        while left := self._sources():
            dropped = 0
            problem = ""
            for kind, name in left:
                try:
                    self.execute(f"DROP {kind} {format_name(name)};", {})
                    dropped += 1
                except Refused as error:
                    problem = str(error)
            if not dropped:
                raise KappaError(f"The server cannot be cleared for the next case: {problem}")

    def _sources(self) -> list[tuple[str, str]]:
        kinds = (("STREAM", "streams"), ("TABLE", "tables"))
        return [
            (kind, row["name"])
            for kind, name in kinds
            for row in self._listed(f"SHOW {name.upper()};", name)
            if row["name"] != "KSQL_PROCESSING_LOG"
        ]

    def _listed(self, statement: str, field: str) -> Iterable[dict[str, Any]]:
        (entity,) = self.execute(statement, {})
        return entity[field]


def parse_json(data: bytes) -> Any:
    """Parse JSON, numbers with a fraction as Decimal.

    Raises:
        Refused: it is not JSON.
    """
    try:
        return json.loads(data, parse_float=Decimal)
    except ValueError as error:
        raise Refused(200, {"message": f"the answer is not JSON ({error}): {data[:500]!r}"}) from None


def _document(response: httpx.Response) -> Any:
    document = parse_json(response.content)
    if response.status_code != 200:
        raise Refused(response.status_code, document if isinstance(document, dict) else {"message": str(document)})
    return document
