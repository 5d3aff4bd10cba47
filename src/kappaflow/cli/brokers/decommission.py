"""`kappa brokers decommission ID`: take a broker out of its cluster for good."""

from __future__ import annotations

import argparse

from kappaflow.cli.brokers import texts as _texts
from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import carry_out
from kappaflow.cli.operations.target import open_session
from kappaflow.cli.reassign.options import add_move_arguments, move_options
from kappaflow.ops.brokers.decommission import plan_decommission
from kappaflow.ops.brokers.node_actions import GATE_TIMEOUT_S

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("broker", type=int, metavar="ID", help=message("brokers_decommission.broker"))
    parser.add_argument(
        "--gate-timeout", type=float, default=GATE_TIMEOUT_S, metavar="S", help=message("brokers.gate_timeout")
    )
    add_move_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plan it and carry it out."""
    with open_session(arguments) as session:
        options = move_options(session, arguments)
        plan = plan_decommission(session, arguments.broker, options, timeout_s=arguments.gate_timeout)
        return carry_out(session, plan, arguments)
