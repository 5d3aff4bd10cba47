"""Workers that count and sum up per account, exactly once: the engine's own tasks, commit, restore and local state.

    join ──▶ TaskOpener, Restorer ──▶ fetch ──▶ task ──▶ ExactlyOnce ──▶ producer, database
      ▲                                 ▲─────────────────────┘
      └──── error, revoked, killed ─────┘

Only the loop around them is the simulation's, because that of the engine is made of threads.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from rocksdict import Checkpoint

from kappaflow.client.assignors import GroupMember
from kappaflow.client.connection import ClientConfig
from kappaflow.client.offsets import GroupGeneration
from kappaflow.errors import BrokerError, KappaError
from kappaflow.state.database import DurableStore, StateDatabase
from kappaflow.streams.execution.columnar_task import ColumnarTask
from kappaflow.streams.execution.commit import OpenTask
from kappaflow.streams.execution.exactly_once import ExactlyOnce
from kappaflow.streams.execution.outputs import OutputBuffer
from kappaflow.streams.execution.restore import TABLE_RECORDS_MIN, RestoreInterrupted, RestoreJob, Restorer
from kappaflow.streams.execution.running_task import RunningTask
from kappaflow.streams.execution.task_assignor import TaskAssignor, decode_tasks, encode_member, encode_tasks
from kappaflow.streams.execution.task_opening import TaskOpener
from kappaflow.streams.topology import Topology
from kappaflow.testing.described_topologies.build import build
from kappaflow.testing.described_topologies.case import Case
from kappaflow.testing.simulation.banking import TransactionClient
from kappaflow.testing.simulation.consuming import HEARTBEAT_S, Membership
from kappaflow.testing.simulation.counting_ports import ClusterPort, OffsetsPort, ProducerPort, ReaderPort
from kappaflow.testing.simulation.event_loop import ProcessKilled, SimulatedClock
from kappaflow.testing.simulation.network import Disconnected
from kappaflow.wire.error_codes import ErrorCode

if TYPE_CHECKING:
    from kappaflow.testing.simulation.world import World

APPLICATION = "counting"
INPUT, OUTPUT, PARTITIONS = "accounts", "counted", 3
STORE = "totals"
POLL_S = 0.1
"""Shorter than a session: who waits for it here keeps others waiting too."""


def topology(*, columnar: bool) -> Topology:
    """Count, sum and maximum of amounts per account."""
    nodes: list[dict[str, Any]] = [
        {"id": "read", "op": "stream", "parents": [], "topic": INPUT},
        {"id": "totals", "op": "aggregate", "parents": ["read"], "store": STORE},
        {"id": "changes", "op": "to_stream", "parents": ["totals"]},
        {"id": "write", "op": "sink", "parents": ["changes"], "topic": OUTPUT},
    ]
    return build(Case(APPLICATION, tuple(nodes), (), (OUTPUT,)), columnar)


@dataclass
class Protocol:
    """Which parts a worker is made of; mutations put others in their places."""

    commits: Callable[..., Any] = ExactlyOnce
    opener: Callable[..., Any] = TaskOpener
    restore_to_stable_only: bool = False


@dataclass
class KillableDatabase:
    """The database of a worker, which can be killed before or after a local batch."""

    database: StateDatabase
    before_batch: Callable[[], None] = field(default=lambda: None)
    after_batch: Callable[[], None] = field(default=lambda: None)

    def commit(self, task_stores: Sequence[DurableStore], positions: Mapping[str, Mapping[str, int]]) -> None:
        """Write one local batch."""
        self.before_batch()
        self.database.commit(task_stores, positions)
        self.after_batch()

    def write_restored(
        self,
        store: DurableStore,
        rows: Iterable[tuple[bytes, bytes | None]],
        task: str,
        positions: Mapping[str, int],
    ) -> None:
        """Write one restored chunk."""
        self.before_batch()
        self.database.write_restored(store, rows, task, positions)
        self.after_batch()

    def write_positions(self, positions: Mapping[str, Mapping[str, int]], *, durably: bool = False) -> None:
        """Write what a restore says of its tasks."""
        self.before_batch()
        self.database.write_positions(positions, durably=durably)
        self.after_batch()

    def take_table(self, path: Path) -> None:
        """Take restored rows in."""
        self.before_batch()
        self.database.take_table(path)
        self.after_batch()

    def copy_to(self, folder: Path) -> None:
        """Copy it as it is now; RocksDB merges and removes files at any moment, so that copying them fails at times."""
        Checkpoint(self.database._db).create_checkpoint(str(folder))  # pyright: ignore[reportPrivateUsage]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.database, name)


class CountingWorker:
    """One worker on its machine; killed and started again it has the state that its disk kept.

    Attributes:
        tasks: what it runs now.
    """

    def __init__(self, world: World, name: str, folder: Path, protocol: Protocol) -> None:
        self.name = name
        self.tasks: list[OpenTask] = []
        self.assigned_at = 0.0
        self._world = world
        self._folder = folder
        self._old_folder = folder.with_name(folder.name + "-earlier")
        self._protocol = protocol
        self._random: Random = world.random(name)
        self._topology = topology(columnar=world.plan.columnar)
        self._starts = 0
        self._kill_at_batch = 0
        self._freeze_in_commit_s = 0.0
        self._loop = world.process(name)
        self._clients: list[Any] = []
        self._database: KillableDatabase | None = None

    # ---- life and death ----

    def start(self) -> None:
        """Start the process, where it does not run."""
        if self._database is not None:
            return
        self._starts += 1
        self._loop = self._world.process(f"{self.name}/{self._starts}")
        self._database = KillableDatabase(StateDatabase(self._folder), self._at_batch, self._at_batch)
        self._loop.call_soon(self._begin)

    def kill(self) -> None:
        """End the process."""
        if self._loop.dead:
            return
        self._world.note(f"{self.name} is killed")
        for client in self._clients:
            client.close()
        self._clients.clear()
        self._loop.kill()
        self.tasks = []
        if self._database is not None:
            self._database.close()
            self._database = None

    def kill_at_batch(self, count: int) -> None:
        """Have it die before or after a local batch to come."""
        self._kill_at_batch = count

    def freeze(self, seconds: float) -> None:
        """Stop it for a time."""
        self._loop.freeze(seconds)

    def freeze_in_commit(self, seconds: float) -> None:
        """Stop it before it ends its next transaction, for so long that another may take its place."""
        self._freeze_in_commit_s = seconds

    def _before_end(self) -> None:
        seconds, self._freeze_in_commit_s = self._freeze_in_commit_s, 0.0
        if seconds:
            self._world.note(f"{self.name} stops before the end of a transaction")
            self._loop.freeze(seconds)

    def lose_state(self) -> None:
        """Go on, while dead, on a machine without state."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def lose_power(self) -> None:
        """Go back, while dead, to what was on the device some commits ago."""
        if self._old_folder.exists():
            shutil.rmtree(self._folder, ignore_errors=True)
            shutil.copytree(self._old_folder, self._folder)

    def _at_batch(self) -> None:
        if self._kill_at_batch:
            self._kill_at_batch -= 1
            if not self._kill_at_batch:
                self._world.worker_dies(self)
                raise ProcessKilled(self.name)
        elif self._random.random() < 0.1 and self._database is not None:
            shutil.rmtree(self._old_folder, ignore_errors=True)
            self._database.copy_to(self._old_folder)

    def _wait(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self._world.wait(coroutine, self._loop)

    # ---- a session ----

    def _begin(self) -> None:
        """Connect and join; whatever fails is tried again."""
        world, random = self._world, self._random
        try:
            for client in self._clients:
                client.close()
            self._clients = [world.client(self._loop) for _ in range(3)]
            fetching, writing, control = self._clients
            instance = self.name if world.plan.named_workers else random.randbytes(4).hex()
            transaction = TransactionClient(
                writing,
                f"{APPLICATION}-{instance}",
                second_version=world.plan.second_version,
                timeout_ms=world.plan.worker_timeout_ms,
            )
            self._producer = ProducerPort(transaction, self._wait)
            self._producer.before_end = self._before_end
            self._producer.init()
            assignor = TaskAssignor(self._topology)

            def assign(members: Mapping[str, bytes]) -> Mapping[str, bytes]:
                seen = {name: GroupMember(name, None, metadata) for name, metadata in members.items()}
                return assignor.assign(seen, {INPUT: PARTITIONS})

            self._membership = Membership(control, APPLICATION, assign)
            self._offsets = OffsetsPort(control, APPLICATION, self._membership, self._wait)
            self._control = control
            self._reader = ReaderPort(fetching, self._wait, max_bytes=random.choice([300, 2048]))
            changelog = self._topology.changelog_topic(self._topology.stores[0])
            self._outputs = OutputBuffer(self._producer, {OUTPUT: PARTITIONS, changelog: PARTITIONS})  # pyright: ignore[reportArgumentType]
            self._commits = self._protocol.commits(
                self._producer, self._database, APPLICATION, clock=SimulatedClock(world.scheduler)
            )
            self._join()
        except (KappaError, Disconnected) as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        self._world.note(f"{self.name}: the session ends: {error}")
        self.tasks = []
        self._loop.call_later(self._random.uniform(0.1, 0.8), self._begin)

    def _join(self) -> None:
        membership = self._membership
        membership.metadata = encode_member(encode_tasks([opened.task.id for opened in self.tasks]), "")
        self.tasks = []
        while not self._wait(membership.join()):
            self._wait(self._control.pause())
        self._heard = self._loop.time()
        self._assigned(membership.assignment)
        self._last_commit = self._loop.time()
        self._dirty = False
        self._loop.call_soon(self._turn)

    def _assigned(self, assignment: bytes) -> None:
        clock = SimulatedClock(self._world.scheduler)
        cluster = ClusterPort(self._control, self._wait, committed_only=self._protocol.restore_to_stable_only)
        opener = self._protocol.opener(
            self._topology, self._database, self._offsets, cluster, self._restore, exactly_once=True, clock=clock
        )
        try:
            opening = opener.open(decode_tasks(assignment))
        except RestoreInterrupted:
            return
        fresh = [partition for task in opening for partition in task.inputs if partition not in task.positions]
        form = ColumnarTask if self._world.plan.columnar else RunningTask
        for task in opening:
            positions = {partition: task.positions.get(partition, 0) for partition in task.inputs}
            running = form(
                self._topology,
                task.subtopology,
                task.id,
                task.stores,
                self._outputs,
                positions,
                lambda _: False,
                self._report,
                caching=False,
            )
            running.resume(task.progress)
            self.tasks.append(OpenTask(running, task.name, task.changelogs))
        self.assigned_at = self._loop.time()
        names = [str(opened.task.id) for opened in self.tasks]
        self._world.note(f"{self.name} runs {names} in generation {self._membership.generation}")
        self._reader.assign({p: offset for opened in self.tasks for p, offset in opened.task.positions.items()})
        if fresh:
            start = {p: offset for opened in self.tasks for p, offset in opened.task.positions.items()}
            try:
                self._offsets.commit(start)
            except BrokerError:
                return

    def _report(self, place: str, error: KappaError) -> None:
        self._world.history.problems.append(f"{self.name}, {place}: {error}")

    def _restore(self, jobs: Sequence[RestoreJob]) -> None:
        def interrupted() -> bool:
            if self._loop.time() - self._heard > HEARTBEAT_S:
                self._heard = self._loop.time()
                try:
                    return bool(self._wait(self._membership.heartbeat()))
                except Disconnected:
                    return False
            return False

        for job in jobs:
            self._world.note(f"{self.name} restores {job.task} from {job.next_offset} to {job.end}")
        restorer = Restorer(
            ClientConfig("simulated"),
            self._database,  # pyright: ignore[reportArgumentType]
            interrupted,
            clock=SimulatedClock(self._world.scheduler),
            open_reader=lambda _: ReaderPort(self._control, self._wait, max_bytes=600),
            # Both ways into the database: rows, and tables.
            table_records_min=TABLE_RECORDS_MIN if self._starts % 2 else 0,
        )
        restorer.run(jobs)

    def _turn(self) -> None:
        """One turn of the loop."""
        try:
            if self._loop.time() - self._heard > HEARTBEAT_S:
                error = self._wait(self._membership.heartbeat())
                self._heard = self._loop.time()
                if error:
                    self._revoked(lost=error != ErrorCode.REBALANCE_IN_PROGRESS)
                    self._join()
                    return
            for chunk in self._reader.poll(POLL_S):
                for opened in self.tasks:
                    if chunk.partition in opened.task.inputs:
                        opened.task.add(chunk)
                        self._dirty = True
            for opened in self.tasks:
                opened.task.run()
            self._outputs.send_rows()
            if self._dirty and self._loop.time() - self._last_commit >= self._world.plan.commit_s:
                self._commit()
        except (KappaError, Disconnected) as error:
            self._failed(error)
            return
        self._loop.call_later(self._random.uniform(0.0, 0.1), self._turn)

    def _commit(self) -> None:
        membership = self._membership
        generation = GroupGeneration(membership.generation, membership.member)
        self._commits.commit(self.tasks, generation, nullcontext)
        self._last_commit = self._loop.time()
        self._dirty = False

    def _revoked(self, *, lost: bool) -> None:
        if self.tasks and self._dirty and not lost:
            self._commit()
        elif self._producer.is_open:
            raise KappaError("the member lost its place with an open transaction")

    # ---- for the checks ----

    @property
    def partitions(self) -> set[int]:
        """The partitions of the tasks that it runs, as far as it knows."""
        return {opened.task.id.partition for opened in self.tasks}

    def rows(self) -> dict[tuple[int, bytes], tuple[Any, ...]]:
        """What its local state says of the tasks that it runs, by partition and key."""
        return {
            (opened.task.id.partition, key): stored[0]
            for opened in self.tasks
            for store in opened.task.stores.values()
            for key, stored in store.range()
        }
