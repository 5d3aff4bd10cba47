"""Options of every command that moves partitions."""

from __future__ import annotations

import argparse

from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import add_plan_arguments
from kappaflow.cli.operations.sizes import size_bytes
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments
from kappaflow.cli.reassign import texts as _texts
from kappaflow.errors import UsageError
from kappaflow.ops.reassignment import MoveOptions

assert _texts


def add_move_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the throttle, the batch, the plan and the cluster."""
    parser.add_argument("--throttle", default="", metavar="RATE", help=message("reassign.throttle_option"))
    parser.add_argument("--batch", type=int, default=50, metavar="N", help=message("reassign.batch_option"))
    add_plan_arguments(parser)
    add_target_arguments(parser)
    add_json_argument(parser)


def move_options(arguments: argparse.Namespace) -> MoveOptions:
    """What the options say.

    Raises:
        UsageError: the throttle or the batch is none.
    """
    if arguments.batch < 1:
        raise UsageError(message("reassign.bad_batch", batch=arguments.batch))
    return MoveOptions(size_bytes(arguments.throttle) if arguments.throttle else None, arguments.batch)


def broker_ids(given: list[str]) -> list[int]:
    """Brokers' ids, also separated by commas.

    Raises:
        UsageError: one is no number.
    """
    names = [name for word in given for name in word.split(",") if name]
    wrong = [name for name in names if not name.isdigit()]
    if wrong:
        raise UsageError(message("reassign.bad_broker", broker=wrong[0]))
    return sorted({int(name) for name in names})
