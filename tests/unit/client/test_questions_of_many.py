"""Offsets that many ask for at once: each partition and group once a request, and each asker its own answer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from kappaflow.client.connection import Connection
from kappaflow.client.listed_offsets import ListedOffset, ask_offsets
from kappaflow.client.offset_fetch import CommittedOffset, CommittedQuestion, ask_committed
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import BrokerError, RetriableBrokerError

A, B, GONE, IDLE = (TopicPartition(name, 0) for name in ("a", "b", "gone", "idle"))


class Brokers:
    """Answers both requests; node 3 is away."""

    def __init__(self, *, takes_many: bool = True) -> None:
        self.takes_many = takes_many
        self.requests: list[tuple[int, list[str]]] = []

    def request(self, message: Any, what: str, node: int) -> Any:
        if node == 3:
            raise RetriableBrokerError(13, "NETWORK_EXCEPTION", what)
        return self.offsets(message, node) if what == "list offsets" else self.committed(message, node)

    def offsets(self, message: Any, node: int) -> Any:
        self.requests.append((node, [topic.name for topic in message.topics]))
        return SimpleNamespace(
            topics=[
                SimpleNamespace(
                    name=topic.name,
                    partitions=[
                        SimpleNamespace(
                            partition_index=row.partition_index,
                            error_code=0 if topic.name != "b" else 6,
                            offset=row.timestamp + 100,
                            timestamp=-1,
                            leader_epoch=node,
                        )
                        for row in topic.partitions
                    ],
                )
                for topic in message.topics
            ]
        )

    def committed(self, message: Any, node: int) -> Any:
        groups = list(message.groups) if self.takes_many else [message]
        self.requests.append((node, [group.group_id for group in groups]))
        rows = [
            SimpleNamespace(
                group_id=group.group_id,
                error_code=30 if group.group_id == "secret" else 0,
                topics=[
                    SimpleNamespace(
                        name=topic.name,
                        partitions=[
                            SimpleNamespace(
                                partition_index=0,
                                error_code=0,
                                committed_offset=len(group.group_id) if topic.name != "b" else -1,
                                committed_leader_epoch=None,
                                metadata=None,
                            )
                        ],
                    )
                    for topic in group.topics or ()
                ],
            )
            for group in groups
        ]
        return SimpleNamespace(groups=rows) if self.takes_many else SimpleNamespace(**vars(rows[0]), groups=[])


def test_offsets_are_asked_for_at_the_leaders_and_each_partition_once_a_request() -> None:
    brokers = Brokers()
    wanted = {(A, -1): 1, (A, -2): 1, (B, -1): None, (GONE, -1): None, (IDLE, -1): None, (A, 7): 3}
    leaders = {B: 2, IDLE: -1}
    asked: list[list[str]] = []

    def leaders_of(topics: Any) -> dict[TopicPartition, int]:
        asked.append(list(topics))
        return leaders

    found = ask_offsets(cast(Connection, brokers), leaders_of, 0, wanted)
    assert asked == [["b", "gone", "idle"]]
    assert brokers.requests == [(1, ["a"]), (2, ["b"]), (1, ["a"])]
    assert found.keys() == wanted.keys()
    assert [found[A, -1], found[A, -2]] == [ListedOffset(99, -1, 1), ListedOffset(98, -1, 1)]
    names = {key: row.name for key, row in found.items() if isinstance(row, BrokerError)}
    assert names == {
        (B, -1): "NOT_LEADER_OR_FOLLOWER",
        (GONE, -1): "UNKNOWN_TOPIC_OR_PARTITION",
        (IDLE, -1): "LEADER_NOT_AVAILABLE",
        (A, 7): "NETWORK_EXCEPTION",
    }
    retriable = {key for key, row in found.items() if isinstance(row, RetriableBrokerError)}
    assert retriable == {(B, -1), (IDLE, -1), (A, 7)}, "a partition that does not exist is not waited for"


@pytest.mark.parametrize("takes_many", [True, False])
def test_committed_offsets_are_asked_for_at_the_coordinators_and_each_group_once_a_request(takes_many: bool) -> None:
    brokers = Brokers(takes_many=takes_many)
    one, other = frozenset({A, B}), frozenset({A})
    wanted: dict[CommittedQuestion, int] = {
        ("x", one): 1,
        ("yy", other): 1,
        ("secret", one): 1,
        ("x", other): 1,
        ("zzz", one): 2,
        ("far", None): 3,
    }
    found = ask_committed(cast(Connection, brokers), False, wanted)
    if takes_many:
        assert brokers.requests == [(1, ["x", "yy", "secret"]), (2, ["zzz"]), (1, ["x"])]
    else:
        assert brokers.requests == [(1, ["x"]), (1, ["yy"]), (1, ["secret"]), (2, ["zzz"]), (1, ["x"])]
    answers = {key: row for key, row in found.items() if not isinstance(row, BrokerError)}
    assert answers == {
        ("x", one): {A: CommittedOffset(1)},
        ("yy", other): {A: CommittedOffset(2)},
        ("x", other): {A: CommittedOffset(1)},
        ("zzz", one): {A: CommittedOffset(3)},
    }
    assert "offsets of group secret: GROUP_AUTHORIZATION_FAILED" in str(found["secret", one])
    assert isinstance(found["far", None], RetriableBrokerError)
