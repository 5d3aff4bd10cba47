"""`kappa topics create NAME`: create a topic."""

from __future__ import annotations

import argparse

from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import add_plan_arguments, carry_out
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.cli.topics import texts as _texts
from kappaflow.cli.topics.existence import is_there
from kappaflow.cli.topics.partitions import parse_assignments
from kappaflow.errors import UsageError
from kappaflow.ops.topics import plan_create

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("name", help=message("topics.name"))
    parser.add_argument("--partitions", type=int, default=-1, metavar="N", help=message("topics_create.partitions"))
    parser.add_argument(
        "--replication-factor", type=int, default=-1, metavar="N", help=message("topics_create.replication_factor")
    )
    parser.add_argument("--config", action="append", default=[], metavar="K=V", help=message("topics_create.config"))
    parser.add_argument("--replica-assignment", default="", metavar="LIST", help=message("topics_create.assignment"))
    parser.add_argument("--if-not-exists", action="store_true", help=message("topics_create.if_not_exists"))
    add_plan_arguments(parser)
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plan it and carry it out."""
    configs: dict[str, str] = {}
    for given in arguments.config:
        name, equals, value = given.partition("=")
        if not equals:
            raise UsageError(message("topics.bad_config", given=given))
        configs[name] = value
    assignments = parse_assignments(arguments.replica_assignment)
    if assignments is not None and (arguments.partitions, arguments.replication_factor) != (-1, -1):
        raise UsageError(message("topics_create.either"))
    with open_session(arguments) as session:
        if arguments.if_not_exists and is_there(session, arguments):
            return 0
        plan = plan_create(
            session,
            arguments.name,
            partitions=arguments.partitions,
            replication_factor=arguments.replication_factor,
            configs=configs,
            assignments=assignments,
        )
        return carry_out(session, plan, arguments)
