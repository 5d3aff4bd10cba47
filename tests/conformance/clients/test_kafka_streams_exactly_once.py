"""A Java Kafka Streams application under exactly-once on our broker: killed and started again, its results are exact.

Orders are written while it runs.  It counts and adds up by account and, over a join, by region; each update is
written, so that each key's records, read as committed, must be the running totals without a gap and without a repeat.
"""

from __future__ import annotations

import os
import random
import subprocess
import threading
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from kappaflow.testing.embedded_broker import EmbeddedBroker
from kappaflow.testing.embedded_server import wait_until
from kappaflow.testing.java_program import JavaProgram, java_program
from kappaflow.testing.java_tools.log_segments import dump_log_segments

pytestmark = pytest.mark.java

PARTITIONS = 4
ACCOUNTS = 40
SEED = int(os.environ.get("KAPPA_ROUND_SEED", "1"))
SOURCE = Path(__file__).with_name("ExactlyOnceTotals.java")


class Application:
    """One instance of the program with two threads."""

    def __init__(self, program: JavaProgram, broker: EmbeddedBroker, directory: Path, name: str) -> None:
        settings = {
            "application.id": "totals",
            "bootstrap.servers": broker.bootstrap_servers,
            "processing.guarantee": "exactly_once_v2",
            "num.stream.threads": "2",
            "commit.interval.ms": "100",
            "statestore.cache.max.bytes": "0",
            "state.dir": str(directory / name),
            # The same member again: nobody waits for its session to end.
            "group.instance.id": name,
            "session.timeout.ms": "6000",
            "heartbeat.interval.ms": "500",
            "transaction.timeout.ms": "10000",
            "auto.offset.reset": "earliest",
            "replication.factor": "1",
            "default.key.serde": "org.apache.kafka.common.serialization.Serdes$StringSerde",
            "default.value.serde": "org.apache.kafka.common.serialization.Serdes$StringSerde",
        }
        self._command = program.command([f"{key}={value}" for key, value in settings.items()], ["-Xmx256m", *QUICK])
        self._log = directory / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT)

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            assert process.stdin is not None
            process.stdin.close()


QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")


class Orders:
    """Writes orders in a thread, and knows what they add up to."""

    def __init__(self, broker: EmbeddedBroker, seed: int) -> None:
        self._random = random.Random(seed)
        self._producer = Producer(
            {"bootstrap.servers": broker.bootstrap_servers, "linger.ms": 5, "partitioner": "murmur2_random"}
        )
        self._address = broker.bootstrap_servers
        self.totals: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        self.written = 0
        for account in range(ACCOUNTS):
            self._producer.produce("regions", key=f"account-{account}", value=region(account))
        self._producer.flush()

    def write(self, count: int) -> None:
        for _ in range(count):
            account, amount = self._random.randrange(ACCOUNTS), self._random.randrange(-500, 1000)
            value = f"account-{account} {amount}"
            self._producer.produce("orders", key=str(self.written), value=value)
            for key in (f"account-{account}", region(account)):
                self.totals[key][0] += 1
                self.totals[key][1] += amount
            self.written += 1
        assert self._producer.flush(60) == 0

    def committed(self, topic: str) -> dict[str, list[list[int]]]:
        """The updates of each key, in order."""
        consumer = Consumer(
            {"bootstrap.servers": self._address, "group.id": "check", "isolation.level": "read_committed",
             "enable.auto.commit": False, "enable.partition.eof": True}
        )  # fmt: skip
        consumer.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
        found: dict[str, list[list[int]]] = defaultdict(list)
        at_end = 0
        while at_end < PARTITIONS:
            for message in consumer.consume(1000, 1):
                if message.error():
                    at_end += message.error().code() == KafkaError._PARTITION_EOF
                else:
                    found[message.key().decode()].append([int(word) for word in message.value().split()])
        consumer.close()
        return found


def region(account: int) -> str:
    return f"region-{account % 5}"


@pytest.fixture(scope="module")
def program() -> JavaProgram:
    return java_program(SOURCE)


@pytest.fixture
def broker() -> Generator[EmbeddedBroker]:
    with EmbeddedBroker() as running:
        admin = AdminClient({"bootstrap.servers": running.bootstrap_servers})
        names = ("orders", "regions", "account-totals", "region-totals")
        for made in admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names]).values():
            made.result(10)
        yield running


def check(orders: Orders, seconds: float) -> None:
    """All updates of all keys have come, each once and in order."""

    def count(topic: str) -> int:
        return sum(map(len, orders.committed(topic).values()))

    for topic, prefix in (("account-totals", "account-"), ("region-totals", "region-")):
        wait_until(lambda topic=topic: count(topic) >= orders.written, f"{orders.written} records in {topic}", seconds)
        found = orders.committed(topic)
        for key, updates in found.items():
            assert [update[0] for update in updates] == list(range(1, len(updates) + 1)), f"{topic}: {key}"
        wanted = {key: total for key, total in orders.totals.items() if key.startswith(prefix)}
        assert {key: updates[-1] for key, updates in found.items()} == wanted


def rounds(program: JavaProgram, broker: EmbeddedBroker, directory: Path, kills: int, names: tuple[str, ...]) -> None:
    applications = [Application(program, broker, directory, name) for name in names]
    orders = Orders(broker, seed=SEED)
    chosen = random.Random(SEED)
    try:
        for application in applications:
            application.start()
        orders.write(500)
        wait_until(lambda: orders.committed("account-totals"), "some results", 60)
        for number in range(kills):
            seen = sum(map(len, orders.committed("account-totals").values()))
            writing = threading.Thread(target=orders.write, args=(1500,))
            writing.start()
            wait_until(
                lambda seen=seen: sum(map(len, orders.committed("account-totals").values())) > seen, "progress", 60
            )
            if number % 3 == 2:
                broker.kill()
                broker.start()
            else:
                application = chosen.choice(applications)
                application.kill()
                application.start()
            writing.join()
        check(orders, 90)
    except BaseException:
        print(*(application.log()[-4000:] for application in applications), sep="\n")
        raise
    finally:
        for application in applications:
            application.kill()


@pytest.mark.timeout(120)
def test_a_killed_application_goes_on_exactly(program: JavaProgram, broker: EmbeddedBroker, tmp_path: Path) -> None:
    rounds(program, broker, tmp_path, 1, ("one",))


@pytest.mark.real
@pytest.mark.timeout(600)
def test_applications_and_the_broker_are_killed(program: JavaProgram, broker: EmbeddedBroker, tmp_path: Path) -> None:
    rounds(program, broker, tmp_path, 9, ("one", "two"))
    broker.stop()
    assert dump_log_segments(broker.data_dir).batches > 0
