"""Named clusters: how each is reached, kept in one TOML file.

clusters.toml ──▶ ContextFile ──▶ ClusterContext ──▶ ClientConfig
"""

from kappaflow.ops.contexts.cluster_context import ClusterContext, HostEntry
from kappaflow.ops.contexts.context_file import ContextFile, home_directory

__all__ = ["ClusterContext", "ContextFile", "HostEntry", "home_directory"]
