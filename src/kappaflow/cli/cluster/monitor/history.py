"""`kappa cluster history METRIC`: what the monitor has seen of a figure."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime
from fnmatch import fnmatchcase

from kappaflow.cli.cluster.monitor import texts as _texts
from kappaflow.cli.messages import message
from kappaflow.cli.operations.tables import print_json, print_table
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, context_of
from kappaflow.errors import UsageError
from kappaflow.ops.monitor import Series, TimeStore, store_directory
from kappaflow.ops.monitor.store import RECENT_MS, Point
from kappaflow.runtime.clock import SYSTEM_CLOCK

assert _texts
BARS = " ▁▂▃▄▅▆▇█"
CHART_COLUMNS = 60
HOUR_MS = 3_600_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("metric", nargs="?", default="", metavar="METRIC", help=message("cluster_history.metric"))
    parser.add_argument(
        "--label", action="append", default=[], metavar="NAME=PATTERN", help=message("cluster_history.label")
    )
    parser.add_argument("--hours", type=float, default=6.0, metavar="N", help=message("cluster_history.hours"))
    parser.add_argument("--list", action="store_true", help=message("cluster_history.list"))
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Read the store; the cluster is not asked."""
    if not arguments.metric and not arguments.list:
        raise UsageError(message("cluster_history.name_it"))
    wanted = dict(_label(text) for text in arguments.label)
    with TimeStore(store_directory(context_of(arguments).name), write=False) as store:
        if arguments.list:
            names = sorted({series.metric for series in store})
            if arguments.json:
                print_json(names)
            else:
                sys.stdout.write("".join(f"{name}\n" for name in names))
            return 0
        now = SYSTEM_CLOCK.time_ms()
        since = now - int(arguments.hours * HOUR_MS)
        means = now - since > RECENT_MS
        found = [
            (series, points)
            for series in store
            if series.metric == arguments.metric and _is_meant(series, wanted)
            if (points := store.read(series, since, now, means=means))
        ]
    if arguments.json:
        print_json([{"labels": dict(s.labels), "points": [list(p) for p in points]} for s, points in found])
    elif not found:
        sys.stdout.write(message("cluster_history.none", metric=arguments.metric) + "\n")
    else:
        _show(found)
    return 0


def _label(text: str) -> tuple[str, str]:
    name, sign, pattern = text.partition("=")
    if not sign:
        raise UsageError(message("cluster_history.bad_label", text=text))
    return name, pattern


def _is_meant(series: Series, wanted: dict[str, str]) -> bool:
    return all(fnmatchcase(series.label(name), pattern) for name, pattern in wanted.items())


def _show(found: list[tuple[Series, list[Point]]]) -> None:
    rows = [
        (
            ",".join(f"{name}={value}" for name, value in series.labels) or None,
            _number(min(p.value for p in points)),
            _number(sum(p.value for p in points) / len(points)),
            _number(max(p.value for p in points)),
            _number(points[-1].value),
            chart([p.value for p in points]),
        )
        for series, points in found
    ]
    first, last = (
        datetime.fromtimestamp(ms / 1000).isoformat(sep=" ", timespec="minutes")  # noqa: DTZ006 - the person's clock
        for ms in (min(points[0].at_ms for _, points in found), max(points[-1].at_ms for _, points in found))
    )
    print_table(("SERIES", "LEAST", "MEAN", "MOST", "LAST", f"{first} - {last}"), rows, right=(1, 2, 3, 4))


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def chart(values: list[float], columns: int = CHART_COLUMNS) -> str:
    """Values as a line of bars; several that fall into one column as the largest of them.

    >>> chart([0, 1, 2, 4, 8], 5)
    ' ▁▂▄█'
    """
    width = min(columns, len(values))
    pieces = [values[len(values) * n // width : len(values) * (n + 1) // width] for n in range(width)]
    top = max(map(max, pieces))
    return "".join(BARS[round(max(0.0, *piece) / top * (len(BARS) - 1))] if top > 0 else BARS[0] for piece in pieces)
