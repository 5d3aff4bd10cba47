"""`kappa cluster use NAME`: the cluster that commands work with when none is named."""

from __future__ import annotations

import argparse
import sys

from kappaflow.cli.cluster import texts as _texts
from kappaflow.cli.messages import message
from kappaflow.ops.contexts import ContextFile

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("name", help=message("cluster.name"))


def run(arguments: argparse.Namespace) -> int:
    """Take it into use."""
    ContextFile().use(arguments.name)
    sys.stdout.write(message("cluster_use.done", name=arguments.name) + "\n")
    return 0
