"""`kappa server user add`: who may send requests to a server."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from kappaflow.cli.broker.user_add import read_password
from kappaflow.cli.messages import message
from kappaflow.cli.server import texts as _texts
from kappaflow.errors import UsageError

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; there is none for the password, because others see command lines."""
    parser.add_argument("name", help=message("server_user_add.name"))
    parser.add_argument("--users", type=Path, required=True, metavar="FILE", help=message("server_user_add.users"))
    parser.add_argument("--password-file", type=Path, metavar="FILE", help=message("server_user_add.password_file"))


def run(arguments: argparse.Namespace) -> int:
    """Write the user into the file; a running server notices."""
    from kappaflow.server.users import write_user

    password = read_password(arguments)
    if not password:
        raise UsageError(message("server_user_add.empty"))
    write_user(arguments.users, arguments.name, password)
    sys.stdout.write(message("server_user_add.done", name=arguments.name, path=arguments.users) + "\n")
    return 0
