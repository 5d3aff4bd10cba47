"""Names: keys of commands, and which names are free."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from kappaflow.errors import StatementError
from kappaflow.sql.analyzer.scope import SYSTEM_COLUMNS
from kappaflow.sql.metastore import DataSource, MetaStore


def command_of(entity_type: str, name: str, action: str) -> tuple[str, str, str]:
    """Return the key of a command: type, entity, action."""
    return entity_type, f"`{name}`" if entity_type in {"stream", "table"} else name, action


def check_column_names(names: Iterable[str]) -> None:
    """Check that columns may be declared under these names.

    Raises:
        StatementError: a name is there twice, or is that of a system column.
    """
    counts = Counter(names)
    twice = [f"`{name}`" for name, count in counts.items() if count > 1]
    if twice:
        raise StatementError(f"Duplicate column names: {', '.join(twice)}")
    for name in counts:
        if name in SYSTEM_COLUMNS:
            raise StatementError(f"'{name}' is a reserved column name. You cannot use it as a name for a column.")


def check_name_free(metastore: MetaStore, source: DataSource, or_replace: bool) -> None:
    """Check that a stream or table may be registered under its name.

    Raises:
        StatementError: the name is taken and may not be replaced.
    """
    existing = metastore.source(source.name)
    kind = source.kind.value.lower()
    if or_replace and (source.is_read_only or (existing is not None and existing.is_read_only)):
        raise StatementError(
            f"Cannot add {kind} '{source.name}': CREATE OR REPLACE is not supported on source {kind}s."
        )
    if existing is None:
        return
    old = existing.kind.value.lower()
    if not or_replace or existing.kind is not source.kind:
        raise StatementError(f"Cannot add {kind} '{source.name}': A {old} with the same name already exists")
