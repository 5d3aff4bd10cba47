"""`kappa cluster add NAME`: give a cluster a name, and say how it is reached."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from kappaflow.cli.cluster import texts as _texts
from kappaflow.cli.messages import message
from kappaflow.cli.operations.target import read_properties
from kappaflow.ops.contexts import ClusterContext, ContextFile

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("name", help=message("cluster.name"))
    parser.add_argument("--bootstrap-servers", default="", metavar="HOSTS", help=message("ops.bootstrap"))
    parser.add_argument("--zookeeper", metavar="HOSTS", help=message("cluster_add.zookeeper"))
    parser.add_argument("--command-config", type=Path, metavar="FILE", help=message("ops.command_config"))
    writable = parser.add_mutually_exclusive_group()
    writable.add_argument("--read-only", action="store_true", help=message("cluster_add.read_only"))
    writable.add_argument("--writable", action="store_true", help=message("cluster_add.writable"))
    parser.add_argument("--use", action="store_true", help=message("cluster_add.use"))


def run(arguments: argparse.Namespace) -> int:
    """Write the context; what was not named stays as it was."""
    file = ContextFile()
    data = file.get(arguments.name).to_data() if arguments.name in file.names() else {}
    if arguments.bootstrap_servers:
        data["bootstrap_servers"] = arguments.bootstrap_servers
    if arguments.zookeeper is not None:
        data["zookeeper"] = arguments.zookeeper
    if arguments.command_config:
        data["properties"] = read_properties(arguments.command_config)
    if arguments.read_only or arguments.writable:
        data["read_only"] = arguments.read_only
    context = ClusterContext.from_data(arguments.name, data)
    context.client_config()  # what cannot be used is refused now
    file.put(context, use=arguments.use)
    sys.stdout.write(message("cluster_add.done", name=context.name, path=file.path, current=file.current) + "\n")
    return 0
