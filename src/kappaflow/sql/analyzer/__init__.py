"""Names and types: a parsed query becomes an analysis in which every column is resolved.

    types      custom types         -> what they stand for
    relations  FROM and JOIN        -> sources by alias, join criteria
    columns    column references    -> qualified by source
    projection select items         -> named expressions, stars expanded
    aggregates GROUP BY, HAVING     -> aggregate calls and grouping, validated
    keys       the projection must hold the key

Not here: how a query runs (logical, physical).
"""
