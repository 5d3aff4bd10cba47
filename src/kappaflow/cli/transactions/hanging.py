"""`kappa transactions hanging`: transactions that no coordinator will end."""

from __future__ import annotations

import argparse
import sys

from kappaflow.cli.messages import message
from kappaflow.cli.operations.tables import duration_text, print_json, print_table
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.cli.operations.times import duration_ms
from kappaflow.cli.topics.partitions import parse_partitions
from kappaflow.cli.transactions import texts as _texts
from kappaflow.ops.transactions import find_hanging

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("partitions", nargs="*", metavar="TOPIC[:P,P]", help=message("transactions_hanging.partitions"))
    parser.add_argument("--idle", default="15m", metavar="DURATION", help=message("transactions_hanging.idle"))
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print them; 1 where there are any."""
    with open_session(arguments) as session:
        partitions = parse_partitions(session, arguments.partitions) if arguments.partitions else None
        rows = find_hanging(session, partitions, duration_ms(arguments.idle))
    if arguments.json:
        print_json([{"partition": str(r.partition), **r.producer._asdict(), "idle_s": r.idle_s} for r in rows])
    elif rows:
        shown = [
            (*r.partition, r.producer.producer_id, r.producer.transaction_start, duration_text(r.idle_s)) for r in rows
        ]
        print_table(("TOPIC", "PARTITION", "PRODUCER", "START OFFSET", "SILENT FOR"), shown, right=(1, 2, 3, 4))
    else:
        sys.stdout.write(message("transactions_hanging.none") + "\n")
    return 1 if rows else 0
