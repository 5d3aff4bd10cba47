"""`kappa transactions list`: transactional ids, what is open and since when."""

from __future__ import annotations

import argparse

from kappaflow.cli.messages import message
from kappaflow.cli.operations.tables import duration_text, print_json, print_table
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.cli.operations.times import duration_ms
from kappaflow.cli.transactions import texts as _texts
from kappaflow.ops.transactions import TransactionRow, list_transactions

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--open", action="store_true", help=message("transactions_list.open"))
    parser.add_argument("--open-for", default="", metavar="DURATION", help=message("transactions_list.open_for"))
    parser.add_argument("--match", default="", metavar="REGEX", help=message("transactions_list.match"))
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print them."""
    open_for_s = duration_ms(arguments.open_for) / 1000 if arguments.open_for else 0
    with open_session(arguments) as session:
        rows = list_transactions(session, only_open=arguments.open, open_for_s=open_for_s, match=arguments.match)
    if arguments.json:
        print_json([transaction_data(row) for row in rows])
        return 0
    shown = [
        (
            r.transaction.transactional_id,
            r.transaction.producer_id,
            r.transaction.producer_epoch,
            r.transaction.state,
            None if r.open_s is None else duration_text(r.open_s),
            r.transaction.timeout_ms,
            r.transaction.coordinator,
            len(r.transaction.partitions),
        )
        for r in rows
    ]
    columns = ("TRANSACTIONAL ID", "PRODUCER", "EPOCH", "STATE", "OPEN FOR", "TIMEOUT MS", "COORDINATOR", "PARTITIONS")
    print_table(columns, shown, right=(1, 2, 4, 5, 6, 7))
    return 0


def transaction_data(row: TransactionRow) -> dict[str, object]:
    """A transaction as JSON."""
    partitions = [str(partition) for partition in row.transaction.partitions]
    return {**row.transaction._asdict(), "partitions": partitions, "open_s": row.open_s}
