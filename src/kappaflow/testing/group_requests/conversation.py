"""One conversation with one broker: says operations and gives the answers in names of ours."""

from __future__ import annotations

import select
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from kappaflow.broker.coordinators.consumer_protocol import read_assignment, write_assignment
from kappaflow.client.consumer_protocol import Subscription, encode_subscription
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import BrokerUnreachable
from kappaflow.runtime.closing import Closing
from kappaflow.testing.group_requests import operations as said
from kappaflow.testing.group_requests.answers import Names, translated
from kappaflow.testing.raw_client import RawClient
from kappaflow.wire.message import ZERO_UUID, Message

Answer = Any
"""Messages become dictionaries without texts and times; ids become names."""

NO_ANSWER = "no answer yet"
ENDED = "the connection ended"
KNOWN_SPAN = 1_000
SETTLE_SECONDS = 20
_READS = (said.Describe, said.DescribeClassic, said.ListAll, said.FetchOffsets)
_RETRIED = frozenset({14, 15, 16, 51})
"""A coordinator that is still loading, or a transaction that is still being ended."""


@dataclass
class _Member:
    """What a member of this conversation knows.

    Attributes:
        connection: its own.
        member_id: its id; empty until it has one.
        epoch: what it was last told.
        given: partitions by topic name, as last given.
        waits_for: (API key, version) of the request that is not answered yet.
    """

    connection: RawClient
    member_id: str = ""
    epoch: int = 0
    given: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    waits_for: tuple[int, int] | None = None


class Conversation(Closing):
    """Says operations to one broker.

    Args:
        port: the broker's.
        prefix: makes topics, groups and members unique on the broker; the same for brokers that are compared.
    """

    def __init__(self, port: int, prefix: str) -> None:
        self._port = port
        self._prefix = prefix
        self._client = RawClient(port)
        self._members: dict[str, _Member] = {}
        self._topic_ids: dict[str, UUID] = {}
        self._partitions: dict[str, int] = {}
        self._probes = 0
        self._producer: dict[str, Any] | None = None
        self._names = Names(prefix)
        self._find_coordinators()

    def close(self) -> None:
        """Delete the topics and hang up."""
        for topic in list(self._topic_ids):
            with suppress(OSError):
                self._delete_topic(topic)
        self._client.close()
        for member in self._members.values():
            member.connection.close()

    def say(self, operation: said.Operation) -> Answer:
        """Say one thing and give its answer, or None where the answer is collected later."""
        if isinstance(operation, _READS):
            self._await_writes()
        return getattr(self, f"_say_{type(operation).__name__}")(operation)

    def has_answer(self, name: str, seconds: float) -> bool:
        """Whether the answer that a member waits for has come, or comes within so long."""
        member = self._member(name)
        return member.waits_for is not None and bool(select.select([member.connection], [], [], seconds)[0])

    # -- consumer groups ----------------------------------------------------------------------------------

    def _say_MemberHeartbeat(self, wanted: said.MemberHeartbeat) -> Answer:  # noqa: N802
        member = self._member(wanted.member)
        if not member.member_id and not wanted.unnamed:
            self._learn_id(wanted.member, f"{self._prefix}-{wanted.member}")
        topics = wanted.topics
        body = Message(
            group_id=self._group(wanted.group),
            member_id=member.member_id,
            member_epoch=self._epoch(member, wanted.epoch),
            instance_id=wanted.instance,
            rack_id=wanted.rack,
            rebalance_timeout_ms=wanted.rebalance_ms,
            subscribed_topic_names=None if topics is None else [self._topic(topic) for topic in topics],
            subscribed_topic_regex=self._regex(wanted.regex),
            server_assignor=wanted.assignor,
            topic_partitions=self._owned_by_id(member, wanted.owned),
        )
        answer = self._ask(member.connection, 68, wanted.version, body)
        if not answer.error_code:
            self._learn_id(wanted.member, answer.member_id)
            member.epoch = answer.member_epoch
            if answer.assignment is not None:
                member.given = {
                    self._names.topic_of(each.topic_id): list(each.partitions)
                    for each in answer.assignment.topic_partitions
                }
        return self._translated(answer)

    def _say_Describe(self, wanted: said.Describe) -> Answer:  # noqa: N802
        body = Message(group_ids=[self._group(wanted.group)], include_authorized_operations=True)
        return self._translated(self._ask(self._client, 69, wanted.version, body))

    def _say_AwaitGroupEpoch(self, wanted: said.AwaitGroupEpoch) -> Answer:  # noqa: N802
        body = Message(group_ids=[self._group(wanted.group)], include_authorized_operations=False)
        deadline = time.monotonic() + SETTLE_SECONDS
        while (epoch := self._client.ask(69, 0, body).groups[0].group_epoch) < wanted.epoch:
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        return epoch

    # -- groups of either kind ----------------------------------------------------------------------------

    def _say_DescribeClassic(self, wanted: said.DescribeClassic) -> Answer:  # noqa: N802
        body = Message(groups=[self._group(wanted.group)], include_authorized_operations=wanted.version >= 3)
        return self._translated(self._ask(self._client, 15, wanted.version, body))

    def _say_ListAll(self, wanted: said.ListAll) -> Answer:  # noqa: N802
        body = Message(states_filter=list(wanted.states), types_filter=list(wanted.types))
        answer = self._ask(self._client, 16, wanted.version, body)
        answer.groups = [each for each in answer.groups if each.group_id.startswith(f"{self._prefix}-")]
        return self._translated(answer)

    def _say_DeleteGroup(self, wanted: said.DeleteGroup) -> Answer:  # noqa: N802
        return self._translated(self._ask(self._client, 42, 2, Message(groups_names=[self._group(wanted.group)])))

    # -- offsets ------------------------------------------------------------------------------------------

    def _say_Commit(self, wanted: said.Commit) -> Answer:  # noqa: N802
        member = self._member(wanted.member) if wanted.member else None
        body = Message(
            group_id=self._group(wanted.group),
            generation_id_or_member_epoch=self._epoch(member, wanted.epoch),
            member_id=member.member_id if member else "",
            group_instance_id=wanted.instance,
            retention_time_ms=-1,
            topics=[
                Message(
                    name=self._topic(wanted.topic),
                    topic_id=self._topic_ids.get(wanted.topic, UUID(int=7)),
                    partitions=[
                        Message(
                            partition_index=number,
                            committed_offset=wanted.offset,
                            committed_leader_epoch=-1,
                            committed_metadata="",
                        )
                        for number in wanted.partitions
                    ],
                )
            ],
        )
        return self._translated(self._ask(self._client, 8, wanted.version, body))

    def _say_FetchOffsets(self, wanted: said.FetchOffsets) -> Answer:  # noqa: N802
        member = self._member(wanted.member) if wanted.member else None
        topics = None
        if wanted.topic is not None:
            topic_id = self._topic_ids.get(wanted.topic, UUID(int=7))
            topics = [
                Message(name=self._topic(wanted.topic), topic_id=topic_id, partition_indexes=list(wanted.partitions))
            ]
        group = Message(
            group_id=self._group(wanted.group),
            member_id=member.member_id if member else None,
            member_epoch=self._epoch(member, wanted.epoch),
            topics=topics,
        )
        body = (
            Message(groups=[group], require_stable=wanted.stable)
            if wanted.version >= 8
            else Message(group_id=group.group_id, topics=topics, require_stable=wanted.stable)
        )
        return self._translated(self._ask(self._client, 9, wanted.version, body))

    def _say_DeleteOffsets(self, wanted: said.DeleteOffsets) -> Answer:  # noqa: N802
        partitions = [Message(partition_index=number) for number in wanted.partitions]
        topics = [Message(name=self._topic(wanted.topic), partitions=partitions)]
        return self._translated(
            self._ask(self._client, 47, 0, Message(group_id=self._group(wanted.group), topics=topics))
        )

    def _say_CommitInTransaction(self, wanted: said.CommitInTransaction) -> Answer:  # noqa: N802
        member = self._member(wanted.member) if wanted.member else None
        if self._producer is None:
            self._producer = self._begin_transaction()
        added = self._retried(25, 4, Message(**self._producer, group_id=self._group(wanted.group)))
        partition = Message(
            partition_index=0, committed_offset=wanted.offset, committed_leader_epoch=-1, committed_metadata=""
        )
        body = Message(
            **self._producer,
            group_id=self._group(wanted.group),
            generation_id=self._epoch(member, wanted.epoch),
            member_id=member.member_id if member else "",
            group_instance_id=wanted.instance,
            topics=[Message(name=self._topic(wanted.topic), partitions=[partition])],
        )
        committed = self._ask(self._client, 28, 4, body)
        ended = None if wanted.commits is None else self._end_transaction(commits=wanted.commits)
        return [added.error_code, self._translated(committed), ended]

    def _say_EndTransaction(self, wanted: said.EndTransaction) -> Answer:  # noqa: N802
        return self._end_transaction(commits=wanted.commits)

    def _begin_transaction(self) -> dict[str, Any]:
        name = f"{self._prefix}-x"
        body = Message(transactional_id=name, transaction_timeout_ms=60_000, producer_id=-1, producer_epoch=-1)
        begun = self._retried(22, 5, body)
        return {"transactional_id": name, "producer_id": begun.producer_id, "producer_epoch": begun.producer_epoch}

    def _end_transaction(self, *, commits: bool) -> int | None:
        if self._producer is None:
            return None
        ended = self._retried(26, 4, Message(**self._producer, committed=commits))
        # A new epoch is there once the markers are written, and with them the offsets.
        self._begin_transaction()
        self._producer = None
        return ended.error_code

    def _retried(self, key: int, version: int, body: Message) -> Message:
        deadline = time.monotonic() + SETTLE_SECONDS
        while (answer := self._client.ask(key, version, body)).error_code in _RETRIED:
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        return answer

    # -- classic members ----------------------------------------------------------------------------------

    def _say_Join(self, wanted: said.Join) -> Answer:  # noqa: N802
        member = self._member(wanted.member)
        if wanted.forgets:
            member.member_id = ""
        topics = [self._topic(topic) for topic in wanted.topics]
        owned = [
            TopicPartition(self._topic(topic.split("#")[0]), number)
            for topic, numbers in self._owned(member, wanted.owned).items()
            for number in numbers
        ]
        metadata = encode_subscription(Subscription(tuple(topics), owned=tuple(owned)))
        body = Message(
            group_id=self._group(wanted.group),
            session_timeout_ms=wanted.session_ms,
            rebalance_timeout_ms=60_000,
            member_id=member.member_id,
            group_instance_id=wanted.instance,
            protocol_type=wanted.protocol_type,
            protocols=[Message(name=name, metadata=metadata) for name in wanted.protocols],
            reason=None,
        )
        return self._begin(wanted.member, 11, wanted.version, body)

    def _say_Sync(self, wanted: said.Sync) -> Answer:  # noqa: N802
        member = self._member(wanted.member)
        assignments = [
            Message(
                member_id=self._member(name).member_id,
                assignment=write_assignment(1, [(self._topic(topic), numbers) for topic, numbers in parts.items()]),
            )
            for name, parts in wanted.assignments.items()
        ]
        body = Message(
            group_id=self._group(wanted.group),
            generation_id=self._epoch(member, wanted.epoch),
            member_id=member.member_id,
            group_instance_id=wanted.instance,
            protocol_type="consumer",
            protocol_name=wanted.protocol,
            assignments=assignments,
        )
        return self._begin(wanted.member, 14, wanted.version, body)

    def _begin(self, name: str, key: int, version: int, body: Message) -> None:
        member = self._member(name)
        if member.waits_for is not None:
            # A client that asks again has lost its connection: what was asked before is never answered to it.
            member.connection.close()
            member.connection = self._connect(name)
        member.connection.send(key, version, body)
        member.waits_for = (key, version)

    def _say_Collect(self, wanted: said.Collect) -> Answer:  # noqa: N802
        member = self._member(wanted.member)
        if member.waits_for is None or not self.has_answer(wanted.member, 0):
            return NO_ANSWER
        key, version = member.waits_for
        member.waits_for = None
        try:
            _, answer = member.connection.receive(key, version)
        except ConnectionError:
            member.connection.close()
            member.connection = self._connect(wanted.member)
            return ENDED
        if key == 11:
            if answer.member_id:
                self._learn_id(wanted.member, answer.member_id)
            if not answer.error_code:
                member.epoch = answer.generation_id
        elif not answer.error_code:
            parts = read_assignment(answer.assignment).partitions if answer.assignment else {}
            member.given = {self._names.bare(topic): sorted(numbers) for topic, numbers in parts.items()}
        return self._translated(answer)

    def _say_Heartbeat(self, wanted: said.Heartbeat) -> Answer:  # noqa: N802
        member = self._member(wanted.member)
        body = Message(
            group_id=self._group(wanted.group),
            generation_id=self._epoch(member, wanted.epoch),
            member_id=member.member_id,
            group_instance_id=wanted.instance,
        )
        return self._translated(self._ask(self._client, 12, wanted.version, body))

    def _say_Leave(self, wanted: said.Leave) -> Answer:  # noqa: N802
        member_id = self._member(wanted.member).member_id if wanted.member else ""
        one = Message(member_id=member_id, group_instance_id=wanted.instance, reason=None)
        body = Message(group_id=self._group(wanted.group), member_id=member_id, members=[one])
        return self._translated(self._ask(self._client, 13, wanted.version, body))

    # -- topics -------------------------------------------------------------------------------------------

    def _say_CreateTopic(self, wanted: said.CreateTopic) -> Answer:  # noqa: N802
        name = self._topic(wanted.topic)
        topic = Message(name=name, num_partitions=wanted.partitions, replication_factor=1, assignments=[], configs=[])
        (result,) = self._client.ask(19, 7, Message(topics=[topic], timeout_ms=10_000, validate_only=False)).topics
        if not result.error_code:
            self._topic_ids[wanted.topic] = result.topic_id
            self._names.learn_topic(result.topic_id, wanted.topic)
            self._await_coordinator(wanted.topic, wanted.partitions)
        return result.error_code

    def _say_GrowTopic(self, wanted: said.GrowTopic) -> Answer:  # noqa: N802
        topic = Message(name=self._topic(wanted.topic), count=wanted.partitions, assignments=None)
        (result,) = self._client.ask(37, 3, Message(topics=[topic], timeout_ms=10_000, validate_only=False)).results
        if not result.error_code:
            self._await_coordinator(wanted.topic, wanted.partitions)
        return result.error_code

    def _say_DeleteTopic(self, wanted: said.DeleteTopic) -> Answer:  # noqa: N802
        error_code = self._delete_topic(wanted.topic)
        self._await_coordinator(wanted.topic, 0)
        return error_code

    def _delete_topic(self, topic: str) -> int:
        self._topic_ids.pop(topic, None)
        topics = [Message(name=self._topic(topic), topic_id=ZERO_UUID)]
        return self._client.ask(20, 6, Message(topics=topics, timeout_ms=10_000)).responses[0].error_code

    def _await_coordinator(self, topic: str, partitions: int) -> None:
        """Return once the group coordinator assigns the topic with that many partitions.

        Raises:
            BrokerUnreachable: it does not.
        """
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            self._probes += 1
            answer = self._probe(f"probe-{self._prefix}-{self._probes}", self._topic(topic))
            parts = answer.assignment.topic_partitions if answer.assignment is not None else []
            if not answer.error_code and sum(len(each.partitions) for each in parts) == partitions:
                return
            if time.monotonic() > deadline:
                raise BrokerUnreachable(f"the coordinator does not know {topic} with {partitions} partitions")
            time.sleep(0.02)

    def _await_writes(self) -> None:
        """Return once the coordinator has written what it has done: some of Kafka's answers come before."""
        self._probe(f"writes-{self._prefix}", self._topic("none"))

    def _probe(self, group_id: str, topic: str) -> Message:
        """A member of another group joins and leaves; what it was told when it joined."""
        body = Message(
            group_id=group_id, member_id="probe", member_epoch=0, instance_id=None, rack_id=None,
            rebalance_timeout_ms=60_000, subscribed_topic_names=[topic], subscribed_topic_regex=None,
            server_assignor=None, topic_partitions=[],
        )  # fmt: skip
        answer = self._client.ask(68, 1, body)
        body.member_epoch = -1
        self._client.ask(68, 1, body)
        return answer

    # -- names --------------------------------------------------------------------------------------------

    def _find_coordinators(self) -> None:
        """Return once both coordinators are loaded, which takes Kafka a moment after its start."""
        deadline = time.monotonic() + SETTLE_SECONDS
        asked = (
            (10, 4, Message(key_type=0, coordinator_keys=[self._group("g")])),
            (10, 4, Message(key_type=1, coordinator_keys=[f"{self._prefix}-x"])),
            (42, 2, Message(groups_names=[self._group("g")])),
        )
        for key, version, body in asked:
            while _first_error(self._client.ask(key, version, body)) in _RETRIED and time.monotonic() < deadline:
                time.sleep(0.02)

    def _member(self, name: str) -> _Member:
        if name not in self._members:
            self._members[name] = _Member(self._connect(name))
        return self._members[name]

    def _connect(self, name: str) -> RawClient:
        # Ids that the broker makes begin with it: members sort alike on every broker.
        return RawClient(self._port, f"{self._prefix}-{name}")

    def _learn_id(self, name: str, member_id: str) -> None:
        self._member(name).member_id = member_id
        self._names.learn_member(member_id, name)

    def _group(self, group: str) -> str:
        return f"{self._prefix}-{group}" if group else group

    def _topic(self, topic: str) -> str:
        return f"{self._prefix}-{topic}"

    def _regex(self, regex: str | None) -> str | None:
        return regex.replace("PREFIX", self._prefix) if regex else regex

    def _epoch(self, member: _Member | None, epoch: int) -> int:
        if member is not None and abs(epoch - said.KNOWN) < KNOWN_SPAN:
            return member.epoch + epoch - said.KNOWN
        return epoch

    def _owned(self, member: _Member, owned: said.Owned) -> Mapping[str, list[int]]:
        if owned in (said.Owned.UNSAID, said.Owned.NOTHING):
            return {}
        if owned is said.Owned.OTHERS:
            return {topic: [0] for topic in self._topic_ids}
        given = {topic: sorted(numbers) for topic, numbers in member.given.items()}
        if owned is said.Owned.FIRST_HALF:
            given = {topic: numbers[: len(numbers) // 2] for topic, numbers in given.items()}
        return {topic: numbers for topic, numbers in given.items() if numbers}

    def _owned_by_id(self, member: _Member, owned: said.Owned) -> list[Message] | None:
        if owned is said.Owned.UNSAID:
            return None
        return [
            Message(topic_id=self._names.id_of(topic), partitions=numbers)
            for topic, numbers in self._owned(member, owned).items()
        ]

    def _ask(self, connection: RawClient, key: int, version: int, body: Message) -> Message:
        return connection.ask(key, version, body)

    def _translated(self, answer: Message) -> Answer:
        return translated(answer, self._names)


def _first_error(answer: Message) -> int:
    found: list[Message] = getattr(answer, "coordinators", None) or answer.results
    return found[0].error_code
