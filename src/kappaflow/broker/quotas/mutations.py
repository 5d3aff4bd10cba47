"""The quota of changes of topics, as handlers use it.

Source: KIP-599.
"""

from __future__ import annotations

from kappaflow.broker.context import RequestContext
from kappaflow.errors import BrokerError
from kappaflow.wire.error_codes import ErrorCode


class MutationQuota:
    """The changes of one request.

    Args:
        context: the request.
        strict_since: the version from which the client understands that a change was refused.

    Attributes:
        throttle_time_ms: the pause that is due.
    """

    def __init__(self, context: RequestContext, strict_since: int) -> None:
        self.throttle_time_ms = 0
        self._context = context
        self._strict = context.api_version >= strict_since

    def take(self, partitions: int) -> None:
        """Count a change before it is made.

        Raises:
            BrokerError: THROTTLING_QUOTA_EXCEEDED; the change must not be made.
        """
        quotas = self._context.broker.quotas
        if not quotas.store.limits_clients:
            return
        session = self._context.session
        pause_ms = quotas.use_mutations(
            session.principal.name, self._context.client_id, partitions, strict=self._strict
        )
        self.throttle_time_ms = max(self.throttle_time_ms, pause_ms)
        session.mute_ms = max(session.mute_ms, pause_ms)
        if self._strict and pause_ms:
            raise BrokerError(
                ErrorCode.THROTTLING_QUOTA_EXCEEDED,
                "THROTTLING_QUOTA_EXCEEDED",
                "The throttling quota has been exceeded.",
            )
