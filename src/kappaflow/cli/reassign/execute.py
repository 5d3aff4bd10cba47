"""`kappa reassign execute FILE`: do what a file of kafka-reassign-partitions says."""

from __future__ import annotations

import argparse
from pathlib import Path

from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import carry_out
from kappaflow.cli.operations.target import open_session
from kappaflow.cli.reassign.options import add_move_arguments, move_options
from kappaflow.ops.reassignment import plan_from_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("path", type=Path, metavar="FILE", help=message("reassign_execute.path"))
    add_move_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plan it and carry it out."""
    with open_session(arguments) as session:
        plan = plan_from_file(session, arguments.path, move_options(session, arguments))
        return carry_out(session, plan, arguments)
