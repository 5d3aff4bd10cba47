"""The registry of a server: its state in memory, every change first in the topic ``_schemas``."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any, Final

from kappaflow.client.admin import LATEST, Admin, NewTopic
from kappaflow.client.connection import ClientConfig
from kappaflow.client.records import RecordReader, RecordWriter
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import ConfigError
from kappaflow.serde.schema_registry import RegisteredSchema, ResolvedSchema, SchemaText, resolve
from kappaflow.server.registry.subjects import RegistryError, Subjects, Version, version_document

TOPIC: Final = "_schemas"
TYPES: Final = ("AVRO", "JSON", "PROTOBUF")
_PARTITION = TopicPartition(TOPIC, 0)
_KEYS = {
    "SCHEMA": {"keytype": "SCHEMA", "magic": 1},
    "CONFIG": {"keytype": "CONFIG", "magic": 0},
    "MODE": {"keytype": "MODE", "magic": 0},
}
_POLL_SECONDS = 0.5


class SchemaLog:
    """Registers schemas.  One server writes; what it reads at its start is what any server wrote before.

    Args:
        client: how to reach the cluster.
        admin: asked for the topic, and makes it before the first write.
        replication_factor: of the topic.
    """

    def __init__(self, client: ClientConfig, admin: Admin, replication_factor: int) -> None:
        self.subjects = Subjects()
        self.lock = threading.RLock()
        self._client = client
        self._admin = admin
        self._topic = NewTopic(TOPIC, 1, replication_factor, {"cleanup.policy": "compact"})
        self._writer: RecordWriter | None = None
        described = admin.describe_topics([TOPIC]).get(TOPIC)
        if described is not None and described.partitions:
            self._read(client, admin.list_offsets({_PARTITION: LATEST})[_PARTITION].offset)

    def _read(self, client: ClientConfig, end: int) -> None:
        position = 0
        with RecordReader(client, {_PARTITION: 0}) as reader:
            while position < end:
                for record in reader.poll(_POLL_SECONDS):
                    position = record.offset + 1
                    if record.key is not None:
                        value = None if record.value is None else json.loads(record.value)
                        self.subjects.apply(json.loads(record.key), value)

    def write(self, kind: str, key: Mapping[str, Any], value: Mapping[str, Any] | None) -> None:
        """Append a record and apply it.

        Raises:
            KappaError: the topic cannot be written.
        """
        full = {**_KEYS[kind], **key}
        with self.lock:
            if self._writer is None:
                self._admin.create_topic(self._topic, exist_ok=True)
                self._writer = RecordWriter(self._client)
            data = None if value is None else json.dumps(value, separators=(",", ":")).encode()
            self._writer.send(TOPIC, json.dumps(full, separators=(",", ":")).encode(), data, partition=0)
            self.subjects.apply(full, value)

    def close(self) -> None:
        """Disconnect."""
        if self._writer is not None:
            self._writer.close()

    # what formats ask for -------------------------------------------------------------------------------------

    def by_id(self, schema_id: int) -> SchemaText | None:
        """Return the schema with this id, or None."""
        with self.lock:
            try:
                return self.subjects.schema(schema_id)
            except RegistryError:
                return None

    def latest(self, subject: str) -> RegisteredSchema | None:
        """Return the newest version of a subject, or None."""
        return self._entry(subject, "latest")

    def version(self, subject: str, version: int) -> RegisteredSchema | None:
        """Return one version of a subject, or None."""
        return self._entry(subject, str(version))

    def _entry(self, subject: str, version: str) -> RegisteredSchema | None:
        with self.lock:
            try:
                return self.subjects.version(subject, version).entry
            except RegistryError:
                return None

    def register(self, subject: str, schema: SchemaText) -> int:
        """Add a schema to a subject, unless it is there, and return its id.

        Raises:
            ConfigError: it is invalid or not compatible, or the subject is read-only.
        """
        try:
            return self.add(subject, schema).id
        except RegistryError as error:
            raise ConfigError(f"Could not register the schema of {subject}: {error}") from None

    def delete(self, subject: str) -> None:
        """Delete a subject with all of its versions; there need not be one.

        Raises:
            ConfigError: another schema refers to one of them.
        """
        with self.lock:
            try:
                self.subjects.versions(subject)
            except RegistryError:
                return
            try:
                self.remove_subject(subject, permanent=False)
            except RegistryError as error:
                raise ConfigError(f"Could not delete subject {subject}: {error}") from None

    # what the REST surface asks for ---------------------------------------------------------------------------

    def add(
        self, subject: str, schema: SchemaText, schema_id: int | None = None, version: int | None = None
    ) -> RegisteredSchema:
        """Add a version, unless an equal one is there.

        Args:
            subject: where.
            schema: what.
            schema_id: the id that it must get (in mode IMPORT).
            version: the version that it must get (in mode IMPORT).

        Raises:
            RegistryError: it is invalid or not compatible, or the mode forbids it.
        """
        with self.lock:
            known = self.subjects.find(subject, schema)
            if known is not None and schema_id in {None, known.entry.id}:
                return known.entry
            mode = self.subjects.mode(subject)
            if mode in {"READONLY", "READONLY_OVERRIDE"}:
                raise RegistryError(42205, f"Subject {subject} in context . is in read-only mode")
            if (schema_id is not None) != (mode == "IMPORT"):
                wanted = "needs an id and a version" if mode == "IMPORT" else "is not in import mode"
                raise RegistryError(42205, f"Subject {subject} {wanted}")
            resolved = self.checked(schema)
            if mode != "IMPORT":
                found = self.differences(subject, resolved)
                if found:
                    text = "; ".join(found)
                    raise RegistryError(
                        409,
                        "Schema being registered is incompatible with an earlier schema for subject "
                        f'"{subject}", details: [{text}]',
                    )
            number = version or self.subjects.next_version(subject)
            given = schema_id or self.subjects.find_id(schema) or self.subjects.next_id()
            entry = RegisteredSchema(subject, number, given, schema)
            self.put(Version(entry))
            return entry

    def put(self, version: Version) -> None:
        """Write a version, or its mark of deletion."""
        key = {"subject": version.entry.subject, "version": version.entry.version}
        self.write("SCHEMA", key, version_document(version.entry) | {"deleted": version.deleted})

    def remove_subject(self, subject: str, *, permanent: bool) -> list[int]:
        """Delete all versions of a subject, and return their numbers.

        Args:
            subject: which.
            permanent: leave no mark; the versions must have been deleted before.

        Raises:
            RegistryError: there is no such subject, another schema refers to it, or it was not deleted before.
        """
        with self.lock:
            found = self.subjects.versions(subject, deleted=permanent)
            if permanent and any(not each.deleted for each in found):
                raise RegistryError(
                    40405, f"Subject '{subject}' was not deleted first before being permanently deleted"
                )
            for each in found:
                self.check_unused(each)
            for each in found:
                self.remove(each, permanent=permanent)
            return [each.entry.version for each in found]

    def check_unused(self, version: Version) -> None:
        """Check that no schema refers to a version.

        Raises:
            RegistryError: one does.
        """
        entry = version.entry
        if self.subjects.referrers(entry.subject, entry.version):
            raise RegistryError(
                42206,
                f"One or more references exist to the schema {{subject={entry.subject},version={entry.version}}}.",
            )

    def remove(self, version: Version, *, permanent: bool) -> None:
        """Mark a version as deleted, or leave nothing of it."""
        if permanent:
            self.write("SCHEMA", {"subject": version.entry.subject, "version": version.entry.version}, None)
        else:
            self.put(Version(version.entry, deleted=True))

    def checked(self, schema: SchemaText) -> ResolvedSchema:
        """Return a schema with what it refers to.

        Raises:
            RegistryError: it cannot be read.
        """
        # The libraries of the formats are loaded when the first schema comes.
        from kappaflow.serde.registered_schemas import type_of_schema

        if schema.type not in TYPES:
            raise RegistryError(42201, f"Invalid schema type {schema.type}. Use one of {', '.join(TYPES)}.")
        try:
            resolved = resolve(schema, self)
            type_of_schema(resolved, {})
        except (ConfigError, ValueError, KeyError, TypeError) as error:
            raise RegistryError(42201, f"Invalid schema: {error}") from None
        return resolved

    def differences(self, subject: str, schema: ResolvedSchema, versions: list[Version] | None = None) -> list[str]:
        """Return why a schema cannot be added to a subject, nothing if it can.

        Args:
            subject: gives the level.
            schema: what to add.
            versions: compare with these instead of the subject's.
        """
        from kappaflow.server.registry.compatibility import problems

        if versions is None:
            try:
                versions = self.subjects.versions(subject)
            except RegistryError:
                versions = []
        older = [resolve(each.entry.schema, self) for each in versions]
        return problems(self.subjects.level(subject) or "BACKWARD", schema, older)
