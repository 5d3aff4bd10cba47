"""Errors as ksqlDB's clients know them: a JSON entity and an HTTP status."""

from __future__ import annotations

from typing import Any

from kappaflow.errors import (
    BrokerError,
    BrokerUnreachable,
    KappaError,
    ParseError,
    ServerError,
    SqlError,
    UsageError,
)

Entity = dict[str, Any]
BAD_REQUEST = 40000
BAD_STATEMENT = 40001
USE_QUERY_ENDPOINT = 40002
FORBIDDEN = 40300
SERVER_ERROR = 50000
BROKER_AWAY = 50303


def generic_error(code: int, message: str) -> dict[str, Any]:
    """Return the entity of an error that belongs to no statement."""
    return {"@type": "generic_error", "error_code": code, "message": message}


def statement_error(
    code: int, message: str, statement: str, entities: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """Return the entity of an error of one statement; `entities` are the answers to those before it."""
    return {
        "@type": "statement_error",
        "error_code": code,
        "message": message,
        "statementText": statement,
        "entities": entities or [],
    }


def error_answer(
    error: KappaError, statement: str = "", entities: list[dict[str, Any]] | None = None
) -> tuple[int, dict[str, Any]]:
    """Return HTTP status and entity for an error."""
    message = str(error)
    if isinstance(error, SqlError):
        text = error.statement or statement
        if isinstance(error, ParseError) and not text:
            text = statement
        return 400, statement_error(BAD_STATEMENT, message, text, entities)
    if isinstance(error, ServerError):
        if statement and error.status == 400:
            return 400, statement_error(error.error_code, message, statement, entities)
        return error.status, generic_error(error.error_code, message)
    if isinstance(error, BrokerUnreachable):
        return 503, generic_error(BROKER_AWAY, message)
    if isinstance(error, UsageError):
        return 400, generic_error(BAD_REQUEST, message)
    if isinstance(error, BrokerError):
        told = message if error.name in message else f"{error.name}: {message}"
        return 500, generic_error(SERVER_ERROR, f"The broker refused the request: {told}")
    return 500, generic_error(SERVER_ERROR, message)
