"""`kappa cluster start`: run a real Kafka cluster on this machine, or what is stopped of one."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from kappaflow.cli.cluster.local_clusters import texts as _texts
from kappaflow.cli.cluster.local_clusters.finding import default_directory, find_cluster
from kappaflow.cli.messages import message
from kappaflow.cli.operations.tables import print_json
from kappaflow.cli.operations.target import add_json_argument
from kappaflow.errors import UsageError
from kappaflow.ops.contexts import ContextFile
from kappaflow.ops.local_clusters.cluster import LocalCluster
from kappaflow.ops.local_clusters.layout import ClusterSpec
from kappaflow.ops.local_clusters.software import KAFKA_VERSION

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("nodes", nargs="*", metavar="NODE", help=message("local_cluster.start_nodes"))
    parser.add_argument("--name", default="local", help=message("local_cluster.name"))
    parser.add_argument("--brokers", type=int, default=3, metavar="N", help=message("local_cluster.brokers"))
    parser.add_argument("--version", default=KAFKA_VERSION, metavar="V", help=message("local_cluster.version"))
    parser.add_argument("--zookeeper", type=int, default=0, metavar="N", help=message("local_cluster.zookeeper"))
    parser.add_argument("--zookeeper-version", default="", metavar="V", help=message("local_cluster.zookeeper_version"))
    parser.add_argument("--controllers", type=int, default=0, metavar="N", help=message("local_cluster.controllers"))
    parser.add_argument("--disks", type=int, default=1, metavar="N", help=message("local_cluster.disks"))
    parser.add_argument("--rack", action="append", default=[], metavar="RACK", help=message("local_cluster.racks"))
    parser.add_argument("--config", action="append", default=[], metavar="K=V", help=message("local_cluster.config"))
    parser.add_argument("--heap", default="320m", metavar="SIZE", help=message("local_cluster.heap"))
    parser.add_argument("--dir", type=Path, metavar="DIR", help=message("local_cluster.dir"))
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Lay the cluster out where there is none of the name yet, start it and name it."""
    file = ContextFile()
    if arguments.name in file.names():
        cluster = find_cluster(arguments.name)
    else:
        if arguments.nodes:
            raise UsageError(message("local_cluster.unknown", name=arguments.name))
        directory = arguments.dir or default_directory(arguments.name)
        _say(arguments, "local_cluster.making", name=arguments.name, directory=directory)
        cluster = LocalCluster.create(arguments.name, directory, _spec(arguments))
        file.put(cluster.context(), use=True)
    if arguments.nodes:
        for node in arguments.nodes:
            cluster.start(cluster.node(node).name, wait=False)
        cluster.wait_ready()
    else:
        cluster.start_all()
    if arguments.json:
        print_json(cluster.context().to_data())
    _say(arguments, "local_cluster.ready", name=arguments.name, bootstrap=cluster.bootstrap_servers)
    if cluster.layout.zookeeper_connect:
        _say(arguments, "local_cluster.zookeeper_at", zookeeper=cluster.layout.zookeeper_connect)
    _say(arguments, "local_cluster.what_next", name=arguments.name)
    return 0


def _spec(arguments: argparse.Namespace) -> ClusterSpec:
    configs: dict[str, str] = {}
    for given in arguments.config:
        name, equals, value = given.partition("=")
        if not equals:
            raise UsageError(message("local_cluster.bad_config", given=given))
        configs[name] = value
    return ClusterSpec(
        brokers=arguments.brokers,
        version=arguments.version,
        zookeepers=arguments.zookeeper,
        zookeeper_version=arguments.zookeeper_version,
        controllers=arguments.controllers,
        disks=arguments.disks,
        racks=arguments.rack,
        configs=configs,
        heap=arguments.heap,
    )


def _say(arguments: argparse.Namespace, key: str, **values: object) -> None:
    if not arguments.json:
        sys.stdout.write(message(key, **values) + "\n")
        sys.stdout.flush()
