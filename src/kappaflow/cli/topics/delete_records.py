"""`kappa topics delete-records PARTITION...`: delete the oldest records."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import add_plan_arguments, carry_out
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.cli.topics import texts as _texts
from kappaflow.cli.topics.partitions import parse_partitions
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import UsageError
from kappaflow.ops.topics import plan_delete_records

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("partitions", nargs="*", metavar="TOPIC[:P,P]", help=message("topics.partitions"))
    parser.add_argument("--before", type=int, metavar="OFFSET", help=message("topics_delete_records.before"))
    parser.add_argument("--offset-json-file", type=Path, metavar="FILE", help=message("topics_delete_records.file"))
    add_plan_arguments(parser)
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plan it and carry it out."""
    with open_session(arguments) as session:
        if arguments.offset_json_file:
            before = _from_file(arguments.offset_json_file)
        elif arguments.partitions and arguments.before is not None:
            keep: int = arguments.before
            before = dict.fromkeys(parse_partitions(session, arguments.partitions), keep)
        else:
            raise UsageError(message("topics_delete_records.nothing"))
        return carry_out(session, plan_delete_records(session, before), arguments)


def _from_file(path: Path) -> dict[TopicPartition, int]:
    """The file that kafka-delete-records takes."""
    try:
        rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["partitions"]
        return {TopicPartition(row["topic"], row["partition"]): row["offset"] for row in rows}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(message("topics_delete_records.bad_file", path=path, reason=error)) from error
