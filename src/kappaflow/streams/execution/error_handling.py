"""What becomes of a record that cannot be read, processed or written.

    continue   it is dropped, counted and told about; where a dead-letter topic is set, a copy goes there
    fail       the query stops with an error that names the record, and starts again after a back-off

A dead letter is the source record as it came, with the headers that Kafka Streams adds. It is written like results are:
under exactly-once it is part of the transaction that moves the input on.

Source: KIP-161, KIP-210, KIP-1033, KIP-1034
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from kappaflow.errors import KappaError, RecordFailedError, StreamsError
from kappaflow.streams.execution.row_task import RawRecord
from kappaflow.streams.processors import base
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
        node: the operator that failed, where one did.
    """

    kind: str
    topic: str
    record: RawRecord | None
    error: KappaError
    node: str = ""

    @property
    def cause(self) -> BaseException:
        """What was raised: by a function of the program, or by what reads and writes."""
        return self.error.__cause__ or self.error


@dataclass(frozen=True, slots=True)
class Response:
    """What a handler wants.

    Attributes:
        reaction: ``continue`` or ``fail``.
        dead_letters: written where it goes on, in place of the one that the dead-letter topic would get.
    """

    reaction: Reaction
    dead_letters: Sequence[RawRecord] = ()


Handler = Callable[[RecordProblem], "Reaction | Response"]
"""Decides about one record."""


@dataclass(frozen=True, slots=True)
class ErrorPolicy:
    """The reaction to each kind of error; the defaults are Kafka Streams' own.

    Each is ``fail``, ``continue``, or a function that is given the problem and answers with one of both, or with a
    `Response`.

    >>> def only_of_bad_values(problem):
    ...     return "continue" if isinstance(problem.cause, ValueError) else "fail"
    >>> policy = ErrorPolicy(processing=only_of_bad_values, dead_letter_topic="dead-letters")

    Attributes:
        deserialization: to records that cannot be read.
        processing: to records for which an operator fails; what is behind the operator does not get the record, other
            branches do.
        production: to records that cannot be written: a value does not fit the format, or the topic takes no such size.
        dead_letter_topic: where records that are passed go; None for nowhere.
        listener: told about every such record, whatever the reaction.
    """

    deserialization: Reaction | Handler = "fail"
    processing: Reaction | Handler = "fail"
    production: Reaction | Handler = "fail"
    dead_letter_topic: str | None = None
    listener: Callable[[RecordProblem], None] | None = None

    @property
    def needs_sources(self) -> bool:
        """Whether the source of a record that cannot be written is asked for: for a dead letter, or to name it."""
        return self.dead_letter_topic is not None or self.production != "continue"


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
            RecordFailedError: the policy is to fail.
        """
        problem = RecordProblem("deserialization", raw.topic, raw, error)
        self._handle(self.policy.deserialization, "cannot be read", DESERIALIZATION_HANDLER, place_of(raw), problem)

    def processing(self, raw: RawRecord | None, error: KappaError, node: str = "") -> None:
        """An operator fails for a record, or, where there is none, in a call that was scheduled.

        Raises:
            RecordFailedError: the policy is to fail.
        """
        problem = RecordProblem("processing", "" if raw is None else raw.topic, raw, error, node)
        place = "a scheduled call" if raw is None else place_of(raw)
        self._handle(self.policy.processing, "cannot be processed", PROCESSING_HANDLER, place, problem)

    def production(self, topic: str, source: RawRecord | None, error: KappaError) -> None:
        """A record cannot be written to `topic`.

        Args:
            source: what it was made of; None where several records were, as in an aggregate held back.

        Raises:
            RecordFailedError: the policy is to fail.
        """
        problem = RecordProblem("production", topic, source, error)
        if topic == self.policy.dead_letter_topic:
            self._tell(problem)
            self._report(topic, error)
            return
        place = topic if source is None else f"{topic} (from {place_of(source)})"
        self._handle(self.policy.production, "cannot be written", PRODUCTION_HANDLER, place, problem)

    def _tell(self, problem: RecordProblem) -> None:
        if self.policy.listener is not None:
            self.policy.listener(problem)

    def report(self, place: str, error: KappaError) -> None:
        """Something was left out that no policy is for."""
        self._report(place, error)

    def _handle(self, chosen: Reaction | Handler, what: str, setting: str, place: str, problem: RecordProblem) -> None:
        self._tell(problem)
        response = _answer(chosen, problem)
        error = problem.error
        if response.reaction == "fail":
            raise RecordFailedError(
                f"A record {what}: {place}: {error} Mend what it needs, or have such records passed by "
                f"{setting}=LogAndContinueExceptionHandler; {DEAD_LETTER_TOPIC} keeps them."
            ) from error
        self._report(place, error)
        if response.dead_letters:
            for letter in response.dead_letters:
                self._outputs.add(letter)
        elif self.policy.dead_letter_topic is not None:
            raw = problem.record or RawRecord("", None, None, -1, (), -1, -1)
            self._outputs.add(dead_letter(self.policy.dead_letter_topic, raw, error))


def _answer(chosen: Reaction | Handler, problem: RecordProblem) -> Response:
    """Ask a handler, where there is one.

    Raises:
        StreamsError: it answers something else.
    """
    answer = chosen(problem) if callable(chosen) else chosen
    response = answer if isinstance(answer, Response) else Response(answer)
    if response.reaction not in ("continue", "fail"):
        raise StreamsError(f"A handler of errors answers continue or fail, not {response.reaction!r}.")
    return response


def failed_in(error: Exception, place: str, node: str = "") -> RecordFailedError:
    """Return the error of a record for which a function of the program failed: with the operator and what was raised.

    Args:
        node: the operator; empty looks for it where the error was raised.
    """
    told = f"{type(error).__name__}: {error}".removesuffix(": ")
    failed = RecordFailedError(f"{node or failing_node(error) or 'An operator'} failed for {place}: {told}")
    failed.__cause__ = error
    return failed


def failing_node(error: BaseException) -> str:
    """Return the name of the innermost operator in which an error was raised; empty where none is known."""
    found, trace = "", error.__traceback__
    while trace is not None:
        operator = trace.tb_frame.f_locals.get("self")
        if isinstance(operator, base.Processor):
            found = operator.name
        trace = trace.tb_next
    return found


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


def place_of(raw: RawRecord) -> str:
    """Return topic, partition and offset of a record as text."""
    return f"{raw.topic}-{raw.partition}@{raw.offset}"
