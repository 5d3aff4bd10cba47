"""`kappa cluster add-broker`: start one more broker in a local cluster; it holds nothing yet."""

from __future__ import annotations

import argparse
import sys

from kappaflow.cli.cluster.local_clusters.finding import add_name_argument, find_cluster
from kappaflow.cli.messages import message
from kappaflow.ops.contexts import ContextFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_name_argument(parser)
    parser.add_argument("--version", default="", metavar="V", help=message("local_cluster.added_version"))
    parser.add_argument("--rack", default="", metavar="RACK", help=message("local_cluster.rack"))


def run(arguments: argparse.Namespace) -> int:
    """Add it, start it and tell the context."""
    cluster = find_cluster(arguments.name)
    node = cluster.add_broker(version=arguments.version, rack=arguments.rack)
    ContextFile().put(cluster.context())
    sys.stdout.write(message("local_cluster.added", node=node.name, number=node.number, port=node.port) + "\n")
    return 0
