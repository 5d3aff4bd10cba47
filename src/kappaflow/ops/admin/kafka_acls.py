"""Access control lists of a real cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kappaflow.client.admin import Admin
from kappaflow.client.broker_errors import raise_for_code
from kappaflow.client.kafka_python import admin_messages
from kappaflow.ops.admin.acl_faces import OPERATIONS, PATTERNS, PERMISSIONS, RESOURCE_KINDS, AclEntry

_ANY = 1


class KafkaAcls:
    """Access control lists."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin

    def list(self) -> list[AclEntry]:
        """All entries, sorted; those of kinds that this version does not know are left out.

        Raises:
            BrokerError: ``SECURITY_DISABLED`` where the brokers have no authorizer; or they refused.
        """
        request = admin_messages.DescribeAclsRequest(
            resource_type_filter=_ANY,
            resource_name_filter=None,
            pattern_type_filter=_ANY,
            principal_filter=None,
            host_filter=None,
            operation=_ANY,
            permission_type=_ANY,
            min_version=1,
            max_version=3,
        )
        what = "list access control entries"
        connection = self._admin.connection
        response = connection.retry(lambda: connection.request(request, what))
        raise_for_code(response.error_code, what, response.error_message)
        found = [
            AclEntry(
                _name(RESOURCE_KINDS, resource.resource_type),
                resource.resource_name,
                _name(PATTERNS, resource.pattern_type),
                row.principal,
                row.host,
                _name(OPERATIONS, row.operation),
                _name(PERMISSIONS, row.permission_type),
            )
            for resource in response.resources
            for row in resource.acls
        ]
        return sorted(entry for entry in found if all(entry))

    def create(self, entries: Sequence[AclEntry]) -> None:
        """Add entries; those that are there already stay.

        Raises:
            BrokerError: of the first that was refused.
        """
        request_class = admin_messages.CreateAclsRequest
        rows = [
            request_class.AclCreation(
                resource_type=RESOURCE_KINDS[e.resource_kind],
                resource_name=e.resource_name,
                resource_pattern_type=PATTERNS[e.pattern],
                principal=e.principal,
                host=e.host,
                operation=OPERATIONS[e.operation],
                permission_type=PERMISSIONS[e.permission],
            )
            for e in entries
        ]
        request = request_class(creations=rows, min_version=1, max_version=3)
        what = "create access control entries"
        for row in self._admin.on_controller(request, what).results:
            raise_for_code(row.error_code, what, row.error_message)

    def delete(self, entries: Sequence[AclEntry]) -> None:
        """Take entries away; those that are not there are passed over.

        Raises:
            BrokerError: of the first that was refused.
        """
        request_class = admin_messages.DeleteAclsRequest
        rows = [
            request_class.DeleteAclsFilter(
                resource_type_filter=RESOURCE_KINDS[e.resource_kind],
                resource_name_filter=e.resource_name,
                pattern_type_filter=PATTERNS[e.pattern],
                principal_filter=e.principal,
                host_filter=e.host,
                operation=OPERATIONS[e.operation],
                permission_type=PERMISSIONS[e.permission],
            )
            for e in entries
        ]
        request = request_class(filters=rows, min_version=1, max_version=3)
        what = "delete access control entries"
        for row in self._admin.on_controller(request, what).filter_results:
            raise_for_code(row.error_code, what, row.error_message)
            for match in row.matching_acls:
                raise_for_code(match.error_code, what, match.error_message)


def _name(names: Mapping[str, int], number: Any) -> str:
    return next((name for name, known in names.items() if known == number), "")
