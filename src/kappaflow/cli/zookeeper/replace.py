"""`kappa zookeeper replace NUMBER`: start a server in the place of a dead one."""

from __future__ import annotations

import argparse

from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import add_plan_arguments, carry_out
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.cli.zookeeper import texts as _texts
from kappaflow.ops.zookeeper import plan_replace

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("server", type=int, metavar="NUMBER", help=message("zookeeper_replace.server"))
    add_plan_arguments(parser)
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plan it and carry it out."""
    with open_session(arguments) as session:
        return carry_out(session, plan_replace(session, arguments.server), arguments)
