"""`kappa cluster stop`: stop a local cluster or some of its servers in a controlled way."""

from __future__ import annotations

import argparse
import sys

from kappaflow.cli.cluster.local_clusters.finding import add_nodes_argument, find_cluster
from kappaflow.cli.messages import message
from kappaflow.ops.contexts import ContextFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_nodes_argument(parser)
    parser.add_argument("--delete", action="store_true", help=message("local_cluster.delete"))


def run(arguments: argparse.Namespace) -> int:
    """Stop them, and delete the cluster where asked to."""
    cluster = find_cluster(arguments.name)
    if arguments.nodes and not arguments.delete:
        for node in arguments.nodes:
            cluster.stop(cluster.node(node).name)
    else:
        cluster.stop_all()
    if arguments.delete:
        cluster.delete()
        ContextFile().remove(arguments.name)
    key = "local_cluster.deleted" if arguments.delete else "local_cluster.stopped"
    sys.stdout.write(message(key, name=arguments.name) + "\n")
    return 0
