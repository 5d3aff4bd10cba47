"""`kappa broker user add`: the first user of a broker, before anyone can log on to make one."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from pathlib import Path

from kappaflow.cli.messages import message
from kappaflow.errors import ConfigError, UsageError

MECHANISMS = ("SCRAM-SHA-256", "SCRAM-SHA-512")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; there is none for the password, because others see command lines."""
    parser.add_argument("name", help=message("broker_user_add.name"))
    parser.add_argument("--data-dir", type=Path, required=True, metavar="D", help=message("broker_user_add.data_dir"))
    parser.add_argument("--password-file", type=Path, metavar="FILE", help=message("broker_user_add.password_file"))
    parser.add_argument("--mechanism", action="append", choices=MECHANISMS, help=message("broker_user_add.mechanism"))
    parser.add_argument("--iterations", type=int, default=4096, metavar="N", help=message("broker_user_add.iterations"))


def run(arguments: argparse.Namespace) -> int:
    """Write the credentials into the metadata journal; refused while a broker uses the directory."""
    from kappaflow.broker.security.user_files import add_user

    if not 4096 <= arguments.iterations <= 16384:
        raise UsageError(message("broker_user_add.bad_iterations", iterations=arguments.iterations))
    password = read_password(arguments)
    if not password:
        raise UsageError(message("broker_user_add.empty"))
    mechanisms = tuple(dict.fromkeys(arguments.mechanism or MECHANISMS))
    add_user(arguments.data_dir, arguments.name, password, mechanisms, arguments.iterations)
    done = message("broker_user_add.done", name=arguments.name, mechanisms=", ".join(mechanisms))
    sys.stdout.write(done + "\n")
    return 0


def read_password(arguments: argparse.Namespace) -> str:
    """Return the password of ``--password-file``, of KAPPA_PASSWORD, or as it is typed."""
    if arguments.password_file is not None:
        try:
            lines = arguments.password_file.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise ConfigError(
                message("broker.config_unreadable", path=arguments.password_file, reason=error.strerror)
            ) from None
        return lines[0] if lines else ""
    if "KAPPA_PASSWORD" in os.environ:
        return os.environ["KAPPA_PASSWORD"]
    if sys.stdin.isatty():
        return getpass.getpass(message("broker_user_add.ask", name=arguments.name))
    return sys.stdin.readline().rstrip("\n")
