"""One piece of work on one cluster: opens what is asked for, closes what was opened."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from kappaflow.errors import UnsafeError
from kappaflow.ops.admin.faces import ClusterAdmin
from kappaflow.ops.admin.kafka_admin import KafkaClusterAdmin
from kappaflow.ops.contexts import texts as _texts
from kappaflow.ops.contexts.cluster_context import ClusterContext
from kappaflow.ops.hosts.face import Hosts
from kappaflow.ops.hosts.opening import open_hosts
from kappaflow.runtime.clock import Clock, SystemClock
from kappaflow.runtime.messages import message

assert _texts

REQUEST_TIMEOUT_MS = 30_000


class OpsSession:
    """What operations work with.

        with OpsSession(ContextFile().get("prod")) as session:
            session.admin.topics.describe()

    Attributes:
        context: the cluster.
        clock: the time.
        pause: lets that many seconds pass.
    """

    def __init__(
        self,
        context: ClusterContext,
        *,
        admin: ClusterAdmin | None = None,
        hosts: Hosts | None = None,
        clock: Clock | None = None,
        pause: Callable[[float], None] = time.sleep,
        request_timeout_ms: int = REQUEST_TIMEOUT_MS,
    ) -> None:
        """Nothing is opened yet.

        Args:
            context: the cluster.
            admin: the brokers' face; opened at first use by default.
            hosts: the machines' face; opened at first use by default.
            clock: the time; the machine's by default.
            pause: lets that many seconds pass; the thread sleeps by default.
            request_timeout_ms: how long an answer of the brokers is waited for, retries included.
        """
        self.context = context
        self.clock = clock or SystemClock()
        self.pause = pause
        self._request_timeout_ms = request_timeout_ms
        self._admin = admin
        self._hosts = hosts

    def __enter__(self) -> OpsSession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def admin(self) -> ClusterAdmin:
        """The brokers, connected at first use.

        Raises:
            BrokerUnreachable: none answers.
        """
        if self._admin is None:
            self._admin = KafkaClusterAdmin(self.context.client_config(self._request_timeout_ms))
        return self._admin

    @property
    def hosts(self) -> Hosts:
        """The machines of the cluster.

        Raises:
            ConfigError: the context names none.
        """
        if self._hosts is None:
            self._hosts = open_hosts(self.context)
        return self._hosts

    def require_writable(self) -> None:
        """Hold that the cluster may be changed.

        Raises:
            UnsafeError: its context is read-only.
        """
        if self.context.read_only:
            raise UnsafeError(message("contexts.read_only", name=self.context.name))

    def close(self) -> None:
        """Close what was opened."""
        if self._admin is not None:
            self._admin.close()
            self._admin = None
