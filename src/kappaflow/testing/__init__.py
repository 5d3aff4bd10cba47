"""What ships for tests: drivers without a broker, an embedded broker and server, real Kafka, a simulated world.

Names are loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kappaflow.testing.embedded_broker import EmbeddedBroker
    from kappaflow.testing.embedded_server import EmbeddedServer
    from kappaflow.testing.local_cluster import LocalCluster
    from kappaflow.testing.topology_test_driver import TopologyTestDriver

__all__ = ["EmbeddedBroker", "EmbeddedServer", "LocalCluster", "TopologyTestDriver"]

_HOMES = {
    "EmbeddedBroker": "embedded_broker",
    "EmbeddedServer": "embedded_server",
    "LocalCluster": "local_cluster",
    "TopologyTestDriver": "topology_test_driver",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'kappaflow.testing' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(f"kappaflow.testing.{_HOMES[name]}"), name)
