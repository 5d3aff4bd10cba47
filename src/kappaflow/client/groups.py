"""Consumer groups: list, describe and delete them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from kappaflow.client.broker_errors import raise_for_code
from kappaflow.client.connection import Connection
from kappaflow.client.coordinator import Coordinator
from kappaflow.client.kafka_python import admin_messages, consumer_messages


class ListedGroup(NamedTuple):
    """A group as a broker lists it; ``state`` is empty with brokers that do not say."""

    group_id: str
    protocol_type: str
    state: str


class MemberDescription(NamedTuple):
    """A member of a group; metadata and assignment are in the format of the group's protocol."""

    member_id: str
    group_instance_id: str | None
    client_id: str
    client_host: str
    metadata: bytes
    assignment: bytes


class GroupDescription(NamedTuple):
    """A group; ``state`` is Kafka's, such as ``Stable``, ``Empty`` or ``Dead`` where it does not exist."""

    group_id: str
    state: str
    protocol_type: str
    protocol: str
    members: tuple[MemberDescription, ...]


def list_groups(connection: Connection) -> list[ListedGroup]:
    """All groups of all brokers, sorted by id.

    Raises:
        BrokerError: a broker refused.
    """
    groups: set[ListedGroup] = set()
    for broker in connection.run(connection.manager.cluster.brokers):
        request = admin_messages.ListGroupsRequest(states_filter=[], types_filter=[], min_version=0, max_version=4)

        def attempt(request: Any = request, node_id: int = broker.node_id) -> Any:
            response = connection.request(request, "list groups", node_id)
            raise_for_code(response.error_code, "list groups")
            return response

        for row in connection.retry(attempt).groups:
            groups.add(ListedGroup(row.group_id, row.protocol_type, row.group_state or ""))
    return sorted(groups)


def describe_group(connection: Connection, group_id: str) -> GroupDescription:
    """One group with its members.

    Raises:
        BrokerError: the group may not be seen.
    """
    what = f"describe group {group_id}"
    request = admin_messages.DescribeGroupsRequest(
        groups=[group_id], include_authorized_operations=False, min_version=0, max_version=5
    )

    def check(response: Any) -> GroupDescription:
        row = response.groups[0]
        raise_for_code(row.error_code, what)
        members = tuple(
            MemberDescription(
                m.member_id,
                m.group_instance_id,
                m.client_id,
                m.client_host,
                bytes(m.member_metadata),
                bytes(m.member_assignment),
            )
            for m in row.members
        )
        return GroupDescription(row.group_id, row.group_state, row.protocol_type, row.protocol_data, members)

    return Coordinator(connection, group_id).call(request, what, check)


def remove_members(connection: Connection, group_id: str, members: Sequence[MemberDescription]) -> None:
    """Take members out of a group; those that run join again.

    Raises:
        BrokerError: of the first that was refused, such as ``UNKNOWN_MEMBER_ID`` for one that has left.
    """
    what = f"remove members of group {group_id}"
    request_class = consumer_messages.LeaveGroupRequest
    rows = [
        request_class.MemberIdentity(
            # A static member is named by its instance alone: its member id changes with every start.
            member_id="" if member.group_instance_id else member.member_id,
            group_instance_id=member.group_instance_id,
            reason=None,
        )
        for member in members
    ]
    request = request_class(group_id=group_id, member_id="", members=rows, min_version=3, max_version=5)

    def check(response: Any) -> None:
        raise_for_code(response.error_code, what)
        for row in response.members or ():
            raise_for_code(row.error_code, f"{what}, {row.group_instance_id or row.member_id}")

    Coordinator(connection, group_id).call(request, what, check)


def delete_groups(connection: Connection, group_ids: Sequence[str]) -> None:
    """Delete empty groups with their offsets.

    Raises:
        BrokerError: ``NON_EMPTY_GROUP`` or ``GROUP_ID_NOT_FOUND``, of the first that was refused.
    """
    for group_id in group_ids:
        what = f"delete group {group_id}"
        request = admin_messages.DeleteGroupsRequest(groups_names=[group_id], min_version=0, max_version=2)

        def check(response: Any, what: str = what) -> None:
            raise_for_code(response.results[0].error_code, what)

        Coordinator(connection, group_id).call(request, what, check)
