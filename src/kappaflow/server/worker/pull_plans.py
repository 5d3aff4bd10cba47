"""Plans of pull queries: look-ups that differ in their literals only share one plan.

text -> shape, literals -> template of that shape? -> the template with these keys and window bounds
                        -> else plan the text, and keep what the shape allows
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from kappaflow.serde.types import BIGINT, INTEGER, STRING, DataType
from kappaflow.sql.ast import expressions as e
from kappaflow.sql.ast.statements import Query
from kappaflow.sql.engine import Engine
from kappaflow.sql.grammar.parser import ParsedStatement
from kappaflow.sql.grammar.shape import Literal, shape_of
from kappaflow.sql.queries import Bounds, PullQuery

PLANS_MAX = 2048
BOUNDS = {"WINDOWSTART", "WINDOWEND"}
_EQUAL = e.ComparisonOperator.EQUAL
_LOWEST = {_EQUAL: 0, e.ComparisonOperator.GREATER_THAN: 1, e.ComparisonOperator.GREATER_THAN_OR_EQUAL: 0}
_HIGHEST = {_EQUAL: 0, e.ComparisonOperator.LESS_THAN: -1, e.ComparisonOperator.LESS_THAN_OR_EQUAL: 0}
_LARGEST: dict[DataType, int] = {INTEGER: 2**31 - 1, BIGINT: 2**63 - 1}
Properties = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Comparison:
    """``column operator literal``."""

    column: str
    operator: e.ComparisonOperator
    value: Literal


@dataclass(frozen=True, slots=True)
class Template:
    """The plan of a look-up whose literals can be replaced.

    Attributes:
        comparisons: the whole WHERE clause, one a literal, in the order of the text.
    """

    plan: PullQuery
    comparisons: tuple[_Comparison, ...]

    def fill(self, statement: str, literals: Sequence[Literal]) -> PullQuery | None:
        """Return the plan for other literals, or None where they are too large for their columns."""
        columns = {column.name: column.type for column in self.plan.store_schema.key}
        values: dict[str, Literal] = {}
        start, end = Bounds(), Bounds()
        for comparison, value in zip(self.comparisons, literals, strict=True):
            name = comparison.column
            if isinstance(value, int) and value > _LARGEST[BIGINT if name in BOUNDS else columns[name]]:
                return None
            if name == "WINDOWSTART":
                start = _narrowed(start, comparison.operator, value)
            elif name == "WINDOWEND":
                end = _narrowed(end, comparison.operator, value)
            else:
                values[name] = value
        key = tuple(values[name] for name in columns)
        return replace(self.plan, statement=statement, keys=(key,), window_start=start, window_end=end)


def _narrowed(bounds: Bounds, operator: e.ComparisonOperator, value: Literal) -> Bounds:
    assert isinstance(value, int)
    low, high = bounds.low, bounds.high
    if operator in _LOWEST:
        low = max(value + _LOWEST[operator], value if low is None else low)
    if operator in _HIGHEST:
        high = min(value + _HIGHEST[operator], value if high is None else high)
    return Bounds(low, high)


def make_template(query: Query, plan: PullQuery, literals: Sequence[Literal]) -> Template | None:
    """Return a template where the WHERE clause is nothing but key columns, window bounds and the text's literals."""
    if plan.store is None or query.where is None:
        return None
    keys = {column.name: column.type for column in plan.store_schema.key}
    found: list[_Comparison] = []
    for part in _conjuncts(query.where):
        comparison = _comparison(part)
        if comparison is None:
            return None
        found.append(comparison)
    if [comparison.value for comparison in found] != list(literals):
        return None
    fixed = [comparison.column for comparison in found if comparison.column not in BOUNDS]
    if sorted(fixed) != sorted(keys):
        return None
    for comparison in found:
        if comparison.column in BOUNDS:
            fits = plan.is_windowed and isinstance(comparison.value, int)
            fits = fits and (comparison.operator in _LOWEST or comparison.operator in _HIGHEST)
        elif isinstance(comparison.value, int):
            fits = comparison.operator is _EQUAL and keys[comparison.column] in _LARGEST
        else:
            fits = comparison.operator is _EQUAL and keys[comparison.column] == STRING
        if not fits:
            return None
    return Template(replace(plan, where=None), tuple(found))


def _conjuncts(where: e.Expression) -> Iterator[e.Expression]:
    if isinstance(where, e.Logical) and where.operator is e.LogicalOperator.AND:
        yield from _conjuncts(where.left)
        yield from _conjuncts(where.right)
    else:
        yield where


def _comparison(part: e.Expression) -> _Comparison | None:
    if not isinstance(part, e.Comparison) or not isinstance(part.left, e.ColumnReference):
        return None
    if not isinstance(part.right, e.StringLiteral | e.IntegerLiteral | e.LongLiteral):
        return None
    return _Comparison(part.left.name, part.operator, part.right.value)


class PullPlans:
    """Plans pull queries and keeps the plans until the streams, tables or queries change.

    Args:
        lock: guards the engine.
    """

    def __init__(self, engine: Engine, lock: threading.RLock) -> None:
        self._engine = engine
        self._lock = lock
        self._templates: dict[tuple[str, Properties], Template | None] = {}
        self._by_text = functools.lru_cache(maxsize=PLANS_MAX)(self._plan)
        self.version = 0

    def changed(self) -> None:
        """Forget the plans: a command was replayed."""
        self.version += 1
        self._templates = {}

    def known(self, statement: str, properties: dict[str, str]) -> PullQuery | None:
        """Return the plan of a look-up that a template gives, else None."""
        shape, literals = shape_of(statement)
        template = self._templates.get((shape, tuple(sorted(properties.items()))))
        return None if template is None else template.fill(statement, literals)

    def plan(self, statement: str, properties: dict[str, str]) -> PullQuery:
        """Return the plan of a pull query.

        Raises:
            StatementError: the query is wrong.
        """
        templates = self._templates  # before planning: what a command replayed meanwhile changes is put aside with it
        if (found := self.known(statement, properties)) is not None:
            return found
        options = tuple(sorted(properties.items()))
        parsed, plan = self._by_text(statement, options, self.version)
        shape, literals = shape_of(statement)
        if (shape, options) not in templates and len(templates) < PLANS_MAX:
            query = parsed.statement
            assert isinstance(query, Query)
            templates[shape, options] = make_template(query, plan, literals)
        return plan

    def _plan(self, statement: str, properties: Properties, _version: int) -> tuple[ParsedStatement, PullQuery]:
        with self._lock:
            (parsed,) = self._engine.parse(statement)
            return parsed, self._engine.plan_pull(parsed, dict(properties))
