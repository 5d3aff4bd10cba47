"""`kappa topics alter NAME --partitions N`: give a topic more partitions."""

from __future__ import annotations

import argparse

from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import add_plan_arguments, carry_out
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.cli.topics import texts as _texts
from kappaflow.cli.topics.existence import is_missing
from kappaflow.cli.topics.partitions import parse_assignments
from kappaflow.ops.topics import plan_grow

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("name", help=message("topics.name"))
    parser.add_argument("--partitions", type=int, required=True, metavar="N", help=message("topics_alter.partitions"))
    parser.add_argument("--replica-assignment", default="", metavar="LIST", help=message("topics_alter.assignment"))
    parser.add_argument("--if-exists", action="store_true", help=message("topics.if_exists"))
    add_plan_arguments(parser)
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plan it and carry it out."""
    assignments = parse_assignments(arguments.replica_assignment)
    with open_session(arguments) as session:
        if arguments.if_exists and is_missing(session, arguments):
            return 0
        plan = plan_grow(session, arguments.name, arguments.partitions, assignments)
        return carry_out(session, plan, arguments)
