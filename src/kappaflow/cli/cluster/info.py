"""`kappa cluster info`: what the cluster is, in a few lines."""

from __future__ import annotations

import argparse
import sys

from kappaflow.cli.cluster import texts as _texts
from kappaflow.cli.messages import message
from kappaflow.cli.operations.tables import print_json, print_table
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.ops.doctor import ClusterInfo, cluster_info

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    with open_session(arguments) as session:
        found = cluster_info(session)
    if arguments.json:
        print_json(found._asdict() | {"brokers": [broker._asdict() for broker in found.brokers]})
    else:
        _show(found)
    return 0


def _show(found: ClusterInfo) -> None:
    lines = [
        message("cluster_info.cluster", cluster_id=found.cluster_id or "-"),
        message(f"cluster_info.{found.metadata}"),
        message("cluster_info.controller", controller=found.controller if found.controller >= 0 else "-"),
        message("cluster_info.topics", topics=found.topics, partitions=found.partitions),
        message("cluster_info.health", under_replicated=found.under_replicated, offline=found.offline),
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    rows = [(b.node_id, f"{b.host}:{b.port}", b.rack or None, "alive") for b in found.brokers]
    rows += [(number, "", None, "away") for number in found.away]
    print_table(("BROKER", "ADDRESS", "RACK", "STATE"), sorted(rows), right=(0,))
