"""The logical plan: what a query computes, as a tree of nodes with schemas.

    analysis -> sources, joins -> WHERE -> table functions -> grouping | PARTITION BY -> projection (keys) -> plan

Not here: rewriting it (kappaflow.sql.optimizer); formats, topics and stores (kappaflow.sql.physical).
"""
