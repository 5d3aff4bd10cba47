"""Subscriptions, assignments and the sticky assignor."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kappaflow.client.assignors import GroupMember, StickyAssignor, spread_evenly
from kappaflow.client.consumer_protocol import (
    Assignment,
    Subscription,
    decode_assignment,
    decode_subscription,
    encode_assignment,
    encode_subscription,
)
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import SerializationError

PARTITIONS = st.lists(
    st.builds(TopicPartition, st.sampled_from(["a", "b", "한국"]), st.integers(0, 5)), unique=True
).map(lambda rows: tuple(sorted(rows)))


def test_a_subscription_has_kafkas_bytes() -> None:
    subscription = Subscription(("t",), b"\x07", (TopicPartition("t", 2),))
    golden = "0001 00000001 0001 74 00000001 07 00000001 0001 74 00000001 00000002"
    assert encode_subscription(subscription).hex() == golden.replace(" ", "")


def test_an_assignment_has_kafkas_bytes() -> None:
    assignment = Assignment((TopicPartition("t", 0), TopicPartition("t", 2)))
    golden = "0000 00000001 0001 74 00000002 00000000 00000002 ffffffff"
    assert encode_assignment(assignment).hex() == golden.replace(" ", "")


@given(st.lists(st.text(max_size=5), max_size=3), st.binary(max_size=9), PARTITIONS)
def test_round_trip(topics: list[str], user_data: bytes, partitions: tuple[TopicPartition, ...]) -> None:
    subscription = Subscription(tuple(topics), user_data, partitions)
    assert decode_subscription(encode_subscription(subscription)) == subscription
    assignment = Assignment(partitions, user_data)
    assert decode_assignment(encode_assignment(assignment)) == assignment


def test_the_first_version_has_no_owned_partitions_and_no_bytes_are_no_assignment() -> None:
    assert decode_subscription(bytes.fromhex("0000 00000001 0001 74 ffffffff")) == Subscription(("t",))
    assert decode_assignment(b"") == Assignment(())


@pytest.mark.parametrize("cut", range(1, 28))
def test_cut_bytes_are_refused(cut: int) -> None:
    whole = encode_subscription(Subscription(("topic",), b"data", (TopicPartition("t", 2),)))
    with pytest.raises(SerializationError, match="subscription"):
        decode_subscription(whole[: len(whole) - cut])


@given(
    st.dictionaries(st.sampled_from("abc"), st.integers(1, 6)),
    st.lists(st.sets(st.sampled_from("abc"), min_size=1), min_size=1, max_size=4),
)
def test_every_partition_goes_to_one_subscriber(counts: dict[str, int], topics: list[set[str]]) -> None:
    subscriptions = {f"m{i}": Subscription(tuple(sorted(t))) for i, t in enumerate(topics)}
    spread = spread_evenly(subscriptions, counts)
    given_out = sorted(p for rows in spread.values() for p in rows)
    wanted = set().union(*topics)
    assert given_out == sorted(TopicPartition(t, p) for t in counts if t in wanted for p in range(counts[t]))
    assert all(p.topic in subscriptions[member].topics for member, rows in spread.items() for p in rows)


@given(st.integers(1, 12), st.integers(1, 5), st.integers(1, 5))
def test_numbers_are_even_and_no_more_moves_than_that_needs(partitions: int, before: int, after: int) -> None:
    both = Subscription(("t",))
    old = spread_evenly({f"m{i}": both for i in range(before)}, {"t": partitions})
    owned = {m: both._replace(owned=tuple(old.get(m, []))) for m in (f"m{i}" for i in range(after))}
    new = spread_evenly(owned, {"t": partitions})
    sizes = [len(rows) for rows in new.values()]
    assert max(sizes) - min(sizes) <= 1
    moved = sum(p not in old.get(member, []) for member, rows in new.items() for p in rows)
    if after >= before:
        assert moved == sum(len(rows) for member, rows in new.items() if member not in old)
    else:
        assert moved == sum(len(rows) for member, rows in old.items() if member not in new)


def test_two_claims_to_one_partition_are_settled() -> None:
    claim = Subscription(("t",), owned=(TopicPartition("t", 0),))
    spread = spread_evenly({"a": claim, "b": claim}, {"t": 2})
    assert spread == {"a": [TopicPartition("t", 0)], "b": [TopicPartition("t", 1)]}


def test_a_restarted_static_member_keeps_its_turn() -> None:
    assignor = StickyAssignor()
    data = assignor.subscription(["t"], b"")
    first = {"x1": GroupMember("x1", "one", data), "x2": GroupMember("x2", "two", data)}
    again = {"z1": GroupMember("z1", "one", data), "a2": GroupMember("a2", "two", data)}
    old, new = assignor.assign(first, {"t": 2}), assignor.assign(again, {"t": 2})
    assert (new["z1"], new["a2"]) == (old["x1"], old["x2"])
