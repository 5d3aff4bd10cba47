"""The key of a result: which expressions may stand for each key column, and finding them in the projection."""

from __future__ import annotations

from dataclasses import dataclass

from kappaflow.errors import StatementError
from kappaflow.sql.analyzer.projection import Named
from kappaflow.sql.ast.expressions import Expression
from kappaflow.sql.ast.formatter import format_expression


@dataclass(frozen=True, slots=True)
class KeyColumn:
    """One key column of a plan node.

    Attributes:
        alternatives: qualified expressions that all hold this key; the first in the projection names it.
        name: what the column is called where the projection does not say.
        text: how messages name it, one text for each alternative.
    """

    alternatives: tuple[Expression, ...]
    name: str
    text: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeyPlan:
    """The key of a plan node.

    Attributes:
        kind: what messages call its parts: ``key column``, ``grouping expression``, ..
        synthetic: the key is no source column and was added by a join.
        foreign_key_of: for foreign-key joins, the left table's name.
    """

    kind: str
    columns: tuple[KeyColumn, ...]
    synthetic: bool = False
    foreign_key_of: str | None = None


def select_keys(plan: KeyPlan, items: tuple[Named, ...], sink: str) -> tuple[int, ...]:
    """Return the position in `items` of each key column.

    Raises:
        StatementError: a key column is missing from the projection, or stands there more than once.
    """
    found: list[int] = []
    missing: list[KeyColumn] = []
    for column in plan.columns:
        positions: list[int] = []
        for alternative in column.alternatives:
            positions = [i for i, item in enumerate(items) if item.expression == alternative]
            if positions:
                break
        if not positions:
            missing.append(column)
            continue
        if len(positions) > 1:
            raise StatementError(_twice(plan, column, [items[i].name for i in positions]))
        found.append(positions[0])
    if missing:
        raise StatementError(_missing(plan, missing, sink))
    return tuple(found)


def _twice(plan: KeyPlan, column: KeyColumn, names: list[str]) -> str:
    advice = (
        "Each key column must only be in the projection once. If you intended to copy the key into the value, then "
        "consider using the AS_VALUE function to indicate which key reference should be copied."
    )
    if plan.kind == "grouping expression":
        quoted = " and ".join(f"`{name}`" for name in names)
        return f"The projection contains a key column more than once: {quoted}.\n{advice}"
    return (
        f"The projection contains a key column (`{column.name}`) more than once, aliased as: "
        f"{' and '.join(names)}.\n{advice}"
    )


def _missing(plan: KeyPlan, missing: list[KeyColumn], sink: str) -> str:
    if plan.foreign_key_of is not None:
        plural = "s" if len(missing) > 1 else ""
        names = ", ".join(f"`{column.name}`" for column in missing)
        return (
            f"Primary key column{plural} missing in projection. For foreign-key table-table joins, the projection "
            f"must include all primary key columns from the left input table (`{plan.foreign_key_of}`). "
            f"Missing column{plural}: {names}."
        )
    if plan.kind == "join expression":
        texts = list(plan.columns[0].text)
        listed, example = _listed(texts, "or"), texts[0]
    else:
        texts = [column.text[0] for column in plan.columns]
        listed, example = _listed(texts, "and"), ", ".join(texts)
    plural = "s" if len(texts) > 1 else ""
    synthetic = (
        f"\n{texts[0]} was added as a synthetic key column because the join criteria did not match any source "
        "column. This expression must be included in the projection and may be aliased."
    )
    return (
        "Key missing from projection (ie, SELECT). See https://cnfl.io/2LV7ouS.\n"
        f"The query used to build `{sink}` must include the {plan.kind}{plural} {listed} in its projection "
        f"(eg, SELECT {example}...).{synthetic if plan.synthetic else ''}"
    )


def _listed(texts: list[str], word: str) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} {word} {texts[-1]}"


def texts_of(expressions: tuple[Expression, ...]) -> tuple[str, ...]:
    """Return the expressions as messages print them."""
    return tuple(format_expression(expression) for expression in expressions)
