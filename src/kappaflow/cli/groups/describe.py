"""`kappa groups describe NAME`: members and lag of a group, in records and in time."""

from __future__ import annotations

import argparse
import sys

from kappaflow.cli.groups import texts as _texts
from kappaflow.cli.messages import message
from kappaflow.cli.operations.tables import duration_text, print_json, print_table
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.ops.groups import GroupDetail, describe_group

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("name", help=message("groups.name"))
    parser.add_argument("--members", action="store_true", help=message("groups_describe.members"))
    parser.add_argument("--no-time", action="store_true", help=message("groups_describe.no_time"))
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    with open_session(arguments) as session:
        detail = describe_group(session, arguments.name, seconds=not arguments.no_time)
    if arguments.json:
        print_json(_data(detail))
        return 0
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
    if arguments.members:
        rows = [
            (m.member_id, m.instance_id, m.client_id, m.client_host, len(m.assignment or ())) for m in group.members
        ]
        print_table(("MEMBER", "INSTANCE", "CLIENT", "HOST", "PARTITIONS"), rows, right=(4,))
        return 0
    _show(detail)
    return 0


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
