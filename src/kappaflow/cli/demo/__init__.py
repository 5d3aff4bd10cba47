"""`kappa demo flights`: the main job on real data, with every result checked.

flights_data   the package's frames -> JSON events in topics
flights_sql    the statements that are run and printed
waiting        conditions to wait for: a query has read all there is, a worker is back
results        what the queries answered, as tables on disk
check_flights  a program of its own: computes the same from the frames and compares (imports nothing of kappaflow)
flights        the order of it all
"""
