"""Free ports, as tests ask for them."""

from kappaflow.ops.local_clusters.ports import free_port

__all__ = ["free_port"]
