"""`kappa topics offsets`: where partitions begin and end, or where they are at a time."""

from __future__ import annotations

import argparse

from kappaflow.cli.messages import message
from kappaflow.cli.operations.tables import print_json, print_table
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.cli.operations.times import time_ms
from kappaflow.cli.topics import texts as _texts
from kappaflow.cli.topics.partitions import parse_partitions
from kappaflow.ops.topics import POSITIONS, get_offsets

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("topics", nargs="*", metavar="TOPIC[:P,P]", help=message("topics_offsets.topics"))
    parser.add_argument("--match", default="", metavar="REGEX", help=message("topics.match"))
    parser.add_argument("--time", default="latest", metavar="TIME", help=message("topics_offsets.time"))
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print them."""
    at = POSITIONS[arguments.time] if arguments.time in POSITIONS else time_ms(arguments.time)
    with open_session(arguments) as session:
        partitions = parse_partitions(session, arguments.topics)
        rows = get_offsets(session, (), at, partitions=partitions, match=arguments.match)
    if arguments.json:
        print_json(
            [
                {
                    "topic": row.partition.topic,
                    "partition": row.partition.partition,
                    "offset": row.offset,
                    "timestamp": row.timestamp,
                }
                for row in rows
            ]
        )
        return 0
    shown = [(*row.partition, row.offset, row.timestamp) for row in rows]
    print_table(("TOPIC", "PARTITION", "OFFSET", "TIMESTAMP"), shown, right=(1, 2, 3))
    return 0
