"""Expressions: what they mean, and how they run.

    ast -> typing (types, overloads, coercions) -> row (one Python function)      defines what is right
                                                -> column (Arrow computations)    same answers, or a marked row
    functions    compiled expressions as Predicate, Mapper and Aggregator of kappaflow.streams
    constants    INSERT VALUES and other constant folding

Not here: names of sources and clauses (kappaflow.sql.analyzer).
"""
