"""Requests and answers of the server's HTTP interface, shared by the plain and the asynchronous API."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from kappaflow.errors import ParseError, ServerError, StatementError
from kappaflow.runtime.messages import message
from kappaflow.serde import types as t
from kappaflow.sql.ast import statements as s
from kappaflow.sql.grammar.parser import parse, parse_type

DELIMITED = "application/vnd.ksqlapi.delimited.v1"
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_line_decoder = msgspec.json.Decoder(float_hook=Decimal)

Read = Callable[[Any], Any]


def _time(text: str) -> int:
    hours, minutes, *rest = text.split(":")
    seconds = Decimal(rest[0]) if rest else Decimal(0)
    return (int(hours) * 60 + int(minutes)) * 60_000 + int(seconds * 1000)


def _timestamp(text: str) -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


_READERS: dict[type[t.DataType], Read] = {
    t.Double: float,
    t.Decimal: lambda value: value if isinstance(value, Decimal) else Decimal(value),
    t.Bytes: base64.b64decode,
    t.Time: _time,
    t.Date: lambda text: date.fromisoformat(text).toordinal() - _EPOCH_DAY,
    t.Timestamp: _timestamp,
}


def reader(type_: t.DataType) -> Read:
    """Return the function that turns a JSON value of a type into its row form."""
    match type_:
        case t.Array(element):
            inner = reader(element)
            read: Read = lambda value: [inner(item) for item in value]  # noqa: E731
        case t.Map(_, value_type):
            inner = reader(value_type)
            read = lambda value: {k: inner(v) for k, v in value.items()}  # noqa: E731
        case t.Struct(fields):
            readers = {field.name: reader(field.type) for field in fields}
            read = lambda value: {name: readers[name](v) for name, v in value.items()}  # noqa: E731
        case _:
            read = _READERS.get(type(type_), lambda value: value)
    return lambda value: None if value is None else read(value)


@dataclass(frozen=True, slots=True)
class ResultSchema:
    """Names and types of result columns, and how their rows are read."""

    query_id: str
    names: tuple[str, ...]
    types: tuple[t.DataType, ...]

    @classmethod
    def from_header(cls, header: Mapping[str, Any]) -> ResultSchema:
        """Read the first line of an answer."""
        types = tuple(parse_type(text) for text in header["columnTypes"])
        return cls(header["queryId"], tuple(header["columnNames"]), types)

    def row_reader(self) -> Callable[[list[Any]], tuple[Any, ...]]:
        """Return the function that turns a decoded line into a row."""
        readers = [reader(type_) for type_ in self.types]
        return lambda values: tuple(read(value) for read, value in zip(readers, values, strict=True))


def decode_line(line: str | bytes) -> Any:
    """Decode one line of an answer.

    Raises:
        ServerError: the line is an error that the server met while the query ran.
    """
    document = _line_decoder.decode(line)
    if isinstance(document, dict) and str(document.get("@type", "")).endswith("_error"):
        raise error_from(400, document)
    return document


def error_from(status: int, document: Mapping[str, Any]) -> ServerError | StatementError:
    """Make an exception of an error entity."""
    text = str(document.get("message", "The server answered with an error."))
    if document.get("@type") == "statement_error":
        return StatementError(text, str(document.get("statementText", "")))
    return ServerError(text, status, int(document.get("error_code", 50000)))


def error_from_body(status: int, body: bytes) -> ServerError | StatementError:
    """Make an exception of the body of an error response."""
    try:
        document = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return ServerError(message("database.status", status=status), status)
    return error_from(status, document if isinstance(document, dict) else {})


@dataclass(frozen=True, slots=True)
class Classified:
    """A statement text and where it goes."""

    text: str
    is_query: bool
    is_push: bool


def classify(text: str) -> Classified:
    """Tell whether a text is one SELECT or PRINT; what does not parse goes to the server, which explains it."""
    try:
        parsed = parse(text)
    except ParseError:
        return Classified(text, False, False)
    if len(parsed) == 1 and isinstance(parsed[0].statement, s.Query | s.Print):
        statement = parsed[0].statement
        return Classified(text, True, isinstance(statement, s.Print) or statement.emit is not None)
    return Classified(text, False, False)


def query_request(text: str, properties: Mapping[str, str]) -> dict[str, Any]:
    """Return the body of POST /query-stream."""
    return {"sql": text, "properties": dict(properties), "sessionVariables": {}}


def ksql_request(text: str, properties: Mapping[str, str]) -> dict[str, Any]:
    """Return the body of POST /ksql."""
    return {"ksql": text, "streamsProperties": dict(properties), "sessionVariables": {}}
