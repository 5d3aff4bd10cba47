"""Options that name whose configuration it is about."""

from __future__ import annotations

import argparse

from kappaflow.cli.configs import texts as _texts
from kappaflow.cli.messages import message
from kappaflow.errors import UsageError
from kappaflow.ops.admin import ConfigResource
from kappaflow.ops.configs import resources_of
from kappaflow.ops.session import OpsSession

assert _texts
KINDS = ("topic", "broker", "broker-logger", "client-metrics", "group")


def add_resource_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the kind and the names."""
    parser.add_argument("kind", choices=KINDS, help=message("configs.kind"))
    parser.add_argument("names", nargs="*", metavar="NAME", help=message("configs.names"))
    parser.add_argument("--default", action="store_true", dest="cluster_default", help=message("configs.default"))


def find_resources(session: OpsSession, arguments: argparse.Namespace) -> list[ConfigResource]:
    """The resources that the options name.

    Raises:
        UsageError: one does not exist.
    """
    kind = arguments.kind.replace("-", "_")
    if arguments.cluster_default:
        if kind != "broker" or arguments.names:
            raise UsageError(message("configs.default_of_brokers"))
        return [ConfigResource("broker", "")]
    return resources_of(session, kind, arguments.names)
