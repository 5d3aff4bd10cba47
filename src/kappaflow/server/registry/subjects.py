"""What is registered: subjects, versions, ids, compatibility levels and modes; changed only by records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from kappaflow.kernel.number_text import parse_integer
from kappaflow.serde.schema_registry import Reference, RegisteredSchema, SchemaText

LEVELS: Final = (
    "NONE", "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE",
)  # fmt: skip
MODES: Final = ("READWRITE", "READONLY", "READONLY_OVERRIDE", "IMPORT")
Record = dict[str, Any]


class RegistryError(Exception):
    """A request that cannot be done.

    Attributes:
        code: the error code of the protocol; its first three digits are the HTTP status.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def number_of(text: str) -> int:
    """Read the number of a version or the id of a schema in a path; 0 is none.

    >>> number_of("12"), number_of("\N{SUPERSCRIPT TWO}"), number_of("9" * 5000)
    (12, 0, 0)
    """
    try:
        return parse_integer(text, 32)
    except ValueError:
        return 0


@dataclass(slots=True)
class Version:
    """A version of a subject; `deleted` ones are kept until they are deleted for good."""

    entry: RegisteredSchema
    deleted: bool = False


@dataclass(slots=True)
class Subjects:
    """The state that the records of the topic give, in order."""

    _subjects: dict[str, dict[int, Version]] = field(default_factory=dict[str, dict[int, Version]])
    _by_id: dict[int, SchemaText] = field(default_factory=dict[int, SchemaText])
    _levels: dict[str | None, str] = field(default_factory=dict[str | None, str])
    _modes: dict[str | None, str] = field(default_factory=dict[str | None, str])

    def apply(self, key: Mapping[str, Any], value: Mapping[str, Any] | None) -> None:
        """Do what a record says; records of other kinds say nothing."""
        apply = _APPLY.get(str(key.get("keytype")))
        if apply is not None:
            apply(self, key, value)

    def apply_schema(self, key: Mapping[str, Any], value: Mapping[str, Any] | None) -> None:
        """Add, mark as deleted, or remove a version."""
        subject, version = str(key["subject"]), int(key["version"])
        if value is None:
            self._subjects.get(subject, {}).pop(version, None)
            if not self._subjects.get(subject):
                self._subjects.pop(subject, None)
            return
        schema = schema_of(value)
        schema_id = int(value["id"])
        self._by_id[schema_id] = schema
        entry = RegisteredSchema(subject, version, schema_id, schema)
        self._subjects.setdefault(subject, {})[version] = Version(entry, bool(value.get("deleted")))

    def apply_setting(self, key: Mapping[str, Any], value: Mapping[str, Any] | None) -> None:
        """Set or remove a compatibility level or a mode."""
        is_level = key["keytype"] == "CONFIG"
        settings = self._levels if is_level else self._modes
        subject = key.get("subject")
        if value is None:
            settings.pop(subject, None)
        else:
            settings[subject] = str(value["compatibilityLevel" if is_level else "mode"])

    def names(self, *, deleted: bool = False) -> list[str]:
        """Return the subjects that have a version."""
        return sorted(
            name for name, found in self._subjects.items() if deleted or any(not v.deleted for v in found.values())
        )

    def versions(self, subject: str, *, deleted: bool = False) -> list[Version]:
        """Return the versions of a subject in order.

        Raises:
            RegistryError: it has none.
        """
        found = [v for _, v in sorted(self._subjects.get(subject, {}).items()) if deleted or not v.deleted]
        if not found:
            raise RegistryError(40401, f"Subject '{subject}' not found.")
        return found

    def version(self, subject: str, wanted: str, *, deleted: bool = False) -> Version:
        """Return a version by number, or ``latest`` or ``-1``.

        Raises:
            RegistryError: there is none.
        """
        found = self.versions(subject, deleted=deleted)
        if wanted in {"latest", "-1"}:
            return found[-1]
        number = number_of(wanted)
        if number < 1:
            raise RegistryError(
                42202,
                f"The specified version '{wanted}' is not a valid version id. Allowed values are between [1, 2^31-1] "
                'and the string "latest"',
            )
        for each in found:
            if each.entry.version == number:
                return each
        raise RegistryError(40402, f"Version {number} not found.")

    def schema(self, schema_id: int) -> SchemaText:
        """Return the schema with an id.

        Raises:
            RegistryError: there is none.
        """
        found = self._by_id.get(schema_id)
        if found is None:
            raise RegistryError(40403, f"Schema {schema_id} not found")
        return found

    def find_id(self, schema: SchemaText) -> int | None:
        """Return the id of an equal schema, or None."""
        wanted = _identity(schema)
        return next((number for number, known in self._by_id.items() if _identity(known) == wanted), None)

    def find(self, subject: str, schema: SchemaText, *, deleted: bool = False) -> Version | None:
        """Return the version of a subject that holds an equal schema, or None."""
        wanted = _identity(schema)
        for each in self._subjects.get(subject, {}).values():
            if (deleted or not each.deleted) and _identity(each.entry.schema) == wanted:
                return each
        return None

    def next_id(self) -> int:
        """Return an id that no schema had."""
        return max(self._by_id, default=0) + 1

    def next_version(self, subject: str) -> int:
        """Return the number of a subject's next version."""
        return max(self._subjects.get(subject, {}), default=0) + 1

    def uses(self, schema_id: int) -> Iterator[RegisteredSchema]:
        """Yield the versions that have an id."""
        for name in self.names():
            for each in self.versions(name):
                if each.entry.id == schema_id:
                    yield each.entry

    def referrers(self, subject: str, version: int) -> list[int]:
        """Return the ids of the schemas that refer to a version."""
        found = {
            each.entry.id
            for versions in self._subjects.values()
            for each in versions.values()
            if not each.deleted
            and any((r.subject, r.version) == (subject, version) for r in each.entry.schema.references)
        }
        return sorted(found)

    def level(self, subject: str | None, *, inherit: bool = True) -> str | None:
        """Return the compatibility level of a subject, or of all (None)."""
        return _setting(self._levels, subject, "BACKWARD", inherit=inherit)

    def mode(self, subject: str | None, *, inherit: bool = True) -> str | None:
        """Return the mode of a subject, or of all (None)."""
        return _setting(self._modes, subject, "READWRITE", inherit=inherit)


_APPLY: dict[str, Callable[[Subjects, Mapping[str, Any], Mapping[str, Any] | None], None]] = {
    "SCHEMA": Subjects.apply_schema,
    "CONFIG": Subjects.apply_setting,
    "MODE": Subjects.apply_setting,
}


def _setting(settings: Mapping[str | None, str], subject: str | None, default: str, *, inherit: bool) -> str | None:
    if subject is None:
        return settings.get(None, default)
    return settings.get(subject) or (settings.get(None, default) if inherit else None)


def _identity(schema: SchemaText) -> tuple[str, str, tuple[Reference, ...]]:
    return schema.type, schema.canonical, schema.references


def schema_of(document: Mapping[str, Any]) -> SchemaText:
    """Read a schema as requests and records hold it."""
    references = tuple(
        Reference(str(r["name"]), str(r["subject"]), int(r["version"])) for r in document.get("references") or ()
    )
    return SchemaText(str(document.get("schemaType") or "AVRO").upper(), str(document["schema"]), references)


def schema_document(schema: SchemaText) -> Record:
    """Return a schema as answers and records hold it; AVRO is not named."""
    document: Record = {"schema": schema.text}
    if schema.type != "AVRO":
        document["schemaType"] = schema.type
    if schema.references:
        document["references"] = [
            {"name": r.name, "subject": r.subject, "version": r.version} for r in schema.references
        ]
    return document


def version_document(entry: RegisteredSchema) -> Record:
    """Return a version as answers and records hold it."""
    return {"subject": entry.subject, "version": entry.version, "id": entry.id} | schema_document(entry.schema)
