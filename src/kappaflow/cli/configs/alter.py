"""`kappa configs alter`: set configurations, or let their defaults hold again."""

from __future__ import annotations

import argparse
from pathlib import Path

from kappaflow.cli.configs.resources import add_resource_arguments, find_resources
from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import add_plan_arguments, carry_out
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session, read_properties
from kappaflow.errors import UsageError
from kappaflow.ops.configs import plan_alter


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_resource_arguments(parser)
    parser.add_argument("--set", action="append", default=[], metavar="K=V", help=message("configs_alter.set"))
    parser.add_argument("--set-file", type=Path, metavar="FILE", help=message("configs_alter.set_file"))
    parser.add_argument("--unset", action="append", default=[], metavar="KEY", help=message("configs_alter.unset"))
    add_plan_arguments(parser)
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plan it and carry it out."""
    changes: dict[str, str | None] = dict.fromkeys(arguments.unset)
    if arguments.set_file:
        changes |= read_properties(arguments.set_file)
    for given in arguments.set:
        name, equals, value = given.partition("=")
        if not equals:
            raise UsageError(message("configs_alter.bad_set", given=given))
        changes[name] = value
    if not changes or not (arguments.names or arguments.cluster_default):
        raise UsageError(message("configs_alter.nothing"))
    with open_session(arguments) as session:
        return carry_out(session, plan_alter(session, find_resources(session, arguments), changes), arguments)
