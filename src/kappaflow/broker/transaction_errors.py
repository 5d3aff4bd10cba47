"""Error codes of the transaction coordinator as a version of an API knows them.

Source: KIP-588
"""

from __future__ import annotations

from kappaflow.wire.error_codes import ErrorCode


def fenced_error(error: ErrorCode, api_version: int, fenced_since: int) -> ErrorCode:
    """The code for a client that learned of PRODUCER_FENCED with version `fenced_since`.

    >>> fenced_error(ErrorCode.PRODUCER_FENCED, 1, 2).name
    'INVALID_PRODUCER_EPOCH'
    """
    if error is ErrorCode.PRODUCER_FENCED and api_version < fenced_since:
        return ErrorCode.INVALID_PRODUCER_EPOCH
    return error
