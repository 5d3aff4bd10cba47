"""`kappa server`: the SQL server on a Kafka cluster that is already there."""

from __future__ import annotations

import argparse

from kappaflow.cli.messages import message
from kappaflow.cli.server.settings import add_shared_arguments
from kappaflow.cli.server.up import run

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_shared_arguments(parser)
    parser.add_argument("--bootstrap-servers", required=True, metavar="HOSTS", help=message("server.bootstrap"))
