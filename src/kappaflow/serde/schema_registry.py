"""Schemas by id and by subject: what formats with a registry ask for, and a registry in memory.

A subject is ``<topic>-key`` or ``<topic>-value``; each holds versions 1, 2, ...  Equal schemas have one id
everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from kappaflow.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Reference:
    """A schema that another one names: `name` as the other spells it, and where it is registered."""

    name: str
    subject: str
    version: int


@dataclass(frozen=True, slots=True)
class SchemaText:
    """A schema as it is registered.

    Attributes:
        type: AVRO, JSON or PROTOBUF.
        text: JSON for AVRO and JSON, a ``.proto`` file for PROTOBUF.
        references: other schemas that the text names.
    """

    type: str
    text: str
    references: tuple[Reference, ...] = ()

    @property
    def canonical(self) -> str:
        """The text by which equal schemas are found: without the spaces that mean nothing."""
        if self.type == "PROTOBUF":
            return " ".join(self.text.split())
        try:
            return json.dumps(json.loads(self.text), separators=(",", ":"))
        except ValueError:
            return self.text


@dataclass(frozen=True, slots=True)
class RegisteredSchema:
    """A version of a subject."""

    subject: str
    version: int
    id: int
    schema: SchemaText


class SchemaRegistry(Protocol):
    """Where schemas live."""

    def register(self, subject: str, schema: SchemaText) -> int:
        """Add a schema to a subject, unless it is there, and return its id.

        Raises:
            ConfigError: it is invalid, or not compatible with earlier versions.
        """
        ...

    def by_id(self, schema_id: int) -> SchemaText | None:
        """Return the schema with this id, or None."""
        ...

    def latest(self, subject: str) -> RegisteredSchema | None:
        """Return the newest version of a subject, or None."""
        ...

    def version(self, subject: str, version: int) -> RegisteredSchema | None:
        """Return one version of a subject, or None."""
        ...

    def delete(self, subject: str) -> None:
        """Delete a subject with all of its versions; there need not be one.

        Raises:
            ConfigError: the registry is not reached, or another schema refers to one of them.
        """
        ...


@dataclass(slots=True)
class MemorySchemaRegistry:
    """A registry in memory, without checks of compatibility."""

    _by_id: dict[int, SchemaText] = field(default_factory=dict[int, SchemaText])
    _ids: dict[tuple[str, str, tuple[Reference, ...]], int] = field(default_factory=dict[Any, int])
    _subjects: dict[str, list[RegisteredSchema]] = field(default_factory=dict[str, list[RegisteredSchema]])

    def register(self, subject: str, schema: SchemaText) -> int:
        """Add a schema to a subject, unless it is there, and return its id."""
        key = (schema.type, schema.canonical, schema.references)
        schema_id = self._ids.get(key)
        if schema_id is None:
            schema_id = max(self._by_id, default=0) + 1
        return self.register_as(subject, schema, schema_id)

    def register_as(self, subject: str, schema: SchemaText, schema_id: int) -> int:
        """Add a schema under a chosen id."""
        self._ids.setdefault((schema.type, schema.canonical, schema.references), schema_id)
        self._by_id[schema_id] = schema
        versions = self._subjects.setdefault(subject, [])
        if all(known.id != schema_id for known in versions):
            versions.append(RegisteredSchema(subject, len(versions) + 1, schema_id, schema))
        return schema_id

    def by_id(self, schema_id: int) -> SchemaText | None:
        """Return the schema with this id, or None."""
        return self._by_id.get(schema_id)

    def latest(self, subject: str) -> RegisteredSchema | None:
        """Return the newest version of a subject, or None."""
        versions = self._subjects.get(subject)
        return versions[-1] if versions else None

    def version(self, subject: str, version: int) -> RegisteredSchema | None:
        """Return one version of a subject, or None."""
        versions = self._subjects.get(subject, [])
        return versions[version - 1] if 0 < version <= len(versions) else None

    def delete(self, subject: str) -> None:
        """Delete a subject with all of its versions; schemas keep their ids."""
        self._subjects.pop(subject, None)


def subject_of(topic: str, *, is_key: bool) -> str:
    """Return the subject of a topic's keys or values.

    >>> subject_of("orders", is_key=False)
    'orders-value'
    """
    return f"{topic}-{'key' if is_key else 'value'}"


@dataclass(frozen=True, slots=True)
class ResolvedSchema:
    """A schema with the texts of all that it names, the needed ones first: what its reading needs."""

    type: str
    text: str
    references: Mapping[str, str] = field(default_factory=dict[str, str])


def resolve(schema: SchemaText, registry: SchemaRegistry | None) -> ResolvedSchema:
    """Return a schema with what it refers to.

    Raises:
        ConfigError: one of its references is not registered.
    """
    references = {name: other.text for name, other in resolve_references(schema, registry).items()}
    return ResolvedSchema(schema.type, schema.text, references)


def resolve_references(schema: SchemaText, registry: SchemaRegistry | None) -> Mapping[str, SchemaText]:
    """Return the schemas that `schema` names, and those that they name, by name, the needed ones first.

    Raises:
        ConfigError: one of them is not registered.
    """
    found: dict[str, SchemaText] = {}
    for reference in schema.references:
        known = registry.version(reference.subject, reference.version) if registry else None
        if known is None:
            raise ConfigError(
                f"The schema refers to '{reference.name}', which is not registered: subject {reference.subject}, "
                f"version {reference.version}."
            )
        found.update(resolve_references(known.schema, registry))
        found[reference.name] = known.schema
    return found
