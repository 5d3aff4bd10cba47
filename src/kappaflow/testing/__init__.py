"""What ships for tests: drivers without a broker, an embedded broker and server, real Kafka, a simulated world.

Names are loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kappaflow.runtime.lazy_names import lazy_names

if TYPE_CHECKING:
    from kappaflow.testing.embedded_broker import EmbeddedBroker
    from kappaflow.testing.embedded_server import EmbeddedServer
    from kappaflow.testing.local_cluster import LocalCluster
    from kappaflow.testing.topology_test_driver import TopologyTestDriver

__all__ = ["EmbeddedBroker", "EmbeddedServer", "LocalCluster", "TopologyTestDriver"]

__getattr__ = lazy_names(
    __name__,
    {
        "EmbeddedBroker": "embedded_broker",
        "EmbeddedServer": "embedded_server",
        "LocalCluster": "local_cluster",
        "TopologyTestDriver": "topology_test_driver",
    },
)
