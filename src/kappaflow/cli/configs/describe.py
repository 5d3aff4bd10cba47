"""`kappa configs describe`: configurations with source, default and meaning."""

from __future__ import annotations

import argparse
import sys
import textwrap

from kappaflow.cli.configs.resources import add_resource_arguments, find_resources
from kappaflow.cli.messages import message
from kappaflow.cli.operations.tables import print_json, print_table
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.ops.configs import ConfigRow, describe_configs

WIDTH = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_resource_arguments(parser)
    parser.add_argument("--key", action="append", default=[], metavar="KEY", help=message("configs_describe.key"))
    parser.add_argument("--all", action="store_true", help=message("configs_describe.all"))
    parser.add_argument("--explain", action="store_true", help=message("configs_describe.explain"))
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print them."""
    with open_session(arguments) as session:
        rows = describe_configs(
            session,
            find_resources(session, arguments),
            arguments.key or None,
            defaults=arguments.all,
            meaning=arguments.explain,
        )
    if arguments.json:
        print_json([_data(row) for row in rows])
    elif arguments.explain:
        for row in rows:
            _explain(row)
    else:
        columns = ("RESOURCE", "KEY", "VALUE", "SOURCE", "DEFAULT", "RESTART")
        shown = [
            (_resource(r), r.entry.name, _value(r), r.entry.source, r.entry.default, r.needs_restart) for r in rows
        ]
        print_table(columns, shown)
    return 0


def _resource(row: ConfigRow) -> str:
    return f"{row.resource.kind} {row.resource.name or '*'}"


def _value(row: ConfigRow) -> str | None:
    return "****" if row.entry.is_sensitive else row.entry.value


def _explain(row: ConfigRow) -> None:
    restart = message("configs_describe.restart" if row.needs_restart else "configs_describe.dynamic")
    head = message(
        "configs_describe.head",
        key=row.entry.name,
        value=_value(row),
        resource=_resource(row),
        source=row.entry.source,
        default="-" if row.entry.default is None else row.entry.default,
        kind=row.entry.kind or "-",
        restart=restart,
    )
    body = textwrap.fill(row.meaning, WIDTH, initial_indent="    ", subsequent_indent="    ")
    sys.stdout.write(f"{head}\n{body}\n")


def _data(row: ConfigRow) -> dict[str, object]:
    return {
        "resource": row.resource._asdict(),
        "key": row.entry.name,
        "value": None if row.entry.is_sensitive else row.entry.value,
        "source": row.entry.source,
        "default": row.entry.default,
        "type": row.entry.kind or None,
        "sensitive": row.entry.is_sensitive,
        "needs_restart": row.needs_restart,
        "meaning": row.meaning or None,
    }
