"""Options that name the cluster, and the session that they open."""

from __future__ import annotations

import argparse
from pathlib import Path

from kappaflow.cli.messages import message
from kappaflow.cli.operations import texts as _texts
from kappaflow.errors import ConfigError
from kappaflow.ops.contexts import ClusterContext, ContextFile
from kappaflow.ops.session import OpsSession

assert _texts


def add_target_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that name a cluster."""
    parser.add_argument("--cluster", default="", metavar="NAME", help=message("ops.cluster"))
    parser.add_argument("--bootstrap-servers", default="", metavar="HOSTS", help=message("ops.bootstrap"))
    parser.add_argument("--command-config", type=Path, metavar="FILE", help=message("ops.command_config"))


def add_json_argument(parser: argparse.ArgumentParser) -> None:
    """Declare ``--json``."""
    parser.add_argument("--json", action="store_true", help=message("ops.json"))


def context_of(arguments: argparse.Namespace) -> ClusterContext:
    """The cluster that the options name: by address, by name, or the one in use.

    Raises:
        UsageError: there is none.
        ConfigError: its settings, or the file of properties, cannot be read.
    """
    properties = read_properties(arguments.command_config) if arguments.command_config else {}
    if arguments.bootstrap_servers:
        return ClusterContext(arguments.bootstrap_servers, arguments.bootstrap_servers, properties)
    context = ContextFile().get(arguments.cluster)
    return ClusterContext.from_data(
        context.name, context.to_data() | {"properties": {**context.properties, **properties}}
    )


def open_session(arguments: argparse.Namespace) -> OpsSession:
    """A session on the cluster that the options name; nothing is connected yet."""
    return OpsSession(context_of(arguments))


def read_properties(path: Path) -> dict[str, str]:
    """A Java properties file, as far as settings of clients use the format.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigError(message("ops.config_unreadable", path=path, reason=error.strerror)) from error
    pairs = (line.strip().partition("=") for line in lines if line.strip() and not line.lstrip().startswith(("#", "!")))
    return {name.strip(): value.strip() for name, _, value in pairs}
