"""One module per family of statements that POST /ksql executes.

    execute (in order, one session) -> distributed        changes: sandbox -> command topic -> replay
                                    -> show, describe     what is
                                    -> insert_values, assertions, session

Not here: planning (kappaflow.sql); SELECT, which has endpoints of its own.
"""
