"""`kappa topics elect-leaders`: give leadership to preferred replicas, or force a leader."""

from __future__ import annotations

import argparse
from pathlib import Path

from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import add_plan_arguments, carry_out
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.cli.topics import texts as _texts
from kappaflow.cli.topics.partitions import parse_partitions, partitions_of_file
from kappaflow.errors import UsageError
from kappaflow.ops.topics import plan_preferred, plan_unclean

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("partitions", nargs="*", metavar="TOPIC[:P,P]", help=message("topics_elect.partitions"))
    parser.add_argument("--path-to-json-file", type=Path, metavar="FILE", help=message("topics_elect.file"))
    parser.add_argument("--unclean", action="store_true", help=message("topics_elect.unclean"))
    add_plan_arguments(parser)
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plan it and carry it out."""
    with open_session(arguments) as session:
        partitions = parse_partitions(session, arguments.partitions) if arguments.partitions else None
        if arguments.path_to_json_file:
            partitions = [*(partitions or ()), *partitions_of_file(arguments.path_to_json_file)]
        if not arguments.unclean:
            return carry_out(session, plan_preferred(session, partitions), arguments)
        if partitions is None:
            raise UsageError(message("topics_elect.name_them"))
        return carry_out(session, plan_unclean(session, partitions), arguments)
