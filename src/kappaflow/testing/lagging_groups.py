"""Consumer groups with one thing wrong, for tests of the lag doctor on real clusters; needs confluent-kafka.

    with LaggingGroup(servers, "slow", work_s=0.1) as group:      # a topic, its producer, its consumers
        group.wait_for_commits()
        ..

Consumers commit every second, as by default every five; work on a record is a pause.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer
from confluent_kafka import TopicPartition as Position

from kappaflow.client.admin import LATEST, NewTopic
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.ops.contexts import ClusterContext
from kappaflow.ops.session import OpsSession

TICK_S = 0.05
BATCH = 50
TRIES_AGAIN_S = 0.2
"""After how long a member reads a record again that it does not get over."""
Place = tuple[int, int]
"""Partition and offset of a record."""


class LaggingGroup:
    """A topic with a producer and a group that reads it, of the same name.

    Attributes:
        name: of both.
        topic: its name.
    """

    def __init__(
        self,
        servers: str,
        name: str,
        *,
        partitions: int = 4,
        members: int = 1,
        per_s: float = 80,
        work_s: float = 0,
        works_s: dict[int, float] | None = None,
        backlog: int = 0,
        hot: int | None = None,
        hot_key: str = "",
        blocks: Callable[[int, Place], bool] | None = None,
        commits: bool = True,
        grows_to: int = 0,
        settings: dict[str, Any] | None = None,
    ) -> None:
        """Nothing runs yet.

        Args:
            servers: of the cluster.
            name: of the topic and of the group.
            partitions: of the topic.
            members: consumers, each with a thread of its own.
            per_s: records that come in all partitions together.
            work_s: how long a member works on a record.
            works_s: the same of single members, by number.
            backlog: records that are there before anybody reads.
            hot: the partition that gets nine of ten records.
            hot_key: the key of all its records; each has one of its own by default.
            blocks: told of a member and the place of a record; where true, the member does not get over it.
            commits: whether members commit.
            grows_to: partitions that the topic gets when all members have joined; they do not learn of these.
            settings: of the consumers, over the default ones.
        """
        self.name = self.topic = name
        self._servers = servers
        self._partitions, self._members, self._per_s = partitions, members, per_s
        self._works_s = dict.fromkeys(range(members), work_s) | (works_s or {})
        self._backlog, self._hot, self._hot_key = backlog, hot, hot_key
        self._blocks = blocks or (lambda _member, _place: False)
        self._commits, self._grows_to = commits, grows_to
        self._settings = settings or {}
        self._stop, self._leave = threading.Event(), threading.Event()
        self._rewind = threading.Event()
        self._joined = [threading.Event() for _ in range(members)]
        self._numbers = itertools.count()
        self._session = OpsSession(ClusterContext("test", servers))
        self._writer = threading.Thread(target=self._write)
        self._readers = [threading.Thread(target=self._read, args=(number,)) for number in range(members)]
        self._also: list[threading.Thread] = []
        self._clean_ups: list[Callable[[], None]] = []

    def __enter__(self) -> LaggingGroup:
        self._session.admin.topics.create([NewTopic(self.topic, self._partitions, 1)])
        self._produce(self._backlog)
        for reader in self._readers:
            reader.start()
        for joined in self._joined:
            if not joined.wait(60):
                raise TimeoutError(f"{self.name}: a member was given nothing")
        if self._grows_to:
            self._session.admin.topics.grow(self.topic, self._grows_to)
            self._partitions = self._grows_to
        self._writer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._leave.set()
        for clean_up in self._clean_ups:
            clean_up()
        for thread in (self._writer, *self._readers, *self._also):
            if thread.ident is not None:
                thread.join()
        self._session.close()

    def at_end(self, clean_up: Callable[[], None]) -> None:
        """Call something when the group ends."""
        self._clean_ups.append(clean_up)

    # What goes wrong later

    def leave(self) -> None:
        """End all members; the producer goes on."""
        self._leave.set()
        for reader in self._readers:
            reader.join()

    def rewind(self) -> None:
        """Let one member commit the beginning of its partitions, and read all again."""
        self._rewind.set()

    def come_and_go(self) -> None:
        """From now on another member joins and leaves, again and again."""
        thread = threading.Thread(target=self._pass_by)
        self._also.append(thread)
        thread.start()

    def delete_records(self) -> None:
        """Let every partition begin where it ends now."""
        self._session.admin.topics.delete_records({TopicPartition(self.topic, p): -1 for p in range(self._partitions)})

    # What a test waits for

    def _end(self, partition: int) -> int:
        name = TopicPartition(self.topic, partition)
        return self._session.admin.topics.list_offsets({name: LATEST})[name].offset

    def wait_for_records(self, partition: int, offset: int) -> None:
        """Return when a partition has so many records."""
        self._wait(lambda: self._end(partition) >= offset, f"{offset} records in {partition}")

    def wait_for_more_records(self, count: int) -> None:
        """Return when every partition has so many records more than now."""
        wanted = {p: self._end(p) + count for p in range(self._partitions)}
        for partition, offset in wanted.items():
            self.wait_for_records(partition, offset)

    def wait_for_commits(self, offset: int = 1, partition: int | None = None) -> None:
        """Return when the group has committed so far, in one partition or in any."""

        def committed() -> bool:
            found = self._session.admin.groups.offsets([self.name])[self.name]
            return any(row.offset >= offset for name, row in found.items() if partition in (None, name.partition))

        self._wait(committed, f"a commit of {offset}")

    def _wait(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + 60
        while not holds():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name}: {what}")
            time.sleep(0.1)

    # Threads

    def _produce(self, count: int, producer: Producer | None = None) -> None:
        own = producer or Producer({"bootstrap.servers": self._servers, "linger.ms": 5})
        for _ in range(count):
            number = next(self._numbers)
            partition, key = number % self._partitions, f"k{number}"
            if self._hot is not None and number % 10:
                partition, key = self._hot, self._hot_key or key
            own.produce(self.topic, b"x" * 50, key.encode(), partition=partition)
        own.poll(0)
        if producer is None and own.flush(30):
            raise TimeoutError(f"{self.name}: records were not written")

    def _write(self) -> None:
        producer = Producer({"bootstrap.servers": self._servers, "linger.ms": 5})
        owed, at = 0.0, time.monotonic()
        while not self._stop.wait(TICK_S):
            now = time.monotonic()
            owed, at = owed + self._per_s * (now - at), now
            self._produce(int(owed), producer)
            owed -= int(owed)
        producer.flush(30)

    def _consumer(self, client: str) -> Consumer:
        settings = {
            "bootstrap.servers": self._servers,
            "group.id": self.name,
            "client.id": client,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": self._commits,
            "auto.commit.interval.ms": 1000,
            "enable.auto.offset.store": False,
            "session.timeout.ms": 10_000,
            "queued.min.messages": 1000,
        }
        return Consumer(settings | self._settings)

    def _read(self, member: int) -> None:
        consumer = self._consumer(f"{self.name}-{member}")
        consumer.subscribe([self.topic], on_assign=lambda *_: self._joined[member].set())
        try:
            while not self._leave.is_set():
                records = consumer.consume(BATCH, 0.1)
                if member == 0 and self._rewind.is_set():
                    self._rewind.clear()
                    self._begin_again(consumer)
                    continue
                self._work_on(consumer, member, records)
        finally:
            consumer.close()

    def _work_on(self, consumer: Consumer, member: int, records: list[Any]) -> None:
        """Work on records until one blocks; that one, and what follows it in its partition, is read again."""
        blocked: set[int] = set()
        for record in records:
            if record.error() is not None or record.partition() in blocked:
                continue
            place = Position(record.topic(), record.partition(), record.offset())
            if self._leave.is_set():
                return
            if self._blocks(member, (record.partition(), record.offset())):
                blocked.add(record.partition())
                consumer.seek(place)
                self._leave.wait(TRIES_AGAIN_S)
                continue
            pause_s = self._works_s[member]
            if pause_s and self._leave.wait(pause_s):
                return
            if self._commits:
                consumer.store_offsets(message=record)

    def _begin_again(self, consumer: Consumer) -> None:
        own = consumer.assignment()
        begins = [Position(p.topic, p.partition, 0) for p in own]
        # The automatic commit writes the stored offsets only where they are above the committed ones: it would write
        # the old ones right after this commit, and none until they are passed again.
        consumer.store_offsets(offsets=begins)
        consumer.commit(offsets=begins, asynchronous=False)
        for p in own:
            consumer.seek(Position(p.topic, p.partition, OFFSET_BEGINNING))

    def _pass_by(self) -> None:
        while not self._stop.is_set():
            consumer = self._consumer(f"{self.name}-passing")
            given = threading.Event()
            consumer.subscribe([self.topic], on_assign=lambda *_, given=given: given.set())
            while not given.is_set() and not self._stop.is_set():
                consumer.poll(0.1)
            consumer.close()
