"""Joins have a connection of their own: what comes over the other one late says nothing about a new generation."""

from __future__ import annotations

import asyncio
import itertools
from types import SimpleNamespace
from typing import Any

import pytest

from kappaflow.client import membership
from kappaflow.client.group_lanes import GroupLanes
from kappaflow.client.kafka_python import Future, consumer_messages, kafka_errors
from kappaflow.wire.error_codes import ErrorCode

OLD, NEW = (SimpleNamespace(generation_id=number, member_id="m", protocol="p") for number in (1, 2))
JOIN = consumer_messages.JoinGroupRequest


class Connections:
    """Stands for those to the brokers."""

    def __init__(self) -> None:
        self.cluster = SimpleNamespace(broker_metadata=lambda _: None, _coordinator_brokers={})
        self._conns: dict[str, Any] = {}
        self.idle_joins: list[str] = []
        self.join_numbers = itertools.count()
        self.sent: list[str] = []

    def send(self, request: Any, **_: Any) -> Any:
        self.sent.append(type(request).__name__)
        return Future().success(None)


def coordinator_whose_heartbeat_ends_in(code: ErrorCode, *, joins_meanwhile: bool) -> Any:
    """One of a stable member; its heartbeat is answered before or after it has joined the next generation."""
    coordinator: Any = object.__new__(membership._Coordinator)
    vars(coordinator).update(
        config={"group_id": "g", "group_instance_id": "i"},
        coordinator_id="c",
        _generation=OLD,
        _lock=membership.threading.RLock(),
        _sensors=None,
        _membership=SimpleNamespace(heartbeat_interval_ms=lambda known: known),
        heartbeat=SimpleNamespace(config={"heartbeat_interval_ms": 1}),
        rejoin_needed=False,
        _stirred=Future().success(None),
        coordinator_unknown=lambda: False,
    )

    async def send(*_: Any, **__: Any) -> Any:
        if joins_meanwhile:
            coordinator._generation = NEW
        return SimpleNamespace(error_code=int(code))

    coordinator._manager = SimpleNamespace(send=send)
    return coordinator


@pytest.mark.parametrize("code", [ErrorCode.ILLEGAL_GENERATION, ErrorCode.UNKNOWN_MEMBER_ID])
def test_an_answer_about_the_generation_before_does_not_take_the_new_one_away(code: ErrorCode) -> None:
    coordinator = coordinator_whose_heartbeat_ends_in(code, joins_meanwhile=True)
    asyncio.run(coordinator._send_heartbeat_request())
    assert coordinator._generation is NEW
    assert not coordinator.rejoin_needed


@pytest.mark.parametrize("code", [ErrorCode.ILLEGAL_GENERATION, ErrorCode.UNKNOWN_MEMBER_ID])
def test_an_answer_about_this_generation_counts(code: ErrorCode) -> None:
    coordinator = coordinator_whose_heartbeat_ends_in(code, joins_meanwhile=False)
    with pytest.raises(kafka_errors.for_code(int(code))):
        asyncio.run(coordinator._send_heartbeat_request())
    assert coordinator._generation.generation_id == -1
    assert coordinator.rejoin_needed


def test_a_member_that_leaves_does_not_join_again() -> None:
    """The coordinator answers a join that waits with UNKNOWN_MEMBER_ID when its member leaves; that is tried again."""
    connections = Connections()
    lanes = GroupLanes(connections)
    lanes.send(JOIN(), node_id="c")
    lanes.hold_no_more()
    assert lanes.send(JOIN(), node_id="c").failed()
    assert lanes.send(consumer_messages.LeaveGroupRequest(), node_id="c").succeeded()
    assert connections.sent == ["JoinGroupRequest", "LeaveGroupRequest"]
