"""Causes of lag, produced for real with consumers of their own: each is named, and a healthy group is left alone.

Fifty groups, ten at a time, each with one thing wrong or nothing, with numbers that a seed draws.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka import Producer

from kappaflow.ops.contexts import ClusterContext
from kappaflow.ops.lag import Cause, examine_groups
from kappaflow.ops.session import OpsSession
from kappaflow.testing.apache_kafka import ApacheKafka
from kappaflow.testing.kappa_command import KappaCommand
from kappaflow.testing.lagging_groups import LaggingGroup
from kappaflow.testing.raw_client import RawClient
from kappaflow.testing.simulation.producing import produce_request
from kappaflow.wire.record_batch import TRANSACTIONAL_BIT, build_batch

pytestmark = [pytest.mark.java, pytest.mark.slow, pytest.mark.real, pytest.mark.timeout(300)]
WAVES, GROUPS_A_WAVE = 5, 10
LOOKS, INTERVAL_S = 8, 2.0
REWIND_AT_LOOK = 4
PRODUCE, PRODUCE_VERSION = 0, 9
FORGOTTEN_PRODUCER = 987_654_321


@pytest.fixture(scope="module", name="kafka")
def that_verifies_no_transactions() -> Iterator[ApacheKafka]:
    """A broker that takes a transaction of which no coordinator knows, as brokers did before KIP-890."""
    with ApacheKafka(
        configs={"log.retention.ms": "-1", "transaction.partition.verification.enable": "false"}
    ) as cluster:
        yield cluster


def port_of(kafka: ApacheKafka) -> int:
    return int(kafka.bootstrap_servers.rpartition(":")[2])


def nothing() -> None:
    """Nothing has to happen."""


@dataclass
class Scenario:
    """A group, and what is right to say about it.

    Attributes:
        group: whose topic, producer and consumers it is.
        causes: verdicts that are right.
        prepare: what happens before anybody looks.
        meanwhile: what happens between two looks.
    """

    group: LaggingGroup
    causes: frozenset[Cause]
    prepare: Callable[[], None] = nothing
    meanwhile: Callable[[], None] = nothing


def healthy(kafka: ApacheKafka, name: str, draw: random.Random) -> Scenario:
    group = LaggingGroup(
        kafka.bootstrap_servers,
        name,
        partitions=draw.randint(1, 6),
        members=draw.randint(1, 3),
        per_s=draw.choice([0, 3, 60]),
        work_s=draw.choice([0, 0.002]),
    )
    return Scenario(group, frozenset({Cause.HEALTHY, Cause.CATCHING_UP}))


def catching_up(kafka: ApacheKafka, name: str, draw: random.Random) -> Scenario:
    group = LaggingGroup(
        kafka.bootstrap_servers, name, members=2, per_s=draw.choice([5, 20]), work_s=0.008, backlog=30_000
    )
    return Scenario(group, frozenset({Cause.CATCHING_UP}), group.wait_for_commits)


def stopped_group(kafka: ApacheKafka, name: str, draw: random.Random) -> Scenario:
    group = LaggingGroup(kafka.bootstrap_servers, name, members=draw.randint(1, 3))

    def prepare() -> None:
        group.wait_for_commits()
        group.leave()

    return Scenario(group, frozenset({Cause.STOPPED_GROUP}), prepare)


def lost_records(kafka: ApacheKafka, name: str, draw: random.Random) -> Scenario:
    group = LaggingGroup(kafka.bootstrap_servers, name, partitions=draw.randint(1, 3))

    def prepare() -> None:
        group.wait_for_commits()
        group.leave()
        group.wait_for_more_records(5)
        group.delete_records()

    return Scenario(group, frozenset({Cause.LOST_RECORDS}), prepare)


def rebalancing_storm(kafka: ApacheKafka, name: str, draw: random.Random) -> Scenario:
    group = LaggingGroup(kafka.bootstrap_servers, name, members=draw.randint(1, 2))
    return Scenario(group, frozenset({Cause.REBALANCING_STORM}), group.come_and_go)


def hanging_transaction(kafka: ApacheKafka, name: str, draw: random.Random) -> Scenario:
    partition = draw.randrange(4)
    settings = {"isolation.level": "read_committed"}
    group = LaggingGroup(kafka.bootstrap_servers, name, members=draw.randint(1, 2), settings=settings)

    def prepare() -> None:
        group.wait_for_commits(5, partition)
        batch = build_batch(
            [(b"k", b"v")],
            timestamp_ms=int(time.time() * 1000),
            attributes=TRANSACTIONAL_BIT,
            producer_id=FORGOTTEN_PRODUCER,
            producer_epoch=0,
            base_sequence=0,
        )
        with RawClient(port_of(kafka)) as client:
            request = produce_request((group.topic, partition), batch, "nobodys")
            answer = client.ask(PRODUCE, PRODUCE_VERSION, request)
        row = answer.responses[0].partition_responses[0]
        assert row.error_code == 0
        group.wait_for_commits(row.base_offset, partition)

    return Scenario(group, frozenset({Cause.HANGING_TRANSACTION}), prepare)


def open_transaction(kafka: ApacheKafka, name: str, draw: random.Random) -> Scenario:
    """A producer that lives, and commits nothing while somebody looks."""
    partition = draw.randrange(4)
    settings = {"isolation.level": "read_committed"}
    group = LaggingGroup(kafka.bootstrap_servers, name, members=draw.randint(1, 2), settings=settings)

    def prepare() -> None:
        group.wait_for_commits(5, partition)
        owner = Producer({"bootstrap.servers": kafka.bootstrap_servers, "transactional.id": f"{name}-owner"})
        owner.init_transactions(30)
        owner.begin_transaction()
        places: list[int] = []
        owner.produce(
            group.topic,
            b"v",
            b"k",
            partition=partition,
            on_delivery=lambda _, record: places.append(record.offset() or 0),
        )
        assert owner.flush(30) == 0
        group.wait_for_commits(places[0], partition)
        group.at_end(lambda: owner.abort_transaction(30))

    return Scenario(group, frozenset({Cause.OPEN_TRANSACTION}), prepare)


def nobody_reads(kafka: ApacheKafka, name: str, draw: random.Random) -> Scenario:
    """Partitions that were added, and that the members have not heard of."""
    settings = {"topic.metadata.refresh.interval.ms": 600_000, "metadata.max.age.ms": 900_000}
    grown = draw.randint(3, 5)
    group = LaggingGroup(kafka.bootstrap_servers, name, partitions=2, grows_to=grown, settings=settings)
    return Scenario(group, frozenset({Cause.NOBODY_READS}), lambda: group.wait_for_records(grown - 1, 5))


def stuck_member(kafka: ApacheKafka, name: str, draw: random.Random) -> Scenario:
    """One of several members gets over nothing any more."""
    stuck = draw.randrange(2)
    group = LaggingGroup(
        kafka.bootstrap_servers, name, members=2, blocks=lambda member, place: member == stuck and place[1] >= 10
    )

    def prepare() -> None:
        for partition in range(4):
            group.wait_for_commits(10, partition)

    return Scenario(group, frozenset({Cause.STUCK_MEMBER}), prepare)


def stuck_offset(kafka: ApacheKafka, name: str, draw: random.Random) -> Scenario:
    poison = (draw.randrange(4), draw.randint(10, 30))
    group = LaggingGroup(
        kafka.bootstrap_servers, name, blocks=lambda _, place: place >= poison and place[0] == poison[0]
    )
    return Scenario(group, frozenset({Cause.STUCK_OFFSET}), lambda: group.wait_for_commits(poison[1], poison[0]))


def no_commits(kafka: ApacheKafka, name: str, draw: random.Random) -> Scenario:
    group = LaggingGroup(kafka.bootstrap_servers, name, members=draw.randint(1, 3), commits=False)
    return Scenario(group, frozenset({Cause.NO_COMMITS}), lambda: group.wait_for_records(0, 10))


def hot_key(kafka: ApacheKafka, name: str, draw: random.Random) -> Scenario:
    group = LaggingGroup(
        kafka.bootstrap_servers,
        name,
        partitions=5,
        members=5,
        per_s=150,
        work_s=0.02,
        hot=draw.randrange(5),
        hot_key="the-one",
    )
    return Scenario(group, frozenset({Cause.HOT_KEY}), group.wait_for_commits)


def hot_partition(kafka: ApacheKafka, name: str, draw: random.Random) -> Scenario:
    group = LaggingGroup(
        kafka.bootstrap_servers, name, partitions=5, members=5, per_s=150, work_s=0.02, hot=draw.randrange(5)
    )
    return Scenario(group, frozenset({Cause.HOT_PARTITION}), group.wait_for_commits)


def slow_member(kafka: ApacheKafka, name: str, draw: random.Random) -> Scenario:
    group = LaggingGroup(
        kafka.bootstrap_servers, name, partitions=6, members=3, per_s=120, works_s={draw.randrange(3): 0.1}
    )
    return Scenario(group, frozenset({Cause.SLOW_MEMBER}), group.wait_for_commits)


def too_few_consumers(kafka: ApacheKafka, name: str, draw: random.Random) -> Scenario:
    group = LaggingGroup(kafka.bootstrap_servers, name, members=draw.randint(1, 2), per_s=120, work_s=0.05)
    return Scenario(group, frozenset({Cause.TOO_FEW_CONSUMERS}), group.wait_for_commits)


def too_few_partitions(kafka: ApacheKafka, name: str, draw: random.Random) -> Scenario:
    partitions = draw.randint(2, 3)
    group = LaggingGroup(
        kafka.bootstrap_servers, name, partitions=partitions, members=partitions, per_s=50 * partitions, work_s=0.05
    )
    return Scenario(group, frozenset({Cause.TOO_FEW_PARTITIONS}), group.wait_for_commits)


def rewound(kafka: ApacheKafka, name: str, draw: random.Random) -> Scenario:
    group = LaggingGroup(
        kafka.bootstrap_servers, name, partitions=draw.randint(1, 3), per_s=30, work_s=0.01, backlog=900
    )
    return Scenario(group, frozenset({Cause.REWOUND}), lambda: group.wait_for_commits(300), meanwhile=group.rewind)


KINDS = [
    healthy, catching_up, stopped_group, lost_records, rebalancing_storm, hanging_transaction, nobody_reads,
    open_transaction,
    stuck_member, stuck_offset, no_commits, hot_key, hot_partition, slow_member, too_few_consumers,
    too_few_partitions, rewound,
]  # fmt: skip
EACH = (WAVES * GROUPS_A_WAVE) // len(KINDS)


def mixed() -> list[Callable[[ApacheKafka, str, random.Random], Scenario]]:
    """Every kind equally often, and healthy ones for the rest, in a drawn order."""
    kinds = KINDS * EACH
    kinds += [healthy] * (WAVES * GROUPS_A_WAVE - len(kinds))
    random.Random(1).shuffle(kinds)
    return kinds


def test_every_cause_is_produced() -> None:
    assert {kind.__name__ for kind in KINDS} == {str(cause) for cause in Cause}


@pytest.mark.parametrize("wave", range(WAVES))
def test_fifty_mixed_groups(kafka: ApacheKafka, wave: int) -> None:
    kinds = mixed()[wave * GROUPS_A_WAVE :][:GROUPS_A_WAVE]
    scenarios = [
        kind(kafka, f"{kind.__name__}-{wave}-{n}", random.Random(100 * wave + n)) for n, kind in enumerate(kinds)
    ]
    looks: list[float] = []

    def watch(_look: Mapping[str, object]) -> None:
        looks.append(time.monotonic())
        if len(looks) == REWIND_AT_LOOK:
            for scenario in scenarios:
                scenario.meanwhile()

    with ExitStack() as stack, ThreadPoolExecutor(GROUPS_A_WAVE) as pool:
        for started in [pool.submit(stack.enter_context, s.group) for s in scenarios]:
            started.result()
        for prepared in [pool.submit(s.prepare) for s in scenarios]:
            prepared.result()
        with OpsSession(ClusterContext("test", kafka.bootstrap_servers)) as session:
            names = [s.group.name for s in scenarios]
            verdicts = examine_groups(session, names, samples=LOOKS, interval_s=INTERVAL_S, watch=watch)
    wrong = [
        f"{v.group_id}: {v.cause}: {v.summary}; {'; '.join(map(str, v.evidence))}"
        for s, v in zip(scenarios, verdicts, strict=True)
        if v.cause not in s.causes
    ]
    assert not wrong, "\n".join(wrong)


def test_the_command_names_partition_key_record_and_member(kafka: ApacheKafka, tmp_path: Path) -> None:
    kappa = KappaCommand(tmp_path, last_words=["--bootstrap-servers", kafka.bootstrap_servers])
    draw = random.Random(7)
    well = healthy(kafka, "cli-healthy", draw)
    hot, stuck, few = (kind(kafka, f"cli-{kind.__name__}", draw) for kind in (hot_key, stuck_offset, too_few_consumers))
    with ExitStack() as stack:
        for scenario in (well, hot, stuck, few):
            stack.enter_context(scenario.group)
            scenario.prepare()
        names = [s.group.name for s in (well, hot, stuck, few)]
        done = kappa.run("lag", "doctor", *names, "--seconds", "14", "--samples", "8", "--json")
        assert done.returncode == 1
        found = {row["group"]: row for row in json.loads(done.stdout)}
        alone = kappa.run("lag", "doctor", well.group.name, "--seconds", "6", "--samples", "3")
        assert (alone.returncode, alone.stdout[:2]) == (0, "ok")
    assert found["cli-hot_key"]["cause"] == "hot_key"
    assert len(found["cli-hot_key"]["partitions"]) == 1
    assert any("the-one" in line for line in found["cli-hot_key"]["evidence"])
    assert found["cli-stuck_offset"]["cause"] == "stuck_offset"
    assert any("cli-stuck_offset-0" in line for line in found["cli-stuck_offset"]["evidence"])
    assert any("kappa groups reset" in line for line in found["cli-stuck_offset"]["advice"])
    assert any("more consumers" in line for line in found["cli-too_few_consumers"]["advice"])
