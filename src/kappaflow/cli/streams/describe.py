"""`kappa streams describe`: the topology as Kafka Streams prints it, or as data."""

from __future__ import annotations

import argparse
import sys

import msgspec

from kappaflow.cli.messages import message
from kappaflow.cli.streams.target import load_topology
from kappaflow.streams.topology.changes import outline

OUTLINE_APPLICATION = "application"
"""Names of internal topics stand without the application's id in an outline; this one is taken off again."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("target", metavar="TARGET", help=message("streams.target"))
    parser.add_argument("--json", action="store_true", help=message("streams_describe.json"))


def run(arguments: argparse.Namespace) -> int:
    """Print the topology."""
    topology = load_topology(arguments.target)
    if not arguments.json:
        sys.stdout.write(topology.describe())
        return 0
    data = msgspec.json.encode(outline(topology.bind(OUTLINE_APPLICATION)))
    sys.stdout.write(msgspec.json.format(data, indent=2).decode() + "\n")
    return 0
