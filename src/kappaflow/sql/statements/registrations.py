"""The schemas that CREATE registers, so that others can read and write the topic before the first record is there."""

from __future__ import annotations

from collections.abc import Mapping

from kappaflow.errors import ConfigError, StatementError
from kappaflow.serde.schema import Column
from kappaflow.serde.schema_registry import (
    MemorySchemaRegistry,
    RegisteredSchema,
    SchemaRegistry,
    SchemaText,
    subject_of,
)
from kappaflow.sql.formats import traits_of
from kappaflow.sql.metastore import DataSource, FormatInfo
from kappaflow.sql.statement_plan import DeleteTopic, Plan, RegisterSource


def register_schemas(plan: Plan, registry: SchemaRegistry | None) -> None:
    """Register the schemas of the stream or table that a plan creates; to be done once, never at replay.

    What a query writes becomes the newest version of its subject.  A CREATE over a topic registers only what the
    registry does not know yet.

    Raises:
        StatementError: the registry refuses a schema, or the format cannot hold the columns.
    """
    if registry is None or not isinstance(plan.ddl, RegisterSource):
        return
    source = plan.ddl.source
    try:
        for subject, schema in schemas_of(source).items():
            if registry.latest(subject) is None or _is_written(source, subject):
                registry.register(subject, schema)
    except ConfigError as error:
        raise StatementError(f"Could not register schema for topic: {error}", plan.text) from error


def delete_schemas(plan: Plan, registry: SchemaRegistry | None) -> None:
    """Delete the subjects of the topics that a plan deletes; to be done once, never at replay.

    Raises:
        StatementError: the registry refuses.
    """
    if registry is None:
        return
    try:
        for action in plan.topic_actions:
            if isinstance(action, DeleteTopic):
                for subject in action.subjects:
                    registry.delete(subject)
    except ConfigError as error:
        raise StatementError(f"Could not clean up the schema registry: {error}", plan.text) from error


def _is_written(source: DataSource, subject: str) -> bool:
    """Tell whether a query writes the subject's records with a schema of its own making."""
    info = source.key_format if subject == subject_of(source.topic, is_key=True) else source.value_format
    return source.created_by is not None and not (info.name == "PROTOBUF" and "fullSchemaName" in dict(info.properties))


def schemas_of(source: DataSource) -> Mapping[str, SchemaText]:
    """Return by subject the schemas that a stream or table is written with, but those that its statement names.

    Raises:
        ConfigError: a format cannot hold the columns.
    """
    # The libraries of these formats are loaded when they are used.
    from kappaflow.serde.registered_schemas import schema_of_columns

    found: dict[str, SchemaText] = {}
    parts: tuple[tuple[FormatInfo, tuple[Column, ...], bool], ...] = (
        (source.key_format, source.schema.key, True),
        (source.value_format, source.schema.value, False),
    )
    for info, columns, is_key in parts:
        properties = dict(info.properties)
        if not columns or not traits_of(info).infers_schema or "schemaId" in properties:
            continue
        bare = (is_key or info.wrap_single is False) and len(columns) == 1 and info.name != "PROTOBUF"
        schema = schema_of_columns(info.name, columns, properties, unwrapped=bare)
        found[subject_of(source.topic, is_key=is_key)] = schema
    return found


class PlannedSchemas:
    """A registry with the schemas that earlier statements of a request are going to register."""

    def __init__(self, registry: SchemaRegistry) -> None:
        self._registry = registry
        self._planned = MemorySchemaRegistry()
        self._deleted: set[str] = set()

    def add(self, plan: Plan) -> None:
        """Take in what a plan will register and delete.

        Raises:
            StatementError: the format cannot hold the columns.
        """
        register_schemas(plan, self)
        delete_schemas(plan, self)

    def register(self, subject: str, schema: SchemaText) -> int:
        """Add a schema above the registry, which does not change."""
        return self._planned.register(subject, schema)

    def by_id(self, schema_id: int) -> SchemaText | None:
        """Return the registry's schema with an id; planned ones have none yet."""
        return self._registry.by_id(schema_id)

    def latest(self, subject: str) -> RegisteredSchema | None:
        """Return the newest version of a subject, planned or registered."""
        planned = self._planned.latest(subject)
        return planned or (None if subject in self._deleted else self._registry.latest(subject))

    def version(self, subject: str, version: int) -> RegisteredSchema | None:
        """Return one registered version of a subject."""
        return self._registry.version(subject, version)

    def delete(self, subject: str) -> None:
        """Hide a subject of the registry, which does not change."""
        self._planned.delete(subject)
        self._deleted.add(subject)
