"""A broker that is opened in a directory, without sockets, for one scenario."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from kappaflow.broker.broker import Broker
from kappaflow.broker.config import BrokerConfig
from kappaflow.broker.context import RequestContext
from kappaflow.broker.security.session import ClientSession
from kappaflow.runtime.clock import ManualClock
from kappaflow.runtime.disk import OsDisk
from kappaflow.wire.message import Message
from kappaflow.wire.record_batch import build_batch

NOW_MS = 1_700_000_000_000
DAY_MS = 24 * 3600 * 1000


class FragileDisk(OsDisk):
    """A disk whose syncs, or writes, fail when told to."""

    def __init__(self) -> None:
        self.sync_fails = False
        self.write_fails = False

    def sync(self, fd: int) -> None:
        if self.sync_fails:
            raise OSError(5, "Input/output error")
        super().sync(fd)

    def write(self, fd: int, buffers, position: int) -> int:
        if self.write_fails:
            raise OSError(28, "No space left on device")
        return super().write(fd, buffers, position)


def pass_days(broker: Broker, days: float) -> None:
    assert isinstance(broker.clock, ManualClock)
    broker.clock.advance(int(days * DAY_MS))
    broker.maintain()


def with_broker(
    directory: Path, scenario: Callable[[Broker], object], disk: OsDisk | None = None, **settings: object
) -> None:
    """Open a broker inside a loop, run the scenario, close the broker."""

    async def run() -> None:
        broker = Broker.open(BrokerConfig(directory, **settings), clock=ManualClock(NOW_MS), disk=disk or OsDisk())
        try:
            result = scenario(broker)
            if asyncio.iscoroutine(result):
                await result
        finally:
            broker.close()

    asyncio.run(run())


def produce_request(name: str) -> Message:
    records = build_batch([(b"k", b"v")], timestamp_ms=NOW_MS)
    data = [Message(name=name, partition_data=[Message(index=0, records=records)])]
    return Message(transactional_id=None, acks=-1, timeout_ms=1000, topic_data=data)


def context(broker: Broker, version: int = 9) -> RequestContext:
    return RequestContext(broker, version, "client", ClientSession(broker.listeners[0], "/127.0.0.1"))
