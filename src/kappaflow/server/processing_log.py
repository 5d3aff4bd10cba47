"""The processing log: what went wrong for single records, as records of a topic that SQL can read.

    logger   processing.<query id>.<step>
    entry    {"level", "logger", "time", "message": {"type", and the one part of the type: 0 deserializationError,
              1 recordProcessingError, 2 productionError, 3 serializationError, 4 kafkaStreamsThreadError}}

Names, properties and the shape of entries are ksqlDB's.  Entries are written by a thread of their own, outside of
the queries' transactions: an entry may be there twice where a query went over a record again.
"""

from __future__ import annotations

import base64
import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from kappaflow.client.admin import Admin, NewTopic
from kappaflow.client.connection import ClientConfig
from kappaflow.client.records import RecordWriter
from kappaflow.errors import BrokerError, KappaError, SerializationError
from kappaflow.runtime.clock import SYSTEM_CLOCK, Clock
from kappaflow.server.configuration import ServerConfig
from kappaflow.sql.expressions.row import OnError
from kappaflow.sql.settings import Settings
from kappaflow.streams.execution.error_handling import RecordProblem
from kappaflow.streams.record import Change, Record, Windowed

PREFIX = "ksql.logging.processing."
WAITING_MAX = 10_000
SHOWN_PER_MINUTE = 5
SHOWN_MS = 60_000
WRITE_TIMEOUT_MS = 10_000
_PARTS = (
    "deserializationError", "recordProcessingError", "productionError", "serializationError", "kafkaStreamsThreadError",
)  # fmt: skip
_COLUMNS = (
    "logger VARCHAR, level VARCHAR, time BIGINT, message STRUCT<type INT, "
    "deserializationError STRUCT<target VARCHAR, errorMessage VARCHAR, recordB64 VARCHAR, cause ARRAY<VARCHAR>, "
    "`topic` VARCHAR>, recordProcessingError STRUCT<errorMessage VARCHAR, record VARCHAR, cause ARRAY<VARCHAR>>, "
    "productionError STRUCT<errorMessage VARCHAR>, serializationError STRUCT<target VARCHAR, errorMessage VARCHAR, "
    "record VARCHAR, cause ARRAY<VARCHAR>, `topic` VARCHAR>, kafkaStreamsThreadError STRUCT<errorMessage VARCHAR, "
    "threadName VARCHAR, cause ARRAY<VARCHAR>>>"
)
logger = logging.getLogger("processing")


@dataclass(frozen=True, slots=True)
class LogSettings:
    """The properties ``ksql.logging.processing.*``.

    Attributes:
        topic: where entries go.
        writes: whether there is such a topic: it is created with the first entry.
        stream: name of the stream over the topic.
        creates_stream: whether the server creates the stream at its start, and the topic with it.
        rows: whether entries hold the rows they are about, which may be private.
    """

    topic: str
    writes: bool
    stream: str
    creates_stream: bool
    rows: bool
    partitions: int
    replicas: int | None

    @classmethod
    def of(cls, config: ServerConfig) -> LogSettings:
        """Read the properties of a server.

        Raises:
            KappaError: a number is none.
        """
        settings = Settings(config.properties, {})
        creates_stream = settings.flag(f"{PREFIX}stream.auto.create", default=False)
        replicas = settings.integer(f"{PREFIX}topic.replication.factor", 0)
        return cls(
            topic=settings.get(f"{PREFIX}topic.name") or f"{config.service_id}ksql_processing_log",
            writes=creates_stream or settings.flag(f"{PREFIX}topic.auto.create", default=config.embedded_broker),
            stream=settings.get(f"{PREFIX}stream.name") or "KSQL_PROCESSING_LOG",
            creates_stream=creates_stream,
            rows=settings.flag(f"{PREFIX}rows.include", default=False),
            partitions=settings.integer(f"{PREFIX}topic.partitions", 1),
            replicas=replicas or None,
        )

    def create_topic(self, admin: Admin, replication: int) -> None:
        """Create the topic unless it exists.

        Raises:
            BrokerError: it cannot be created.
        """
        admin.create_topic(NewTopic(self.topic, self.partitions, self.replicas or replication), exist_ok=True)

    @property
    def statement(self) -> str:
        """The statement that makes the stream."""
        return (
            f"CREATE STREAM IF NOT EXISTS {self.stream} ({_COLUMNS}) WITH (KAFKA_TOPIC='{self.topic}', "
            f"VALUE_FORMAT='JSON', PARTITIONS={self.partitions});"
        )


class ProcessingLog:
    """Takes entries of all queries of a worker."""

    def __init__(
        self, client: ClientConfig, settings: LogSettings, replication: int, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._clock = clock
        self._client = client
        self._settings = settings
        self._replication = replication
        self._waiting: queue.Queue[bytes | None] = queue.Queue(WAITING_MAX)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._left_out = 0
        self._shown: dict[str, tuple[int, int]] = {}

    # ---- what queries tell ----

    def of_steps(
        self, query_id: str, sources: Sequence[str], tell: Callable[[str, KappaError], None] | None = None
    ) -> Callable[[str], OnError]:
        """Return what gives a step of a query the listener to its failing expressions.

        Args:
            query_id: names the query in loggers.
            sources: the topics that it reads.
            tell: also told, for the figures of the query.
        """
        about = self._settings.topic if self._settings.topic in sources else ""

        def listener(step: str) -> OnError:
            def on_error(name: str, error: Exception, record: Record) -> None:
                if tell is not None:
                    tell(f"{step} {name}", error if isinstance(error, KappaError) else KappaError(str(error)))
                part = {
                    "errorMessage": f"Error computing expression {name}: {error}",
                    "record": _row_text(record) if self._settings.rows else None,
                    "cause": _causes(error),
                }
                self._log(f"{query_id}.{step}", 1, part, about)

            return on_error

        return listener

    def of_records(self, query_id: str) -> Callable[[RecordProblem], None]:
        """Return the listener to records of a query that cannot be read, processed or written."""

        def listener(problem: RecordProblem) -> None:
            error, raw = problem.error, problem.record
            causes = _causes(error)
            about = raw.topic if raw is not None else problem.topic
            if problem.kind == "deserialization":
                is_key = isinstance(error, SerializationError) and error.is_key
                data = None if raw is None or not self._settings.rows else raw.key if is_key else raw.value
                part: dict[str, Any] = {
                    "target": "key" if is_key else "value",
                    "errorMessage": str(error),
                    "recordB64": None if data is None else base64.b64encode(data).decode(),
                    "cause": causes,
                    "topic": about,
                }
                self._log(f"{query_id}.KsqlTopic.Source.deserializer", 0, part, about)
            elif problem.kind == "processing":
                self._log(query_id, 1, {"errorMessage": str(error), "record": None, "cause": causes}, about)
            elif isinstance(error, SerializationError):
                part = {"target": "value", "errorMessage": str(error), "record": None, "cause": causes}
                self._log(f"{query_id}.KsqlTopic.Sink.serializer", 3, {**part, "topic": problem.topic}, about)
            else:
                self._log(query_id, 2, {"errorMessage": str(error)}, about)

        return listener

    def of_thread(self, query_id: str) -> Callable[[Exception], Literal["replace"]]:
        """Return the listener to failures that end a query until it starts again."""

        def listener(error: Exception) -> Literal["replace"]:
            part = {"errorMessage": str(error), "threadName": query_id, "cause": _causes(error)}
            self._log(f"{query_id}.thread", 4, part, "")
            return "replace"

        return listener

    # ---- where it goes ----

    def _log(self, name: str, kind: int, part: dict[str, Any], about: str) -> None:
        full = f"processing.{name}"
        self._show(full, part["errorMessage"])
        if not self._settings.writes or about == self._settings.topic:
            return  # an entry about reading the log itself would make another, for ever
        parts = {part_name: part if number == kind else None for number, part_name in enumerate(_PARTS)}
        entry = {
            "level": "ERROR", "logger": full, "time": self._clock.time_ms(), "message": {"type": kind, **parts},
        }  # fmt: skip
        try:
            self._waiting.put_nowait(msgspec.json.encode(entry))
        except queue.Full:
            self._left_out += 1
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._write, name="processing-log", daemon=True)
                    self._thread.start()

    def _show(self, name: str, text: str) -> None:
        """Write to the server's own log, a few entries a minute for each logger."""
        now = self._clock.time_ms()
        since, count = self._shown.get(name, (now, 0))
        if now - since >= SHOWN_MS:
            since, count = now, 0
        self._shown[name] = (since, count + 1)
        if count < SHOWN_PER_MINUTE:
            logger.warning("%s: %s", name, text)
        elif count == SHOWN_PER_MINUTE:
            logger.warning("%s: more of this kind is not shown for a minute", name)

    def _write(self) -> None:
        try:
            with Admin(self._client) as admin:
                self._settings.create_topic(admin, self._replication)
        except KappaError as error:
            logger.warning("The topic %s cannot be created: %s", self._settings.topic, error)
        with RecordWriter(self._client, delivery_timeout_ms=WRITE_TIMEOUT_MS) as writer:
            while (entry := self._waiting.get()) is not None:
                try:
                    writer.send(self._settings.topic, None, entry)
                except BrokerError as error:
                    self._show("processing", f"an entry was not written to {self._settings.topic}: {error}")
                if self._left_out:
                    logger.warning("%d entries of the processing log were left out", self._left_out)
                    self._left_out = 0

    def close(self) -> None:
        """Write what waits, and end."""
        if self._thread is not None:
            with contextlib.suppress(queue.Full):
                self._waiting.put(None, timeout=1.0)
            self._thread.join(5.0)


def _causes(error: BaseException) -> list[str]:
    found: list[str] = []
    cause = error.__cause__
    while cause is not None and len(found) < 10:
        found.append(f"{type(cause).__name__}: {cause}")
        cause = cause.__cause__
    return found


def _row_text(record: Record) -> str:
    value = record.value.new if isinstance(record.value, Change) else record.value
    key = record.key.key if isinstance(record.key, Windowed) else record.key
    return msgspec.json.encode({"key": key, "value": value}, enc_hook=str).decode()
