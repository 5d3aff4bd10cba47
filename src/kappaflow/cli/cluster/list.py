"""`kappa cluster list`: the clusters that have names."""

from __future__ import annotations

import argparse

from kappaflow.cli.cluster import texts as _texts
from kappaflow.cli.operations.tables import print_json, print_table
from kappaflow.cli.operations.target import add_json_argument
from kappaflow.ops.contexts import ContextFile

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print them; secrets are not shown."""
    file = ContextFile()
    rows = [
        {
            "name": context.name,
            "in_use": context.name == file.current,
            "bootstrap_servers": context.bootstrap_servers,
            "zookeeper": context.zookeeper or None,
            "read_only": context.read_only,
            "hosts": len(context.hosts),
        }
        for context in map(file.get, file.names())
    ]
    if arguments.json:
        print_json(rows)
    else:
        print_table(
            ("NAME", "IN USE", "BOOTSTRAP SERVERS", "ZOOKEEPER", "READ-ONLY", "HOSTS"),
            [tuple(r.values()) for r in rows],
        )
    return 0
