"""``kappa transactions producers``: who has written to partitions, and with which open transaction."""

from __future__ import annotations

import argparse

from kappaflow.cli.messages import message
from kappaflow.cli.operations.tables import print_json, print_table
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.cli.topics.partitions import parse_partitions
from kappaflow.cli.transactions import texts as _texts
from kappaflow.ops.transactions import list_producers

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("partitions", nargs="+", metavar="TOPIC[:P,P]", help=message("topics.partitions"))
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print them."""
    with open_session(arguments) as session:
        rows = list_producers(session, parse_partitions(session, arguments.partitions))
    if arguments.json:
        print_json([{**r.partition._asdict(), **r.producer._asdict()} for r in rows])
        return 0
    columns = ("TOPIC", "PARTITION", "PRODUCER", "EPOCH", "LAST TIMESTAMP", "COORDINATOR EPOCH", "START OFFSET")
    print_table(columns, [(*r.partition, *r.producer) for r in rows], right=range(1, 7))
    return 0
