"""Every error that kappaflow raises on purpose, one tree.

    KappaError
    ├── UsageError                 a flag, property or argument is wrong (exit code 2)
    ├── UnsafeError                refused because it would lose data or availability (exit code 3)
    ├── ConfigError                a configuration value cannot be used
    ├── DataDirectoryError         the data directory is locked, not ours, or damaged
    │   └── DataDirectoryLocked
    ├── StorageError               a log or journal cannot be read or written
    │   ├── CorruptRecordError     CRC, size or header of a record batch is wrong
    │   └── StorageFullError       no space left on the device
    ├── BrokerError                a Kafka error code, answered by or to a broker
    │   └── RetriableBrokerError   the same request may succeed later
    ├── BrokerUnreachable          no broker of the bootstrap list answers
    ├── HostError                  a machine of a cluster cannot be reached, or refuses
    ├── PlanError                  a plan does not fit the cluster, or a step of it failed
    ├── SerializationError         bytes do not fit the declared format
    ├── StreamsError               a topology or its execution
    │   ├── StateNotReady          the state of a query is not in this process yet
    │   ├── RecordFailedError      a record cannot be read, processed or written, and is not to be passed
    │   ├── ShutdownRequested      an instance asked all instances of its application to end
    │   └── TopologyError          the topology cannot be built or run
    ├── SqlError                   a statement is wrong
    │   ├── ParseError             with line and column
    │   └── StatementError         parsed, but names, types or the plan are wrong
    ├── FunctionError              a SQL function failed for one row
    │   └── TimestampError         a record's time cannot be read, and the query is to end with it
    └── ServerError                an answer of a kappaflow server, with its HTTP status

Messages say what happened, where, and what to do next.
"""

from __future__ import annotations

from typing import Protocol


class KappaError(Exception):
    """Base of all errors that kappaflow raises on purpose."""


class UsageError(KappaError):
    """A flag, property or argument is wrong."""


class UnsafeError(KappaError):
    """Refused because it would lose data or availability."""


class ConfigError(KappaError):
    """A configuration value cannot be used."""


class DataDirectoryError(KappaError):
    """The data directory cannot be used."""


class DataDirectoryLocked(DataDirectoryError):
    """Another live process uses the data directory."""


class StorageError(KappaError):
    """A log or journal cannot be read or written."""


class CorruptRecordError(StorageError):
    """The CRC, size or header of a record batch is wrong."""


class StorageFullError(StorageError):
    """No space is left on the device of the data directory."""


class BrokerError(KappaError):
    """A Kafka error code.

    Attributes:
        code: the numeric Kafka error code.
        name: its Kafka name, such as ``NOT_LEADER_OR_FOLLOWER``.
        detail: the broker's own words, where it sent any.
    """

    def __init__(self, code: int, name: str, message: str = "", detail: str = "") -> None:
        super().__init__(message or name)
        self.code = code
        self.name = name
        self.detail = detail


class RetriableBrokerError(BrokerError):
    """A Kafka error after which the same request may succeed later."""


class RequestNotSentError(RetriableBrokerError):
    """No connection to the broker could be made, so that it cannot have got the request."""


class BrokerUnreachable(KappaError):
    """No broker of the bootstrap list answers."""


class HostError(KappaError):
    """A machine of a cluster cannot be reached, or refuses what it is asked for."""


class PlanError(KappaError):
    """A plan does not fit the cluster as it is now, or one of its steps failed."""


class SerializationError(KappaError):
    """Bytes do not fit the declared format.

    Attributes:
        is_key: they are those of a record's key.
    """

    is_key = False


class StreamsError(KappaError):
    """A topology or its execution failed."""


class StateNotReady(StreamsError):
    """A query is still starting, rebalancing or restoring: its state can be read in a moment."""


class RecordFailedError(StreamsError):
    """A record cannot be read, processed or written, and what is set for it is to stop."""


class ShutdownRequested(StreamsError):
    """An instance of the application has asked all of them to end."""


class TopologyError(StreamsError):
    """The topology cannot be built or run."""


class SqlError(KappaError):
    """A SQL statement is wrong.

    Attributes:
        statement: the text of the statement, where known.
    """

    def __init__(self, message: str, statement: str = "") -> None:
        super().__init__(message)
        self.statement = statement


class ParseError(SqlError):
    """A statement that does not parse.

    Attributes:
        line: 1-based line of the offending token.
        column: 1-based column of the offending token.
    """

    def __init__(self, message: str, statement: str = "", line: int = 1, column: int = 1) -> None:
        super().__init__(message, statement)
        self.line = line
        self.column = column


class Place(Protocol):
    """Where something stands in a text: 1-based line and column."""

    @property
    def line(self) -> int:
        """The line."""
        ...

    @property
    def column(self) -> int:
        """The column."""
        ...


class StatementError(SqlError):
    """A statement that parses, but whose names, types or plan are wrong.

    Attributes:
        at: the place of what is wrong, in the text that was parsed; None where it is the statement as a whole.
    """

    def __init__(self, message: str, statement: str = "", at: Place | None = None) -> None:
        super().__init__(message, statement)
        self.at = at

    def locate(self, at: Place | None) -> None:
        """Take a place, unless a narrower one is known."""
        self.at = self.at or at

    def within(self, message: str) -> StatementError:
        """The same error, told in other words."""
        return StatementError(message, self.statement, self.at)

    def tell_place(self) -> None:
        """Begin the message with the place.

        >>> class At:
        ...     line, column = 2, 7
        >>> error = StatementError("column 'X' cannot be resolved.", at=At())
        >>> error.tell_place()
        >>> str(error)
        "Line: 2, Col: 7: column 'X' cannot be resolved."
        """
        if self.at is not None:
            self.args = (f"Line: {self.at.line}, Col: {self.at.column}: {self}",)
            self.at = None


class FunctionError(KappaError):
    """A SQL function failed for one row; the column becomes null and the row is logged."""


class TimestampError(FunctionError):
    """A record's time cannot be read from its column where that is to end the query."""


class ServerError(KappaError):
    """An error answer of a kappaflow server.

    Attributes:
        status: the HTTP status code.
        error_code: the five-digit code of the REST interface.
    """

    def __init__(self, message: str, status: int = 500, error_code: int = 50000) -> None:
        super().__init__(message)
        self.status = status
        self.error_code = error_code
