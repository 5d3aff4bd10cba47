"""Options of every command that moves partitions."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime, timedelta

from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import add_plan_arguments
from kappaflow.cli.operations.sizes import size_bytes
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments
from kappaflow.cli.operations.times import duration_ms
from kappaflow.cli.reassign import texts as _texts
from kappaflow.errors import StorageError, UsageError
from kappaflow.ops.reassignment import MoveOptions
from kappaflow.ops.reassignment.hours import DAY_MINUTES, HourWindow
from kappaflow.ops.session import OpsSession

assert _texts
QUIET = "quiet"
QUIET_HOURS = 4.0
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


def add_move_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the throttle, the batch, the plan and the cluster."""
    parser.add_argument("--throttle", default="", metavar="RATE", help=message("reassign.throttle_option"))
    parser.add_argument("--batch", type=int, default=50, metavar="N", help=message("reassign.batch_option"))
    parser.add_argument("--at", default="", metavar="HOURS", help=message("reassign.at_option"))
    add_plan_arguments(parser)
    add_target_arguments(parser)
    add_json_argument(parser)


def move_options(session: OpsSession, arguments: argparse.Namespace) -> MoveOptions:
    """What the options say.

    Raises:
        UsageError: the throttle, the batch or the hours are none, or the quiet hours are not known.
    """
    if arguments.batch < 1:
        raise UsageError(message("reassign.bad_batch", batch=arguments.batch))
    throttle = size_bytes(arguments.throttle) if arguments.throttle else None
    return MoveOptions(throttle, arguments.batch, hours_of(session, arguments.at) if arguments.at else None)


def hours_of(session: OpsSession, text: str) -> HourWindow:
    """Hours of the day: ``02:00-05:00`` on this machine's clock, or ``quiet`` for the least used that were measured.

    Raises:
        UsageError: it is neither, or too little was measured.
    """
    word, _, length = text.partition(":")
    if word == QUIET:
        # The monitor takes a third of a second to load, which most moves have no use for.
        from kappaflow.ops.monitor import TimeStore, find_quiet_hours, store_directory

        hours = duration_ms(length) / 3_600_000 if length else QUIET_HOURS
        try:
            store = TimeStore(store_directory(session.context.name), write=False)
        except StorageError as error:
            raise UsageError(message("reassign.no_monitor", reason=error)) from error
        with store:
            return find_quiet_hours(store, hours, session.clock.time_ms())
    found = _HOURS.fullmatch(text)
    if found is None or text[:5] == text[6:]:
        raise UsageError(message("reassign.bad_hours", text=text))
    zone = datetime.fromtimestamp(session.clock.time_ms() / 1000, UTC).astimezone().utcoffset() or timedelta()
    shift = round(zone.total_seconds() / 60)
    begin, end = (60 * int(hour) + int(minute) for hour, minute in (found.group(1, 2), found.group(3, 4)))
    return HourWindow((begin - shift) % DAY_MINUTES, (end - shift) % DAY_MINUTES)


def broker_ids(given: list[str]) -> list[int]:
    """Brokers' ids, also separated by commas.

    Raises:
        UsageError: one is no number.
    """
    names = [name for word in given for name in word.split(",") if name]
    wrong = [name for name in names if not name.isdigit()]
    if wrong:
        raise UsageError(message("reassign.bad_broker", broker=wrong[0]))
    return sorted({int(name) for name in names})
