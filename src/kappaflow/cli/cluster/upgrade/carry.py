"""`kappa cluster upgrade`: bring Kafka or ZooKeeper to another version."""

from __future__ import annotations

import argparse

from kappaflow.cli.brokers.options import add_rolling_arguments
from kappaflow.cli.cluster.upgrade import texts as _texts
from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import carry_out
from kappaflow.cli.operations.target import open_session
from kappaflow.errors import UsageError
from kappaflow.ops.plans import Plan
from kappaflow.ops.session import OpsSession
from kappaflow.ops.upgrade.planning import plan_finalize, plan_upgrade, plan_zookeeper_upgrade

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--to", default="", metavar="V", help=message("cluster_upgrade.to"))
    parser.add_argument("--zookeeper-to", default="", metavar="V", help=message("cluster_upgrade.zookeeper_to"))
    parser.add_argument("--from", dest="old", default="", metavar="V", help=message("cluster_upgrade.old"))
    parser.add_argument(
        "--strategy", choices=("rolling", "full-stop"), default="rolling", help=message("cluster_upgrade.strategy")
    )
    parser.add_argument("--software", default="", metavar="DIR", help=message("cluster_upgrade.software"))
    parser.add_argument("--no-finalize", action="store_true", help=message("cluster_upgrade.no_finalize"))
    parser.add_argument("--finalize", action="store_true", help=message("cluster_upgrade.finalize"))
    add_rolling_arguments(parser)


def make_plan(session: OpsSession, arguments: argparse.Namespace) -> Plan:
    """The plan that the options ask for."""
    if sum(map(bool, (arguments.to, arguments.zookeeper_to, arguments.finalize))) != 1:
        raise UsageError(message("cluster_upgrade.one_target"))
    if arguments.finalize:
        return plan_finalize(session, force=arguments.force, timeout_s=arguments.gate_timeout)
    if arguments.zookeeper_to:
        return plan_zookeeper_upgrade(
            session, arguments.zookeeper_to, software=arguments.software, timeout_s=arguments.gate_timeout
        )
    return plan_upgrade(
        session,
        arguments.to,
        old=arguments.old,
        strategy=arguments.strategy,
        software=arguments.software,
        finalize=not arguments.no_finalize,
        force=arguments.force,
        timeout_s=arguments.gate_timeout,
    )


def run(arguments: argparse.Namespace) -> int:
    """Plan it and carry it out."""
    with open_session(arguments) as session:
        return carry_out(session, make_plan(session, arguments), arguments)
