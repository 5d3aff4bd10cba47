"""Benchmarks against Kafka Streams on a real Apache Kafka broker.

    run (command line) -> campaign (alternating runs) -> java_side | engine_side | quix_side over orders, partners
                                  |                           sampling (progress and CPU)
                                  |-> checking (both outputs against an independent computation)
                                  |-> profiling (where the engine's time goes)
                                  `-> report (JSON and the table in results/README.md)

    restore, latency          other questions to the same sides
    broker_run                the broker instead of the engine, under Kafka's own tools
    operators, planning, many_queries    our side alone

Not a test of correctness beyond the outputs that it compares, and not a load test of a cluster.
"""
