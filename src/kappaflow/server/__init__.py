"""The server: one command, a supervised process tree, ksqlDB's REST surface.

    kappa up ── supervisor ─┬─ broker      the embedded Kafka broker (not with --bootstrap-servers)
                            ├─ control     REST, planner, command topic: plans, never touches a record loop
                            └─ worker 0..W run the queries, answer pull and push queries

    statement -> control (validate in a sandbox) -> record in the command topic -> every control and worker
    process replays it: the same plans in the same order give the same state everywhere.

Children end when their standard input closes, so that nothing is left behind when the supervisor is killed.

Not here: planning (kappaflow.sql), the record path (kappaflow.streams), the command line (kappaflow.cli).
"""
