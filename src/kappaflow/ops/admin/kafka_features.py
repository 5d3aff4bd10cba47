"""Feature levels of a real cluster, ``metadata.version`` among them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kappaflow.client.admin import Admin
from kappaflow.client.broker_errors import raise_for_code
from kappaflow.client.kafka_python import admin_messages, metadata_messages
from kappaflow.ops.admin.faces import FeatureChange, FeatureState

UPDATE_TIMEOUT_MS = 60_000
_UPGRADE_TYPES: dict[FeatureChange, int] = {"upgrade": 1, "safe-downgrade": 2, "unsafe-downgrade": 3}
"""Source: KIP-584, field UpgradeType of ``UpdateFeaturesRequest``."""


class KafkaFeatures:
    """What the servers can do and what the cluster has agreed on."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin

    def describe(self, broker: int | None = None) -> dict[str, FeatureState]:
        """Features by name, as one broker knows them; any one by default.

        Raises:
            BrokerError: the request was refused.
        """
        request = metadata_messages.ApiVersionsRequest(
            client_software_name="kappaflow", client_software_version="1", min_version=3, max_version=4
        )
        what = "describe the features"
        connection = self._admin.connection

        def attempt() -> Any:
            response = connection.request(request, what, broker)
            raise_for_code(response.error_code, what)
            return response

        response = connection.retry(attempt)
        final = {row.name: row.max_version_level for row in response.finalized_features or ()}
        return {
            row.name: FeatureState(row.name, final.get(row.name, 0), row.min_version, row.max_version)
            for row in sorted(response.supported_features or (), key=lambda row: row.name)
        }

    def update(
        self, levels: Mapping[str, int], change: FeatureChange = "upgrade", *, validate_only: bool = False
    ) -> None:
        """Agree on other levels.

        Raises:
            BrokerError: of the first feature that was refused.
        """
        request_class = admin_messages.UpdateFeaturesRequest
        rows = [
            request_class.FeatureUpdateKey(
                feature=name,
                max_version_level=level,
                allow_downgrade=change != "upgrade",
                upgrade_type=_UPGRADE_TYPES[change],
            )
            for name, level in levels.items()
        ]
        request = request_class(
            timeout_ms=UPDATE_TIMEOUT_MS,
            feature_updates=rows,
            validate_only=validate_only,
            min_version=1,
            max_version=2,
        )
        what = f"set {', '.join(f'{name} to {level}' for name, level in levels.items())}"
        response = self._admin.on_controller(request, what)
        raise_for_code(response.error_code, what, response.error_message)
        for row in response.results or ():
            raise_for_code(row.error_code, f"set feature {row.feature}", row.error_message)
