"""Members of a query's group speak Kafka's own format: a broker that cannot read a subscription completes no join."""

from __future__ import annotations

import msgspec

from kappaflow.client.assignors import GroupMember
from kappaflow.client.consumer_protocol import decode_assignment, decode_subscription
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.sql.engine import Engine
from kappaflow.streams.execution.task_assignor import (
    TaskAssignor,
    TaskId,
    decode_member,
    decode_tasks,
    encode_member,
    encode_tasks,
    ends_all,
)
from kappaflow.streams.topology import Topology

URL = "http://127.0.0.1:8088"


def repartitioned() -> Topology:
    engine = Engine("default_", {})
    statements = (
        "CREATE STREAM a (k INT KEY, v INT) WITH (kafka_topic='a', value_format='JSON', partitions=2);",
        "CREATE TABLE c AS SELECT v, COUNT(*) AS n FROM a GROUP BY v;",
    )
    for number, statement in enumerate(statements):
        (parsed,) = engine.parse(statement)
        engine.apply(engine.plan(parsed, {}, number))
    (query,) = engine.metastore.queries.values()
    return query.build_topology()


def test_subscriptions_and_assignments_are_kafkas_with_tasks_as_user_data() -> None:
    topology = repartitioned()
    topics = [topic for sub in topology.subtopologies for topic in sub.sources]
    assignor = TaskAssignor(topology, URL)
    metadata = assignor.subscription(topics, b"")
    assert decode_subscription(metadata).topics == tuple(topics)
    assert decode_member(metadata) == (URL, b"", False)

    (assignment,) = assignor.assign({"m": GroupMember("m", None, metadata)}, dict.fromkeys(topics, 2)).values()
    assert decode_tasks(assignment) == [TaskId(0, 0), TaskId(0, 1), TaskId(1, 0), TaskId(1, 1)]
    assert set(decode_assignment(assignment).partitions) == {TopicPartition(t, p) for t in topics for p in (0, 1)}

    # What a member had comes back to the leader with its next subscription.
    again = decode_member(assignor.subscription(topics, assignment))
    assert again == (URL, assignment, False)
    assert (decode_member(b""), decode_tasks(b"")) == (("", b"", False), [])


def test_a_member_that_asks_for_it_ends_all() -> None:
    asks, other = (TaskAssignor(repartitioned()) for _ in range(2))
    asks.shuts_down = True
    told = {"a": asks.subscription(["a"], b""), "b": other.subscription(["a"], b"")}
    members = {name: GroupMember(name, None, data) for name, data in told.items()}
    given = other.assign(members, {"a": 2})
    assert all(ends_all(assignment) and decode_tasks(assignment) == [] for assignment in given.values())


def test_members_of_earlier_versions_read_what_says_nothing_new() -> None:
    data = decode_subscription(encode_member(b"x", "http://a")).user_data
    assert msgspec.msgpack.decode(data, type=tuple[str, bytes]) == ("http://a", b"x")
    assert not ends_all(encode_tasks([TaskId(0, 1)]))
