"""No fetcher sleeps through what comes: random orders of events around a watch, against a simulated broker.

The broker holds a request back while there is nothing, keeps sessions as KIP-227 says, gives the records of one
partition an answer, and fails, moves leaders and cuts logs when told so.  Variants of the watch that forget a wake
have to be noticed.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from kappaflow.client import tail_watch
from kappaflow.client.kafka_python import Future, kafka_errors
from kappaflow.client.tail_watch import Seen, TailWatch
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.wire.error_codes import ErrorCode

PARTITIONS = [TopicPartition(topic, number) for topic in ("a", "b", "c") for number in (0, 1)]
WATCHERS, STEPS, SEEDS = 5, 120, 150
NODES = (1, 2)
SETTLED_ROUNDS = 30


class World:
    """Broker, connection and clock in one thread; everything happens when it is told to."""

    def __init__(self, seed: int, watch_class: type[TailWatch], isolation: int = 0) -> None:
        self.random = random.Random(seed)
        self.now = 100.0
        self.isolation = isolation
        self.closed = False
        self.ends = dict.fromkeys(PARTITIONS, 5)
        self.stable = dict.fromkeys(PARTITIONS, 5)
        self.leaders = dict.fromkeys(PARTITIONS, 1)
        self.sessions: dict[int, dict[str, Any]] = {}
        self.session_ids = count(1)
        self.soon: deque[Callable[[], object]] = deque()
        self.timers: list[tuple[float, Callable[[], object]]] = []
        self.requests: dict[str, tuple[int, Any, Any]] = {}
        self.sent = 0
        self.watch = watch_class(self, isolation)  # pyright: ignore[reportArgumentType]
        self.fetchers = [FakeFetcher(self) for _ in range(WATCHERS)]

    # what the watch sees of a connection

    def call_soon(self, function: Callable[[], object]) -> None:
        self.soon.append(function)

    def call_later(self, delay_s: float, function: Callable[[], object]) -> None:
        self.timers.append((self.now + delay_s, function))

    def send_beside(self, request: Any, node_id: int, name: str) -> Any:
        assert name not in self.requests, "a connection holds back one request, and the next would wait behind it"
        self.sent += 1
        future = Future()
        self.requests[name] = (node_id, request, future)
        return future

    # the broker

    def readable(self, partition: TopicPartition) -> int:
        return self.stable[partition] if self.isolation else self.ends[partition]

    def answer(self, name: str, *, waited: bool = False) -> bool:
        """Answer a request if there is something to say, or its time is over; whether it was answered."""
        node_id, request, _ = self.requests[name]
        session = self.sessions.get(request.session_id, {"partitions": {}, "told": {}})
        partitions = dict(session["partitions"])
        partitions |= {
            TopicPartition(topic.topic, row.partition): row.fetch_offset
            for topic in request.topics
            for row in topic.partitions
        }
        for topic in request.forgotten_topics_data:
            for number in topic.partitions:
                partitions.pop(TopicPartition(topic.topic, number))
        if request.session_epoch not in (0, session.get("epoch")):
            self.reply(name, SimpleNamespace(error_code=ErrorCode.INVALID_FETCH_SESSION_EPOCH, responses=[]))
            return True
        rows = [self.row(node_id, partition, offset) for partition, offset in partitions.items()]
        full = [row for row in rows if row.records]
        if not full and not waited and not any(row.error_code for row in rows):
            return False
        for row in full[1:]:
            row.records = b""
        told = dict(session["told"])
        news = [row for row in rows if row.records or row.error_code or told.get(row.place) != row.high_watermark]
        told |= {row.place: row.high_watermark for row in rows}
        kept: dict[str, Any] = {"partitions": partitions, "told": told, "epoch": request.session_epoch + 1}
        session_id = request.session_id
        if request.session_epoch == 0:
            session_id = self.random.choice([0, next(self.session_ids)])  # there may be no room
        if session_id:
            self.sessions[session_id] = kept
        self.reply(name, SimpleNamespace(error_code=0, session_id=session_id, responses=by_topic(news)))
        return True

    def row(self, node_id: int, partition: TopicPartition, offset: int) -> Any:
        code = 0
        if self.leaders[partition] != node_id:
            code = int(ErrorCode.NOT_LEADER_OR_FOLLOWER)
        elif offset > self.ends[partition]:
            code = int(ErrorCode.OFFSET_OUT_OF_RANGE)
        end, stable = (-1, -1) if code else (self.ends[partition], self.stable[partition])
        return SimpleNamespace(
            place=partition,
            partition_index=partition.partition,
            error_code=code,
            records=b"one batch" if not code and offset < self.readable(partition) else b"",
            high_watermark=end,
            last_stable_offset=stable,
        )

    def reply(self, name: str, response: Any) -> None:
        self.requests.pop(name)[2].success(response)

    # what happens

    def step(self) -> None:
        kind = self.random.choice(["soon", "write", "fetch", "wait", "wait", "answer", "answer", "time", "rare"])
        partition = self.random.choice(PARTITIONS)
        fetcher = self.random.choice(self.fetchers)
        if kind == "soon" and self.soon:
            self.soon.popleft()()
        elif kind == "write":
            self.ends[partition] += 1
            self.stable[partition] = self.random.choice([self.stable[partition], self.ends[partition]])
        elif kind == "fetch":
            fetcher.fetch()
        elif kind == "wait":
            fetcher.wait()
        elif kind == "answer" and self.requests:
            self.answer(self.random.choice(list(self.requests)), waited=self.random.random() < 0.3)
        elif kind == "time":
            self.pass_time(self.random.random() / 10)
        elif kind == "rare" and self.random.random() < 0.3:
            self.rare(partition, fetcher)

    def rare(self, partition: TopicPartition, fetcher: FakeFetcher) -> None:
        kind = self.random.choice(["leader", "cut", "fail", "leave", "again", "forget"])
        if kind == "leader":
            self.leaders[partition] = self.random.choice(NODES)
        elif kind == "cut" and self.ends[partition]:
            self.ends[partition] -= 1
            self.stable[partition] = min(self.stable[partition], self.ends[partition])
        elif kind == "fail" and self.requests:
            name = self.random.choice(list(self.requests))
            self.requests.pop(name)[2].failure(kafka_errors.KafkaConnectionError("the broker has gone"))
        elif kind == "leave":
            fetcher.leave(partition)
        elif kind == "again":
            fetcher.asking.append(partition)  # by itself, while it waits
        elif kind == "forget":
            self.sessions.clear()

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        for due in sorted([timer for timer in self.timers if timer[0] <= self.now], key=lambda timer: timer[0]):
            self.timers.remove(due)
            due[1]()

    def settle(self) -> None:
        """Let everybody do what is to be done, and the time of the short requests pass, again and again.

        The long ones are answered where there is something to say; nobody may have to wait for their time to pass.
        """
        self.stable = dict(self.ends)
        for _ in range(SETTLED_ROUNDS):
            for fetcher in self.fetchers:
                while fetcher.asking or fetcher.answered:
                    fetcher.fetch()
                    fetcher.wait()
            while self.soon:
                self.soon.popleft()()
            self.pass_time(1.0)
            for name in list(self.requests):
                self.answer(name, waited=name.startswith("newcomers"))

    def check(self) -> None:
        """Everybody has noticed everything, or is about to."""
        self.settle()
        for fetcher in self.fetchers:
            for partition, position in fetcher.positions.items():
                assert position >= self.readable(partition), f"{fetcher} sleeps at {position} of {partition}"

    def end(self) -> None:
        """Nothing is kept of fetchers that have gone."""
        for fetcher in self.fetchers:
            self.watch.leave(fetcher, PARTITIONS)
        shards = self.watch._shards.values()
        assert not any(tail.waiting for shard in shards for tail in shard.tails.values())
        assert not any(shard.pending for shard in shards)


def by_topic(rows: list[Any]) -> list[Any]:
    topics: dict[str, list[Any]] = {}
    for row in rows:
        topics.setdefault(row.place.topic, []).append(row)
    return [SimpleNamespace(topic=name, partitions=found) for name, found in topics.items()]


class FakeFetcher:
    """Asks where it stands, and some time later waits for what it did not see."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.positions = dict.fromkeys(PARTITIONS, 0)
        self.asking = list(PARTITIONS)
        self.answered: list[tuple[TopicPartition, int, Seen]] = []

    def on_grown(self, partitions: list[TopicPartition]) -> None:
        self.asking += partitions

    def fetch(self) -> None:
        if self.asking:
            partition = self.asking.pop(0)
            end = self.positions[partition] = self.world.readable(partition)
            seen = Seen(end, self.world.ends[partition], self.world.stable[partition])
            self.answered.append((partition, self.world.leaders[partition], seen))

    def wait(self) -> None:
        if self.answered:
            partition, leader, seen = self.answered.pop(0)
            self.world.watch.wait(self, partition, leader, seen)

    def leave(self, partition: TopicPartition) -> None:
        """As after a seek: what was asked before is of no interest, and it asks anew."""
        self.answered = [row for row in self.answered if row[0] != partition]
        self.world.watch.leave(self, [partition])
        self.asking.append(partition)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The time of the world under test, for the watch."""
    found = SimpleNamespace(world=None)
    monkeypatch.setattr(tail_watch, "time", SimpleNamespace(monotonic=lambda: found.world.now if found.world else 0.0))
    return found


def run(seed: int, clock: SimpleNamespace, watch_class: type[TailWatch] = TailWatch) -> World:
    world = clock.world = World(seed, watch_class, isolation=seed % 2)
    for _ in range(STEPS):
        world.step()
    world.check()
    world.end()
    return world


def test_nobody_sleeps_through_what_comes(clock: SimpleNamespace) -> None:
    for seed in range(SEEDS):
        run(seed, clock)


class TrustsTheRequestUnderWay(TailWatch):
    """Takes a partition that is asked for as watched, from wherever it is asked for."""

    def wait(self, watcher: Any, partition: TopicPartition, node_id: int, seen: Seen) -> None:
        super().wait(watcher, partition, node_id, seen)
        shard = self._shard(node_id, partition)
        if shard.long.asked is not None and partition in shard.long.asked:
            shard.pending.discard(partition)


class ComparesWithWhatItKnows(TailWatch):
    """Takes over the fetcher's position as the end without asking from there: what came in between is lost."""

    def wait(self, watcher: Any, partition: TopicPartition, node_id: int, seen: Seen) -> None:
        world: Any = self._connection
        later = Seen(world.ends[partition], world.ends[partition], world.stable[partition])
        super().wait(watcher, partition, node_id, later if later.position >= seen.position else seen)


class LetsNewcomersWait(TailWatch):
    """Forgets those who come while a request is under way."""

    def wait(self, watcher: Any, partition: TopicPartition, node_id: int, seen: Seen) -> None:
        super().wait(watcher, partition, node_id, seen)
        shard = self._shard(node_id, partition)
        if shard.long.asked is not None:
            shard.pending.discard(partition)


class ForgetsOnFailure(TailWatch):
    """Drops those it asked for when the connection breaks."""

    def _wake(self, grown: Any) -> None:
        if self._failing:
            return
        super()._wake(grown)

    _failing = False

    def _on_failure(self, *arguments: Any) -> None:
        self._failing = True
        super()._on_failure(*arguments)
        self._failing = False


@pytest.mark.parametrize(
    "planted", [TrustsTheRequestUnderWay, ComparesWithWhatItKnows, LetsNewcomersWait, ForgetsOnFailure]
)
def test_a_planted_lost_wake_is_noticed(planted: type[TailWatch], clock: SimpleNamespace) -> None:
    with pytest.raises(AssertionError, match="sleeps at"):
        for seed in range(SEEDS):
            run(seed, clock, planted)


def at_end(world: World, partition: TopicPartition) -> Seen:
    return Seen(world.ends[partition], world.ends[partition], world.stable[partition])


def test_many_who_wait_at_one_end_are_one_request(clock: SimpleNamespace) -> None:
    world = clock.world = World(1, TailWatch)
    here = PARTITIONS[0]
    for fetcher in world.fetchers:
        fetcher.asking.clear()
        world.watch.wait(fetcher, here, 1, at_end(world, here))
    while world.soon:
        world.soon.popleft()()
    assert world.sent == 1
    world.ends[here] += 1
    assert world.answer(next(iter(world.requests)))
    assert [fetcher.asking for fetcher in world.fetchers] == [[here]] * WATCHERS


def test_who_waits_at_another_leader_waits_no_more_at_the_first(clock: SimpleNamespace) -> None:
    world = clock.world = World(4, TailWatch)
    here = PARTITIONS[0]
    for leader in NODES:
        world.leaders[here] = leader
        world.watch.wait(world.fetchers[0], here, leader, at_end(world, here))
    assert sum(bool(shard.tails) for shard in world.watch._shards.values()) == 1
    world.end()


def test_an_end_that_others_left_is_still_asked_for(clock: SimpleNamespace) -> None:
    """Whoever was woken comes back to an end that is watched, without a request of its own for it."""
    world = clock.world = World(2, TailWatch)
    same_shard = [TopicPartition("a", 0), TopicPartition("a", 8)]
    for partition in same_shard:
        world.ends[partition] = world.stable[partition] = 5
        world.leaders[partition] = 1
        world.watch.wait(world.fetchers[0], partition, 1, at_end(world, partition))
    world.soon.popleft()()
    world.ends[same_shard[0]] += 1
    world.answer(next(iter(world.requests)))
    while world.soon:
        world.soon.popleft()()
    world.watch.wait(world.fetchers[0], same_shard[0], 1, at_end(world, same_shard[0]))
    assert not world.soon and world.sent == 2
    # Where it grows again before anybody is back, it is not asked for until somebody is.
    world.ends[same_shard[0]] += 1
    world.answer(next(iter(world.requests)))
    while world.soon:
        world.soon.popleft()()
    world.ends[same_shard[0]] += 1
    world.answer(next(iter(world.requests)))
    while world.soon:
        world.soon.popleft()()
    (_, request, _) = next(iter(world.requests.values()))
    names = {row.partition for topic in request.topics for row in topic.partitions}
    forgotten = {number for topic in request.forgotten_topics_data for number in topic.partitions}
    assert 8 in names or 0 in forgotten


def test_a_broker_that_answers_at_once_without_news_is_not_asked_without_a_pause(clock: SimpleNamespace) -> None:
    world = clock.world = World(3, TailWatch)
    here = PARTITIONS[0]
    world.watch.wait(world.fetchers[0], here, 1, at_end(world, here))
    for _ in range(10):
        while world.soon:
            world.soon.popleft()()
        for name in list(world.requests):
            world.answer(name, waited=True)
    assert world.sent == 1
    world.pass_time(1)
    assert world.sent == 2
