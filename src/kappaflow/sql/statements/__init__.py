"""One planner a statement: from its syntax to a plan of all that executing it will change.

    planners (statement -> planner) -> create_source, create_as, insert_into, drop, alter, ..  -> Plan
                                       push, pull                                              -> a query for the caller

    naming, topics, registrations, timestamps, inference, switches   questions that several of them ask

Not here: applying a plan (kappaflow.sql.engine), and what a cluster does then (kappaflow.server).
"""
