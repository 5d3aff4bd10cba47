"""`kappa transactions abort TOPIC:P`: end a hanging transaction in its partition."""

from __future__ import annotations

import argparse

from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import add_plan_arguments, carry_out
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.cli.topics.partitions import parse_partitions
from kappaflow.cli.transactions import texts as _texts
from kappaflow.errors import UsageError
from kappaflow.ops.transactions import plan_abort

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("partition", metavar="TOPIC:P", help=message("transactions_abort.partition"))
    parser.add_argument(
        "--start-offset", type=int, required=True, metavar="N", help=message("transactions_abort.start")
    )
    parser.add_argument("--even-if-owned", action="store_true", help=message("transactions_abort.owned"))
    add_plan_arguments(parser)
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plan it and carry it out."""
    with open_session(arguments) as session:
        partitions = parse_partitions(session, [arguments.partition])
        if len(partitions) != 1:
            raise UsageError(message("transactions_abort.one"))
        plan = plan_abort(session, partitions[0], arguments.start_offset, even_if_owned=arguments.even_if_owned)
        return carry_out(session, plan, arguments)
