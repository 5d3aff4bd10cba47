"""Names in a query: which source a column belongs to, and what it is called inside the plan.

qualified   INPUT.ID           how messages show it; every column names its source
lowered     ID, or L_ID        how plan nodes call it; prefixed by the source's alias in joins
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from kappaflow.errors import StatementError
from kappaflow.serde.schema import Column
from kappaflow.serde.types import BIGINT, INTEGER, DataType
from kappaflow.sql.ast.expressions import ColumnReference, Expression
from kappaflow.sql.ast.formatter import format_expression
from kappaflow.sql.ast.places import place_of
from kappaflow.sql.ast.rewrite import rewrite, walk
from kappaflow.sql.metastore import DataSource
from kappaflow.sql.nearest_names import did_you_mean

PSEUDO_COLUMNS: dict[str, DataType] = {"ROWTIME": BIGINT, "ROWPARTITION": INTEGER, "ROWOFFSET": BIGINT}
WINDOW_BOUNDS: dict[str, DataType] = {"WINDOWSTART": BIGINT, "WINDOWEND": BIGINT}
SYSTEM_COLUMNS = PSEUDO_COLUMNS | WINDOW_BOUNDS
_SYNTHETIC_KEY = re.compile(r"ROWKEY(_\d+)?")


@dataclass(frozen=True, slots=True)
class AliasedSource:
    """A stream or table as a query calls it."""

    alias: str
    source: DataSource

    def has(self, name: str) -> bool:
        """Tell whether the source has a column or pseudo column called `name`."""
        return (
            self.source.schema.find(name) is not None
            or name in PSEUDO_COLUMNS
            or (self.source.is_windowed and name in WINDOW_BOUNDS)
        )

    def select_all(self) -> tuple[str, ...]:
        """Return the names of `*`: key columns, then the others; no pseudo columns."""
        schema = self.source.schema
        key = tuple(c.name for c in schema.key)
        return key + tuple(c.name for c in schema if c.name not in key)

    def columns(self) -> tuple[Column, ...]:
        """Return the declared columns."""
        return self.source.schema.columns


@dataclass(frozen=True, slots=True)
class Scope:
    """The sources of a query, in the order of FROM."""

    sources: tuple[AliasedSource, ...]

    @property
    def is_join(self) -> bool:
        """True when there is more than one source."""
        return len(self.sources) > 1

    def source(self, alias: str) -> AliasedSource:
        """Return the source called `alias`.

        Raises:
            StatementError: there is none.
        """
        for source in self.sources:
            if source.alias == alias:
                return source
        raise StatementError(f"Failed to prepare statement: '{alias}' is not a valid stream/table name or alias.")

    def is_ambiguous(self, name: str) -> bool:
        """Tell whether more than one source has a column called `name`."""
        return sum(source.has(name) for source in self.sources) > 1

    def qualify(self, expression: Expression, clause: str, free: frozenset[str] = frozenset()) -> Expression:
        """Return the expression with the source named in every column reference.

        Args:
            expression: as parsed.
            clause: named in messages: SELECT, WHERE, ..
            free: names that belong to no source and stay as they are.

        Raises:
            StatementError: a column is unknown or ambiguous.
        """

        for node in walk(expression):
            if isinstance(node, ColumnReference) and node.source is not None:
                with place_of(node):
                    self.source(node.source)

        def change(node: Expression) -> Expression | None:
            return self._resolve(node, clause, free) if isinstance(node, ColumnReference) else None

        return rewrite(expression, change)

    def _resolve(self, reference: ColumnReference, clause: str, free: frozenset[str]) -> ColumnReference:
        name = reference.name
        if reference.source is not None:
            source = self.source(reference.source)
            if not source.has(name):
                raise _unresolved(clause, reference, (source,))
            return reference
        found = [source.alias for source in self.sources if source.has(name)]
        if len(found) > 1:
            if name in free:
                return reference
            options = " or ".join(f"{alias}.{name}" for alias in found)
            raise StatementError(f"Column '{name}' is ambiguous. Could be {options}.", at=reference.position)
        if found:
            return replace(reference, source=found[0])
        if name in free or (self.is_join and _SYNTHETIC_KEY.fullmatch(name)):
            return reference
        raise _unresolved(clause, reference, self.sources)

    def lower(self, expression: Expression) -> Expression:
        """Return a qualified expression with the names that plan nodes use."""

        def change(node: Expression) -> Expression | None:
            if isinstance(node, ColumnReference) and node.source is not None:
                return ColumnReference(self.lowered_name(node.source, node.name), position=node.position)
            return None

        return rewrite(expression, change)

    def lowered_name(self, alias: str, name: str) -> str:
        """Return what plan nodes call column `name` of source `alias`."""
        return f"{alias}_{name}" if self.is_join else name


def _unresolved(clause: str, reference: ColumnReference, sources: tuple[AliasedSource, ...]) -> StatementError:
    names = [name for source in sources for name in source.select_all()]
    hint = did_you_mean(names, reference.name)
    text = f"{clause} column '{format_expression(reference)}' cannot be resolved.{hint}"
    return StatementError(text, at=reference.position)


def sources_of(expression: Expression) -> list[str]:
    """Return the aliases a qualified expression refers to, each once, in order of appearance."""
    found: list[str] = []
    for node in walk(expression):
        if isinstance(node, ColumnReference) and node.source is not None and node.source not in found:
            found.append(node.source)
    return found


def columns_of(expression: Expression) -> list[str]:
    """Return the column names a lowered expression refers to, each once, in order of appearance."""
    found: list[str] = []
    for node in walk(expression):
        if isinstance(node, ColumnReference) and node.name not in found:
            found.append(node.name)
    return found
