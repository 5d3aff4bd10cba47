"""Expressions of the streams library: what `col("price") * 2` means, and how it runs.

    col("price") * 2 ── bind(scope) ──▶ types, errors ─┬─ row_program     one Python function: defines what is right
                                                       └─ column_program  Arrow computations with the same answers

    nodes        what users write              binding      names and types
    arithmetic, comparisons, logic, conditions, strings, casts: one family of operations a module
    values       expressions as operators' predicates, mappers, joiners, time extractors
    aggregates   sum, min, max .. of expressions as operators' aggregators

The rules are the same everywhere: null in, null out, unless an operation says otherwise; whole numbers have 64 bits
and wrap around; a division by zero is null.  Nothing fails for a row.

Not here: SQL's expressions, whose rules are those of ksqlDB (kappaflow.sql.expressions).
"""

from kappaflow.streams.expressions.nodes import Aggregate, Expression, col, count, lit, when

__all__ = ["Aggregate", "Expression", "col", "count", "lit", "when"]
