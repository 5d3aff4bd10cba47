"""From SQL text to a topology, as pure functions: no I/O, no clock, no randomness.

    grammar -> ast -> analyzer -> logical -> optimizer -> physical -> a topology of kappaflow.streams
                                     |                       |
             expressions, functions: what values mean        `-> EXPLAIN prints every arrow

    engine       the entrance: plans statements, and applies plans to what it knows (metastore)
    statements   one planner a statement -> statement_plan: all that executing it will change, as values
    reference    what the pages about the language say

What planning has to know of topics, schemas and settings is handed in as values, so that replaying the same plans gives
the same state everywhere.

Not here: running a topology (kappaflow.streams.execution), statements over HTTP (kappaflow.server).
"""
