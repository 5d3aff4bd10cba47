"""Find the local cluster of a name, and declare the options that name it."""

from __future__ import annotations

import argparse
from pathlib import Path

from kappaflow.cli.cluster.local_clusters import texts as _texts
from kappaflow.cli.messages import message
from kappaflow.errors import UsageError
from kappaflow.ops.contexts import ContextFile, home_directory
from kappaflow.ops.local_clusters.cluster import LocalCluster
from kappaflow.ops.local_clusters.layout import FILE_NAME

assert _texts


def default_directory(name: str) -> Path:
    """Where a local cluster is when nothing else was said."""
    return home_directory() / "local-clusters" / name


def find_cluster(name: str) -> LocalCluster:
    """The local cluster of a context, by default of the one in use.

    Raises:
        UsageError: there is no such cluster, or it does not run on this machine.
    """
    context = ContextFile().get(name)
    for host in context.hosts:
        directory = Path(host.address).parent
        if host.adapter == "local" and (directory / FILE_NAME).exists():
            return LocalCluster(directory)
    raise UsageError(message("local_cluster.not_local", name=context.name))


def add_name_argument(parser: argparse.ArgumentParser) -> None:
    """Declare the cluster's name."""
    parser.add_argument("name", help=message("local_cluster.name"))


def add_nodes_argument(parser: argparse.ArgumentParser) -> None:
    """Declare the cluster's name and some of its servers; all of them where none is named."""
    add_name_argument(parser)
    parser.add_argument("nodes", nargs="*", metavar="NODE", help=message("local_cluster.nodes"))


def chosen_nodes(cluster: LocalCluster, nodes: list[str]) -> list[str]:
    """The names of the servers that were asked for.

    Raises:
        UsageError: there is no such server.
    """
    return [cluster.node(node).name for node in nodes] or list(cluster.layout.nodes)
