"""`kappa brokers rollout`: change options of brokers, with a rolling restart only where an option needs one."""

from __future__ import annotations

import argparse

from kappaflow.cli.brokers.options import add_rolling_arguments
from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import carry_out
from kappaflow.cli.operations.target import open_session
from kappaflow.errors import UsageError
from kappaflow.ops.brokers.rollout import plan_rollout


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--set", action="append", default=[], metavar="K=V", help=message("brokers.set"))
    parser.add_argument("--unset", action="append", default=[], metavar="K", help=message("brokers.unset"))
    parser.add_argument("--broker", action="append", default=[], type=int, metavar="ID", help=message("brokers.broker"))
    parser.add_argument("--unknown", action="store_true", help=message("brokers.unknown"))
    add_rolling_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plan it and carry it out."""
    changes: dict[str, str | None] = dict.fromkeys(arguments.unset)
    for given in arguments.set:
        key, equals, value = given.partition("=")
        if not equals:
            raise UsageError(message("brokers.bad_set", given=given))
        changes[key.strip()] = value.strip()
    if not changes:
        raise UsageError(message("brokers.nothing_to_set"))
    with open_session(arguments) as session:
        plan = plan_rollout(
            session,
            changes,
            arguments.broker or None,
            unknown=arguments.unknown,
            force=arguments.force,
            timeout_s=arguments.gate_timeout,
        )
        return carry_out(session, plan, arguments)
