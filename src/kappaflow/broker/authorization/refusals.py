"""Answers to requests of which nothing may be answered."""

from __future__ import annotations

from functools import cache

from kappaflow.broker.authorization.rules import WHOLE_REQUEST
from kappaflow.broker.context import RequestContext
from kappaflow.wire.message import Message
from kappaflow.wire.protocol_schema import body_schema


def refused(context: RequestContext, request: Message) -> Message | None:
    """The answer, where the client has not the right to anything of its request; None where it has."""
    for resource_type, field in WHOLE_REQUEST.get(context.api_key, {}).items():
        error = context.refusal(resource_type, getattr(request, field) if field else None)
        if error:
            values = {**_empty_response(context.api_key, context.api_version), "error_code": error}
            return Message(**values)
    return None


@cache
def _empty_response(api_key: int, version: int) -> dict[str, object]:
    """The fields of a response, each with the value that says nothing."""
    return {field.name: field.absent_value() for field in body_schema(api_key, version, "response").fields}
