"""`kappa transactions list`: transactional ids, what is open and since when."""

from __future__ import annotations

import argparse

from kappaflow.cli.messages import message
from kappaflow.cli.operations.tables import duration_text, print_json, print_table
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.cli.transactions import texts as _texts
from kappaflow.ops.transactions import list_transactions

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--open", action="store_true", help=message("transactions_list.open"))
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print them."""
    with open_session(arguments) as session:
        rows = list_transactions(session, only_open=arguments.open)
    if arguments.json:
        data = [
            {**r.transaction._asdict(), "partitions": [str(p) for p in r.transaction.partitions], "open_s": r.open_s}
            for r in rows
        ]
        print_json(data)
        return 0
    shown = [
        (
            r.transaction.transactional_id,
            r.transaction.producer_id,
            r.transaction.producer_epoch,
            r.transaction.state,
            None if r.open_s is None else duration_text(r.open_s),
            r.transaction.timeout_ms,
            len(r.transaction.partitions),
        )
        for r in rows
    ]
    columns = ("TRANSACTIONAL ID", "PRODUCER", "EPOCH", "STATE", "OPEN FOR", "TIMEOUT MS", "PARTITIONS")
    print_table(columns, shown, right=(1, 2, 4, 5, 6))
    return 0
