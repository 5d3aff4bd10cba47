"""Coordinators of many groups are looked up by one request, or one by one where brokers know no other way."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from kappaflow.client.connection import ClientConfig, Connection
from kappaflow.client.coordinator import Coordinator
from kappaflow.client.group_lanes import GroupLanes
from kappaflow.client.kafka_python import consumer_messages
from kappaflow.errors import BrokerError


class Cluster:
    """Answers FindCoordinator like brokers that take many keys, or only one."""

    def __init__(self, *, takes_many: bool) -> None:
        self.config = ClientConfig("nowhere:1")
        self.takes_many = takes_many
        self.requests: list[list[str]] = []

    def request(self, message: Any, _what: str, _node: int | None = None) -> Any:
        keys = list(message.coordinator_keys) if self.takes_many else [message.key]
        self.requests.append(keys)
        rows = [
            SimpleNamespace(key=key, node_id=len(key), error_code=30 if key == "secret" else 0, error_message=None)
            for key in keys
        ]
        return (
            SimpleNamespace(coordinators=rows) if self.takes_many else SimpleNamespace(**vars(rows[0]), coordinators=[])
        )


@pytest.mark.parametrize(("takes_many", "requests"), [(True, 1), (False, 3)])
def test_each_group_gets_its_coordinator(takes_many: bool, requests: int) -> None:
    cluster = Cluster(takes_many=takes_many)
    coordinator = Coordinator(cast(Connection, cluster), "a")
    found = coordinator._ask({"a": None, "bb": None, "ccc": None})
    assert {key: row.node_id for key, row in found.items()} == {"a": 1, "bb": 2, "ccc": 3}
    assert len(cluster.requests) == requests


def test_a_group_that_may_not_be_seen_is_named() -> None:
    coordinator = Coordinator(cast(Connection, Cluster(takes_many=True)), "secret")
    with pytest.raises(BrokerError, match="coordinator of group secret: GROUP_AUTHORIZATION_FAILED"):
        coordinator._find()


class Manager:
    """kafka-python's connections as the lanes see them."""

    def __init__(self) -> None:
        self.idle_joins: list[str] = []
        self.join_numbers = iter(range(100))
        self._conns: dict[str, Any] = {}
        self.cluster = self
        self._coordinator_brokers: dict[str, Any] = {}
        self.host = "one"
        self.sent: list[str] = []

    def broker_metadata(self, node_id: Any) -> Any:
        known = self._coordinator_brokers.get(node_id)
        return known if node_id != "coordinator" else SimpleNamespace(host=self.host, port=1)

    def send(self, _request: Any, node_id: str, request_timeout_ms: float | None = None) -> None:
        del request_timeout_ms
        self.sent.append(node_id)
        if node_id not in self._conns:
            connection = SimpleNamespace(connected=True, in_flight_requests=[])
            connection.close = lambda: self._conns.pop(node_id)
            self._conns[node_id] = connection


def join(lanes: GroupLanes) -> None:
    lanes.send(consumer_messages.JoinGroupRequest(), "coordinator")


def test_a_connection_is_taken_by_the_next_who_joins_but_never_by_two() -> None:
    manager = Manager()
    first, second, third = (GroupLanes(manager) for _ in range(3))
    join(first)
    join(second)
    assert manager.sent == ["join-0", "join-1"]
    first.settle()
    join(third)
    join(third)
    join(first)
    assert manager.sent[2:] == ["join-0", "join-0", "join-2"]
    for lanes in (second, third, first):
        lanes.settle()
    assert manager.idle_joins == ["join-1"]
    assert list(manager._conns) == ["join-1"], "one stays, the others are closed"


def test_a_connection_whose_join_has_no_answer_is_closed() -> None:
    manager = Manager()
    lanes, other = GroupLanes(manager), GroupLanes(manager)
    join(lanes)
    manager._conns["join-0"].in_flight_requests.append("JoinGroup")
    lanes.end()
    assert not manager._conns and not manager.idle_joins
    join(other)
    assert manager.sent == ["join-0", "join-1"]


def test_a_coordinator_that_has_moved_is_joined_by_a_connection_to_it() -> None:
    manager = Manager()
    lanes, other = GroupLanes(manager), GroupLanes(manager)
    join(lanes)
    lanes.settle()
    manager.host = "two"
    join(other)
    assert manager.sent == ["join-0", "join-1"]
    manager.host = "three"
    join(other)
    assert manager.sent[-1] == "join-2"
    assert manager._coordinator_brokers["join-2"].host == "three"
