"""`kappa disk usage`: where the bytes are."""

from __future__ import annotations

import argparse

from kappaflow.cli.disk import texts as _texts
from kappaflow.cli.messages import message
from kappaflow.cli.operations.tables import bytes_text, print_json, print_table
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.ops.disk import disk_usage

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    by = ("broker", "directory", "topic", "partition")
    parser.add_argument("--by", choices=by, default="broker", help=message("disk_usage.by"))
    parser.add_argument("--top", type=int, default=0, metavar="N", help=message("disk_usage.top"))
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print it, the largest first."""
    with open_session(arguments) as session:
        rows = disk_usage(session, arguments.by)
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
        )
        for row in rows
    ]
    print_table((arguments.by.upper(), "SIZE", "REPLICAS", "DISK", "FREE", "ERROR"), shown, right=(1, 2, 3, 4))
    return 0
