"""CREATE OR REPLACE of a stream or table over a topic: what may change."""

from __future__ import annotations

from kappaflow.errors import StatementError
from kappaflow.serde.schema import Column
from kappaflow.sql.metastore import DataSource


def check_replacement(old: DataSource, new: DataSource) -> None:
    """Check that `new` may take the place of `old`.

    Raises:
        StatementError: the key, the topic, a format or an existing column would change.
    """
    kind = old.kind.value.lower()
    prefix = f"Cannot upgrade data source: {kind.capitalize()} `{old.name}` is not upgradeable"
    if old.topic != new.topic:
        raise StatementError(f"{prefix} as it changes the topic from {old.topic} to {new.topic}.")
    if (old.key_format, old.window) != (new.key_format, new.window):
        raise StatementError(f"{prefix} as it changes the key format.")
    if old.value_format != new.value_format:
        raise StatementError(f"{prefix} as it changes the value format.")
    check_schema_change(old.schema.key, new.schema.key, old.schema.value, new.schema.value)


def check_schema_change(
    old_key: tuple[Column, ...],
    new_key: tuple[Column, ...],
    old_value: tuple[Column, ...],
    new_value: tuple[Column, ...],
) -> None:
    """Check that a schema only gains value columns at its end.

    Raises:
        StatementError: the key or an existing column changes.
    """
    if old_key != new_key:
        changed = [c for i, c in enumerate(old_key) if i >= len(new_key) or new_key[i] != c] or list(old_key)
        raise StatementError(
            "Key columns must be identical. The following key columns are changed, missing or reordered: "
            f"[{_listed(tuple(changed))}]"
        )
    changed = [c for i, c in enumerate(old_value) if i >= len(new_value) or new_value[i] != c]
    if changed:
        raise StatementError(
            f"The following value columns are changed, missing or reordered: [{_listed(tuple(changed))}]"
        )


def _listed(columns: tuple[Column, ...]) -> str:
    return ", ".join(str(c) for c in columns)
