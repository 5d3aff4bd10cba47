"""`kappa disk free --target SIZE`: cut retention as mildly as possible until so much is free."""

from __future__ import annotations

import argparse

from kappaflow.cli.disk import texts as _texts
from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import add_plan_arguments, carry_out
from kappaflow.cli.operations.sizes import size_bytes
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.cli.operations.times import duration_ms
from kappaflow.ops.disk import plan_free

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--target", required=True, metavar="SIZE", help=message("disk_free.target"))
    parser.add_argument("--topic", action="append", default=[], help=message("disk_free.topic"))
    parser.add_argument("--broker", type=int, metavar="ID", help=message("disk_free.broker"))
    parser.add_argument("--at-least", default="1h", metavar="DURATION", help=message("disk_free.at_least"))
    parser.add_argument("--allow-unread-loss", action="store_true", help=message("disk_free.allow"))
    parser.add_argument("--temporary", action="store_true", help=message("disk_free.temporary"))
    add_plan_arguments(parser)
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plan it and carry it out."""
    with open_session(arguments) as session:
        plan = plan_free(
            session,
            size_bytes(arguments.target),
            topics=arguments.topic or None,
            broker=arguments.broker,
            at_least_ms=duration_ms(arguments.at_least),
            allow_losers=arguments.allow_unread_loss,
            temporary=arguments.temporary,
        )
        return carry_out(session, plan, arguments)
