"""`kappa cluster add-disk`: make one more directory for a broker's logs, on a small file system where wanted."""

from __future__ import annotations

import argparse
import re
import sys

from kappaflow.cli.cluster.local_clusters.finding import add_name_argument, find_cluster
from kappaflow.cli.messages import message
from kappaflow.errors import UsageError

UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_name_argument(parser)
    parser.add_argument("node", metavar="NODE", help=message("local_cluster.node"))
    parser.add_argument("--size", default="", metavar="SIZE", help=message("local_cluster.size"))


def run(arguments: argparse.Namespace) -> int:
    """Make it; the broker's log.dirs stays as it is."""
    cluster = find_cluster(arguments.name)
    node = cluster.node(arguments.node)
    path = cluster.add_disk(node.name, _bytes(arguments.size))
    sys.stdout.write(message("local_cluster.disk_added", node=node.name, path=path) + "\n")
    return 0


def _bytes(size: str) -> int:
    if not size:
        return 0
    match = re.fullmatch(r"(\d+)([KMG]?)(?:i?B)?", size.strip(), re.IGNORECASE)
    if match is None:
        raise UsageError(message("local_cluster.bad_size", size=size))
    return int(match[1]) * UNITS[match[2].upper()]
