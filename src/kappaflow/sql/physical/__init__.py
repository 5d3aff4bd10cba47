"""The physical plan: steps named by what they act on, and the streams topology made of them.

    logical plan -> planner (names, formats, stores) -> steps -> topology -> nodes of kappaflow.streams
                                                          |
         column_report: which run as columns    upgrades: what CREATE OR REPLACE may change
         materialisation, look_up: how pull queries find rows

Not here: what an expression computes (kappaflow.sql.expressions), how nodes run (kappaflow.streams).
"""
