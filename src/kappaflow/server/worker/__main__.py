"""Entry point of a worker: ``python -m kappaflow.server.worker INDEX``."""

from __future__ import annotations

import argparse
import asyncio
import functools
import logging
import os
import signal
import ssl
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from kappaflow.client.admin import Admin
from kappaflow.client.schema_registry import HttpSchemaRegistry, registry_by_url
from kappaflow.errors import ConfigError, KappaError, StatementError
from kappaflow.kernel.selection import USE_NATIVE
from kappaflow.runtime.logging import log_as_asked
from kappaflow.runtime.memory import keep_freed_memory
from kappaflow.serde.arrow_without_pandas import look_without_pandas
from kappaflow.server.configuration import ServerConfig
from kappaflow.server.control.command_topic import CommandLog, Outcome, create_command_topic
from kappaflow.server.functions.library import FunctionLibrary
from kappaflow.server.garbage import collect_nothing_yet, keep_what_is_loaded
from kappaflow.server.lifeline import read_first_line, watch_parent
from kappaflow.server.processing_log import LogSettings, ProcessingLog
from kappaflow.server.rpc import Handler, Message, Reply, RpcServer, send_part
from kappaflow.server.worker.cohort import Part, Subscriber
from kappaflow.server.worker.inserts import Inserts
from kappaflow.server.worker.interpreter import share_interpreter
from kappaflow.server.worker.print_topic import print_topic
from kappaflow.server.worker.pull import PullServer, stream_scan
from kappaflow.server.worker.push import PushServer
from kappaflow.server.worker.queries import RunningQueries, guarantee
from kappaflow.sql.ast.statements import Print
from kappaflow.sql.engine import Engine
from kappaflow.sql.grammar.parser import ParsedStatement, keep_tables_in, parse
from kappaflow.sql.queries import InsertRecord, PushQuery
from kappaflow.sql.settings import Settings
from kappaflow.state.database import StateDatabase
from kappaflow.streams.execution import restore

PUSH_PLANS_MAX = 256
REGISTRY_WAIT_SECONDS = 20.0
FLOW_SECONDS = 0.5


def _registry(config: ServerConfig) -> HttpSchemaRegistry:
    """Return the registry: the one that the properties name, else the embedded one once it is up."""

    def url() -> str:
        deadline = time.monotonic() + REGISTRY_WAIT_SECONDS
        while not config.registry_file.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        try:
            return config.registry_file.read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"The embedded schema registry has not started: {error}") from None

    return registry_by_url(config.properties) or HttpSchemaRegistry(url, config.workers_auth, _pinned(config))


def _pinned(config: ServerConfig) -> ssl.SSLContext | None:
    """Return what accepts this server's own certificate, by whatever name it is called on this machine."""
    if not config.tls_certificate:
        return None
    context = ssl.create_default_context(cafile=config.tls_certificate)
    context.check_hostname = False
    return context


class Worker:
    """One engine worker."""

    def __init__(self, config: ServerConfig, index: int, loop: asyncio.AbstractEventLoop) -> None:
        self.config = config
        self.client = config.client(f"kappa-worker-{index}")
        keep_tables_in(config.grammar_tables)
        with Admin(self.client) as admin:
            replication = create_command_topic(admin, config)
        self.library = FunctionLibrary(config.functions_directory, config.functions_enabled)
        self.library.refresh()
        self.engine = Engine(
            config.service_id,
            config.engine_properties,
            functions=self.library.functions,
            registry=_registry(config),
        )
        self.database = StateDatabase(Path(config.data_dir) / "state" / f"worker-{index}")
        self.log = ProcessingLog(self.client, LogSettings.of(config), replication)
        self.queries = RunningQueries(config, self.client, index, self.database, replication, self.library, self.log)
        self.commands = CommandLog(self.client, config.command_topic, self.engine, self._replayed, writable=False)
        self.inserts = Inserts(self.client, self.engine, self.commands.lock)
        self.pull = PullServer(self.engine, self.commands.lock, self.queries)
        self._loop = loop
        committed = guarantee(Settings(config.properties, {})) == "exactly_once_v2"
        self.push = PushServer(self.client, self._deliver, "read_committed" if committed else "read_uncommitted")
        self._plan_push = functools.lru_cache(maxsize=PUSH_PLANS_MAX)(self._plan)
        self._planning = ThreadPoolExecutor(1, "plan-push")
        self._caught_up = False

    def start(self) -> None:
        """Replay the command topic, then start the queries."""
        self.commands.start()
        self._caught_up = True
        with self.commands.lock:
            self.queries.forget_state_of_others(self.engine)
            self.queries.follow(self.engine)

    def _replayed(self, _outcome: Outcome) -> None:
        if hasattr(self, "pull"):
            self.pull.plans.changed()
        if getattr(self, "_caught_up", False):
            with self.commands.lock:
                self.queries.follow(self.engine)

    # ---- rpc ----

    async def status(self, _message: Message, _reply: Reply) -> dict[str, Any]:
        """Answer the figures of all queries; what polls the workers also has them notice changed functions."""
        await self._notice_functions()
        return {"state": "RUNNING", "pid": os.getpid(), "queries": await asyncio.to_thread(self.queries.status)}

    async def _catch_up(self, message: Message) -> None:
        offset = int(message.get("after_offset", 0)) - 1
        if self.commands.next_offset <= offset:
            await asyncio.to_thread(self.commands.wait_for, offset, 10.0)

    async def _notice_functions(self) -> bool:
        """Load functions whose files have changed, and start their queries again."""
        return self.library.used and await asyncio.to_thread(self._take_functions)

    def _take_functions(self) -> bool:
        if not self.library.refresh():
            return False
        self.pull.plans.changed()
        if self._caught_up:
            with self.commands.lock:
                self.queries.follow(self.engine)
        return True

    async def answer_functions(self, message: Message, _reply: Reply) -> dict[str, Any]:
        """Answer the declarations of the users' functions, unless the asker knows the ``version``."""
        await self._notice_functions()
        return self.library.describe(message["version"])

    async def answer_insert(self, message: Message, _reply: Reply) -> dict[str, Any]:
        """Evaluate an INSERT INTO .. VALUES that calls a user's function: such calls run here only."""
        await self._catch_up(message)
        await self._notice_functions()
        return asdict(await asyncio.to_thread(self._insert, message["statement"], message["properties"]))

    async def answer_insert_rows(self, message: Message, _reply: Reply) -> list[dict[str, Any]]:
        """Write rows given as JSON, and acknowledge each."""
        await self._catch_up(message)
        asked = message["target"], message["properties"], message["lines"]
        return await asyncio.to_thread(self.inserts.insert, *asked)

    def _insert(self, statement: str, properties: dict[str, str]) -> InsertRecord:
        with self.commands.lock:
            return self.engine.insert_values(statement, properties)

    async def answer_follow(self, message: Message, _reply: Reply) -> dict[str, Any]:
        """Answer when the queries are what the commands before ``after_offset`` say."""
        await self._catch_up(message)
        return {}

    async def answer_pull(self, message: Message, _reply: Reply) -> dict[str, Any]:
        """Answer a pull query on a table."""
        await self._catch_up(message)
        asked = message["statement"], message["properties"], message.get("rows_as", "")
        now = self.pull.answer_now(*asked)
        if now is not None:
            return now
        try:
            return await asyncio.to_thread(self.pull.answer, *asked)
        except StatementError:
            if not await self._notice_functions():
                raise
            return await asyncio.to_thread(self.pull.answer, *asked)

    async def answer_scan(self, message: Message, reply: Reply) -> None:
        """Answer a pull query on a stream: what its topic holds now, then the end."""
        await self._catch_up(message)
        await self._notice_functions()
        plan = await asyncio.to_thread(self.pull.plans.plan, message["statement"], message["properties"])
        query = replace(stream_scan(plan), rows_as=message.get("rows_as", ""))
        await self._follow(query, "earliest", reply, bounded=True)

    async def answer_push(self, message: Message, reply: Reply) -> None:
        """Serve a push query or PRINT until it ends or is cancelled."""
        await self._catch_up(message)
        await self._notice_functions()
        (parsed,) = _parse(message["statement"])
        if isinstance(parsed.statement, Print):
            await self._print(parsed.statement, reply)
            return
        properties = message["properties"]
        version, rows_as = self.pull.plans.version, message.get("rows_as", "")
        arguments = (message["statement"], tuple(sorted(properties.items())), rows_as, version)
        query = await self._loop.run_in_executor(self._planning, self._plan_push, *arguments)
        reset = Settings(self.config.properties, properties).get("auto.offset.reset", "latest").lower()
        await self._follow(query, reset, reply)

    def _plan(self, statement: str, properties: tuple[tuple[str, str], ...], rows_as: str, _version: int) -> PushQuery:
        with self.commands.lock:
            query = self.engine.plan_push(statement, dict(properties))
        log = self.log.of_steps(f"transient_{'_'.join(query.sources)}", query.source_topics)
        return replace(query, build_topology=functools.partial(query.build_topology, log=log), rows_as=rows_as)

    async def _follow(self, query: PushQuery, reset: str, reply: Reply, *, bounded: bool = False) -> None:
        end = _Ending(self._loop)
        subscriber = self.push.subscribe(query, reset, reply, end.set, bounded=bounded)
        reply.on_flow = functools.partial(self.push.flow, subscriber)
        try:
            await end.wait()
        finally:
            self.push.cancel(subscriber)

    async def _print(self, statement: Print, reply: Reply) -> None:
        end, stopping, flowing = _Ending(self._loop), threading.Event(), threading.Event()
        flowing.set()
        reply.on_flow = lambda flows: flowing.set() if flows else flowing.clear()

        def deliver(part: Part | None) -> None:
            while not flowing.wait(FLOW_SECONDS) and not stopping.is_set():
                pass
            if part is not None:
                self._send([reply], part)

        def run() -> None:
            try:
                print_topic(self.client, statement, deliver, stopping)
            except KappaError as error:
                end.set(error)
            else:
                end.set(None)

        threading.Thread(target=run, name="print", daemon=True).start()
        try:
            await end.wait()
        finally:
            stopping.set()

    def _deliver(self, subscribers: Sequence[Subscriber], part: Part) -> None:
        self._send([subscriber.target for subscriber in subscribers], part)

    def _send(self, replies: Sequence[Reply], part: Part) -> None:
        """Send from another thread, and wait until the socket can take more."""
        asyncio.run_coroutine_threadsafe(send_part(replies, part), self._loop).result()

    def close(self) -> None:
        """Stop the queries in an orderly way."""
        self.push.stop()
        self.inserts.close()
        self.queries.stop()
        self.log.close()
        self.commands.close()
        self.database.close()


@functools.lru_cache(maxsize=PUSH_PLANS_MAX)
def _parse(text: str) -> tuple[ParsedStatement, ...]:
    return tuple(parse(text))


class _Ending:
    """The end of an answer: set in any thread, awaited in the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._future: asyncio.Future[None] = loop.create_future()

    def set(self, error: KappaError | None) -> None:
        """End it, with what went wrong or None; later calls change nothing."""
        self._loop.call_soon_threadsafe(self._settle, error)

    def _settle(self, error: KappaError | None) -> None:
        if self._future.done():
            return
        if error is None:
            self._future.set_result(None)
        else:
            self._future.set_exception(error)

    async def wait(self) -> None:
        """Wait for the end.

        Raises:
            KappaError: what went wrong.
        """
        await self._future


async def serve(config: ServerConfig, index: int) -> None:
    """Run until SIGTERM or the end of the parent."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watch_parent()
    worker = await asyncio.to_thread(Worker, config, index, loop)
    await asyncio.to_thread(worker.start)
    handlers: dict[str, Handler] = {
        "status": worker.status,
        "follow": worker.answer_follow,
        "functions": worker.answer_functions,
        "insert": worker.answer_insert,
        "insert_rows": worker.answer_insert_rows,
        "pull": worker.answer_pull,
        "scan": worker.answer_scan,
        "push": worker.answer_push,
    }
    path = Path(config.worker_socket(index))
    path.unlink(missing_ok=True)
    await RpcServer(handlers).start(str(path))
    keep_what_is_loaded(worker.commands.next_offset)
    print("READY worker", flush=True)  # noqa: T201 - the supervisor reads this line
    sys.stdout = sys.stderr  # what functions of users print is for the log
    await stop.wait()
    await asyncio.to_thread(worker.close)


def main() -> int:
    """Read the configuration from standard input and work."""
    parser = argparse.ArgumentParser()
    parser.add_argument("index", type=int)
    arguments = parser.parse_args()
    share_interpreter(0)
    try:
        log_as_asked(f"worker-{arguments.index}", level="WARNING")
    except ConfigError as error:
        parser.error(str(error))
    restore.logger.setLevel(logging.INFO)  # it speaks only of restores that take long
    collect_nothing_yet()
    keep_freed_memory()
    look_without_pandas()
    if USE_NATIVE:
        import_module(
            "kappaflow.serde.column_form"
        )  # formats load it with the first record: in the middle of a restore
    config = ServerConfig.from_line(read_first_line())
    try:
        asyncio.run(serve(config, arguments.index))
    except KappaError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a clear line instead of a stack trace
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
