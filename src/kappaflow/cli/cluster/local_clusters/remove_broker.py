"""`kappa cluster remove-broker`: stop a broker of a local cluster that holds nothing, and delete its files."""

from __future__ import annotations

import argparse
import sys

from kappaflow.cli.cluster.local_clusters.finding import add_name_argument, find_cluster
from kappaflow.cli.messages import message
from kappaflow.errors import UnsafeError
from kappaflow.ops.contexts import ContextFile
from kappaflow.ops.local_clusters.cluster import LocalCluster
from kappaflow.ops.session import OpsSession

SHOWN = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_name_argument(parser)
    parser.add_argument("node", metavar="NODE", help=message("local_cluster.node"))
    parser.add_argument("--force", action="store_true", help=message("local_cluster.force"))


def run(arguments: argparse.Namespace) -> int:
    """Remove it, unless partitions would lose a replica."""
    cluster = find_cluster(arguments.name)
    node = cluster.node(arguments.node)
    held = [] if arguments.force else _held(cluster, node.number)
    if held:
        raise UnsafeError(
            message("local_cluster.holds", node=node.name, count=len(held), partitions=", ".join(held[:SHOWN]))
        )
    cluster.remove_broker(node.name)
    ContextFile().put(cluster.context())
    sys.stdout.write(message("local_cluster.removed", node=node.name) + "\n")
    return 0


def _held(cluster: LocalCluster, broker: int) -> list[str]:
    with OpsSession(cluster.context()) as session:
        topics = session.admin.topics.describe().values()
    return [f"{p.topic}-{p.partition}" for topic in topics for p in topic.partitions if broker in p.replicas]
