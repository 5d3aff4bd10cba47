"""Schemas that planning asked a registry for, recorded so that replaying a plan asks nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kappaflow.serde.schema_registry import ResolvedSchema, SchemaRegistry, resolve

SchemaFacts = dict[str, ResolvedSchema | None]


@dataclass(slots=True)
class RecordedSchemas:
    """Answers from `facts` first, else from `registry`, and remembers every answer.

    Attributes:
        registry: also used by the serdes of planned queries; None where there is none.
        facts: by subject, or by ``#`` and id.
    """

    registry: SchemaRegistry | None = None
    facts: SchemaFacts = field(default_factory=dict[str, ResolvedSchema | None])

    def latest(self, subject: str) -> ResolvedSchema | None:
        """Return the newest schema of a subject, or None.

        Raises:
            ConfigError: what it refers to is not registered.
        """
        if subject not in self.facts:
            found = self.registry.latest(subject) if self.registry else None
            self.facts[subject] = resolve(found.schema, self.registry) if found else None
        return self.facts[subject]

    def by_id(self, schema_id: int) -> ResolvedSchema | None:
        """Return the schema with an id, or None.

        Raises:
            ConfigError: what it refers to is not registered.
        """
        key = f"#{schema_id}"
        if key not in self.facts:
            found = self.registry.by_id(schema_id) if self.registry else None
            self.facts[key] = resolve(found, self.registry) if found else None
        return self.facts[key]


def facts_to_json(facts: SchemaFacts) -> dict[str, Any]:
    """Return recorded schemas as a JSON document."""
    return {
        key: None if schema is None else [schema.type, schema.text, dict(schema.references)]
        for key, schema in facts.items()
    }


def facts_from_json(document: Mapping[str, Any]) -> SchemaFacts:
    """Read what `facts_to_json` made."""
    return {
        key: None if value is None else ResolvedSchema(str(value[0]), str(value[1]), dict(value[2]))
        for key, value in document.items()
    }
