"""Quotas and users of a real cluster.

Source: KIP-546 (quotas), KIP-554 (SCRAM credentials).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kappaflow.client.admin import Admin
from kappaflow.client.broker_errors import raise_for_code
from kappaflow.client.kafka_python import admin_messages
from kappaflow.ops.admin.user_faces import DEFAULT_NAME, ENTITY_KINDS, SCRAM_MECHANISMS, QuotaEntity
from kappaflow.wire.error_codes import ErrorCode


class KafkaQuotas:
    """Quotas of clients."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin

    def list(self) -> dict[QuotaEntity, dict[str, float]]:
        """All quotas, by whose they are.

        Raises:
            BrokerError: the brokers refused.
        """
        request = admin_messages.DescribeClientQuotasRequest(components=[], strict=False, min_version=0, max_version=1)
        what = "list quotas"
        connection = self._admin.connection
        response = connection.retry(lambda: connection.request(request, what))
        raise_for_code(response.error_code, what, response.error_message)
        found: dict[QuotaEntity, dict[str, float]] = {}
        for entry in response.entries or ():
            names = {p.entity_type: DEFAULT_NAME if p.entity_name is None else p.entity_name for p in entry.entity}
            if set(names) <= set(ENTITY_KINDS):
                entity = QuotaEntity(*(names.get(kind, "") for kind in ENTITY_KINDS))
                found[entity] = {row.key: float(row.value) for row in entry.values}
        return dict(sorted(found.items()))

    def alter(self, entity: QuotaEntity, values: Mapping[str, float | None], *, validate_only: bool = False) -> None:
        """Set quotas of one entity; None takes one away.

        Raises:
            BrokerError: refused.
        """
        request_class = admin_messages.AlterClientQuotasRequest
        entry_class = request_class.EntryData
        parts = [
            entry_class.EntityData(entity_type=kind, entity_name=None if name == DEFAULT_NAME else name)
            for kind, name in entity.parts().items()
        ]
        changes = [
            entry_class.OpData(key=key, value=0.0 if value is None else float(value), remove=value is None)
            for key, value in values.items()
        ]
        request = request_class(
            entries=[entry_class(entity=parts, ops=changes)], validate_only=validate_only, min_version=0, max_version=1
        )
        what = f"set quotas of {entity}"

        def attempt() -> None:
            for row in self._admin.on_controller(request, what).entries:
                raise_for_code(row.error_code, what, row.error_message)

        self._admin.connection.retry(attempt)


class KafkaUsers:
    """Users that log on by SCRAM."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin

    def list(self) -> dict[str, dict[str, int]]:
        """The iterations of each user's credentials, by mechanism.

        Raises:
            BrokerError: the brokers refused.
        """
        request = admin_messages.DescribeUserScramCredentialsRequest(users=None, min_version=0, max_version=0)
        what = "list users"
        connection = self._admin.connection
        response: Any = connection.retry(lambda: connection.request(request, what))
        raise_for_code(response.error_code, what, response.error_message)
        names = {number: name for name, number in SCRAM_MECHANISMS.items()}
        found: dict[str, dict[str, int]] = {}
        for row in response.results or ():
            if row.error_code == ErrorCode.NONE:
                infos: Any = row.credential_infos
                found[row.user] = {names[c.mechanism]: c.iterations for c in infos if c.mechanism in names}
        return dict(sorted(found.items()))

    def put(self, user: str, mechanism: str, iterations: int, salt: bytes, salted_password: bytes) -> None:
        """Set a user's credential of a mechanism.

        Raises:
            BrokerError: refused.
        """
        row = admin_messages.AlterUserScramCredentialsRequest.ScramCredentialUpsertion(
            name=user,
            mechanism=SCRAM_MECHANISMS[mechanism],
            iterations=iterations,
            salt=salt,
            salted_password=salted_password,
        )
        self._alter(f"set the password of user {user}", upsertions=[row])

    def delete(self, user: str, mechanism: str) -> None:
        """Take a user's credential of a mechanism away; nothing happens where there is none.

        Raises:
            BrokerError: refused.
        """
        row = admin_messages.AlterUserScramCredentialsRequest.ScramCredentialDeletion(
            name=user, mechanism=SCRAM_MECHANISMS[mechanism]
        )
        self._alter(f"take user {user} away", deletions=[row])

    def _alter(self, what: str, *, upsertions: Sequence[Any] = (), deletions: Sequence[Any] = ()) -> None:
        request = admin_messages.AlterUserScramCredentialsRequest(
            deletions=list(deletions), upsertions=list(upsertions), min_version=0, max_version=0
        )

        def attempt() -> None:
            response: Any = self._admin.on_controller(request, what)
            for row in response.results:
                if not deletions or row.error_code != ErrorCode.RESOURCE_NOT_FOUND:
                    raise_for_code(row.error_code, what, row.error_message)

        self._admin.connection.retry(attempt)
