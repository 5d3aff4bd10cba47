"""The command topic: every statement that changed something, in one order for all servers.

Key: ``type/entity/action``.  Value: the versioned plan document of `kappaflow.sql.statement_plan`.  The record's
offset is the number in generated query ids.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from kappaflow.client.admin import LATEST, Admin, NewTopic
from kappaflow.client.broker_errors import broker_error
from kappaflow.client.connection import ClientConfig
from kappaflow.client.records import ConsumedRecord, RecordReader, RecordWriter
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import KappaError
from kappaflow.server.configuration import ServerConfig
from kappaflow.sql.engine import Engine
from kappaflow.sql.statement_plan import Plan, StoredPlan, UnknownPlanVersion
from kappaflow.wire.error_codes import ErrorCode

logger = logging.getLogger(__name__)
POLL_SECONDS = 0.5
KNOWN_SECONDS = 10
KNOWN_PAUSE_SECONDS = 0.05
WRITE_TIMEOUT_MS = 10_000  # a person waits for the answer


class NotACommand(KappaError):
    """A record of the command topic that no server wrote."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What replaying one command gave: its plan, or the error that makes it void everywhere.

    Attributes:
        key: of its record: type, entity and action.
    """

    offset: int
    plan: Plan | None
    error: KappaError | None = None
    key: str = ""


def create_command_topic(admin: Admin, config: ServerConfig) -> int:
    """Create the topic unless it exists: one partition, kept for ever.

    Returns:
        The replication factor of what this server creates: the configured one, or that of the command topic, which
        the first server chose by the brokers that it saw.  A server that starts while a broker is away so keeps it.
    """
    chosen = config.replication_factor or min(3, len(admin.describe_cluster().brokers))
    configs = {"retention.ms": "-1", "retention.bytes": "-1", "cleanup.policy": "delete"}
    if chosen > 1:
        configs["min.insync.replicas"] = str(max(1, chosen - 1))
    topic = config.command_topic
    if admin.create_topic(NewTopic(topic, 1, chosen, configs), exist_ok=True) or config.replication_factor:
        return chosen
    return _replicas_of(admin, topic)


def _replicas_of(admin: Admin, topic: str) -> int:
    """The replicas of a topic; one that another process has just created is not known to every broker at once."""
    deadline = time.monotonic() + KNOWN_SECONDS
    while True:
        found = admin.describe_topics([topic]).get(topic)
        if found is not None and found.partitions:
            return len(found.partitions[0].replicas)
        if time.monotonic() > deadline:
            detail = f"it was created, but the brokers did not know it within {KNOWN_SECONDS} s"
            raise broker_error(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"describe topic {topic}", detail)
        time.sleep(KNOWN_PAUSE_SECONDS)


class CommandLog:
    """Appends commands and replays all of them into an engine, in a thread of its own.

    Args:
        engine: changed only by the replay thread, under `lock`.
        on_outcome: called in the replay thread after each command.

    Attributes:
        failure: why replaying ended, or None.
        skipped: what was said of records that are no commands.
    """

    def __init__(
        self,
        client: ClientConfig,
        topic: str,
        engine: Engine,
        on_outcome: Callable[[Outcome], None] | None = None,
        *,
        writable: bool = True,
    ) -> None:
        self._partition = TopicPartition(topic, 0)
        self._client = client
        self._engine = engine
        self._on_outcome = on_outcome
        self._reader = RecordReader(client, {self._partition: 0})
        self._writer = RecordWriter(client, delivery_timeout_ms=WRITE_TIMEOUT_MS) if writable else None
        self._applied = threading.Condition()
        self._next_offset = 0
        self._outcomes: dict[int, Outcome] = {}
        self._awaited: set[int] = set()
        self._stopping = threading.Event()
        self.lock = threading.RLock()
        self.failure: BaseException | None = None
        self.skipped: list[str] = []
        self._thread = threading.Thread(target=self._replay, name="command-replay", daemon=True)

    def start(self, timeout_seconds: float = 60.0) -> None:
        """Replay what is there, then go on in the background.

        Raises:
            KappaError: the topic cannot be read.
        """
        self._thread.start()
        self.catch_up(timeout_seconds)

    def catch_up(self, timeout_seconds: float = 60.0) -> None:
        """Wait until all that the topic holds now was replayed.

        Raises:
            KappaError: the topic cannot be read.
        """
        with Admin(self._client) as admin:
            end = admin.list_offsets({self._partition: LATEST})[self._partition].offset
        self.wait_for(end - 1, timeout_seconds)

    def append(self, plan: Plan) -> int:
        """Write a command and return its offset.

        Raises:
            KappaError: it cannot be written, or earlier commands cannot be replayed here.
        """
        assert self._writer is not None
        self._require_replayed()
        key = "/".join(plan.command).encode()
        value = msgspec.json.encode(plan.to_json())
        with self._applied:
            topic, partition = self._partition
            offset = self._writer.send(topic, key, value, partition=partition).offset
            self._awaited.add(offset)
        return offset

    def wait_for(self, offset: int, timeout_seconds: float) -> Outcome | None:
        """Wait until the command at `offset` was replayed here and return its outcome, if this process wrote it."""
        with self._applied:
            done = self._applied.wait_for(
                lambda: self._next_offset > offset or self.failure is not None, timeout_seconds
            )
            self._require_replayed()
            if not done:
                raise KappaError(
                    f"Timed out after {timeout_seconds:.0f} s waiting for command {offset} to be executed."
                )
            self._awaited.discard(offset)
            return self._outcomes.pop(offset, None)

    def _require_replayed(self) -> None:
        if self.failure is not None:
            raise KappaError(f"The command topic cannot be replayed: {self.failure}") from self.failure

    @property
    def next_offset(self) -> int:
        """The offset after the last replayed command."""
        return self._next_offset

    def _replay(self) -> None:
        try:
            for record in self._records():
                outcome = self._apply(record)
                if self._on_outcome is not None:
                    self._on_outcome(outcome)
                with self._applied:
                    if record.offset in self._awaited:
                        self._outcomes[record.offset] = outcome
                    self._next_offset = record.offset + 1
                    self._applied.notify_all()
        except BaseException as error:
            with self._applied:
                self.failure = error
                self._applied.notify_all()

    def _records(self) -> Iterator[ConsumedRecord]:
        while not self._stopping.is_set():
            yield from self._reader.poll(POLL_SECONDS)

    def _apply(self, record: ConsumedRecord) -> Outcome:
        try:
            document = _decode(record)
        except NotACommand as error:
            # Every server leaves out the same record, so all of them go on with the same streams, tables and queries.
            logger.error("%s", error)
            self.skipped.append(str(error))
            return Outcome(record.offset, None, error)
        with self.lock:
            try:
                plan = self._engine.replay({**document, "queryNumber": record.offset})
            except KappaError as error:
                return Outcome(record.offset, None, error, _key(record))
            return Outcome(record.offset, plan, None, _key(record))

    def close(self) -> None:
        """Stop replaying."""
        self._stopping.set()
        self._reader.close()
        if self._writer is not None:
            self._writer.close()


def _key(record: ConsumedRecord) -> str:
    return (record.key or b"").decode("utf-8", "replace")


def _decode(record: ConsumedRecord) -> dict[str, Any]:
    """Read a command's document.

    Raises:
        NotACommand: no server wrote the record.
        UnknownPlanVersion: a server of another version wrote it.
    """
    try:
        document = msgspec.json.decode(record.value or b"", type=dict[str, Any])
        StoredPlan.from_json({"queryNumber": record.offset, **document})
    except UnknownPlanVersion as error:
        if isinstance(error.version, int):
            raise
        raise _not_a_command(record, error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise _not_a_command(record, error) from None
    return document


def _not_a_command(record: ConsumedRecord, error: Exception) -> NotACommand:
    return NotACommand(
        f"The record at offset {record.offset} of the command topic {record.partition.topic} is not a command and was "
        f"left out ({error}). Nothing but kappaflow servers may write into this topic."
    )
