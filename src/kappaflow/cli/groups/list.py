"""`kappa groups list`: groups, their state and lag."""

from __future__ import annotations

import argparse

from kappaflow.cli.groups import texts as _texts
from kappaflow.cli.messages import message
from kappaflow.cli.operations.tables import print_json, print_table
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.ops.groups import list_groups

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--state", default="", metavar="STATE", help=message("groups_list.state"))
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print them."""
    with open_session(arguments) as session:
        details = list_groups(session)
    wanted = arguments.state.lower()
    rows = [
        {
            "group": d.group.group_id,
            "state": d.group.state,
            "members": len(d.group.members),
            "partitions": len(d.partitions),
            "lag": d.lag,
            "coordinator": d.group.coordinator,
        }
        for d in details
        if not wanted or d.group.state.lower() == wanted
    ]
    if arguments.json:
        print_json(rows)
        return 0
    columns = ("GROUP", "STATE", "MEMBERS", "PARTITIONS", "LAG", "COORDINATOR")
    print_table(columns, [tuple(row.values()) for row in rows], right=(2, 3, 4, 5))
    return 0
