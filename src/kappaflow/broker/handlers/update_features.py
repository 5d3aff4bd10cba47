"""UpdateFeatures: the levels of features are those of this version of the broker and cannot be changed.

Source: KIP-584, KIP-1022 (version 2: one error for all).
"""

from __future__ import annotations

from kappaflow.broker.context import RequestContext, Response
from kappaflow.broker.handlers import api_versions
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message


def handle(context: RequestContext, request: Message) -> Response:
    """Agree to the levels that are, refuse others."""
    levels: dict[str, int] = getattr(api_versions, "FINALIZED_FEATURES", {})
    results = [_judge(levels, update) for update in request.feature_updates]
    first = next((result for result in results if result.error_code != ErrorCode.NONE), None)
    if context.api_version >= 2:
        return Message(
            throttle_time_ms=0,
            error_code=first.error_code if first is not None else ErrorCode.NONE,
            error_message=first.error_message if first is not None else None,
        )
    return Message(throttle_time_ms=0, error_code=ErrorCode.NONE, error_message=None, results=results)


def _judge(levels: dict[str, int], update: Message) -> Message:
    level = levels.get(update.feature)
    code, text = ErrorCode.NONE, None
    if level is None:
        code = ErrorCode.INVALID_UPDATE_VERSION
        text = (
            f"Invalid update version {update.max_version_level} for feature {update.feature}. "
            "The broker does not support this feature."
        )
    elif update.max_version_level != level:
        code = ErrorCode.INVALID_UPDATE_VERSION
        text = (
            f"Invalid update version {update.max_version_level} for feature {update.feature}. "
            f"The broker supports level {level} only."
        )
    return Message(feature=update.feature, error_code=code, error_message=text)
