"""`kappa disk rescue BROKER`: bring a broker back whose disk is full."""

from __future__ import annotations

import argparse

from kappaflow.cli.disk import texts as _texts
from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import add_plan_arguments, carry_out
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.cli.operations.times import duration_ms
from kappaflow.ops.disk import plan_rescue

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("broker", type=int, metavar="BROKER", help=message("disk.broker_option"))
    parser.add_argument("--retention", default="24h", metavar="DURATION", help=message("disk_rescue.retention"))
    parser.add_argument("--topic", action="append", default=[], help=message("disk_rescue.topic"))
    add_plan_arguments(parser)
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plan it and carry it out."""
    with open_session(arguments) as session:
        retention_ms = duration_ms(arguments.retention)
        return carry_out(
            session, plan_rescue(session, arguments.broker, retention_ms, arguments.topic or None), arguments
        )
