"""Options of every command that moves partitions."""

from __future__ import annotations

import argparse
import re

from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import add_plan_arguments
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments
from kappaflow.cli.reassign import texts as _texts
from kappaflow.errors import UsageError
from kappaflow.ops.reassignment import MoveOptions

assert _texts
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([KMGT])i?)?B?(?:/s)?", re.IGNORECASE)
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}


def add_move_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the throttle, the batch, the plan and the cluster."""
    parser.add_argument("--throttle", default="", metavar="RATE", help=message("reassign.throttle_option"))
    parser.add_argument("--batch", type=int, default=50, metavar="N", help=message("reassign.batch_option"))
    add_plan_arguments(parser)
    add_target_arguments(parser)
    add_json_argument(parser)


def move_options(arguments: argparse.Namespace) -> MoveOptions:
    """What the options say.

    Raises:
        UsageError: the throttle or the batch is none.
    """
    if arguments.batch < 1:
        raise UsageError(message("reassign.bad_batch", batch=arguments.batch))
    return MoveOptions(size_bytes(arguments.throttle) if arguments.throttle else None, arguments.batch)


def size_bytes(text: str) -> int:
    """A size as people write it, in powers of 1024.

    Raises:
        UsageError: it is none.

    >>> size_bytes("50MB/s"), size_bytes("1.5 GiB"), size_bytes("1000")
    (52428800, 1610612736, 1000)
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None or float(found[1]) <= 0:
        raise UsageError(message("reassign.bad_size", text=text))
    return int(float(found[1]) * 1024 ** _POWERS[(found[2] or "").upper()])


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
