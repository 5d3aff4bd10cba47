"""`kappa cluster status`: the servers of a local cluster and whether they serve."""

from __future__ import annotations

import argparse

from kappaflow.cli.cluster.local_clusters.finding import find_cluster
from kappaflow.cli.messages import message
from kappaflow.cli.operations.tables import print_json, print_table
from kappaflow.cli.operations.target import add_json_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("name", nargs="?", default="", help=message("local_cluster.name"))
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print them."""
    rows = find_cluster(arguments.name).status()
    if arguments.json:
        print_json([row._asdict() for row in rows])
        return 0
    print_table(
        ("NODE", "ROLES", "VERSION", "PORT", "STATE", "PID", "SERVING", "DIRECTORY"),
        [(*row[:5], row.pid or None, row.serving, row.directory) for row in rows],
        right=(3, 5),
    )
    return 0
