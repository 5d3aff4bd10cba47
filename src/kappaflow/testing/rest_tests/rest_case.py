"""A REST test: what is sent to the server, in which order, and what it has to answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kappaflow.testing.query_tests.case_files import JsonObject, TestCase

QUERY_START = "SELECT "


@dataclass(frozen=True, slots=True)
class RestCase:
    """A case of a REST test file, after expansion by format."""

    case: TestCase

    @property
    def id(self) -> str:
        """``file - name - FORMAT``."""
        return self.case.id

    @property
    def admin(self) -> tuple[str, ...]:
        """The statements before the first query: they go into one request."""
        return self.case.statements[: self._first_query]

    @property
    def queries(self) -> tuple[str, ...]:
        """The queries, which go last and each alone."""
        return self.case.statements[self._first_query :]

    @property
    def _first_query(self) -> int:
        found = (i for i, text in enumerate(self.case.statements) if text.startswith(QUERY_START))
        return next(found, len(self.case.statements))

    @property
    def responses(self) -> list[JsonObject]:
        """The expected responses: those of the statements, then of the queries."""
        return self.case.document.get("responses") or []

    @property
    def expected_error(self) -> JsonObject | None:
        """The error that the server has to answer with, or None."""
        return self.case.document.get("expectedError")

    @property
    def waits_for_push_query(self) -> bool:
        """Whether the records are written when the push query runs, instead of before it."""
        return self._condition("inputConditions", "waitForActivePushQuery")

    @property
    def keeps_order(self) -> bool:
        """Whether rows have to come in the given order."""
        return self._condition("outputConditions", "verifyOrder")

    @property
    def asks_for_protobuf(self) -> bool:
        """Whether each query is also asked for as Protobuf."""
        return self.case.document.get("testPullWithProtoFormat") is True

    def _condition(self, group: str, name: str) -> bool:
        conditions: dict[str, Any] = self.case.document.get(group) or {}
        return conditions.get(name) is True
