"""`kappa lag doctor GROUP`: why a group is behind, with the evidence and the next command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence

from kappaflow.cli.lag import texts as _texts
from kappaflow.cli.messages import message
from kappaflow.cli.operations.tables import print_json, print_table
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.errors import UsageError
from kappaflow.ops.lag import GroupSample, Verdict, examine_groups
from kappaflow.ops.session import OpsSession

assert _texts
ALARM, WELL = 1, 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=message("lag_doctor.groups"))
    parser.add_argument("--seconds", type=float, default=30.0, metavar="N", help=message("lag_doctor.seconds"))
    parser.add_argument("--samples", type=int, default=10, metavar="N", help=message("lag_doctor.samples"))
    parser.add_argument("--no-keys", action="store_true", help=message("lag_doctor.no_keys"))
    parser.add_argument("--verbose", action="store_true", help=message("lag_doctor.verbose"))
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Look for some time and print the verdicts; 1 where one is an alarm."""
    if arguments.samples < 3 or arguments.seconds <= 0:
        raise UsageError(message("lag_doctor.too_few"))
    with open_session(arguments) as session:
        names = arguments.groups or [g.group_id for g in session.admin.groups.list()]
        verdicts = _examine(session, names, arguments)
    if arguments.json:
        print_json([_data(v) for v in verdicts])
    else:
        for verdict in verdicts:
            _show(verdict, verbose=arguments.verbose)
    return ALARM if any(v.is_alarm for v in verdicts) else WELL


def _examine(session: OpsSession, names: Sequence[str], arguments: argparse.Namespace) -> list[Verdict]:
    """Look at all groups together: each has the whole time."""

    def watch(_look: Mapping[str, GroupSample]) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(".")
            sys.stderr.flush()

    interval_s = arguments.seconds / (arguments.samples - 1)
    verdicts = examine_groups(
        session,
        names,
        samples=arguments.samples,
        interval_s=interval_s,
        keys=not arguments.no_keys,
        required=bool(arguments.groups),
        watch=watch,
    )
    if sys.stderr.isatty():
        sys.stderr.write("\n")
    return verdicts


def _show(verdict: Verdict, *, verbose: bool) -> None:
    mark = "!!" if verdict.is_alarm else "ok"
    sys.stdout.write(f"{mark} {verdict.summary}\n")
    for line in verdict.evidence:
        sys.stdout.write(f"     {line}\n")
    if verdict.is_alarm:
        for line in verdict.advice:
            sys.stdout.write(f"  -> {line}\n")
    if verbose:
        rows = [
            (*s.partition, s.status, s.lag, f"{s.growth:+}", f"{s.produced_per_s:.1f}", f"{s.consumed_per_s:.1f}")
            for s in verdict.statuses
        ]
        columns = ("TOPIC", "PARTITION", "STATUS", "LAG", "GROWTH", "COME/S", "READ/S")
        print_table(columns, rows, right=(1, 3, 4, 5, 6))


def _data(verdict: Verdict) -> dict[str, object]:
    return {
        "group": verdict.group_id,
        "cause": str(verdict.cause),
        "alarm": verdict.is_alarm,
        "summary": str(verdict.summary),
        "evidence": [str(line) for line in verdict.evidence],
        "advice": [str(line) for line in verdict.advice],
        "partitions": [str(p) for p in verdict.partitions],
        "statuses": [{**s._asdict(), "partition": str(s.partition), "status": str(s.status)} for s in verdict.statuses],
    }
