"""`kappa groups describe NAME`: members and lag of a group, in records and in time."""

from __future__ import annotations

import argparse
import sys

from kappaflow.cli.groups import texts as _texts
from kappaflow.cli.messages import message
from kappaflow.cli.operations.tables import duration_text, print_json, print_table
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.errors import UsageError
from kappaflow.ops.groups import GroupDetail, describe_groups

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("names", nargs="*", metavar="GROUP", help=message("groups_describe.names"))
    parser.add_argument("--all-groups", action="store_true", help=message("groups_describe.all"))
    parser.add_argument("--members", action="store_true", help=message("groups_describe.members"))
    parser.add_argument("--verbose", action="store_true", help=message("groups_describe.verbose"))
    parser.add_argument("--no-time", action="store_true", help=message("groups_describe.no_time"))
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print them; as JSON one group that was named alone is one object, else there is a list."""
    if bool(arguments.names) == arguments.all_groups:
        raise UsageError(message("groups_describe.which"))
    with open_session(arguments) as session:
        details = describe_groups(session, arguments.names or None, seconds=not arguments.no_time)
    if arguments.json:
        rows = [_data(detail) for detail in details]
        print_json(rows[0] if len(arguments.names) == 1 else rows)
        return 0
    for number, detail in enumerate(details):
        if number:
            sys.stdout.write("\n")
        _print(detail, arguments)
    return 0


def _print(detail: GroupDetail, arguments: argparse.Namespace) -> None:
    group = detail.group
    line = message(
        "groups_describe.head",
        group=group.group_id,
        state=group.state,
        assignor=group.assignor or "-",
        coordinator=group.coordinator,
        lag=detail.lag,
    )
    sys.stdout.write(line + "\n")
    if not arguments.members:
        _show(detail)
        return
    rows = [
        (
            m.member_id,
            m.instance_id,
            m.client_id,
            m.client_host,
            len(m.assignment or ()),
            ", ".join(map(str, m.assignment or ())) or None,
        )
        for m in group.members
    ]
    columns = ("MEMBER", "INSTANCE", "CLIENT", "HOST", "PARTITIONS", "ASSIGNED")
    kept = len(columns) if arguments.verbose else len(columns) - 1
    print_table(columns[:kept], [row[:kept] for row in rows], right=(4,))


def _show(detail: GroupDetail) -> None:
    rows = [
        (
            *row.partition,
            row.committed,
            row.end,
            row.lag,
            None if row.lag_seconds is None else duration_text(row.lag_seconds),
            row.member and (row.member.instance_id or row.member.client_id),
            row.member and row.member.client_host,
        )
        for row in detail.partitions
    ]
    columns = ("TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "BEHIND", "CLIENT", "HOST")
    print_table(columns, rows, right=(1, 2, 3, 4, 5))


def _data(detail: GroupDetail) -> dict[str, object]:
    return {
        "group": detail.group.group_id,
        "state": detail.group.state,
        "assignor": detail.group.assignor or None,
        "coordinator": detail.group.coordinator,
        "lag": detail.lag,
        "members": [
            {
                "member_id": m.member_id,
                "instance_id": m.instance_id,
                "client_id": m.client_id,
                "host": m.client_host,
                "partitions": [str(p) for p in m.assignment or ()],
            }
            for m in detail.group.members
        ],
        "partitions": [
            {
                "topic": row.partition.topic,
                "partition": row.partition.partition,
                "committed": row.committed,
                "begin": row.begin,
                "end": row.end,
                "lag": row.lag,
                "lag_seconds": row.lag_seconds,
                "member_id": row.member and row.member.member_id,
            }
            for row in detail.partitions
        ],
    }
