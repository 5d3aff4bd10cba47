"""The broker as a process of the simulated world: started, killed at any step, started again on what is left."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from random import Random

from kappaflow.broker.broker import Broker
from kappaflow.broker.config import BrokerConfig
from kappaflow.errors import KappaError
from kappaflow.storage.flusher import Flusher, FlushMode, FlushPolicy
from kappaflow.testing.simulation.disk import ProcessDisk, SimulatedDisk
from kappaflow.testing.simulation.event_loop import ProcessKilled, ProcessLoop, Scheduler, SimulatedClock
from kappaflow.testing.simulation.network import SimulatedNetwork

MAINTENANCE_S = 3.0
FLUSH_INTERVAL_S = 0.5


class LoopFlusher(Flusher):
    """Syncs in a callback of the loop, a moment after it was asked to."""

    def __init__(self, policy: FlushPolicy, on_failure: Callable[[str], None] | None, random: Random) -> None:
        super().__init__(policy, on_failure)
        self._random = random
        self._scheduled = False

    def _start(self) -> None:
        if self._scheduled or self._closing:
            return
        self._scheduled = True
        delay = FLUSH_INTERVAL_S if self.policy.mode is FlushMode.INTERVAL else self._random.uniform(0.0, 0.02)
        asyncio.get_running_loop().call_later(delay, self._work)

    def _work(self) -> None:
        self._scheduled = False
        self.sync_requested()

    def close(self) -> None:
        """Do what was asked for."""
        self._closing = True
        self.sync_requested()


class BrokerProcess:
    """The broker on its machine.

    Args:
        data_dir: its data directory, on the simulated disk.
        on_end: told when the process is gone, and why.
        prepare: called with each new broker before it serves; where faults are planted.

    Attributes:
        broker: the one that runs; None while none does.
        starts: how often it was started.
        unsound: why a start failed although nothing was done to it.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        network: SimulatedNetwork,
        disk: SimulatedDisk,
        config: BrokerConfig,
        random: Random,
        on_end: Callable[[str], None],
        prepare: Callable[[Broker], None] = lambda _: None,
    ) -> None:
        self.broker: Broker | None = None
        self.starts = 0
        self.unsound: str | None = None
        self._scheduler = scheduler
        self._network = network
        self._disk = disk
        self._config = config
        self._random = random
        self._on_end = on_end
        self._prepare = prepare
        self._loop = ProcessLoop(scheduler, "broker")
        self._process_disk = ProcessDisk(disk, self._died, random)

    @property
    def data_dir(self) -> Path:
        """Where its files are."""
        return self._config.data_dir

    @property
    def loop(self) -> ProcessLoop:
        """Of the process that runs, or of the last one."""
        return self._loop

    def start(self, *, kill_after: int | None = None) -> bool:
        """Start it; false where it died while starting.

        Args:
            kill_after: the change to the disk, counted from its start, at which it is killed.
        """
        self.starts += 1
        self._loop = ProcessLoop(self._scheduler, f"broker/{self.starts}")
        self._process_disk = ProcessDisk(self._disk, self._died, self._random)
        if kill_after is not None:
            self._process_disk.arm(kill_after)
        loop, disk = self._loop, self._process_disk
        try:
            with loop.running():
                broker = Broker.open(
                    self._config,
                    clock=SimulatedClock(self._scheduler),
                    disk=disk,
                    make_flusher=lambda policy, failed: LoopFlusher(policy, failed, self._random),
                )
                self.broker = broker
                self._prepare(broker)
                broker.failed.add_done_callback(lambda done: self.kill(done.result()))
                loop.create_task(self._maintain(broker))
        except ProcessKilled:
            return False
        except KappaError as error:
            self.unsound = str(error)
            self.kill(f"cannot start: {error}")
            return False
        self._network.listen(broker, loop)
        return True

    async def _maintain(self, broker: Broker) -> None:
        while True:
            await asyncio.sleep(MAINTENANCE_S)
            broker.maintain()
            await broker.compact()

    def kill_at(self, operations: int) -> None:
        """Have it die at the n-th change to the disk from now on."""
        self._process_disk.arm(operations)

    def spare(self) -> None:
        """Forget a kill that has not happened yet."""
        self._process_disk.disarm()

    def kill(self, why: str) -> None:
        """End the process, as SIGKILL does."""
        if not self._loop.dead:
            self._died(why)

    def _died(self, why: str) -> None:
        broker, self.broker = self.broker, None
        self._loop.dead = True
        self._process_disk.release()
        if broker is not None:
            # The end of a process lets go of its locks.
            directory = broker._directory  # pyright: ignore[reportPrivateUsage]
            os.close(directory._lock_fd)  # pyright: ignore[reportPrivateUsage]
        self._network.stop()
        self._loop.kill()
        self._on_end(why)

    def close(self) -> None:
        """End it in good order, leaving the mark of a clean end."""
        broker = self.broker
        if broker is not None:
            with self._loop.running():
                broker.close()
            self.broker = None
            self._loop.dead = True
            self._process_disk.release()
            self._network.stop()
            self._loop.kill()
