"""Groups of a real cluster, many in one request where the brokers can."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kappaflow.client import groups as client_groups
from kappaflow.client.admin import Admin
from kappaflow.client.broker_errors import COORDINATOR_MOVED_CODES, raise_for_code
from kappaflow.client.consumer_protocol import decode_assignment
from kappaflow.client.coordinator import Coordinator
from kappaflow.client.kafka_python import admin_messages, consumer_messages, metadata_messages
from kappaflow.client.kio_request import request_by_schema, supported_version
from kappaflow.client.offset_fetch import CommittedOffset
from kappaflow.client.offsets import GroupOffsets
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import RetriableBrokerError, SerializationError
from kappaflow.ops.admin.faces import GroupListing, GroupState, MemberState
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message

GROUPS_A_REQUEST = 200
MANY_COORDINATORS_VERSION = 4
MANY_OFFSETS_VERSION = 8
FIND_COORDINATOR, OFFSET_FETCH, CONSUMER_GROUP_DESCRIBE = 10, 9, 69


class KafkaGroups:
    """Groups and their committed offsets."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin
        self._connection = admin.connection

    def list(self) -> list[GroupListing]:
        """All groups, sorted by id.

        Raises:
            BrokerError: a broker refused.
        """
        found: dict[str, GroupListing] = {}
        for broker in self._admin.describe_cluster().brokers:
            request = admin_messages.ListGroupsRequest(states_filter=[], types_filter=[], min_version=0, max_version=5)

            def attempt(request: Any = request, node_id: int = broker.node_id) -> Any:
                response = self._connection.request(request, "list groups", node_id)
                raise_for_code(response.error_code, "list groups")
                return response

            for row in self._connection.retry(attempt).groups:
                kind = (row.group_type or "").lower()
                found[row.group_id] = GroupListing(row.group_id, row.protocol_type, row.group_state or "", kind)
        return [found[group_id] for group_id in sorted(found)]

    def describe(self, group_ids: Sequence[str]) -> dict[str, GroupState]:
        """Groups with their members; one that does not exist has the state ``Dead``.

        Raises:
            BrokerError: of the first group that may not be seen.
        """
        found: dict[str, GroupState] = {}

        def ask(node: int, group_ids: Sequence[str]) -> None:
            request = admin_messages.DescribeGroupsRequest(
                groups=list(group_ids), include_authorized_operations=False, min_version=0, max_version=5
            )
            for row in self._connection.request(request, "describe groups", node).groups:
                raise_for_code(row.error_code, f"describe group {row.group_id}")
                members = tuple(_member(row.protocol_type, m) for m in row.members)
                found[row.group_id] = GroupState(
                    row.group_id, row.group_state, row.protocol_type, row.protocol_data, node, members
                )

        self._at_coordinators(group_ids, found, ask)
        # The new protocol's groups are dead to the old request.
        dead = [group_id for group_id in group_ids if found[group_id].state == "Dead"]
        if dead and supported_version(self._connection, CONSUMER_GROUP_DESCRIBE, range(2)) is not None:
            newer: dict[str, GroupState | None] = {}
            self._at_coordinators(dead, newer, lambda node, part: self._describe_newer(node, part, newer))
            found |= {group_id: state for group_id, state in newer.items() if state is not None}
        return {group_id: found[group_id] for group_id in group_ids}

    def _describe_newer(self, node: int, group_ids: Sequence[str], found: dict[str, GroupState | None]) -> None:
        """Groups of KIP-848's protocol; None for one that is none or does not exist."""
        body = Message(group_ids=list(group_ids), include_authorized_operations=False)
        answer = request_by_schema(
            self._connection, CONSUMER_GROUP_DESCRIBE, range(2), body, "describe consumer groups", node
        )
        for row in answer.groups:
            if row.error_code in (ErrorCode.GROUP_ID_NOT_FOUND, ErrorCode.UNSUPPORTED_VERSION):
                found[row.group_id] = None
                continue
            raise_for_code(row.error_code, f"describe group {row.group_id}", row.error_message)
            members = tuple(
                MemberState(m.member_id, m.instance_id, m.client_id, m.client_host, _newer_assignment(m))
                for m in row.members
            )
            found[row.group_id] = GroupState(
                row.group_id, row.group_state, "consumer", row.assignor_name, node, members
            )

    def offsets(self, group_ids: Sequence[str]) -> dict[str, dict[TopicPartition, CommittedOffset]]:
        """All committed offsets of each group.

        Raises:
            BrokerError: of the first group that may not be read.
        """
        if not self._supports(OFFSET_FETCH, MANY_OFFSETS_VERSION):
            config = self._connection.config
            return {g: GroupOffsets(config, g, self._connection).fetch() for g in group_ids}
        found: dict[str, dict[TopicPartition, CommittedOffset]] = {}
        request_class = consumer_messages.OffsetFetchRequest

        def ask(node: int, group_ids: Sequence[str]) -> None:
            rows = [
                request_class.OffsetFetchRequestGroup(group_id=g, member_id=None, member_epoch=-1, topics=None)
                for g in group_ids
            ]
            request = request_class(groups=rows, require_stable=False, min_version=8, max_version=9)
            for group in self._connection.request(request, "read the offsets of groups", node).groups:
                raise_for_code(group.error_code, f"read the offsets of group {group.group_id}")
                found[group.group_id] = _offsets(group)

        self._at_coordinators(group_ids, found, ask)
        return {group_id: found[group_id] for group_id in group_ids}

    def _supports(self, api_key: int, version: int) -> bool:
        low_high = self._connection.manager.broker_version_data.api_versions.get(api_key)
        return low_high is not None and low_high[0] <= version <= low_high[1]

    def _at_coordinators(
        self, group_ids: Sequence[str], found: dict[str, Any], ask: Callable[[int, Sequence[str]], None]
    ) -> None:
        """Ask each coordinator about its groups until all are found; coordinators that moved are looked up again."""
        coordinators: dict[str, int] = {}

        def attempt() -> None:
            missing = [g for g in group_ids if g not in found]
            coordinators.update(self._coordinators([g for g in missing if g not in coordinators]))
            by_node: dict[int, list[str]] = {}
            for group_id in missing:
                by_node.setdefault(coordinators[group_id], []).append(group_id)
            for node, rows in by_node.items():
                for start in range(0, len(rows), GROUPS_A_REQUEST):
                    part = rows[start : start + GROUPS_A_REQUEST]
                    try:
                        ask(node, part)
                    except RetriableBrokerError as error:
                        if error.code in COORDINATOR_MOVED_CODES:
                            coordinators.clear()
                        raise

        self._connection.retry(attempt)

    def _coordinators(self, group_ids: Sequence[str]) -> dict[str, int]:
        if not self._supports(FIND_COORDINATOR, MANY_COORDINATORS_VERSION):
            return {g: Coordinator(self._connection, g).node_id() for g in group_ids}
        found: dict[str, int] = {}
        for start in range(0, len(group_ids), GROUPS_A_REQUEST):
            part = group_ids[start : start + GROUPS_A_REQUEST]
            request = metadata_messages.FindCoordinatorRequest(
                key_type=0, coordinator_keys=list(part), min_version=MANY_COORDINATORS_VERSION, max_version=4
            )
            for row in self._connection.request(request, "find the coordinators of groups").coordinators:
                raise_for_code(row.error_code, f"find the coordinator of group {row.key}", row.error_message)
                found[row.key] = int(row.node_id)
        return found

    def commit(self, group_id: str, offsets: Mapping[TopicPartition, int | CommittedOffset]) -> None:
        """Set the offsets of a group that has no members.

        Raises:
            BrokerError: ``UNKNOWN_MEMBER_ID`` where it has members; nothing was committed then.
        """
        GroupOffsets(self._connection.config, group_id, self._connection).commit(offsets)

    def delete_offsets(self, group_id: str, partitions: Sequence[TopicPartition]) -> None:
        """Forget committed offsets; of topics that no member reads.

        Raises:
            BrokerError: of the first that was refused, such as ``GROUP_SUBSCRIBED_TO_TOPIC``.
        """
        request_class = consumer_messages.OffsetDeleteRequest
        topic_class = request_class.OffsetDeleteRequestTopic
        topics: dict[str, list[Any]] = {}
        for partition in partitions:
            row = topic_class.OffsetDeleteRequestPartition(partition_index=partition.partition)
            topics.setdefault(partition.topic, []).append(row)
        request = request_class(
            group_id=group_id,
            topics=[topic_class(name=name, partitions=rows) for name, rows in topics.items()],
            min_version=0,
            max_version=0,
        )
        what = f"delete offsets of group {group_id}"

        def check(response: Any) -> None:
            raise_for_code(response.error_code, what)
            for topic in response.topics:
                for row in topic.partitions:
                    raise_for_code(row.error_code, f"{what}, {topic.name}-{row.partition_index}")

        Coordinator(self._connection, group_id).call(request, what, check)

    def delete(self, group_id: str) -> None:
        """Delete an empty group.

        Raises:
            BrokerError: ``NON_EMPTY_GROUP`` or ``GROUP_ID_NOT_FOUND``.
        """
        client_groups.delete_groups(self._connection, [group_id])

    def remove_members(self, group_id: str, members: Sequence[MemberState]) -> None:
        """Take members out; those that run join again.

        Raises:
            BrokerError: of the first that was refused.
        """
        rows = [
            client_groups.MemberDescription(m.member_id, m.instance_id, m.client_id, m.client_host, b"", b"")
            for m in members
        ]
        client_groups.remove_members(self._connection, group_id, rows)


def _member(protocol_type: str, row: Any) -> MemberState:
    assignment: tuple[TopicPartition, ...] | None = None
    if protocol_type == "consumer":
        try:
            assignment = tuple(sorted(decode_assignment(bytes(row.member_assignment)).partitions))
        except SerializationError:
            assignment = None  # while it rebalances a member has no assignment
    return MemberState(row.member_id, row.group_instance_id, row.client_id, row.client_host, assignment)


def _newer_assignment(member: Any) -> tuple[TopicPartition, ...]:
    return tuple(
        sorted(TopicPartition(t.topic_name, p) for t in member.assignment.topic_partitions for p in t.partitions)
    )


def _offsets(group: Any) -> dict[TopicPartition, CommittedOffset]:
    found: dict[TopicPartition, CommittedOffset] = {}
    for topic in group.topics or ():
        for row in topic.partitions:
            raise_for_code(row.error_code, f"read the offset of {topic.name}-{row.partition_index}")
            if row.committed_offset >= 0:
                epoch = -1 if row.committed_leader_epoch is None else row.committed_leader_epoch
                found[TopicPartition(topic.name, row.partition_index)] = CommittedOffset(
                    row.committed_offset, epoch, row.metadata or ""
                )
    return found
