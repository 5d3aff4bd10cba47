"""The options by which commands log on to a server."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from pathlib import Path

from kappaflow.cli.messages import message
from kappaflow.cli.sql import texts as _texts
from kappaflow.database.access import Access

assert _texts


def add_logon_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; there is none for the password, because others see command lines."""
    parser.add_argument("--user", default=os.environ.get("KAPPA_USER"), metavar="NAME", help=message("sql.user"))
    parser.add_argument("--ca", type=Path, default=os.environ.get("KAPPA_CA"), metavar="FILE", help=message("sql.ca"))


def access_of(url: str, arguments: argparse.Namespace) -> Access:
    """Return how to reach the server, with the password of KAPPA_PASSWORD, or as it is typed."""
    password = os.environ.get("KAPPA_PASSWORD")
    if arguments.user is not None and password is None and sys.stdin.isatty():
        password = getpass.getpass(message("sql.password", user=arguments.user))
    return Access.of(url, arguments.user, password, arguments.ca)
