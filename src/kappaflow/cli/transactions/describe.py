"""``kappa transactions describe``: one transactional id and the partitions of its transaction."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime

from kappaflow.cli.messages import message
from kappaflow.cli.operations.tables import duration_text, print_json, print_table
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.cli.transactions import texts as _texts
from kappaflow.cli.transactions.list import transaction_data
from kappaflow.ops.transactions import TransactionRow, describe_transaction

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("transactional_id", metavar="ID", help=message("transactions.id"))
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    with open_session(arguments) as session:
        row = describe_transaction(session, arguments.transactional_id)
    if arguments.json:
        print_json(transaction_data(row))
    else:
        _show(row)
    return 0


def _show(row: TransactionRow) -> None:
    state = row.transaction
    line = message(
        "transactions_describe.head",
        transactional_id=state.transactional_id,
        state=state.state,
        producer=state.producer_id,
        epoch=state.producer_epoch,
        coordinator=state.coordinator,
        timeout_ms=state.timeout_ms,
    )
    sys.stdout.write(line + "\n")
    if row.open_s is not None and state.start_ms is not None:
        since = datetime.fromtimestamp(state.start_ms / 1000, UTC).isoformat(timespec="seconds")
        line = message("transactions_describe.open", since=since, duration=duration_text(max(0, row.open_s)))
        sys.stdout.write(line + "\n")
    if state.partitions:
        print_table(("TOPIC", "PARTITION"), state.partitions, right=(1,))
