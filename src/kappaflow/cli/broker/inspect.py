"""`kappa broker inspect`: what a data directory holds, whether or not a broker uses it."""

from __future__ import annotations

import argparse
import base64
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from kappaflow.cli.messages import message

PIPED_WIDTH = 160


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("directory", type=Path, metavar="DIR", help=message("broker_inspect.directory"))
    parser.add_argument("--topic", metavar="T", help=message("broker_inspect.topic"))
    parser.add_argument("--batches", action="store_true", help=message("broker_inspect.batches"))
    parser.add_argument("--json", action="store_true", help=message("broker_inspect.json"))


def run(arguments: argparse.Namespace) -> int:
    """Read and print; exit code 1 where something cannot be read."""
    from kappaflow.broker.inspection import inspect_data_directory

    found = inspect_data_directory(arguments.directory, topic=arguments.topic, with_batches=arguments.batches)
    if arguments.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(found, enc_hook=_text)).decode() + "\n")
    else:
        _print(found)
    return 1 if any(segment["problem"] for each in found["partitions"] for segment in each["segments"]) else 0


def _text(value: object) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def _print(found: dict[str, Any]) -> None:
    console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH, highlight=False)
    state = message("broker_inspect.clean" if found["closed_cleanly"] else "broker_inspect.unclean")
    about = {"path": found["path"], "cluster": found["cluster_id"], "node": found["node_id"], "state": state}
    console.print(message("broker_inspect.heading", **about))
    for journal in found["journals"]:
        counts = {"records": journal["records"], "torn": journal["torn_bytes"]}
        console.print(message("broker_inspect.journal", name=journal["name"], **counts))
    _table(
        console, message("broker_inspect.partitions"),
        ("topic", "partition", "start", "end", "segments", "bytes", "producers", "problem"),
        [
            (
                each["topic"], each["partition"], each["log_start_offset"], each["log_end_offset"],
                len(each["segments"]), each["size_bytes"], len(each["producers"]), _problem(each),
            )
            for each in found["partitions"]
        ],
    )  # fmt: skip
    rows = [(each["directory"], segment) for each in found["partitions"] for segment in each["segments"]]
    _table(
        console, message("broker_inspect.segments"),
        ("partition", "base", "next", "batches", "records", "bytes", "newest", "index entries"),
        [
            (
                name, segment["base_offset"], segment["next_offset"], segment["batches"], segment["records"],
                segment["size_bytes"], _time(segment["max_timestamp"]),
                f"{segment['offset_index']['entries']} + {segment['time_index']['entries']}",
            )
            for name, segment in rows
        ],
    )  # fmt: skip
    batch_rows = [(name, batch) for name, segment in rows for batch in segment.get("batch_list", ())]
    _rows(
        console, message("broker_inspect.batches_title"), [{"partition": name, **batch} for name, batch in batch_rows]
    )
    producers = [{"partition": p["directory"], **each} for p in found["partitions"] for each in p["producers"]]
    _rows(console, message("broker_inspect.producers"), producers)
    _rows(console, message("broker_inspect.offsets"), found["groups"])
    _rows(console, message("broker_inspect.transactions"), found["transactions"])


def _problem(partition: dict[str, Any]) -> str:
    problems = [segment["problem"] for segment in partition["segments"] if segment["problem"]]
    return "; ".join(problems + partition["leftovers"])


def _time(milliseconds: int) -> str:
    if milliseconds < 0:
        return "-"
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")


def _rows(console: Console, title: str, rows: list[dict[str, Any]]) -> None:
    headings = tuple(dict.fromkeys(name for row in rows for name in row))
    _table(console, title, headings, [tuple(row.get(name, "") for name in headings) for row in rows])


def _table(console: Console, title: str, headings: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    if not rows:
        return
    table = Table(title=title, title_justify="left")
    for position, heading in enumerate(headings):
        is_number = isinstance(rows[0][position], int)
        table.add_column(heading, justify="right" if is_number else "left")
    for row in rows:
        table.add_row(*map(str, row))
    console.print(table)
