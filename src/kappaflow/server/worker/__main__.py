"""Entry point of a worker: ``python -m kappaflow.server.worker INDEX``."""

from __future__ import annotations

import argparse
import asyncio
import functools
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from kappaflow.client.admin import Admin
from kappaflow.client.connection import ClientConfig
from kappaflow.errors import KappaError
from kappaflow.server.configuration import ServerConfig
from kappaflow.server.control.command_topic import CommandLog, Outcome, create_command_topic
from kappaflow.server.lifeline import read_first_line, watch_parent
from kappaflow.server.rpc import Handler, Message, RpcServer, Send
from kappaflow.server.worker.print_topic import print_topic
from kappaflow.server.worker.pull import PullServer
from kappaflow.server.worker.push import PushServer
from kappaflow.server.worker.queries import RunningQueries
from kappaflow.sql.ast.statements import Print
from kappaflow.sql.engine import Engine
from kappaflow.sql.grammar.parser import ParsedStatement, parse
from kappaflow.sql.queries import PushQuery
from kappaflow.sql.settings import Settings
from kappaflow.state.database import StateDatabase

PUSH_PLANS_MAX = 256
SWITCH_INTERVAL_SECONDS = 0.0005  # the fetch thread must not wait 5 ms for the interpreter


class Worker:
    """One engine worker."""

    def __init__(self, config: ServerConfig, index: int) -> None:
        self.config = config
        self.client = ClientConfig(config.bootstrap_servers, client_id=f"kappa-worker-{index}")
        with Admin(self.client) as admin:
            replication = config.replication_factor or min(3, len(admin.describe_cluster().brokers))
            create_command_topic(admin, config.command_topic, replication)
        self.engine = Engine(config.service_id, config.properties)
        self.database = StateDatabase(Path(config.data_dir) / "state" / f"worker-{index}")
        self.queries = RunningQueries(config, self.client, index, self.database, replication)
        self.commands = CommandLog(self.client, config.command_topic, self.engine, self._replayed, writable=False)
        self.pull = PullServer(self.engine, self.commands.lock, self.queries)
        self.push = PushServer(self.client)
        self._plan_push = functools.lru_cache(maxsize=PUSH_PLANS_MAX)(self._plan)
        self._caught_up = False

    def start(self) -> None:
        """Replay the command topic, then start the queries."""
        self.commands.start()
        self._caught_up = True
        with self.commands.lock:
            self.queries.follow(self.engine)

    def _replayed(self, _outcome: Outcome) -> None:
        if hasattr(self, "pull"):
            self.pull.version += 1
        if getattr(self, "_caught_up", False):
            with self.commands.lock:
                self.queries.follow(self.engine)

    # ---- rpc ----

    async def status(self, _message: Message, _send: Send) -> dict[str, Any]:
        """Answer the figures of all queries."""
        return {"state": "RUNNING", "pid": os.getpid(), "queries": await asyncio.to_thread(self.queries.status)}

    async def _catch_up(self, message: Message) -> None:
        offset = int(message.get("after_offset", 0)) - 1
        if self.commands.next_offset <= offset:
            await asyncio.to_thread(self.commands.wait_for, offset, 10.0)

    async def answer_pull(self, message: Message, _send: Send) -> dict[str, Any]:
        """Answer a pull query."""
        await self._catch_up(message)
        return await asyncio.to_thread(self.pull.answer, message["statement"], message["properties"])

    async def answer_push(self, message: Message, send: Send) -> None:
        """Serve a push query or PRINT until it ends or is cancelled."""
        await self._catch_up(message)
        loop = asyncio.get_running_loop()
        parts: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

        def deliver(part: dict[str, Any] | None) -> None:
            loop.call_soon_threadsafe(parts.put_nowait, part)

        stop = await asyncio.to_thread(self._begin, message, deliver)
        try:
            while (part := await parts.get()) is not None:
                if "error" in part:
                    raise part["error"]
                await send(part)
        finally:
            stop()

    def _plan(self, statement: str, properties: tuple[tuple[str, str], ...], _version: int) -> PushQuery:
        with self.commands.lock:
            return self.engine.plan_push(statement, dict(properties))

    def _begin(self, message: Message, deliver: Any) -> Any:
        (parsed,) = _parse(message["statement"])
        if isinstance(parsed.statement, Print):
            stopping = threading.Event()
            arguments = (self.client, parsed.statement, deliver, stopping)
            threading.Thread(target=_print_safely, args=arguments, daemon=True).start()
            return stopping.set
        properties = message["properties"]
        query = self._plan_push(message["statement"], tuple(sorted(properties.items())), self.pull.version)
        reset = Settings(self.config.properties, properties).get("auto.offset.reset", "latest").lower()
        subscriber = self.push.subscribe(query, reset, deliver)
        return lambda: self.push.cancel(subscriber)

    def close(self) -> None:
        """Stop the queries in an orderly way."""
        self.push.stop()
        self.queries.stop()
        self.commands.close()
        self.database.close()


@functools.lru_cache(maxsize=PUSH_PLANS_MAX)
def _parse(text: str) -> tuple[ParsedStatement, ...]:
    return tuple(parse(text))


def _print_safely(client: ClientConfig, statement: Print, deliver: Any, stop: threading.Event) -> None:
    try:
        print_topic(client, statement, deliver, stop)
    except KappaError as error:
        deliver({"error": error})


async def serve(config: ServerConfig, index: int) -> None:
    """Run until SIGTERM or the end of the parent."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watch_parent()
    worker = await asyncio.to_thread(Worker, config, index)
    await asyncio.to_thread(worker.start)
    handlers: dict[str, Handler] = {"status": worker.status, "pull": worker.answer_pull, "push": worker.answer_push}
    path = Path(config.worker_socket(index))
    path.unlink(missing_ok=True)
    await RpcServer(handlers).start(str(path))
    print("READY worker", flush=True)  # noqa: T201 - the supervisor reads this line
    await stop.wait()
    await asyncio.to_thread(worker.close)


def main() -> int:
    """Read the configuration from standard input and work."""
    parser = argparse.ArgumentParser()
    parser.add_argument("index", type=int)
    arguments = parser.parse_args()
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format=f"%(asctime)s worker-{arguments.index} %(message)s"
    )
    config = ServerConfig.from_line(read_first_line())
    try:
        asyncio.run(serve(config, arguments.index))
    except KappaError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a clear line instead of a stack trace
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
