"""Groups request by request: the same conversations with our broker and with a real Apache Kafka.

Every answer is compared: errors, epochs and generations, assignments, states, descriptions, lists, committed offsets.

Source: KIP-848; KIP-345, KIP-394, KIP-447, KIP-496, KIP-518, KIP-1043, KIP-1251.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from kappaflow.testing.apache_kafka import ApacheKafka
from kappaflow.testing.embedded_broker import EmbeddedBroker
from kappaflow.testing.group_requests import Conversation, Operation, first_difference, random_conversation
from kappaflow.testing.group_requests.operations import (
    KNOWN,
    AwaitGroupEpoch,
    Collect,
    Commit,
    CommitInTransaction,
    CreateTopic,
    DeleteGroup,
    DeleteOffsets,
    DeleteTopic,
    Describe,
    DescribeClassic,
    EndTransaction,
    FetchOffsets,
    GrowTopic,
    Heartbeat,
    Join,
    Leave,
    ListAll,
    MemberHeartbeat,
    Owned,
    Sync,
    joining,
)

pytestmark = [pytest.mark.java]

# Ranges depend on names alone, so that the members of both brokers get the same numbers.
SETTINGS = {
    "group.consumer.assignors": "range,uniform",
    "group.consumer.assignment.interval.ms": "0",
    "auto.create.topics.enable": "false",
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",
}
# One coordinator in Kafka, so that what one group has seen of the topics the others have seen too.
ONE_COORDINATOR = {"offsets.topic.num.partitions": "1"}

FIRST_SEED, SEEDS = (int(part) for part in os.environ.get("KAPPA_GROUP_SEEDS", "1:15").split(":"))

UNKNOWN_MEMBER_ID = 25
Ports = tuple[int, int]


@contextmanager
def running(settings: dict[str, str]) -> Generator[Ports]:
    """Our broker's and Kafka's."""
    properties = [part for name, value in settings.items() for part in ("--property", f"{name}={value}")]
    with ApacheKafka(configs=settings | ONE_COORDINATOR) as kafka, EmbeddedBroker(arguments=properties) as broker:
        yield broker.port, int(kafka.bootstrap_servers.split(":")[1])


@pytest.fixture(scope="module")
def ports() -> Generator[Ports]:
    with running(SETTINGS) as both:
        yield both


def forgets_an_empty_group(operation: Operation, answer: Any) -> bool:
    """Whether Kafka may have forgotten a group whose description it still gives.

    It refuses a classic member that an empty consumer group does not know, but first takes the group out of its
    memory, so that the next epochs begin anew.  Ours refuses and keeps the group.
    """
    return isinstance(operation, Collect) and isinstance(answer, dict) and answer["error_code"] == UNKNOWN_MEMBER_ID


def check(
    ports: Ports, operations: Sequence[Operation], until: Callable[[Operation, Any], bool] = lambda *_: False
) -> None:
    prefix = f"c{uuid.uuid4().hex[:8]}"
    with Conversation(ports[0], prefix) as ours, Conversation(ports[1], prefix) as theirs:
        difference = first_difference(ours, theirs, operations, until)
    assert difference is None, str(difference)


T4 = CreateTopic("t", 4)
GIVEN, HALF, NOTHING, OTHERS = Owned.GIVEN, Owned.FIRST_HALF, Owned.NOTHING, Owned.OTHERS


def stays(member: str, **said: object) -> MemberHeartbeat:
    return MemberHeartbeat(member, **said)  # type: ignore[arg-type]


def at(member: str, epoch: int, **said: object) -> MemberHeartbeat:
    return MemberHeartbeat(member, epoch, **said)  # type: ignore[arg-type]


EVERY_LIST = (
    ListAll(),
    *(ListAll(types=types) for types in (("consumer",), ("classic",), ("Consumer", "x"), ("share", "streams"))),
    *(ListAll(states=states) for states in (("stable",), ("Empty",), ("Assigning", "Reconciling"), ("no state",))),
    *(ListAll(version=version) for version in range(5)),
)

CONVERSATIONS: dict[str, tuple[Operation, ...]] = {
    "two members share a topic": (
        T4, joining("a", "t"), Describe(), stays("a", owned=GIVEN), joining("b", "t"), Describe(), stays("a"),
        Describe(), stays("a", owned=HALF), Describe(), stays("b"), stays("b"), Describe(0), stays("a", owned=GIVEN),
        *EVERY_LIST, DescribeClassic(5), DescribeClassic(6), DeleteGroup(), at("b", -1), Describe(), at("a", -1),
        Describe(), *EVERY_LIST, DeleteGroup(), Describe(), DeleteGroup(), ListAll(),
    ),
    "requests that cannot be right": (
        T4, at("a", 1), at("a", 0), at("a", 0, topics=("t",)), at("a", 0, topics=("t",), rebalance_ms=1000),
        at("a", 0, topics=("t",), rebalance_ms=1000, owned=OTHERS), at("a", -3), at("a", -2), at("a", -1),
        joining("a", "t", group=""), joining("a", "t", assignor="none"), joining("a", "t", assignor=""),
        joining("a", "t", rack=""), joining("a", "t", instance=""), joining("a"), joining("a", "absent"),
        joining("z", "t", unnamed=True), at("z", 1, unnamed=True, version=0), at("z", -1, unnamed=True, version=0),
        Describe(), stays("b", assignor="none", version=0), Describe(group=""), Describe(group="absent"),
        at("a", 1, group="absent"), at("a", -1, group="absent"), at("b", -2, instance="i"), at("b", -1), at("b", 1),
    ),
    "stale and future epochs": (
        T4, joining("a", "t", assignor="range"), at("a", KNOWN + 1), at("a", KNOWN - 1),
        at("a", KNOWN - 1, owned=GIVEN), at("a", KNOWN - 1, owned=NOTHING), at("a", KNOWN - 2, owned=NOTHING),
        joining("b", "t"), at("a", KNOWN - 1, owned=GIVEN), stays("a", owned=HALF), at("a", KNOWN - 1, owned=HALF),
        at("a", KNOWN - 1, owned=NOTHING), at("a", KNOWN - 1, owned=OTHERS), stays("a", assignor="none"),
        stays("a", assignor="uniform"), Describe(), at("a", -4), stays("a", version=0), stays("a", rebalance_ms=0),
        stays("a", rebalance_ms=-2), stays("a", topics=()), Describe(), stays("a", topics=("t",)),
        stays("a", owned=OTHERS), stays("a", owned=NOTHING), Describe(),
        # It joins again without having left.
        joining("a", "t"), stays("a", owned=GIVEN), joining("b", "t"), Describe(),
    ),
    "a static member leaves for a while and is replaced": (
        T4, joining("a", "t", instance="i"), joining("b", "t", instance="i"), stays("a", instance="i"), stays("a"),
        stays("a", instance="j"), at("a", -2, instance="j"), at("a", -2, instance="i"), Describe(),
        stays("a", instance="i"), joining("b", "t", instance="i"), Describe(), stays("a", instance="i"),
        at("a", -1, instance="i"), at("a", -2, instance="i"), stays("b", owned=GIVEN),
        stays("b", owned=GIVEN, instance="i"), joining("c", "t"), at("b", -2, instance="i"), Describe(), stays("c"),
        joining("b", "t", instance="i"), Describe(), stays("b", instance="i", owned=HALF), stays("c"),
        at("b", -1, instance="i"), Describe(), joining("d", "t", instance="i"), at("d", -2, instance="i"),
        joining("e", "t", instance="i", assignor="range"), Describe(), at("e", -2, instance="i"),
        joining("e", "t", "u", instance="i"), Describe(),
    ),
    "topics come, grow and go": (
        T4, CreateTopic("u", 2), joining("a", "t", "u", "v"), Describe(), CreateTopic("v", 2), stays("a"), Describe(),
        GrowTopic("t", 6), stays("a"), stays("a"), Describe(), Commit("a", topic="u"), DeleteTopic("u"), stays("a"),
        Describe(), FetchOffsets(), stays("a", owned=GIVEN), Describe(), CreateTopic("u", 1), stays("a"), Describe(),
        stays("a", owned=GIVEN), stays("a", topics=("u",)), stays("a", owned=GIVEN), Describe(), DeleteTopic("u"),
        DeleteTopic("v"), DeleteTopic("t"), stays("a"), stays("a"), Describe(), at("a", -1), Describe(),
    ),
    "regular expressions": (
        CreateTopic("ra", 2), CreateTopic("rb", 2), CreateTopic("s", 2), joining("a", regex="PREFIX-r.*"),
        AwaitGroupEpoch(2), Describe(), stays("a"), stays("a"), Describe(0), Describe(),
        joining("b", regex="PREFIX-r.*"), Describe(), stays("a"), stays("a", owned=HALF), stays("b"), Describe(),
        *(
            joining("c", regex=regex)
            for regex in ("(", "[", "a{2,1}", "(?<n>a)", "(?P<n>a)", r"\Q", "(?=a)", r"\1", "a**", "(?i)a", "*", "")
        ),
        Describe(), stays("c", regex="PREFIX-r.*"), Describe(), stays("c", topics=("s",), regex=""), Describe(),
        at("b", -1), Describe(), stays("a", regex="PREFIX-s", topics=("ra",)), Describe(), stays("a", regex="("),
        Describe(), stays("a", regex=""), Describe(), stays("c", regex="", topics=()), stays("c"), Describe(),
        joining("d", regex="(", version=1), joining("d", "s", regex="PREFIX-s"), Describe(),
    ),
    "offsets in the name of members": (
        T4, Commit("", -1), FetchOffsets(), Describe(), DescribeClassic(), ListAll(), joining("a", "t"), Describe(),
        Commit("a"), Commit("a", version=8), Commit("a", KNOWN - 1), Commit("a", KNOWN + 1), Commit("", -1),
        Commit("", 0), Commit("b", 1), Commit("a", version=10), Commit("a", topic="absent"),
        Commit("a", topic="absent", version=10), Commit("a", partitions=(0, 9)), FetchOffsets("a", KNOWN),
        FetchOffsets("a", KNOWN - 1), FetchOffsets("a", KNOWN + 1), FetchOffsets("b", 1), FetchOffsets("b", -1),
        FetchOffsets(None, -1, "t", (0, 1)), FetchOffsets("a", KNOWN, "t", (0, 1), version=10),
        FetchOffsets("a", KNOWN, "absent", (0, 1), version=10), FetchOffsets("a", KNOWN, "absent", (0, 1)),
        *(FetchOffsets(None, -1, "t", version=version) for version in range(1, 10)), FetchOffsets(version=7),
        DeleteOffsets(), DeleteOffsets("absent"), DeleteOffsets("t", (0, 9)), DeleteOffsets(group="absent"),
        at("a", -1), FetchOffsets(), DeleteOffsets(), Commit("a"), Commit("", -1), FetchOffsets(), DeleteGroup(),
        FetchOffsets(), Commit("a", 5, group="h"), Commit("a", -1, group="h"), Commit("a", -1, instance="i", group="h"),
        Commit("", -1, group="k", version=2), Commit("", 3, group="l", version=2), Commit("", 3, group="l"), ListAll(),
    ),
    "offsets in transactions": (
        T4, joining("a", "t"), CommitInTransaction("a"), FetchOffsets(stable=True),
        CommitInTransaction("a", commits=False, offset=7), CommitInTransaction("a", KNOWN - 1),
        CommitInTransaction("a", KNOWN + 1), CommitInTransaction("", -1), CommitInTransaction("", -2),
        CommitInTransaction("b", 1), FetchOffsets(), CommitInTransaction("a", offset=8, commits=None),
        FetchOffsets(stable=True), FetchOffsets(), Commit("a", offset=20), EndTransaction(), FetchOffsets(),
        CommitInTransaction("a", offset=9, commits=None), DeleteOffsets(), at("a", -1), DeleteOffsets(),
        FetchOffsets(stable=True), EndTransaction(), FetchOffsets(),
        CommitInTransaction("", -1, offset=10, commits=None, group="h"), ListAll(),
        FetchOffsets(group="h", stable=True), DeleteGroup("h"), ListAll(), EndTransaction(),
        FetchOffsets(group="h"), ListAll(),
        CommitInTransaction("", -1, offset=11, commits=None), DeleteTopic("t"), EndTransaction(), FetchOffsets(),
        CommitInTransaction("k", 3, group="l"), ListAll(),
    ),
    "classic members": (
        T4, Join("a", version=3), Join("a"), DescribeClassic(), Describe(), Heartbeat("a"), Commit("a"),
        CommitInTransaction("a"), Sync("a", assignments={"a": {"t": (0, 1, 2, 3)}}), Commit("a"),
        Commit("a", KNOWN + 1), Commit("a", KNOWN - 1), *(DescribeClassic(version) for version in range(7)),
        Heartbeat("a"), Heartbeat("a", KNOWN + 1), Join("b"), Join("b"), Heartbeat("a"), Commit("a"),
        DescribeClassic(), ListAll(), DeleteOffsets(), Join("a"), Collect("b"), DescribeClassic(), Sync("b"),
        Sync("a", assignments={"a": {"t": (0, 1)}, "b": {"t": (2, 3)}}), Collect("b"), DescribeClassic(),
        Heartbeat("a"), Heartbeat("b"), Sync("a"), Sync("a", protocol="x"), Sync("b", KNOWN - 1),
        Join("c", protocols=("roundrobin",)), Join("c", protocol_type="other"), DeleteGroup(), DeleteOffsets(),
        Leave("b"), Leave("b"), Heartbeat("a"), Leave("a"), DescribeClassic(), ListAll(), Commit("", -1),
        Commit("a", -1), Commit("a", -1, instance="i"), Commit("a", 2), DeleteOffsets(), DeleteGroup(),
        *(Join("d", version=version) for version in range(10)),
    ),
    "static classic members": (
        T4, Join("a", instance="i"), Sync("a", assignments={"a": {"t": (0, 1, 2, 3)}}), Join("b", instance="i"),
        Heartbeat("a", instance="i"), Sync("b", instance="i"), Heartbeat("b", instance="i"),
        Heartbeat("b", instance="j"), Join("b", instance="j"), DescribeClassic(), Join("c", instance="i", version=8),
        Join("d", instance="k"), Heartbeat("c", instance="i"), Join("e", instance="i"), Collect("d"),
        DescribeClassic(), Sync("e", instance="i", assignments={"e": {"t": (0, 1)}, "d": {"t": (2, 3)}}), Collect("d"),
        Sync("d", instance="k"), DescribeClassic(), Leave("", instance="k"), Leave("", instance="k"),
        Leave("e", instance="k"), Leave("a", instance="i"), Join("e", instance="i", topics=("t", "u")),
        Leave("e", instance="i"), DescribeClassic(),
    ),
    "classic requests that cannot be right": (
        Leave("z", version=2, group="absent"), Leave("z", group="absent"), Heartbeat("z", 1, group="absent"),
        Sync("z", 1, group="absent"), Join("z", group=""), Join("z", session_ms=10), Join("z", protocols=()),
        Join("z", protocol_type=""), Join("z", protocol_type="", protocols=()), Heartbeat("z", 1, group=""),
        Leave("z", group=""), Sync("z", 1, group=""), DescribeClassic(group=""), DeleteGroup(""), ListAll(),
    ),
    "classic members and new ones share a group": (
        T4, CreateTopic("u", 6), Join("a", instance="i"), joining("b", "t"), Describe(), DescribeClassic(),
        Sync("a", instance="i", assignments={"a": {"t": (0, 1, 2, 3)}}), Heartbeat("a", instance="i"), Describe(),
        ListAll(), Commit("a", instance="i"), Commit("b"), Join("a", instance="i", owned=GIVEN),
        Sync("a", instance="i"), Describe(), Heartbeat("a", instance="i"), Join("a", instance="i", owned=GIVEN),
        Sync("a", instance="i"), stays("b"), Describe(), Join("c", instance="j", protocols=("roundrobin",)),
        Join("c", instance="j", protocols=("roundrobin", "range"), topics=("t", "u")), Sync("c", instance="j"),
        Sync("c", instance="j", protocol="roundrobin"), Describe(), Heartbeat("a", instance="i"),
        Heartbeat("c", instance="j"), Join("a", instance="i", owned=GIVEN), Sync("a", instance="i"), stays("b"),
        stays("b", owned=HALF), stays("b", owned=NOTHING), Heartbeat("c", instance="j"),
        Join("c", instance="j", topics=("t", "u")), Sync("c", instance="j"), Describe(), stays("c"), Heartbeat("b"),
        Leave("b"), stays("b"), joining("b", "t"), at("b", -1), Describe(), DescribeClassic(), ListAll(),
        Heartbeat("a", instance="i"), Heartbeat("c", instance="j"), Join("a", instance="i", owned=GIVEN),
        Join("c", instance="j", owned=GIVEN), Collect("a"), Sync("c", instance="j"),
        Sync("a", instance="i", assignments={"a": {"t": (0, 1)}, "c": {"t": (2, 3)}}), Collect("c"),
        DescribeClassic(), Leave("a", instance="i"), Leave("c", instance="j"), joining("d", "t"), Describe(),
        Join("e", instance="m"), Describe(), at("d", -1), DescribeClassic(), Leave("e", instance="m"), ListAll(),
    ),
    "a static member changes its protocol": (
        T4, Join("a", instance="i"), Sync("a", instance="i", assignments={"a": {"t": (0, 1, 2, 3)}}),
        joining("b", "t", instance="i"), Describe(), DescribeClassic(), Heartbeat("a", instance="i"),
        stays("b", instance="i"), joining("c", "t", instance="j"), Describe(), stays("b", instance="i", owned=HALF),
        stays("c", instance="j"), Join("d", instance="j"), Sync("d", instance="j"), Describe(),
        stays("c", instance="j"), Join("e", instance="i", owned=GIVEN), ListAll(), DescribeClassic(),
        Heartbeat("e", instance="i"), Heartbeat("d", instance="j"), Sync("e", instance="i"),
        Heartbeat("b", instance="i"), joining("b", "u", instance="i", group="h"),
        # The generation goes on from before the subscription changed.
        Join("f", instance="i", topics=("t",), group="h"), Join("f", instance="i", topics=("t", "u"), group="h"),
        joining("b", "t", instance="i", group="h"),
        # Not who the instance id belongs to.
        Join("e", instance="i", group="h"),
    ),
    "empty groups change their protocol": (
        T4, Commit("", -1), joining("a", "t"), Describe(), FetchOffsets(), at("a", -1), ListAll(),
        Join("b"), ListAll(), Join("b"), DescribeClassic(), FetchOffsets(), Leave("b"),
        joining("c", "t"), Describe(), at("c", -1), Commit("", -1), ListAll(), DescribeClassic(),
        Join("d", protocol_type="other"), Join("d", protocol_type="other"), ListAll(), joining("c", "t"),
        DescribeClassic(), Sync("d"), joining("c", "t"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("operations", CONVERSATIONS.values(), ids=CONVERSATIONS.keys())
def test_answers_are_those_of_kafka(ports: Ports, operations: tuple[Operation, ...]) -> None:
    check(ports, operations)


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + SEEDS))
def test_random_conversations_go_as_with_kafka(ports: Ports, seed: int) -> None:
    check(ports, random_conversation(seed), until=forgets_an_empty_group)


FULL: tuple[Operation, ...] = (
    T4, Join("a"), Join("a"), Sync("a"), Join("b"), Join("b"), Join("c"), Join("a"), Collect("b"),
    Join("c", instance="i"), Sync("a"), Sync("b"), Join("c"), Leave("b"), Join("c"), Join("c"), Join("d"), Join("a"),
    Collect("c"), DescribeClassic(), joining("e", "t", group="h"), joining("f", "t", group="h"),
    joining("g", "t", group="h"), Join("k", group="h"), ListAll(),
)  # fmt: skip


@pytest.mark.real
def test_groups_that_are_full() -> None:
    with running(SETTINGS | {"group.max.size": "2", "group.consumer.max.size": "2"}) as both:
        check(both, FULL)


@pytest.mark.real
@pytest.mark.parametrize("policy", ["disabled", "upgrade", "downgrade", "Bidirectional"])
def test_groups_change_their_protocol_as_the_policy_says(policy: str) -> None:
    with running(SETTINGS | {"group.consumer.migration.policy": policy}) as both:
        for name in (
            "classic members and new ones share a group",
            "a static member changes its protocol",
            "empty groups change their protocol",
        ):
            check(both, CONVERSATIONS[name])
