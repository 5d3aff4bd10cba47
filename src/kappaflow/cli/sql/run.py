"""`kappa sql`: run statements from the command line, a file, or a prompt."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kappaflow.cli.messages import message
from kappaflow.cli.sql import texts as _texts
from kappaflow.cli.sql.logon import access_of, add_logon_arguments
from kappaflow.errors import KappaError, ServerError, UsageError
from kappaflow.runtime.cache_directory import cache_directory

if TYPE_CHECKING:
    from kappaflow.database import Database

assert _texts
DEFAULT_URL = "http://127.0.0.1:8088"
EMBEDDED_PATH = ".kappa"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--server", default=os.environ.get("KAPPA_SERVER"), metavar="URL", help=message("sql.server"))
    add_logon_arguments(parser)
    parser.add_argument("-e", "--execute", metavar="SQL", help=message("sql.execute"))
    parser.add_argument("-f", "--file", type=Path, metavar="FILE", help=message("sql.file"))
    parser.add_argument("--output", choices=("table", "json", "csv"), default="table", help=message("sql.output"))


def run(arguments: argparse.Namespace) -> int:
    """Run statements; exit code 1 when one failed."""
    from kappaflow.cli.sql.client import Client

    keep_tables()
    database = _connect(arguments.server, arguments)
    if database is None:
        return 1
    with database:
        client = Client(database, arguments.output)
        if arguments.execute is not None:
            return client.run_script(arguments.execute)
        if arguments.file is not None:
            return client.run_script(read_script(arguments.file))
        if not sys.stdin.isatty():
            return client.run_script(sys.stdin.read())
        from kappaflow.cli.sql.prompt import prompt

        return prompt(client)


def keep_tables() -> None:
    """Keep the parser's tables between calls where only this user can write: to make them takes a second."""
    from kappaflow.sql.grammar.parser import keep_tables_in

    folder = cache_directory() / "sql"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except OSError:
        return
    if found.st_uid == os.getuid() and not found.st_mode & 0o022:
        keep_tables_in(folder / "grammar")


def read_script(path: Path) -> str:
    """Return the text of a file.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(message("sql.script_missing", path=path, why=error.strerror)) from error


def _connect(url: str | None, arguments: argparse.Namespace) -> Database | None:
    from kappaflow.database import connect

    try:
        access = access_of(url or DEFAULT_URL, arguments)
        user, password = access.auth or (None, None)
        return connect(access.url, user=user, password=password, ca=access.ca)
    except ServerError as error:
        if error.status != 503 or error.__cause__ is None:  # there is a server, and it answered
            raise
        if url is not None:
            raise KappaError(message("sql.none", url=url.rpartition("@")[2])) from error
    if not sys.stdin.isatty():
        raise KappaError(message("sql.none", url=DEFAULT_URL))
    answer = input(message("sql.start", url=DEFAULT_URL, path=Path(EMBEDDED_PATH).resolve()))
    if answer.strip().lower() not in {"y", "yes", "예", "ㅇ"}:
        return None
    return connect(path=EMBEDDED_PATH)
