"""`kappa disk usage`: where the bytes are."""

from __future__ import annotations

import argparse

from kappaflow.cli.disk import texts as _texts
from kappaflow.cli.messages import message
from kappaflow.cli.operations.tables import bytes_text, print_json, print_table
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.ops.disk import disk_usage

assert _texts
_COLUMNS = {True: (0, 1, 2, 3, 4, 5), False: (0, 1, 2, 6, 7)}
"""Places of the columns that say something: of directories, and of replicas."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    by = ("broker", "directory", "topic", "partition")
    parser.add_argument("--by", choices=by, default="broker", help=message("disk_usage.by"))
    parser.add_argument("--top", type=int, default=0, metavar="N", help=message("disk_usage.top"))
    parser.add_argument("--broker", action="append", type=int, metavar="ID", help=message("disk_usage.broker"))
    parser.add_argument("--topic", action="append", metavar="TOPIC", help=message("disk_usage.topic"))
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print it, the largest first."""
    with open_session(arguments) as session:
        rows = disk_usage(session, arguments.by, brokers=arguments.broker, topics=arguments.topic)
    rows = rows[: arguments.top] if arguments.top > 0 else rows
    if arguments.json:
        print_json([row._asdict() for row in rows])
        return 0
    shown = [
        (
            row.name,
            bytes_text(row.size_bytes),
            row.replicas,
            None if row.total_bytes is None else bytes_text(row.total_bytes),
            None if row.usable_bytes is None else bytes_text(row.usable_bytes),
            row.error or None,
            row.offset_lag,
            row.moving or None,
        )
        for row in rows
    ]
    columns = (arguments.by.upper(), "SIZE", "REPLICAS", "DISK", "FREE", "ERROR", "BEHIND", "MOVING")
    kept = [at for at in range(len(columns)) if at in _COLUMNS[arguments.by in ("broker", "directory")]]
    right = [place for place, at in enumerate(kept) if at not in (0, 5)]
    print_table([columns[at] for at in kept], [[row[at] for at in kept] for row in shown], right=right)
    return 0
