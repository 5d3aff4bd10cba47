"""What becomes of a record that cannot be read, processed or written.

    continue   it is dropped, counted and told about; where a dead-letter topic is set, a copy goes there
    fail       the query stops with an error that names the record, and starts again after a back-off

A dead letter is the source record as it came, with the headers that Kafka Streams adds. It is written like results are:
under exactly-once it is part of the transaction that moves the input on.

Source: KIP-161, KIP-210, KIP-1033, KIP-1034
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from kappaflow.errors import KappaError, StreamsError
from kappaflow.streams.execution.row_task import RawRecord
from kappaflow.streams.record import Headers

Reaction = Literal["continue", "fail"]
HEADER_PREFIX = "__streams.errors."
DESERIALIZATION_HANDLER = "deserialization.exception.handler"
PROCESSING_HANDLER = "processing.exception.handler"
PRODUCTION_HANDLER = "production.exception.handler"
DEAD_LETTER_TOPIC = "errors.dead.letter.queue.topic.name"


@dataclass(frozen=True, slots=True)
class RecordProblem:
    """A record that cannot be read, processed or written.

    Attributes:
        kind: ``deserialization``, ``processing`` or ``production``.
        topic: it was read from, or was to be written to.
        record: the source record, where there is one.
    """

    kind: str
    topic: str
    record: RawRecord | None
    error: KappaError


@dataclass(frozen=True, slots=True)
class ErrorPolicy:
    """The reaction to each kind of error; the defaults are Kafka Streams' own.

    Attributes:
        deserialization: to records that cannot be read.
        processing: to records for which an operator fails.
        production: to records that cannot be written: a value does not fit the format, or the topic takes no such size.
        dead_letter_topic: where records that are passed go; None for nowhere.
        listener: told about every such record, whatever the reaction.
    """

    deserialization: Reaction = "fail"
    processing: Reaction = "fail"
    production: Reaction = "fail"
    dead_letter_topic: str | None = None
    listener: Callable[[RecordProblem], None] | None = None

    @property
    def needs_sources(self) -> bool:
        """Whether the source of a record that cannot be written is asked for: for a dead letter, or to name it."""
        return self.dead_letter_topic is not None or self.production == "fail"


CONTINUE = ErrorPolicy("continue", "continue", "continue")


class RecordWriter(Protocol):
    """Takes records for their topics."""

    def add(self, record: RawRecord) -> None:
        """Collect one record."""
        ...


class ErrorHandler:
    """Decides by a policy, and writes dead letters.

    Args:
        policy: what to do.
        outputs: takes the dead letters.
        report: told where a record was dropped and why.
    """

    def __init__(self, policy: ErrorPolicy, outputs: RecordWriter, report: Callable[[str, KappaError], None]) -> None:
        self.policy = policy
        self._outputs = outputs
        self._report = report

    def deserialization(self, raw: RawRecord, error: KappaError) -> None:
        """A record cannot be read.

        Raises:
            StreamsError: the policy is to fail.
        """
        self._tell("deserialization", raw.topic, raw, error)
        self._handle(self.policy.deserialization, "cannot be read", DESERIALIZATION_HANDLER, _place(raw), raw, error)

    def processing(self, raw: RawRecord, error: KappaError) -> None:
        """An operator fails for a record.

        Raises:
            StreamsError: the policy is to fail.
        """
        self._tell("processing", raw.topic, raw, error)
        self._handle(self.policy.processing, "cannot be processed", PROCESSING_HANDLER, _place(raw), raw, error)

    def production(self, topic: str, source: RawRecord | None, error: KappaError) -> None:
        """A record cannot be written to `topic`.

        Args:
            source: what it was made of; None where several records were, as in an aggregate held back.

        Raises:
            StreamsError: the policy is to fail.
        """
        self._tell("production", topic, source, error)
        if topic == self.policy.dead_letter_topic:
            self._report(topic, error)
            return
        place = topic if source is None else f"{topic} (from {_place(source)})"
        letter = RawRecord("", None, None, -1, (), -1, -1) if source is None else source
        self._handle(self.policy.production, "cannot be written", PRODUCTION_HANDLER, place, letter, error)

    def _tell(self, kind: str, topic: str, record: RawRecord | None, error: KappaError) -> None:
        if self.policy.listener is not None:
            self.policy.listener(RecordProblem(kind, topic, record, error))

    def report(self, place: str, error: KappaError) -> None:
        """Something was left out that no policy is for."""
        self._report(place, error)

    def _handle(
        self, reaction: Reaction, what: str, setting: str, place: str, raw: RawRecord, error: KappaError
    ) -> None:
        if reaction == "fail":
            raise StreamsError(
                f"A record {what}: {place}: {error} Mend what it needs, or have such records passed by "
                f"{setting}=LogAndContinueExceptionHandler; {DEAD_LETTER_TOPIC} keeps them."
            ) from error
        self._report(place, error)
        if self.policy.dead_letter_topic is not None:
            self._outputs.add(dead_letter(self.policy.dead_letter_topic, raw, error))


def dead_letter(topic: str, raw: RawRecord, error: KappaError) -> RawRecord:
    """The record for the dead-letter topic: key, value, time and headers of the source, and why it was dropped."""
    cause = error.__cause__ or error
    # Errors of ours say what is wrong by themselves; what a user's function raised is told with where it did.
    lines = traceback.format_exception(cause) if error.__cause__ else traceback.format_exception_only(error)
    told = {
        "exception": f"{type(cause).__module__}.{type(cause).__qualname__}",
        "message": str(error),
        "stacktrace": "".join(lines),
        "topic": raw.topic,
        "partition": str(raw.partition),
        "offset": str(raw.offset),
    }
    headers: Headers = (*raw.headers, *((HEADER_PREFIX + name, text.encode()) for name, text in told.items()))
    return RawRecord(topic, raw.key, raw.value, max(raw.timestamp, 0), headers)


def _place(raw: RawRecord) -> str:
    return f"{raw.topic}-{raw.partition}@{raw.offset}"
