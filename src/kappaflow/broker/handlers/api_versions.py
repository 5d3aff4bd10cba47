"""ApiVersions: which APIs and versions this broker speaks.

Source: KIP-35, KIP-511.
"""

from __future__ import annotations

import re

from kappaflow.broker.api_table import API_TABLE
from kappaflow.broker.context import RequestContext, Response
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message

FINALIZED_FEATURES = {"group.version": 1, "transaction.version": 2}
"""The features of Kafka that clients ask for, with their levels (KIP-584)."""

_SOFTWARE_NAME = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?")


def handle(context: RequestContext, request: Message) -> Response:
    """Answer from the table of handlers."""
    error = ErrorCode.NONE
    if context.api_version >= 3:
        names = (request.client_software_name, request.client_software_version)
        if not all(_SOFTWARE_NAME.fullmatch(name) for name in names):
            error = ErrorCode.INVALID_REQUEST
    return Message(
        error_code=error,
        api_keys=[
            Message(api_key=spec.key, min_version=spec.min_version, max_version=spec.max_version)
            for spec in sorted(API_TABLE.values(), key=lambda spec: spec.key)
        ],
        throttle_time_ms=0,
        supported_features=[
            Message(name=name, min_version=0, max_version=level) for name, level in FINALIZED_FEATURES.items()
        ],
        finalized_features_epoch=0,
        finalized_features=[
            Message(name=name, max_version_level=level, min_version_level=level)
            for name, level in FINALIZED_FEATURES.items()
        ],
    )
