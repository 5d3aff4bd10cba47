"""The plan and the cluster that a command on a plan works with."""

from __future__ import annotations

import argparse
from pathlib import Path

from kappaflow.cli.messages import message
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.errors import UsageError
from kappaflow.ops.contexts import ContextFile
from kappaflow.ops.plans import Plan
from kappaflow.ops.session import OpsSession


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the file and the cluster; the plan names the cluster by default."""
    parser.add_argument("path", type=Path, metavar="FILE", help=message("plan.path"))
    add_target_arguments(parser)
    add_json_argument(parser)


def session_of(plan: Plan, arguments: argparse.Namespace) -> OpsSession:
    """A session on the cluster of a plan.

    Raises:
        UsageError: the plan's cluster is not known here and none was named.
    """
    if not arguments.bootstrap_servers and not arguments.cluster:
        if plan.cluster in ContextFile().names():
            arguments.cluster = plan.cluster
        elif ":" in plan.cluster:  # it was named by its addresses
            arguments.bootstrap_servers = plan.cluster
        else:
            raise UsageError(message("plan.no_cluster", cluster=plan.cluster))
    return open_session(arguments)
