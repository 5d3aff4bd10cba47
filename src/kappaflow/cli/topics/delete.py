"""`kappa topics delete NAME`: delete a topic, or say why it is not deleted."""

from __future__ import annotations

import argparse
import sys

from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import add_plan_arguments, carry_out
from kappaflow.cli.operations.tables import print_json
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.cli.topics import texts as _texts
from kappaflow.cli.topics.existence import is_missing
from kappaflow.ops.session import OpsSession
from kappaflow.ops.topics import find_obstacles, plan_delete

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("name", help=message("topics.name"))
    parser.add_argument("--why-not", action="store_true", help=message("topics_delete.why_not"))
    parser.add_argument("--if-exists", action="store_true", help=message("topics.if_exists"))
    add_plan_arguments(parser)
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plan it and carry it out, or look for what is against it."""
    with open_session(arguments) as session:
        if arguments.why_not:
            return _explain(session, arguments)
        if arguments.if_exists and is_missing(session, arguments):
            return 0
        return carry_out(session, plan_delete(session, arguments.name), arguments)


def _explain(session: OpsSession, arguments: argparse.Namespace) -> int:
    obstacles = find_obstacles(session, arguments.name)
    if arguments.json:
        print_json([{"reason": str(o.reason), "remedy": str(o.remedy)} for o in obstacles])
        return 0
    for obstacle in obstacles:
        sys.stdout.write(f"{obstacle.reason}\n  -> {obstacle.remedy}\n")
    if not obstacles:
        exists = bool(session.admin.topics.describe([arguments.name]))
        sys.stdout.write(message("topics_delete.free" if exists else "topics_delete.gone", topic=arguments.name) + "\n")
    return 0
