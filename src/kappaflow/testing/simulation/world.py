"""One world: everything that a seed makes, and what happens in it."""

from __future__ import annotations

import errno
from collections.abc import Callable, Coroutine
from pathlib import Path
from random import Random
from typing import Any

from kappaflow.broker.broker import Broker
from kappaflow.broker.config import BrokerConfig
from kappaflow.testing.simulation.banking import Banker, TransactionClient
from kappaflow.testing.simulation.broker_process import BrokerProcess
from kappaflow.testing.simulation.checks import Records, StepChecks, check_bank, check_records, check_restart, read_all
from kappaflow.testing.simulation.client import SimulatedClient
from kappaflow.testing.simulation.consuming import GroupConsumer
from kappaflow.testing.simulation.counting import INPUT, OUTPUT, PARTITIONS, CountingWorker, Protocol
from kappaflow.testing.simulation.counting_checks import CHANGELOG, check_counting, is_behind
from kappaflow.testing.simulation.disk import SimulatedDisk
from kappaflow.testing.simulation.event_loop import ProcessKilled, ProcessLoop, Scheduler
from kappaflow.testing.simulation.history import History, Key
from kappaflow.testing.simulation.network import NO_FAULTS, NetworkFaults, SimulatedNetwork
from kappaflow.testing.simulation.plan import Fault, Plan, plan_of
from kappaflow.testing.simulation.producing import IdempotentProducer

EVENTS = [("events", 0), ("events", 1)]
ACCOUNTS = [("accounts", 0), ("accounts", 1), ("accounts", 2)]
LAST_WORDS = ("last-words", 0)
EXPIRING = ("expiring", 0)
SETTLE_S = 4.0
QUIET_MAX_S = 300.0


class Violation(Exception):
    """Something that was promised does not hold."""


class World:
    """What one seed makes.

    Args:
        seed: decides everything.
        data_dir: an empty directory for the machines' disks.
        prepare: called with each new broker before it serves; where faults are planted.
        protocol: what workers are made of.

    Attributes:
        trace: what happened, a line each.
        violation: the first thing found that does not hold; others may follow from it.
    """

    def __init__(
        self,
        seed: int,
        data_dir: Path,
        prepare: Callable[[Broker], None] = lambda _: None,
        protocol: Protocol | None = None,
    ) -> None:
        self.seed = seed
        self.trace: list[str] = []
        self.violation: Violation | None = None
        self.history = History()
        self.plan: Plan = plan_of(self.random("plan"), self.random("plan/more"))
        self.data_dir = data_dir
        self.scheduler = Scheduler(self.random("order"))
        self.network = SimulatedNetwork(self.random("network"))
        self.disk = SimulatedDisk(data_dir / "broker", self.random("disk"))
        config = BrokerConfig(data_dir / "broker", flush=self.plan.flush, group_min_session_timeout_ms=1000)
        self.broker = BrokerProcess(
            self.scheduler, self.network, self.disk, config, self.random("broker"), self._broker_ended, prepare
        )
        self._checks = StepChecks(strict=self.plan.strict)
        self._ending = False
        self._power_fails = False
        self._checked_at = -1
        self._loops: list[ProcessLoop] = []
        self._running = 0
        self._director = ProcessLoop(self.scheduler, "world")
        self._workers = [
            CountingWorker(self, f"worker{number}", data_dir / f"worker{number}", protocol or Protocol())
            for number in range(self.plan.workers)
        ]
        self.scheduler.after_step = self._after_step

    def random(self, purpose: str) -> Random:
        """Randomness of its own for each purpose, so that one more draw here changes nothing there."""
        return Random(f"{self.seed}/{purpose}")

    def note(self, text: str) -> None:
        """Add a line to the trace."""
        self.trace.append(f"{self.scheduler.now:9.4f} {text.replace(f'{self.data_dir}/', '')}")

    def note_everything(self) -> None:
        """Have every request, answer and change to the broker's disk in the trace."""
        self.network.watch = self.note
        self.disk.watch = lambda text: self.note(f"broker disk: {text}")

    # ---- processes ----

    def process(self, name: str) -> ProcessLoop:
        """A new process."""
        loop = ProcessLoop(self.scheduler, name)
        self._loops.append(loop)
        return loop

    def client(self, loop: ProcessLoop) -> SimulatedClient:
        """A new client of a process."""
        return SimulatedClient(loop, self.network, self.random(loop.name))

    def spawn(self, name: str, main: Callable[[SimulatedClient], Coroutine[Any, Any, None]]) -> None:
        """Run a client program in a process of its own."""
        loop = self.process(name)
        self._running += 1

        async def run() -> None:
            try:
                await main(self.client(loop))
            finally:
                self._running -= 1

        with loop.running():
            loop.create_task(run(), name=name)

    def wait(self, coroutine: Coroutine[Any, Any, Any], loop: ProcessLoop | None = None) -> Any:
        """Run a coroutine of a process to its end, and meanwhile everything else.

        Raises:
            Exception: what it raised.
        """
        owner = loop or self._director
        with owner.running():
            task = owner.create_task(coroutine)
        self.scheduler.run_until(lambda: task.done() or owner.dead)
        if owner.dead:
            raise ProcessKilled(owner.name)
        return task.result()

    # ---- the run ----

    def run(self) -> None:
        """Let everything happen, then check it.

        Raises:
            Violation: something does not hold.
        """
        self.note(str(self.plan))
        self.broker.start()
        self.wait(self._create_topics())
        self._start_workload()
        for fault in self.plan.faults:
            self.note(f"planned at {fault.at_s:.3f} s: {fault.kind} {fault.number}")
            self._director.call_at(fault.at_s, self._inject, fault)
        self.scheduler.run_until(lambda: self.scheduler.now >= self.plan.seconds)
        self._settle()
        self._check_end()

    async def _create_topics(self) -> None:
        configs = {"internal.segment.bytes": str(self.plan.segment_bytes)}
        client = self.client(self._director)
        topics: dict[str, tuple[int, dict[str, str]]] = dict.fromkeys(
            ("accounts", OUTPUT, CHANGELOG), (PARTITIONS, configs)
        )
        if self.plan.compacted:
            cleaning = {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01", "delete.retention.ms": "0"}
            topics[CHANGELOG] = (PARTITIONS, {"internal.segment.bytes": "600", **cleaning})
        expiring = {"internal.segment.bytes": "600", "retention.bytes": "1200"}
        topics |= {"events": (2, configs), LAST_WORDS[0]: (1, configs), EXPIRING[0]: (1, expiring)}
        await client.create_topics(topics)
        client.close()

    def _start_workload(self) -> None:
        stopped = lambda: self._ending  # noqa: E731
        for number, key in enumerate([EVENTS[0], EVENTS[0], EVENTS[1], EXPIRING]):
            name = f"producer{number}"
            self.spawn(
                name,
                lambda client, n=name, k=key: IdempotentProducer(
                    n, k, client, self.history, self.random(n), stopped, strict=self.plan.strict
                ).run(),
            )
        for number, transactional_id in enumerate(["bank-a", "bank-b", "bank-b"]):
            name = f"banker{number}"
            self.spawn(
                name,
                lambda client, n=name, i=transactional_id: Banker(
                    n,
                    TransactionClient(client, i, second_version=self.plan.second_version),
                    ACCOUNTS,
                    self.history,
                    self.random(n),
                    stopped,
                ).run(),
            )
        for number in range(2):
            name = f"consumer{number}"
            self.spawn(
                name,
                lambda client, n=name: GroupConsumer(
                    "readers", EVENTS, client, self.history, self.random(n), stopped
                ).run(),
            )

        for worker in self._workers:
            worker.start()

    def _settle(self) -> None:
        """End the workload and heal everything, then wait until all is decided."""
        self.note("the workload ends, everything is healed")
        self._ending = True
        self._heal()
        self.broker.spare()
        limit = self.scheduler.now + QUIET_MAX_S
        while self._running and self.scheduler.now < limit:
            self.scheduler.step()
        if self._running:
            raise Violation(f"{self._running} clients are not done {QUIET_MAX_S} s after the end of all faults")
        self._pass(SETTLE_S)
        while self.plan.strict and self._is_unfinished():
            if self.scheduler.now > limit:
                raise Violation(f"the workers are still behind {QUIET_MAX_S} s after the end of all faults")
            self._pass(1.0)
        self._rows = [self._current_rows()]
        for worker in self._workers:
            worker.kill()
        self._pass(max(SETTLE_S, self.plan.worker_timeout_ms / 1000 + 1.0))
        self._say_last_words()

    def _is_unfinished(self) -> bool:
        """Whether input waits, or a task for a worker that takes its place in the group."""
        tasks = {partition for worker in self._workers for partition in worker.partitions}
        return self.broker.broker is not None and (is_behind(self.broker.broker) or len(tasks) < PARTITIONS)

    def _current_rows(self) -> dict[tuple[int, bytes], tuple[Any, ...]]:
        """What the worker says of each task that got it last; others may not have noticed yet that they lost it."""
        found: dict[tuple[int, bytes], tuple[Any, ...]] = {}
        for worker in sorted(self._workers, key=lambda worker: worker.assigned_at):
            rows = worker.rows()
            found = {key: row for key, row in found.items() if key[0] not in worker.partitions} | rows
        return found

    def _say_last_words(self) -> None:
        """Producer and broker die around the end of a transaction: only the broker comes back, and has to end it."""
        loop = self.process("last-words")
        transaction = TransactionClient(self.client(loop), "last-words", second_version=self.plan.second_version)

        async def say() -> None:
            await transaction.init()
            await transaction.write(LAST_WORDS, [(None, b"last words")])
            self.broker.kill_at(self.plan.last_words)
            await transaction.end(committed=True)

        with loop.running():
            task = loop.create_task(say())
        starts, limit = self.broker.starts, self.scheduler.now + SETTLE_S
        self.scheduler.run_until(
            lambda: self.broker.broker is None or self.broker.starts > starts or self.scheduler.now > limit
        )
        loop.kill()
        del task
        self.broker.spare()
        self._pass(SETTLE_S)

    def _pass(self, seconds: float) -> None:
        until = self.scheduler.now + seconds
        self.scheduler.run_until(lambda: self.scheduler.now >= until)

    # ---- faults ----

    def _inject(self, fault: Fault) -> None:
        if self._ending:
            return
        self.note(f"fault: {fault.kind} {fault.number}")
        seconds = fault.number / 10
        match fault.kind:
            case "kill":
                self.broker.kill_at(fault.number)
            case "kill-while-starting":
                self._start_kills = fault.number
                self.broker.kill("SIGKILL")
            case "power-loss":
                self._power_fails = True
                self.broker.kill_at(fault.number)
            case "sync-fails":
                self.disk.sync_error = errno.EIO
            case "disk-full":
                self.disk.free_bytes = fault.number * 20
                self._director.call_later(seconds, self._heal_disk)
            case "clock-jump":
                self.scheduler.set_forward_ms += fault.number * 1000
            case "partition":
                self.network.faults.partitioned = True
                self._director.call_later(seconds, self._heal_network)
            case "storm":
                self.network.faults.slow, self.network.faults.lost_reply = 0.3, 0.1
                self._director.call_later(seconds, self._heal_network)
            case _:
                self._inject_worker(fault)

    def _inject_worker(self, fault: Fault) -> None:
        worker = self._workers[fault.number % len(self._workers)]
        match fault.kind:
            case "kill-worker" if fault.number % 3:
                worker.kill_at_batch(1 + fault.number % 4)
            case "stop-worker-in-commit":
                worker.freeze_in_commit(fault.number / 3)
            case "stop-worker":
                worker.freeze(fault.number / 3)
            case kind:
                worker.kill()
                if kind == "move-worker":
                    worker.lose_state()
                elif kind == "worker-power-loss":
                    worker.lose_power()
                self._start_again(worker)

    def worker_dies(self, worker: CountingWorker) -> None:
        """A worker is killed at a local batch; it comes back."""
        worker.kill()
        self._start_again(worker)

    def _start_again(self, worker: CountingWorker) -> None:
        self._director.call_later(self.random(f"{worker.name}/{self.scheduler.steps}").uniform(0.05, 1.5), worker.start)

    _start_kills = 0

    def _heal(self) -> None:
        self._heal_disk()
        self._heal_network()
        self.disk.sync_error = 0

    def _heal_disk(self) -> None:
        self.disk.free_bytes = None

    def _heal_network(self) -> None:
        self.network.faults = NO_FAULTS if self._ending else NetworkFaults()

    def _broker_ended(self, why: str) -> None:
        self.note(f"the broker ends: {why}")
        self._director.call_later(self.random(f"restart/{self.broker.starts}").uniform(0.05, 1.0), self._restart)

    def _restart(self) -> None:
        if self._power_fails:
            self._power_fails = False
            self.note(f"power was lost: {self.disk.lose_power()} files changed")
        self.disk.sync_error = 0
        kill_after, self._start_kills = self._start_kills or None, 0
        self._checks.restarted()
        if not self.broker.start(kill_after=kill_after):
            if self.broker.unsound is not None and self.disk.free_bytes is None:
                self._raise([f"the broker does not start: {self.broker.unsound}"])
            self.broker.unsound = None
            return
        self.note(f"the broker starts, leader epoch {self.broker.broker.leader_epoch if self.broker.broker else '?'}")
        if self.plan.strict and self.broker.broker is not None:
            self._raise(check_restart(self.broker.broker, self.history))

    # ---- checks ----

    def _after_step(self, loop: ProcessLoop) -> None:
        self._raise(loop.errors)
        broker = self.broker.broker
        # Nothing of what is checked can change without a change to the disk.
        if broker is not None and loop is self.broker.loop and self.disk.operations != self._checked_at:
            self._checked_at = self.disk.operations
            self._raise(self._checks.check(broker))

    def _raise(self, problems: Any) -> None:
        found = list(problems)
        if found:
            self.violation = self.violation or Violation("\n".join(found[:20]))
            raise self.violation

    def _check_end(self) -> None:
        self._check_contents("at the end")
        self.note("a clean end and a start")
        self.broker.close()
        self.note(f"power was lost: {self.disk.lose_power()} files changed")
        self._checks.restarted()
        if not self.broker.start():
            raise Violation(f"the broker does not start after a clean end: {self.broker.unsound}")
        self._check_contents("after a clean restart")
        self.broker.close()

    def _check_contents(self, when: str) -> None:
        broker = self.broker.broker
        if broker is None:
            raise Violation(f"{when} no broker runs")
        problems = list(self.history.problems) if self.plan.strict else []
        for log in broker._logs:  # pyright: ignore[reportPrivateUsage]
            if log.last_stable_offset != log.high_watermark:
                problems.append(f"{log.topic}-{log.partition}: a transaction is open that nobody ends")
        for group, producer_id in broker.offsets.pending_producers():
            problems.append(f"group {group}: offsets of producer {producer_id} wait for an end that nobody writes")
        client = self.client(self._director)
        for key in [*EVENTS, EXPIRING]:
            records = self.wait(read_all(client, key, committed=False))
            expires = key == EXPIRING
            problems += check_records(self.history, key, records, strict=self.plan.strict, expires=expires)
        problems += self._check_counting(client) if self.plan.strict else []
        accounts = {key: self.wait(read_all(client, key, committed=True)) for key in ACCOUNTS}
        problems += check_bank(self.history, accounts, strict=self.plan.strict)
        client.close()
        self._raise(f"{when}: {problem}" for problem in problems)

    def _check_counting(self, client: SimulatedClient) -> list[str]:
        def read(topic: str) -> dict[Key, Records]:
            keys = [(topic, number) for number in range(PARTITIONS)]
            return {key: self.wait(read_all(client, key, committed=True)) for key in keys}

        return [*check_counting(read(INPUT), read(OUTPUT), read(CHANGELOG), self._rows)]

    def close(self) -> None:
        """End every process, however the run went."""
        self._ending = True
        for worker in self._workers:
            worker.kill()
        self.broker.kill("the world ends")
        for loop in (*self._loops, self._director):
            loop.kill()
