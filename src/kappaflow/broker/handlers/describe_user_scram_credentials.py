"""DescribeUserScramCredentials: which users have which mechanisms; never their keys.

Source: KIP-554.
"""

from __future__ import annotations

from collections import Counter

from kappaflow.broker.authorization.acl import ResourceType
from kappaflow.broker.authorization.rules import REFUSAL_TEXTS
from kappaflow.broker.context import RequestContext, Response
from kappaflow.broker.security.scram import SCRAM_MECHANISMS
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message


def handle(context: RequestContext, request: Message) -> Response:
    """Describe the users named, or all where none is."""
    named = [user.name for user in request.users or ()]
    counts = Counter(named)
    error = context.refusal(ResourceType.CLUSTER)
    return Message(
        throttle_time_ms=0,
        error_code=error,
        error_message=REFUSAL_TEXTS.get(error),
        results=[
            _refused(user, error) if error else _describe(context, user, repeated=counts[user] > 1)
            for user in (dict.fromkeys(named) or ([] if error else context.broker.users.users()))
        ],
    )


def _refused(user: str, error: ErrorCode) -> Message:
    return Message(user=user, error_code=error, error_message=REFUSAL_TEXTS[error], credential_infos=[])


def _describe(context: RequestContext, user: str, *, repeated: bool) -> Message:
    held = context.broker.users.of_user(user)
    error, text = ErrorCode.NONE, None
    if repeated:
        error = ErrorCode.DUPLICATE_RESOURCE
        text = f"Cannot describe SCRAM credentials for the same user twice in a single request: {user}"
    elif not held:
        error = ErrorCode.RESOURCE_NOT_FOUND
        text = f"Attempt to describe a user credential that does not exist: {user}"
    infos = [
        Message(mechanism=SCRAM_MECHANISMS[name].code, iterations=credential.iterations)
        for name, credential in sorted(held.items())
    ]
    return Message(user=user, error_code=error, error_message=text, credential_infos=[] if error else infos)
