"""Applications of the streams library on a broker: results, restarts, processors, global tables, errors."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from kappaflow.client.connection import ClientConfig, Connection
from kappaflow.client.groups import describe_group, remove_members
from kappaflow.errors import StreamsError
from kappaflow.streams import (
    WALL_CLOCK_TIME,
    ErrorPolicy,
    KafkaStreams,
    Materialized,
    Processor,
    ProcessorContext,
    Record,
    Serdes,
    SessionWindows,
    StreamsBuilder,
    TimeWindows,
    Topology,
    Windowed,
    col,
    key_value_store,
    lru_store,
)
from kappaflow.streams.columns import reason_for_rows
from kappaflow.streams.execution.streams_config import Guarantee
from kappaflow.testing.embedded_broker import EmbeddedBroker
from kappaflow.testing.embedded_server import wait_until

PARTITIONS = 3
DEADLINE_S = 40


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as running:
        yield running


class Cluster:
    """Topics of one test."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self.bootstrap = bootstrap
        self.prefix = prefix

    def topic(self, name: str, partitions: int = PARTITIONS) -> str:
        topic = f"{self.prefix}-{name}"
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        for future in admin.create_topics([NewTopic(topic, partitions, 1)]).values():
            future.result(30)
        return topic

    def write(self, topic: str, *pairs: tuple[str | None, str | None], at: int = 1) -> None:
        producer = Producer({"bootstrap.servers": self.bootstrap, "partitioner": "murmur2"})
        for key, value in pairs:
            producer.produce(topic, value, key, timestamp=at)
        producer.flush(30)

    def read(self, topic: str, count: int) -> list[tuple[Any, Any]]:
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": f"{topic}-reader-{time.monotonic()}",
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
            }
        )
        consumer.subscribe([topic])
        found: list[tuple[Any, Any]] = []
        deadline = time.monotonic() + DEADLINE_S
        while len(found) < count and time.monotonic() < deadline:
            message = consumer.poll(0.2)
            if message is not None and not message.error():
                found.append((message.key(), message.value()))
        consumer.close()
        return found


@pytest.fixture
def cluster(broker: EmbeddedBroker, request: pytest.FixtureRequest) -> Cluster:
    return Cluster(broker.bootstrap_servers, request.node.name.split("[")[0].removeprefix("test_").replace("_", "-"))


def application(cluster: Cluster, topology: Topology, folder: Path, **options: Any) -> KafkaStreams:
    return KafkaStreams(
        topology,
        application_id=f"{cluster.prefix}-app",
        bootstrap_servers=cluster.bootstrap,
        state_dir=folder,
        **{"commit_interval_ms": 100, "caching": False, **options},
    )


def word_count(lines: str, counts: str, how: str = "functions") -> Topology:
    builder = StreamsBuilder(key_serde=Serdes.string(), value_serde=Serdes.string())
    if how == "expressions":
        words = builder.stream(lines).flat_map_values(col.value.split()).group_by(col.value)
    else:
        words = builder.stream(lines).flat_map_values(str.split).group_by(lambda word: word)
    words.count("counts").to_stream().to(counts, value_serde=Serdes.long())
    return builder.build()


def number(value: bytes) -> int:
    return int.from_bytes(value, "big")


@pytest.mark.parametrize("how", ["functions", "expressions"])
@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once_v2"])
def test_words_are_counted_over_restarts(cluster: Cluster, tmp_path: Path, guarantee: str, how: str) -> None:
    cluster.prefix += guarantee[:2] + how
    lines, counts = cluster.topic("lines"), cluster.topic("counts")
    cluster.write(lines, ("1", "one two two"), ("2", "three two"))
    with application(cluster, word_count(lines, counts, how), tmp_path, processing_guarantee=guarantee) as streams:
        streams.wait_until_running()
        first = cluster.read(counts, 5)
        assert {key: number(value) for key, value in first} == {b"one": 1, b"two": 3, b"three": 1}
        assert streams.store("counts").get("two") == 3
        assert dict(streams.store("counts").all()) == {"one": 1, "two": 3, "three": 1}
        assert streams.metrics["process-total"] == 7  # two lines, five words
    cluster.write(lines, ("3", "two"))
    for folder in (tmp_path, tmp_path / "elsewhere"):  # with its state, and restored from the changelog
        with application(cluster, word_count(lines, counts, how), folder, processing_guarantee=guarantee) as streams:
            streams.wait_until_running()
            more = cluster.read(counts, 6 if folder == tmp_path else 7)
            streams.close(leave=True)  # the next has another instance id, and would wait for this one's session to end
        cluster.write(lines, ("4", "two"))
    assert [number(value) for key, value in more if key == b"two"] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once_v2"])
def test_calls_under_way_are_neither_lost_nor_passed_by_a_commit(
    cluster: Cluster, tmp_path: Path, guarantee: Guarantee
) -> None:
    cluster.prefix += guarantee[:2]
    source, out = cluster.topic("in", 1), cluster.topic("out", 1)
    failures = [2]

    async def price(key: str, value: str) -> str:
        await asyncio.sleep(0.001 * (int(value) % 5))
        if value == "60" and failures[0]:
            failures[0] -= 1
            raise OSError("the service is away")
        return f"{key}:{value}"

    builder = StreamsBuilder(key_serde=Serdes.string(), value_serde=Serdes.string())
    builder.stream(source).map_values_async(price, max_in_flight=16).to(out)
    cluster.write(source, *((f"k{i % 7}", str(i)) for i in range(100)))
    options: dict[str, Any] = {
        "processing_guarantee": guarantee,
        "commit_interval_ms": 20,
        "uncaught_exception_handler": lambda _error: "replace_thread",
    }
    with application(cluster, builder.build(), tmp_path, **options):
        rows = cluster.read(out, 100)
        while guarantee == "at_least_once" and (missing := 100 - len({value for _, value in rows})):
            wanted = len(rows) + missing  # some came twice
            rows = cluster.read(out, wanted)
            assert len(rows) == wanted
    assert failures == [0]
    in_order: dict[bytes, list[int]] = {f"k{k}".encode(): [] for k in range(7)}
    for key, value in rows:
        in_order[key].append(int(value.split(b":")[1]))
    if guarantee == "exactly_once_v2":
        assert in_order == {f"k{k}".encode(): [i for i in range(100) if i % 7 == k] for k in range(7)}


class Remembering(Processor):
    """Keeps the last value of each key and tells all of them on a schedule."""

    def init(self, context: ProcessorContext) -> None:
        super().init(context)
        self.store = context.get_state_store("last")
        self.told = 0
        context.schedule(20, WALL_CLOCK_TIME, self.tell)

    def tell(self, now: int) -> None:
        for key, value in self.store.all():
            if value != "told":
                self.context.forward(Record(key, f"{value} of {self.context.task_id}", now))
                self.store.put(key, "told")

    def process(self, record: Record) -> None:
        self.store.put(record.key, record.value)


def test_processors_keep_state_and_are_called_on_schedule(cluster: Cluster, tmp_path: Path) -> None:
    source, out = cluster.topic("in", 1), cluster.topic("out", 1)
    builder = StreamsBuilder(key_serde=Serdes.string(), value_serde=Serdes.string())
    builder.stream(source).process(Remembering, key_value_store("last")).to(out)
    cluster.write(source, ("a", "1"), ("b", "2"))
    with application(cluster, builder.build(), tmp_path):
        assert sorted(cluster.read(out, 2)) == [(b"a", b"1 of 0_0"), (b"b", b"2 of 0_0")]


def test_a_global_table_is_there_before_the_first_record(cluster: Cluster, tmp_path: Path) -> None:
    users, clicks, out = cluster.topic("users"), cluster.topic("clicks", 2), cluster.topic("out", 1)
    cluster.write(users, *((f"u{i}", f"name {i}") for i in range(50)))
    cluster.write(clicks, ("x", "u7"), ("y", "u49"))
    builder = StreamsBuilder(key_serde=Serdes.string(), value_serde=Serdes.string())
    table = builder.global_table(users, "users")
    builder.stream(clicks).join(table, lambda user: user, lambda user, name: f"{user}={name}").to(out)
    with application(cluster, builder.build(), tmp_path) as streams:
        assert sorted(cluster.read(out, 2)) == [(b"x", b"u7=name 7"), (b"y", b"u49=name 49")]
        assert streams.store("users").get("u3") == "name 3"


def test_tables_are_joined_by_foreign_key_across_partitions(cluster: Cluster, tmp_path: Path) -> None:
    orders, users, out = cluster.topic("orders", 3), cluster.topic("users", 2), cluster.topic("out", 1)
    cluster.write(users, ("u1", "Ann"), ("u2", "Bo"))
    cluster.write(orders, *((f"o{i}", f"u{1 + i % 2}") for i in range(8)))
    builder = StreamsBuilder(key_serde=Serdes.string(), value_serde=Serdes.string())
    joined = builder.table(orders).join(
        builder.table(users), lambda user, name: f"{user} {name}", foreign_key=lambda user: user
    )
    joined.to_stream().to(out)
    with application(cluster, builder.build(), tmp_path, processing_guarantee="exactly_once_v2"):
        expected = {f"o{i}".encode(): f"u{1 + i % 2} {('Ann', 'Bo')[i % 2]}".encode() for i in range(8)}
        first = cluster.read(out, 8)
        assert dict(first) == expected
        cluster.write(users, ("u1", "Anna"))
        changed = cluster.read(out, len(first) + 4)[-4:]
    assert {value for _, value in changed} == {b"u1 Anna"}
    assert {key for key, _ in changed} == {b"o0", b"o2", b"o4", b"o6"}


def test_two_threads_share_the_tasks(cluster: Cluster, tmp_path: Path) -> None:
    lines, counts = cluster.topic("lines", 4), cluster.topic("counts", 1)
    with application(cluster, word_count(lines, counts), tmp_path, num_stream_threads=2) as streams:
        streams.wait_until_running()
        cluster.write(lines, *((str(i), f"w{i % 5}") for i in range(100)))
        found = cluster.read(counts, 100)
        assert dict(streams.store("counts").all()) == {f"w{i}": 20 for i in range(5)}
    assert len(found) == 100


def test_windows_are_written_with_their_bounds(cluster: Cluster, tmp_path: Path) -> None:
    source, out = cluster.topic("in", 1), cluster.topic("out", 1)
    builder = StreamsBuilder(key_serde=Serdes.string(), value_serde=Serdes.string())
    grouped = builder.stream(source).group_by_key()
    grouped.windowed_by(TimeWindows.of(10)).count(Materialized("windows")).to_stream().to(out)
    cluster.write(source, ("a", "x"), at=5)
    cluster.write(source, ("a", "x"), at=17)
    with application(cluster, builder.build(), tmp_path):
        assert [key for key, _ in cluster.read(out, 2)] == [
            b"a" + (0).to_bytes(8, "big"),
            b"a" + (10).to_bytes(8, "big"),
        ]


def test_an_error_of_the_user_ends_the_application(cluster: Cluster, tmp_path: Path) -> None:
    source = cluster.topic("in", 1)
    builder = StreamsBuilder(key_serde=Serdes.string(), value_serde=Serdes.string())
    builder.stream(source).foreach(int)
    streams = application(cluster, builder.build(), tmp_path)
    streams.start()
    cluster.write(source, ("a", "none"))
    ended = threading.Event()
    with pytest.raises(StreamsError, match=r"ERROR.*invalid literal"):
        while not ended.wait(0.05):
            streams.wait_until_running()
    streams.close()
    assert streams.state == "NOT_RUNNING"


class Told:
    """What listeners were told."""

    def __init__(self) -> None:
        self.states: list[tuple[str, str]] = []
        self.restored: list[tuple[str, str, int]] = []

    def state(self, now: str, before: str) -> None:
        self.states.append((before, now))

    def restore_started(self, changelog: Any, store: str, start: int, end: int) -> None:
        self.restored.append(("started", store, end - start))

    def batch_restored(self, changelog: Any, store: str, offset: int, records: int) -> None:
        self.restored.append(("batch", store, records))

    def restore_ended(self, changelog: Any, store: str, total: int) -> None:
        self.restored.append(("ended", store, total))


def test_listeners_are_told_of_states_and_restores_and_tasks_and_stores_have_figures(
    cluster: Cluster, tmp_path: Path
) -> None:
    lines, counts = cluster.topic("lines", 1), cluster.topic("counts", 1)
    cluster.write(lines, ("1", "one two two"))
    for folder in (tmp_path / "first", tmp_path / "elsewhere"):
        told = Told()
        listeners: dict[str, Any] = {"state_listener": told.state, "restore_listener": told, "every_change": True}
        with application(cluster, word_count(lines, counts), folder, **listeners) as streams:
            streams.wait_until_running()
            cluster.read(counts, 3)
            tasks, stores = streams.task_metrics(), streams.store_metrics()
            figures = streams.metrics
            assert sum(each["process-total"] for each in tasks.values()) == (4 if folder.name == "first" else 0)
            if folder.name == "first":
                assert figures["poll-total"] > 0
                assert 0 < figures["process-latency-avg"] <= figures["process-latency-max"]
                assert (
                    max(each["record-e2e-latency-max"] for each in tasks.values()) > 1_000_000
                )  # of the epoch's start
            assert figures["task-created-total"] == len(tasks)
            puts = [each["counts"]["put-total"] for each in stores.values() if "counts" in each]
            assert sum(puts) == (3 if folder.name == "first" else 0)
            streams.close(leave=True)
        assert told.states[0] == ("CREATED", "REBALANCING")
        assert told.states[-1][1] == "NOT_RUNNING"
        assert ("REBALANCING", "RUNNING") in told.states
    kinds = [kind for kind, _, _ in told.restored]
    assert (kinds[0], kinds[-1]) == ("started", "ended")
    totals = {kind: sum(n for each, _, n in told.restored if each == kind) for kind in ("started", "batch", "ended")}
    assert totals["started"] == totals["batch"] == totals["ended"] == 3
    assert {store for _, store, _ in told.restored} == {"counts"}


def test_threads_are_added_and_removed_while_an_application_runs(cluster: Cluster, tmp_path: Path) -> None:
    lines, counts = cluster.topic("lines"), cluster.topic("counts")
    with application(cluster, word_count(lines, counts), tmp_path) as streams:
        streams.wait_until_running()
        assert streams.metrics["alive-stream-threads"] == 1
        added = streams.add_stream_thread()
        assert added is not None
        assert added.endswith("-2")
        streams.wait_until_running()
        cluster.write(lines, ("1", "one two two"), ("2", "three two"))
        assert len(cluster.read(counts, 5)) == 5
        assert streams.remove_stream_thread() == added
        cluster.write(lines, ("3", "two"), ("1", "one"))
        found = {key: number(value) for key, value in cluster.read(counts, 7)}
        assert found == {b"one": 2, b"two": 4, b"three": 1}
        assert streams.add_stream_thread() == added  # its number and its state directory are free again
    assert streams.add_stream_thread() is None


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once_v2"])
def test_a_member_that_was_taken_out_of_the_group_joins_again_and_nothing_has_failed(
    cluster: Cluster, tmp_path: Path, guarantee: Guarantee
) -> None:
    cluster.prefix += f"-{guarantee}"
    topics = [cluster.topic(name, 1) for name in ("in", "out")]
    told, asked = Told(), list[Exception]()

    def ask(error: Exception) -> str:
        asked.append(error)
        return "shutdown_client"

    builder = StreamsBuilder(key_serde=Serdes.string(), value_serde=Serdes.string())
    builder.stream(topics[0]).map_values(str.upper).to(topics[1])
    options: dict[str, Any] = {"state_listener": told.state, "uncaught_exception_handler": ask}
    config = ClientConfig(cluster.bootstrap)
    with application(cluster, builder.build(), tmp_path / guarantee, processing_guarantee=guarantee, **options) as app:
        app.wait_until_running()
        group = f"{cluster.prefix}-app"
        with Connection(config, "test") as connection:
            remove_members(connection, group, describe_group(connection, group).members)
        cluster.write(topics[0], ("k", "a"))  # its commit is that of nobody
        assert (b"k", b"A") in cluster.read(topics[1], 1)
        cluster.write(topics[0], ("k", "b"))
        wait_until(lambda: app.state == "RUNNING" and app.metrics["records-lag"] == 0, "everything is processed")
        app.wait_until_running()
    assert asked == []
    assert "ERROR" not in [state for _, state in told.states]


def test_an_instance_ends_all_where_its_handler_says_so(cluster: Cluster, tmp_path: Path) -> None:
    source, out = cluster.topic("in", 2), cluster.topic("out", 2)
    builder = StreamsBuilder(key_serde=Serdes.string(), value_serde=Serdes.string())
    builder.stream(source).map_values(int).to(out, value_serde=Serdes.long())
    asked = list[Exception]()

    def ask(error: Exception) -> str:
        asked.append(error)
        return "shutdown_application"

    def start(name: str, threads: int, **further: Any) -> KafkaStreams:
        options: dict[str, Any] = {"uncaught_exception_handler": ask, "num_stream_threads": threads, **further}
        app = application(cluster, builder.build(), tmp_path / name, **options)
        app.start()
        return app

    apps = [start("a", 1), start("b", 2)]
    try:
        for app in apps:
            app.wait_until_running()
        cluster.write(source, ("k", "not a number"))
        for app in apps:
            wait_until(lambda app=app: app.state == "ERROR", "all instances have ended")
        assert len(asked) == 1
        assert any("not a number" in app.error for app in apps)
        assert any("has asked all" in app.error for app in apps)
        with Connection(ClientConfig(cluster.bootstrap), "test") as connection:
            wait_until(
                lambda: not describe_group(connection, f"{cluster.prefix}-app").members, "all have left the group"
            )
    finally:
        for app in apps:
            app.close()
    again = start("b", 1, errors=ErrorPolicy(processing="continue"))
    try:
        again.wait_until_running()  # nobody is told to end any more
    finally:
        again.close()


class LastTwo(Processor):
    """Keeps the two keys that were used last."""

    def init(self, context: ProcessorContext) -> None:
        super().init(context)
        self.store = context.get_state_store("last")

    def process(self, record: Record) -> None:
        self.store.put(record.key, record.value)
        self.context.forward(record.with_value(",".join(key for key, _ in self.store.all())))


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once_v2"])
def test_stores_in_memory_are_restored_from_their_changelogs(
    cluster: Cluster, tmp_path: Path, guarantee: Guarantee
) -> None:
    cluster.prefix += f"-{guarantee}"
    source, out = cluster.topic("in", 1), cluster.topic("out", 1)
    text, long = Serdes.string(), Serdes.long()
    builder = StreamsBuilder(key_serde=text, value_serde=text)
    stream = builder.stream(source)
    stream.group_by_key().count(Materialized("counts", value_serde=long, in_memory=True))
    stream.group_by_key().count(Materialized("on-disk", value_serde=long))
    stream.group_by_key().count(Materialized("forgotten", value_serde=long, in_memory=True, logging=False))
    stream.process(LastTwo, lru_store("last", 2)).to(out)
    told, found = Told(), list[list[Any]]()
    options: dict[str, Any] = {"processing_guarantee": guarantee, "restore_listener": told}
    for keys in ("aba", "ca"):
        cluster.write(source, *[(key, "x") for key in keys])
        with application(cluster, builder.build(), tmp_path / guarantee, **options) as app:
            app.wait_until_running()
            wait_until(
                lambda app=app, last=keys[0]: app.store("on-disk").get(last) and not app.metrics["records-lag"], keys
            )
            found.append([dict(app.store(name).all()) for name in ("counts", "on-disk", "forgotten")])
    assert found[0] == [{"a": 2, "b": 1}] * 3
    assert found[1] == [{"a": 3, "b": 1, "c": 1}, {"a": 3, "b": 1, "c": 1}, {"a": 1, "c": 1}]
    assert [value.decode() for _, value in cluster.read(out, 5)] == ["a", "a,b", "a,b", "a,c", "a,c"]
    restored = {store: total for kind, store, total in told.restored if kind == "ended"}
    assert restored["counts"] >= 2
    assert restored["last"] >= 2
    assert "forgotten" not in restored
    assert restored.get("on-disk", 0) <= 1  # the marker of a transaction


def test_results_do_not_wait_where_the_cache_has_no_room_for_them(cluster: Cluster, tmp_path: Path) -> None:
    source, out = cluster.topic("in", 1), cluster.topic("out", 1)
    builder = StreamsBuilder(key_serde=Serdes.string(), value_serde=Serdes.string())
    builder.stream(source).group_by_key().count("counts").to_stream().to(out, value_serde=Serdes.long())
    cluster.write(source, *[(key, "x") for key in "aabca"])
    options: dict[str, Any] = {"caching": True, "commit_interval_ms": 3_600_000, "statestore_cache_max_bytes": 200}
    with application(cluster, builder.build(), tmp_path, **options) as app:
        app.wait_until_running()
        found = [(key, number(value)) for key, value in cluster.read(out, 2)]
    assert found == [(b"a", 2), (b"b", 1)]  # the third key had no room; the rest waits for the commit


def test_a_pattern_reads_the_topics_that_there_are(cluster: Cluster, tmp_path: Path) -> None:
    topics, out = [cluster.topic(f"in-{each}", 1) for each in "ab"], cluster.topic("out", 1)
    builder = StreamsBuilder(key_serde=Serdes.string(), value_serde=Serdes.string())
    builder.stream(re.compile(re.escape(cluster.prefix) + "-in-.")).map_values(str.upper).to(out)
    for topic in topics:
        cluster.write(topic, ("k", topic[-1]))
    with application(cluster, builder.build(), tmp_path) as streams:
        streams.wait_until_running()
        assert sorted(value for _, value in cluster.read(out, 2)) == [b"A", b"B"]


def test_topics_that_are_made_later_are_read_where_they_match(cluster: Cluster, tmp_path: Path) -> None:
    first, out = cluster.topic("in-a", 1), cluster.topic("out", 1)
    builder = StreamsBuilder(key_serde=Serdes.string(), value_serde=Serdes.string())
    builder.stream(re.compile(re.escape(cluster.prefix) + "-in-.")).map_values(str.upper).to(out)
    cluster.write(first, ("k", "a"))
    with application(cluster, builder.build(), tmp_path, metadata_max_age_ms=200) as streams:
        streams.wait_until_running()
        assert cluster.read(out, 1) == [(b"k", b"A")]
        later = cluster.topic("in-b", 2)  # with a partition for which there was no task
        cluster.write(later, *[(str(each), "b") for each in range(10)])
        cluster.write(first, ("k", "c"))
        found = sorted(value for _, value in cluster.read(out, 12))
        assert found == [b"A", *[b"B"] * 10, b"C"]


def test_a_topic_that_is_made_later_goes_on_with_the_state_of_the_others(cluster: Cluster, tmp_path: Path) -> None:
    first, out = cluster.topic("in-a", 1), cluster.topic("out", 1)
    builder = StreamsBuilder(key_serde=Serdes.string(), value_serde=Serdes.string())
    stream = builder.stream(re.compile(re.escape(cluster.prefix) + "-in-."))
    stream.group_by_key().count("counts").to_stream().to(out, value_serde=Serdes.long())
    cluster.write(first, ("k", "a"))
    with application(cluster, builder.build(), tmp_path, metadata_max_age_ms=200) as streams:
        streams.wait_until_running()
        assert [number(value) for _, value in cluster.read(out, 1)] == [1]
        cluster.write(cluster.topic("in-b", 1), ("k", "b"))
        assert [number(value) for _, value in cluster.read(out, 2)] == [1, 2]
        assert streams.error == ""


@pytest.mark.parametrize("form", ["column", "row"])
def test_tables_wait_for_commits_where_an_application_caches(form: str, cluster: Cluster, tmp_path: Path) -> None:
    cluster = Cluster(cluster.bootstrap, f"{cluster.prefix}-{form}")
    rows, out = cluster.topic("rows", 1), cluster.topic("out", 1)
    builder = StreamsBuilder(key_serde=Serdes.string(), value_serde=Serdes.string())
    upper = builder.table(rows, "kept").map_values(col.value.upper() if form == "column" else str.upper, "upper")
    upper.to_stream().to(out, key_serde=Serdes.string(), value_serde=Serdes.string())
    topology = builder.build()
    bound = topology.bind("a")
    assert [bool(reason_for_rows(bound, part, caching=True)) for part in bound.subtopologies] == [form == "row"]
    cluster.write(rows, ("a", "x"), ("b", "y"), ("a", "z"), ("c", "x"), ("c", None), ("b", None))
    with application(cluster, topology, tmp_path, caching=True, commit_interval_ms=1_000) as streams:
        streams.wait_until_running()
        assert cluster.read(out, 1) == [(b"a", b"Z")]
        cluster.write(rows, ("a", "v"), ("d", "w"), ("a", None))
        assert cluster.read(out, 3) == [(b"a", b"Z"), (b"d", b"W"), (b"a", None)]


def test_versions_that_columns_keep_are_restored_from_their_changelog(cluster: Cluster, tmp_path: Path) -> None:
    rates, orders, out = (cluster.topic(name, 1) for name in ("rates", "orders", "out"))
    builder = StreamsBuilder(key_serde=Serdes.string(), value_serde=Serdes.string())
    kept = Materialized("rates", history_retention_ms=1_000_000)
    table = builder.stream(rates).to_table(kept)
    joined = builder.stream(orders).join(table, col.left() + "@" + col.right())
    joined.to(out)
    topology = builder.build()
    assert all(not reason_for_rows(bound, part) for bound in [topology.bind("a")] for part in bound.subtopologies)
    for at in (10, 20, 30):
        cluster.write(rates, ("eur", str(at)), at=at)
    cluster.write(rates, ("eur", "25"), at=25)
    with application(cluster, topology, tmp_path / "first") as streams:
        streams.wait_until_running()
        cluster.write(orders, ("eur", "a"), at=31)
        cluster.write(orders, ("eur", "b"), at=27)
        assert cluster.read(out, 2) == [(b"eur", b"a@30"), (b"eur", b"b@25")]
        streams.close(leave=True)
    with application(cluster, topology, tmp_path / "elsewhere") as streams:
        streams.wait_until_running()
        found = [(version.value, version.timestamp) for version in streams.store("rates").versions("eur")]
        assert found == [("10", 10), ("20", 20), ("25", 25), ("30", 30)]
        cluster.write(orders, ("eur", "c"), ("eur", "d"), at=15)
        assert cluster.read(out, 4)[2:] == [(b"eur", b"c@10"), (b"eur", b"d@10")]


def test_stores_of_every_kind_are_read_from_outside(cluster: Cluster, tmp_path: Path) -> None:
    events = cluster.topic("events", 2)
    builder = StreamsBuilder(key_serde=Serdes.string(), value_serde=Serdes.string())
    grouped = builder.stream(events).group_by_key()
    grouped.count("counts")
    grouped.windowed_by(TimeWindows.of(10)).count(Materialized("windows", retention_ms=1_000))
    grouped.windowed_by(SessionWindows.of(5)).count(Materialized("sessions", retention_ms=1_000))
    grouped.reduce(lambda _, value: value, Materialized("versions", history_retention_ms=1_000))
    for at in (1, 2, 12, 30):
        cluster.write(events, ("a", f"a{at}"), ("ab", f"b{at}"), ("c", f"c{at}"), at=at)
    with application(cluster, builder.build(), tmp_path) as streams:
        streams.wait_until_running()
        counts = streams.store("counts")
        wait_until(lambda: sum(value for _, value in counts.all()) == 12, "all records", DEADLINE_S)
        assert counts.get_with_timestamp("a") == (4, 30)
        assert sorted(counts.range("ab", "c")) == [("ab", 4), ("c", 4)]
        assert sorted(counts.prefix_scan("a")) == [("a", 4), ("ab", 4)]
        assert counts.approximate_num_entries() == 3
        windows, sessions = streams.store("windows"), streams.store("sessions")
        assert list(windows.fetch("a", 0, 20)) == [(0, 2), (10, 1)]
        assert list(windows.fetch("a", backward=True)) == [(30, 1), (10, 1), (0, 2)]
        assert sorted(window.key for window, _ in windows.fetch_all(30, 30)) == ["a", "ab", "c"]
        assert windows.get(Windowed("a", 0, 10)) == 2
        assert [(each.start, each.end, n) for each, n in sessions.fetch("a", 0, 12)] == [(1, 2, 2), (12, 12, 1)]
        assert streams.store("versions").get("c", as_of=15) == "c12"
        assert [version.value for version in streams.store("versions").versions("a", 12, 20)] == ["a12"]
        with pytest.raises(StreamsError, match="counts is a KeyValueStore; only a WindowStore has what is asked"):
            list(counts.fetch("a"))
        parts = [dict(streams.store("counts", partition=each).all()) for each in range(2)]
        assert parts[0] | parts[1] == {"a": 4, "ab": 4, "c": 4} and len(parts[0]) + len(parts[1]) == 3
        tasks = [task for each in streams.local_threads().values() for task in each.tasks]
        assert tasks == ["0_0", "0_1"]
        wait_until(lambda: streams.local_store_lags().get("counts") == {0: 0, 1: 0}, "no lag", DEADLINE_S)
        with pytest.raises(StreamsError, match="its state is deleted before it starts"):
            streams.clean_up()
    assert any((tmp_path / f"{cluster.prefix}-app").glob("thread-*"))
    streams.clean_up()
    assert not any((tmp_path / f"{cluster.prefix}-app").glob("thread-*"))


def test_a_record_that_fails_is_passed_where_it_may_be_and_named_where_not(cluster: Cluster, tmp_path: Path) -> None:
    source, out, dead = cluster.topic("in", 1), cluster.topic("out", 1), cluster.topic("dead", 1)
    builder = StreamsBuilder(key_serde=Serdes.string(), value_serde=Serdes.string())
    stream = builder.stream(source)
    stream.map_values(int, name="as-number").map_values(str).to(out, value_serde=Serdes.string())
    stream.map_values(str.upper).to(out, value_serde=Serdes.string())
    cluster.write(source, ("k", "1"), ("k", "x"), ("k", "2"))
    policy = ErrorPolicy(processing=lambda problem: "continue" if problem.node else "fail", dead_letter_topic=dead)
    states: list[str] = []
    listener: Any = lambda now, _before: states.append(now)  # noqa: E731
    with application(cluster, builder.build(), tmp_path / "passed", errors=policy) as streams:
        assert [value for _, value in cluster.read(out, 5)] == [b"1", b"1", b"X", b"2", b"2"]
        assert [value for _, value in cluster.read(dead, 1)] == [b"x"]
        streams.close(leave=True)
    cluster.write(source, ("k", "y"))
    streams = application(cluster, builder.build(), tmp_path / "named", state_listener=listener)
    streams.start()
    wait_until(lambda: streams.state == "ERROR", "the error", DEADLINE_S)
    assert f"as-number failed for {source}-0@3: ValueError: invalid literal" in streams.error
    streams.close()
    assert states[-3:] == ["PENDING_ERROR", "ERROR", "NOT_RUNNING"]
