"""REST tests in ksqlDB's format, run against a live server.

    file ──▶ RestCase ──▶ topics, schemas ──▶ statements ──▶ inputs ──▶ queries ──▶ outputs, responses
                                         POST /ksql      Kafka      POST /query

The runner speaks HTTP and Kafka's protocol to the server, as any client does.  What it knows of the engine is the
planner, which tells how a case's own records are written.  Cases that need no server are those of ``query_tests``.
"""
