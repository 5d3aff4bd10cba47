"""Options that all commands of rolling work share."""

from __future__ import annotations

import argparse

from kappaflow.cli.brokers import texts as _texts
from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import add_plan_arguments
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments
from kappaflow.ops.brokers.node_actions import GATE_TIMEOUT_S

assert _texts


def add_rolling_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare gates, plan and cluster."""
    parser.add_argument("--force", action="store_true", help=message("brokers.force"))
    parser.add_argument(
        "--gate-timeout", type=float, default=GATE_TIMEOUT_S, metavar="S", help=message("brokers.gate_timeout")
    )
    add_plan_arguments(parser)
    add_target_arguments(parser)
    add_json_argument(parser)
