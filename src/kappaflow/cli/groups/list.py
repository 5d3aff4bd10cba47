"""`kappa groups list`: groups, their state and lag."""

from __future__ import annotations

import argparse

from kappaflow.cli.groups import texts as _texts
from kappaflow.cli.messages import message
from kappaflow.cli.operations.tables import print_json, print_table
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.cli.topics import texts as _topic_texts
from kappaflow.ops.groups import list_groups
from kappaflow.ops.topics.patterns import pattern_of

assert _texts
assert _topic_texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--state", default="", metavar="STATE", help=message("groups_list.state"))
    parser.add_argument("--type", default="", metavar="TYPE", help=message("groups_list.type"))
    parser.add_argument("--match", default="", metavar="REGEX", help=message("topics.match"))
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print them."""
    fits = pattern_of(arguments.match)
    with open_session(arguments) as session:
        details = list_groups(session)
    states, kinds = _words(arguments.state), _words(arguments.type)
    rows = [
        {
            "group": d.group.group_id,
            "type": d.kind or None,
            "state": d.group.state,
            "members": len(d.group.members),
            "partitions": len(d.partitions),
            "lag": d.lag,
            "coordinator": d.group.coordinator,
        }
        for d in details
        if (not states or d.group.state.lower() in states) and (not kinds or d.kind in kinds) and fits(d.group.group_id)
    ]
    if arguments.json:
        print_json(rows)
        return 0
    columns = ("GROUP", "TYPE", "STATE", "MEMBERS", "PARTITIONS", "LAG", "COORDINATOR")
    print_table(columns, [tuple(row.values()) for row in rows], right=(3, 4, 5, 6))
    return 0


def _words(given: str) -> set[str]:
    """Words separated by commas, whatever their case."""
    return {word.strip().lower() for word in given.split(",") if word.strip()}
