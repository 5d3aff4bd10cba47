"""`kappa cluster pause`: keep servers of a local cluster from running, as machines that hang."""

from __future__ import annotations

import argparse
import sys

from kappaflow.cli.cluster.local_clusters.finding import add_nodes_argument, chosen_nodes, find_cluster
from kappaflow.cli.messages import message


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_nodes_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Pause them."""
    cluster = find_cluster(arguments.name)
    nodes = chosen_nodes(cluster, arguments.nodes)
    for node in nodes:
        cluster.pause(node)
    sys.stdout.write(message("local_cluster.pause", nodes=", ".join(nodes)) + "\n")
    return 0
