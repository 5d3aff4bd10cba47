"""Configurations of a real cluster."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from kappaflow.client.admin import Admin
from kappaflow.client.broker_errors import raise_for_code
from kappaflow.client.kafka_python import admin_messages
from kappaflow.ops.admin.faces import ConfigEntry, ConfigResource

RESOURCE_TYPES = {"topic": 2, "broker": 4, "broker_logger": 8, "client_metrics": 16, "group": 32}
SOURCES = {
    1: "topic",
    2: "broker",
    3: "cluster",
    4: "static",
    5: "default",
    6: "logger",
    7: "client_metrics",
    8: "group",
}
VALUE_KINDS = {
    1: "boolean",
    2: "string",
    3: "int",
    4: "short",
    5: "long",
    6: "double",
    7: "list",
    8: "class",
    9: "password",
}
"""Source: ``DescribeConfigsResponse`` of Kafka's protocol, fields ConfigSource and ConfigType."""

RESOURCES_A_REQUEST = 1_000
_SET, _DELETE = 0, 1


class KafkaConfigs:
    """Configurations of topics, brokers and groups."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin

    def describe(
        self, resources: Sequence[ConfigResource], names: Collection[str] | None = None, *, documentation: bool = False
    ) -> dict[ConfigResource, dict[str, ConfigEntry]]:
        """Configurations of each resource by name, all of them by default.

        Raises:
            BrokerError: of the first resource that does not exist or may not be seen.
        """
        found: dict[ConfigResource, dict[str, ConfigEntry]] = {}
        for node, asked in self._by_node(resources).items():
            for start in range(0, len(asked), RESOURCES_A_REQUEST):
                found |= self._describe(node, asked[start : start + RESOURCES_A_REQUEST], names, documentation)
        return found

    def _by_node(self, resources: Sequence[ConfigResource]) -> dict[int | None, list[ConfigResource]]:
        """A broker answers for itself only; anybody answers for the rest."""
        grouped: dict[int | None, list[ConfigResource]] = {}
        for resource in resources:
            own = resource.kind in ("broker", "broker_logger") and resource.name != ""
            grouped.setdefault(int(resource.name) if own else None, []).append(resource)
        return grouped

    def _describe(
        self, node: int | None, resources: Sequence[ConfigResource], names: Collection[str] | None, documentation: bool
    ) -> dict[ConfigResource, dict[str, ConfigEntry]]:
        request_class = admin_messages.DescribeConfigsRequest
        kinds = {number: kind for kind, number in RESOURCE_TYPES.items()}
        request = request_class(
            resources=[
                request_class.DescribeConfigsResource(
                    resource_type=RESOURCE_TYPES[r.kind],
                    resource_name=r.name,
                    configuration_keys=None if names is None else sorted(names),
                )
                for r in resources
            ],
            include_synonyms=True,
            include_documentation=documentation,
            min_version=1,
            max_version=4,
        )
        connection = self._admin.connection
        what = "describe configurations"
        found: dict[ConfigResource, dict[str, ConfigEntry]] = {}
        for row in connection.retry(lambda: connection.request(request, what, node)).results:
            kind: Any = kinds[row.resource_type]
            raise_for_code(
                row.error_code, f"describe the configuration of {kind} {row.resource_name}", row.error_message
            )
            found[ConfigResource(kind, row.resource_name)] = {c.name: _entry(c) for c in row.configs}
        return found

    def alter(self, changes: Mapping[ConfigResource, Mapping[str, str | None]], *, validate_only: bool = False) -> None:
        """Set values; None takes a resource's own value away, so that the default holds again.

        Raises:
            BrokerError: of the first resource that was refused; others may have been changed.
        """
        for node, resources in self._by_node(list(changes)).items():
            request_class = admin_messages.IncrementalAlterConfigsRequest
            resource_class = request_class.AlterConfigsResource
            rows = [
                resource_class(
                    resource_type=RESOURCE_TYPES[resource.kind],
                    resource_name=resource.name,
                    configs=[
                        resource_class.AlterableConfig(
                            name=name, config_operation=_DELETE if value is None else _SET, value=value
                        )
                        for name, value in changes[resource].items()
                    ],
                )
                for resource in resources
            ]
            request = request_class(resources=rows, validate_only=validate_only, min_version=0, max_version=1)
            what = "alter configurations"
            connection = self._admin.connection
            response = (
                self._admin.on_controller(request, what) if node is None else connection.request(request, what, node)
            )
            for row in response.responses:
                kind = {number: kind for kind, number in RESOURCE_TYPES.items()}[row.resource_type]
                raise_for_code(
                    row.error_code, f"alter the configuration of {kind} {row.resource_name}", row.error_message
                )


def _entry(row: Any) -> ConfigEntry:
    source = SOURCES.get(row.config_source, "unknown")
    defaults = [s.value for s in row.synonyms or () if SOURCES.get(s.source) == "default"]
    below = [s.value for s in row.synonyms or () if s.source != row.config_source]
    return ConfigEntry(
        row.name,
        row.value,
        source,
        defaults[0] if defaults else below[0] if below else row.value if source == "default" else None,
        bool(row.read_only),
        bool(row.is_sensitive),
        VALUE_KINDS.get(row.config_type or 0, ""),
        row.documentation or "",
    )
