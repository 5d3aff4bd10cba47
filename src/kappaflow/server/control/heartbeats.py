"""What other servers told of themselves by POST /heartbeat and POST /lag.

kappaflow's own servers find each other by the groups of their queries and need neither; programs that watch a ksqlDB
cluster send and read them.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

ALIVE_MS = 2_000
HOSTS_MAX = 256


@dataclass(slots=True)
class _Host:
    heard_ms: int = 0
    lags: dict[str, Any] = field(default_factory=dict[str, Any])


class Heartbeats:
    """The hosts that were heard of; the one that was silent for longest is forgotten when there are very many."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hosts: dict[str, _Host] = {}

    def beat(self, host: str) -> None:
        """A host says that it is alive."""
        with self._lock:
            known = self._hosts.pop(host, _Host())
            known.heard_ms = _now_ms()
            self._keep(host, known)

    def report(self, host: str, lags: dict[str, Any]) -> None:
        """A host says how far its stores are."""
        with self._lock:
            known = self._hosts.pop(host, _Host())
            known.lags = lags
            self._keep(host, known)

    def _keep(self, host: str, known: _Host) -> None:
        self._hosts[host] = known
        if len(self._hosts) > HOSTS_MAX:
            del self._hosts[next(iter(self._hosts))]

    def hosts(self) -> dict[str, dict[str, Any]]:
        """Return the hosts as GET /clusterStatus shows them."""
        now = _now_ms()
        with self._lock:
            return {
                name: {
                    "hostAlive": now - host.heard_ms <= ALIVE_MS,
                    "lastStatusUpdateMs": host.heard_ms,
                    "activeStandbyPerQuery": {},
                    "hostStoreLags": host.lags or {"stateStoreLags": {}, "updateTimeMs": 0},
                }
                for name, host in self._hosts.items()
            }


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
