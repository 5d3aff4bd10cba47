"""AlterUserScramCredentials: set, replace and remove credentials; the password itself never comes here.

Source: KIP-554.
"""

from __future__ import annotations

from kappaflow.broker.authorization.acl import ResourceType
from kappaflow.broker.context import RequestContext, Response
from kappaflow.broker.security.scram import (
    MAX_ITERATIONS,
    MIN_ITERATIONS,
    SCRAM_BY_CODE,
    ScramMechanism,
    credential_of_salted,
)
from kappaflow.errors import BrokerError, StorageError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message


def handle(context: RequestContext, request: Message) -> Response:
    """Change each credential; a user named twice keeps all of its credentials."""
    accepted: dict[str, Message] = {}
    errors: dict[str, BrokerError | None] = {}
    for change in (*request.deletions, *request.upsertions):
        if errors.get(change.name) is None:
            errors[change.name] = _judge(context, change, is_second=change.name in accepted)
            accepted[change.name] = change
    for user, change in accepted.items():
        errors[user] = errors[user] or _apply(context, change)
    return Message(
        throttle_time_ms=0,
        results=[
            Message(
                user=user,
                error_code=error.code if error else ErrorCode.NONE,
                error_message=str(error) if error else None,
            )
            for user, error in sorted(errors.items())
        ],
    )


def _error(code: ErrorCode, text: str) -> BrokerError:
    return BrokerError(code, code.name, text)


def _judge(context: RequestContext, change: Message, *, is_second: bool) -> BrokerError | None:
    if is_second:
        return _error(ErrorCode.DUPLICATE_RESOURCE, "A user credential cannot be altered twice in the same request")
    try:
        _check(context, change)
    except BrokerError as error:
        return error
    return None


def _check(context: RequestContext, change: Message) -> None:
    """Refuse a change that cannot be made.

    Raises:
        BrokerError: with Kafka's code.
    """
    context.require(ResourceType.CLUSTER)
    if not change.name:
        raise _error(ErrorCode.UNACCEPTABLE_CREDENTIAL, "Username must not be empty")
    mechanism = SCRAM_BY_CODE.get(change.mechanism)
    if mechanism is None:
        raise _error(ErrorCode.UNSUPPORTED_SASL_MECHANISM, "Unknown SCRAM mechanism")
    if not _is_upsertion(change):
        if context.broker.users.find(change.name, mechanism) is None:
            raise _error(ErrorCode.RESOURCE_NOT_FOUND, "Attempt to delete a user credential that does not exist")
        return
    if change.iterations < MIN_ITERATIONS:
        raise _error(ErrorCode.UNACCEPTABLE_CREDENTIAL, "Too few iterations")
    if change.iterations > MAX_ITERATIONS:
        raise _error(ErrorCode.UNACCEPTABLE_CREDENTIAL, "Too many iterations")
    if not change.salt or not change.salted_password:
        raise _error(ErrorCode.UNACCEPTABLE_CREDENTIAL, "Salt and salted password must not be empty")


def _is_upsertion(change: Message) -> bool:
    return hasattr(change, "salted_password")


def _apply(context: RequestContext, change: Message) -> BrokerError | None:
    mechanism: ScramMechanism = SCRAM_BY_CODE[change.mechanism]
    try:
        if _is_upsertion(change):
            credential = credential_of_salted(
                mechanism, bytes(change.salted_password), bytes(change.salt), change.iterations
            )
            context.broker.users.put(change.name, mechanism, credential)
        else:
            context.broker.users.remove(change.name, mechanism)
    except StorageError as error:
        return _error(ErrorCode.KAFKA_STORAGE_ERROR, str(error))
    return None
