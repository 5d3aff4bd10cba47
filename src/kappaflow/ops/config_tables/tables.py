"""Read the tables of configurations."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple, cast

from kappaflow.errors import UsageError
from kappaflow.ops.config_tables import texts as _texts
from kappaflow.runtime.messages import message

assert _texts

FILE_NAME = "tables.json"
Scope = Literal["broker", "topic"]
UpdateMode = Literal["read-only", "per-broker", "cluster-wide", "topic"]


class ConfigDefinition(NamedTuple):
    """One configuration in one version of Kafka.

    Attributes:
        name: Kafka's name.
        kind: of its value, such as ``int`` or ``list``.
        required: whether it has to be given.
        default: as text; None where there is none, or it is null.
        range: what values are valid, in Kafka's own words; empty where all of the kind are.
        update: of a broker's: ``read-only`` at the start, ``per-broker`` or ``cluster-wide`` at run time; of a
            topic's: ``topic``.
    """

    name: str
    kind: str
    required: bool
    default: str | None
    range: str
    update: UpdateMode


class ConfigTables:
    """What each version defines.

    Attributes:
        versions: those that the tables have, oldest first.
        source: where the tables come from.
    """

    def __init__(self, data: dict[str, Any]) -> None:
        self.versions: tuple[str, ...] = tuple(data["versions"])
        self.source: str = data["source"]
        self._data = data

    def nearest(self, version: str) -> str:
        """The newest version of the tables that is not newer than a version; of the same line where there is one.

        Raises:
            UsageError: the version is none, or older than all.
        """
        try:
            key = tuple(int(part) for part in version.split("-", maxsplit=1)[0].split("."))
        except ValueError as error:
            raise UsageError(message("config_tables.no_version", version=version)) from error
        same_line = [known for known in self.versions if _key(known)[:2] == key[:2]]
        older = [known for known in self.versions if _key(known) <= key]
        if not same_line and not older:
            raise UsageError(message("config_tables.too_old", version=version, oldest=self.versions[0]))
        return (same_line or older)[-1]

    def of(self, version: str, scope: Scope) -> dict[str, ConfigDefinition]:
        """What a version defines, by name.

        Raises:
            UsageError: the version is none, or older than all.
        """
        at = self.versions.index(self.nearest(version))
        found: dict[str, ConfigDefinition] = {}
        for name, spans in self._data[scope].items():
            for first, last, kind, required, default, values, update in spans:
                if first <= at <= last:
                    found[name] = ConfigDefinition(name, kind, bool(required), default, values, update)
        return found


def _key(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


@cache
def load_tables() -> ConfigTables:
    """The tables of this package."""
    content = files("kappaflow.ops.config_tables").joinpath(FILE_NAME).read_text(encoding="utf-8")
    return ConfigTables(json.loads(content))


def newest_update_mode(key: str) -> UpdateMode:
    """How the newest version changes a broker's option; ``read-only`` where no version knows it."""
    tables = load_tables()
    for version in reversed(tables.versions):
        found = tables.of(version, "broker").get(key)
        if found is not None:
            return found.update
    return cast(UpdateMode, "read-only")
