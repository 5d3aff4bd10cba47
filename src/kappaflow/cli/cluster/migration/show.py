"""`kappa cluster migration`: how far the way from ZooKeeper to KRaft is."""

from __future__ import annotations

import argparse
import sys

from kappaflow.cli.cluster.migration import texts as _texts
from kappaflow.cli.messages import message
from kappaflow.cli.operations.tables import print_json, print_table
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.ops.migration import migration_status

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    with open_session(arguments) as session:
        status = migration_status(session)
    view = status.zookeeper
    if arguments.json:
        print_json(
            {
                "phase": str(status.phase),
                "brokers": {str(broker): str(phase) for broker, phase in status.brokers.items()},
                "controllers": sorted(status.controllers),
                "zookeeper": None if view is None else view._asdict(),
            }
        )
        return 0
    lines = [message("cluster_migration.phase", phase=status.phase)]
    if view is not None:
        who = message("cluster_migration.kraft" if view.by_kraft else "cluster_migration.broker")
        lines.append(message("cluster_migration.zookeeper", controller=view.controller, who=who))
    listed = ", ".join(map(str, sorted(status.controllers))) or "-"
    lines.append(message("cluster_migration.controllers", controllers=listed))
    sys.stdout.write("\n".join(lines) + "\n")
    print_table(("BROKER", "PHASE"), sorted(status.brokers.items()), right=(0,))
    return 0
