"""The schemas of a case, registered in the live server's registry."""

from __future__ import annotations

from urllib.parse import quote

from kappaflow.serde.schema_registry import SchemaText
from kappaflow.sql.engine import Engine
from kappaflow.testing.query_tests.case_files import TestCase
from kappaflow.testing.query_tests.case_schemas import register_schemas
from kappaflow.testing.rest_tests.live_server import LiveServer


def register_subjects(case: TestCase, engine: Engine, server: LiveServer) -> None:
    """Register what the case gives, and what its CREATE statements declare."""
    subjects = _Subjects(server)
    register_schemas(case, engine, subjects)
    subjects.send()


def chooses_ids(case: TestCase) -> bool:
    """Tell whether a case gives schemas with their ids, which must then be free on its server."""
    topics = case.document.get("topics") or []
    return any(topic.get(name) is not None for topic in topics for name in ("keySchemaId", "valueSchemaId"))


class _Subjects:
    """Collects schemas, and registers those first that others refer to: a registry wants to know them."""

    def __init__(self, server: LiveServer) -> None:
        self._server = server
        self._wanted: list[tuple[str, SchemaText, int | None]] = []

    def register(self, subject: str, schema: SchemaText) -> int:
        """Add a schema to a subject."""
        if all((subject, schema) != known[:2] for known in self._wanted):
            self._wanted.append((subject, schema, None))
        return -1

    def register_as(self, subject: str, schema: SchemaText, schema_id: int) -> int:
        """Add a schema under a chosen id."""
        self._wanted.append((subject, schema, schema_id))
        return schema_id

    def send(self) -> None:
        """Register all of them."""
        referred = {reference.subject for _, schema, _ in self._wanted for reference in schema.references}
        for subject, schema, schema_id in sorted(self._wanted, key=lambda wanted: wanted[0] not in referred):
            if schema_id is None:
                self._add(subject, schema, {})
                continue
            # A registry takes chosen ids while it imports.
            mode = f"/mode/{quote(subject, safe='')}"
            self._server.registry("PUT", mode, {"mode": "IMPORT"})
            try:
                self._add(subject, schema, {"id": schema_id, "version": 1})
            finally:
                self._server.registry("PUT", mode, {"mode": "READWRITE"})

    def _add(self, subject: str, schema: SchemaText, more: dict[str, int]) -> None:
        references = [{"name": r.name, "subject": r.subject, "version": r.version} for r in schema.references]
        body = {"schema": schema.text, "schemaType": schema.type, "references": references, **more}
        self._server.registry("POST", f"/subjects/{quote(subject, safe='')}/versions", body)
