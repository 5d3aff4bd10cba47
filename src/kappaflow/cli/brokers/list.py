"""`kappa brokers list`: the brokers of a cluster, what each holds, and whether it could be stopped now."""

from __future__ import annotations

import argparse

from kappaflow.cli.operations.tables import print_json, print_table
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.ops.brokers.listing import list_brokers


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print them."""
    with open_session(arguments) as session:
        rows = list_brokers(session)
    if arguments.json:
        print_json([row._asdict() for row in rows])
        return 0
    columns = "BROKER ADDRESS RACK CONTROLLER STATE LEADERS PREFERRED REPLICAS BEHIND MAY-GO".split()
    print_table(
        columns, [(row.broker, row.address or None, row.rack or None, *row[3:]) for row in rows], right=(0, 5, 6, 7, 8)
    )
    return 0
