"""`kappa top`: what the server's processes and queries do right now."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from kappaflow.cli.messages import message
from kappaflow.cli.sql import texts as _texts
from kappaflow.cli.sql.logon import access_of, add_logon_arguments
from kappaflow.cli.sql.restore_progress import progress_text
from kappaflow.database.access import Access
from kappaflow.database.protocol import error_from_body
from kappaflow.errors import ServerError

assert _texts
PIPED_WIDTH = 160
DEFAULT_URL = "http://127.0.0.1:8088"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--server", default=_default_url(), metavar="URL", help=message("top.server"))
    add_logon_arguments(parser)
    parser.add_argument("--interval", type=float, default=1.0, metavar="S", help=message("top.interval"))
    parser.add_argument("--once", action="store_true", help=message("top.once"))


def _default_url() -> str:
    return os.environ.get("KAPPA_SERVER", DEFAULT_URL)


def fetch(access: Access) -> dict[str, Any]:
    """Ask the server for its figures.

    Raises:
        ServerError: it does not answer, or refuses.
    """
    try:
        with httpx.Client(timeout=10.0, auth=access.auth, verify=access.verify()) as http:
            response = http.get(f"{access.url}/kappa/processes", params={"servers": "all"})
    except httpx.TransportError as error:
        raise ServerError(message("sql.none", url=access.url), 503) from error
    if response.status_code >= 400:
        raise error_from_body(response.status_code, response.content)
    return response.json()


def state_text(query: dict[str, Any]) -> str:
    """Return the state of a query in a worker, and how far a restore is.

    >>> state_text({"state": "RESTORING", "restored": 25, "to_restore": 100, "restore_seconds_left": 30.4})
    'RESTORING 25 %, 30 s left'
    """
    state = str(query["state"])
    total, left = query.get("to_restore") or 0, query.get("restore_seconds_left")
    if state != "RESTORING" or not total:
        return state
    return f"{state} {progress_text(query['restored'], total, left)}"


def render(figures: dict[str, Any]) -> Group:
    """Make the two tables of one screen, and say below why queries are in error."""
    processes = Table(title="Processes", title_justify="left")
    for heading in ("process", "state", "pid", "restarts"):
        processes.add_column(heading)
    for child in figures["processes"]:
        processes.add_row(child["name"], child["state"], str(child["pid"]), str(child["restarts"]))
    queries = Table(title="Queries", title_justify="left")
    for heading in ("query", "worker", "state", "restarts", "tasks", "records/s", "lag", "dropped"):
        queries.add_column(heading, justify="left" if heading in {"query", "state"} else "right")
    errors: list[str] = []
    for name, worker in _workers(figures):
        if worker["state"] != "RUNNING":
            queries.add_row("", name, worker["state"], "", "", "", "", "")
        for query_id, query in sorted(worker["queries"].items()):
            queries.add_row(
                query_id,
                name,
                state_text(query),
                str(query.get("restarts", 0)),
                str(query.get("tasks", 0)),
                f"{query.get('records_per_second', 0):,.0f}",
                f"{query.get('lag_records', 0):,}",
                f"{query.get('dropped_records', 0):,}",
            )
            if query["state"] == "ERROR":
                errors.append(f"{query_id} on worker {name}: {query.get('error', '')}")
    for push in figures["pushQueries"]:
        queries.add_row(push["id"], "", "RUNNING", "", "", "", "", "")
    return Group(processes, queries, *(Text(error, style="red") for error in errors))


def _workers(figures: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield this server's workers by number, and those of the others by URL and number."""
    for number, worker in enumerate(figures["workers"]):
        yield str(number), worker
    for server in figures.get("otherServers", ()):
        for number, worker in enumerate(server["workers"]):
            yield f"{server['url']} {number}", worker


def run(arguments: argparse.Namespace) -> int:
    """Refresh until Ctrl-C, or print once when asked or piped."""
    access = access_of(arguments.server, arguments)
    console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)
    if arguments.once or not sys.stdout.isatty():
        console.print(render(fetch(access)))
        return 0
    with Live(render(fetch(access)), console=console, screen=True, auto_refresh=False) as live:
        while True:
            time.sleep(arguments.interval)
            live.update(render(fetch(access)), refresh=True)
