"""The answer to ApiVersions beside that of a real Apache Kafka: the same ranges, and all that is left out is known."""

from __future__ import annotations

from typing import Any

import pytest

from kappaflow.broker.api_table import API_TABLE
from kappaflow.testing.raw_client import RawClient
from kappaflow.wire.message import Message

pytestmark = [pytest.mark.java]

LEFT_OUT = {
    **dict.fromkeys((38, 39, 40, 41), "delegation tokens"),
    **dict.fromkeys((76, 77, 78, 79, 83, 84, 85, 86, 87, 90, 91, 92), "share groups"),
    **dict.fromkeys((80, 81), "voters of a quorum: there is one node"),
    **dict.fromkeys((88, 89), "streams groups"),
}
FEATURES_LEFT_OUT = {
    "kraft.version": "a quorum of one",
    "metadata.version": "the metadata are our own",
    "share.version": "share groups",
    "streams.version": "streams groups",
    "eligible.leader.replicas.version": "there are no replicas",
}


def ask(address: str, version: int) -> Message:
    body = Message(client_software_name="test", client_software_version="1")
    with RawClient(int(address.split(":")[1])) as client:
        return client.ask(18, version, body)


@pytest.mark.parametrize("version", range(API_TABLE[18].max_version + 1))
def test_ranges_are_those_of_kafka(pair: Any, version: int) -> None:
    ours, theirs = ask(pair.ours, version), ask(pair.theirs, version)
    our_ranges, their_ranges = (
        {each.api_key: (each.min_version, each.max_version) for each in answer.api_keys} for answer in (ours, theirs)
    )
    assert our_ranges == {key: found for key, found in their_ranges.items() if key not in LEFT_OUT}
    assert set(LEFT_OUT) <= set(their_ranges)
    if version < 3:
        return
    for field, low, high in (
        ("supported_features", "min_version", "max_version"),
        ("finalized_features", "min_version_level", "max_version_level"),
    ):
        our_features, their_features = (
            {each.name: (getattr(each, low), getattr(each, high)) for each in getattr(answer, field)}
            for answer in (ours, theirs)
        )
        # Version 3 leaves out features that begin at 0, but some clients look for them all the same.
        if version > 3 or field == "finalized_features":
            known = {name: found for name, found in their_features.items() if name not in FEATURES_LEFT_OUT}
            assert our_features == known


@pytest.mark.parametrize("version", [5, 99])
def test_a_version_to_come_gets_the_oldest_answer(pair: Any, version: int) -> None:
    answers: list[tuple[int, list[tuple[int, int, int]]]] = []
    for address in (pair.ours, pair.theirs):
        with RawClient(int(address.split(":")[1])) as client:
            frame = bytes.fromhex("0012") + version.to_bytes(2, "big") + bytes.fromhex("00000001ffff00")
            client.send_bytes(len(frame).to_bytes(4, "big") + frame)
            _, answer = client.receive(18, 0)
        ranges = [(each.api_key, each.min_version, each.max_version) for each in answer.api_keys]
        answers.append((answer.error_code, sorted(each for each in ranges if each[0] not in LEFT_OUT)))
    assert answers[0] == answers[1]
