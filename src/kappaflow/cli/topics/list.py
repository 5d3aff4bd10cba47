"""`kappa topics list`: the topics of a cluster, how large and how healthy."""

from __future__ import annotations

import argparse

from kappaflow.cli.messages import message
from kappaflow.cli.operations.tables import bytes_text, print_json, print_table
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.cli.topics import texts as _texts
from kappaflow.ops.topics import list_topics

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--internal", action="store_true", help=message("topics_list.internal"))
    parser.add_argument("--match", default="", metavar="REGEX", help=message("topics.match"))
    parser.add_argument("--sizes", action="store_true", help=message("topics_list.sizes"))
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the topics."""
    with open_session(arguments) as session:
        rows = list_topics(session, internal=arguments.internal, sizes=arguments.sizes, match=arguments.match)
    if arguments.json:
        print_json([row._asdict() for row in rows])
        return 0
    shown = [
        (
            row.name,
            row.partitions,
            row.replication_factor,
            row.under_replicated,
            row.offline,
            None if row.size_bytes is None else bytes_text(row.size_bytes),
        )
        for row in rows
    ]
    columns = ("TOPIC", "PARTITIONS", "REPLICAS", "UNDER-REPLICATED", "OFFLINE", "SIZE")
    kept = len(columns) if arguments.sizes else len(columns) - 1
    print_table(columns[:kept], [row[:kept] for row in shown], right=range(1, kept))
    return 0
