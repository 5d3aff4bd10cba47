"""`kappa groups reset NAME`: set the offsets of a group, shown partition by partition before it is done."""

from __future__ import annotations

import argparse
from pathlib import Path

from kappaflow.cli.groups import texts as _texts
from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import add_plan_arguments, carry_out
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.cli.operations.times import duration_ms, time_ms
from kappaflow.cli.topics.partitions import parse_partitions
from kappaflow.ops.groups import ResetTarget, plan_reset, write_offsets
from kappaflow.ops.session import OpsSession

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; they are called as those of kafka-consumer-groups."""
    parser.add_argument("name", help=message("groups.name"))
    parser.add_argument(
        "--topic", action="append", default=[], metavar="TOPIC[:P,P]", help=message("groups_reset.topic")
    )
    to = parser.add_mutually_exclusive_group(required=True)
    to.add_argument("--to-earliest", action="store_true", help=message("groups_reset.earliest"))
    to.add_argument("--to-latest", action="store_true", help=message("groups_reset.latest"))
    to.add_argument("--to-current", action="store_true", help=message("groups_reset.current"))
    to.add_argument("--to-offset", type=int, metavar="N", help=message("groups_reset.offset"))
    to.add_argument("--shift-by", type=int, metavar="N", help=message("groups_reset.shift"))
    to.add_argument("--to-datetime", metavar="TIME", help=message("groups_reset.datetime"))
    to.add_argument("--by-duration", metavar="DURATION", help=message("groups_reset.duration"))
    to.add_argument("--from-file", type=Path, metavar="FILE", help=message("groups_reset.file"))
    parser.add_argument("--export", type=Path, metavar="FILE", help=message("groups_reset.export"))
    add_plan_arguments(parser)
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plan it and carry it out."""
    with open_session(arguments) as session:
        partitions = parse_partitions(session, arguments.topic) if arguments.topic else None
        plan = plan_reset(session, arguments.name, _target(session, arguments), partitions)
        if arguments.export:
            write_offsets(plan, arguments.export)
        return carry_out(session, plan, arguments)


def _target(session: OpsSession, arguments: argparse.Namespace) -> ResetTarget:
    if arguments.to_earliest:
        return ResetTarget("earliest")
    if arguments.to_latest:
        return ResetTarget("latest")
    if arguments.to_offset is not None:
        return ResetTarget("offset", arguments.to_offset)
    if arguments.shift_by is not None:
        return ResetTarget("shift", arguments.shift_by)
    if arguments.to_datetime is not None:
        return ResetTarget("time", time_ms(arguments.to_datetime))
    if arguments.by_duration is not None:
        return ResetTarget("time", session.clock.time_ms() - duration_ms(arguments.by_duration))
    if arguments.from_file is not None:
        return ResetTarget.from_file(arguments.from_file)
    return ResetTarget("current")
