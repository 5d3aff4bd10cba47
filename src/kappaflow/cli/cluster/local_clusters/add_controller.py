"""`kappa cluster add-controller`: lay out one more KRaft controller in a local cluster; it does not vote yet."""

from __future__ import annotations

import argparse
import sys

from kappaflow.cli.cluster.local_clusters.finding import add_name_argument, find_cluster
from kappaflow.cli.messages import message
from kappaflow.ops.contexts import ContextFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_name_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Add it and tell the context."""
    cluster = find_cluster(arguments.name)
    node = cluster.add_controller()
    ContextFile().put(cluster.context())
    line = message("local_cluster.added_controller", node=node.name, number=node.number, name=arguments.name)
    sys.stdout.write(line + "\n")
    return 0
