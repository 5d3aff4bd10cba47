"""Benchmarks against Kafka Streams on a real Apache Kafka broker.

    run (command line) -> campaign (alternating runs) -> java_side | engine_side over orders (input topics)
                                  |                           sampling (progress and CPU)
                                  |-> checking (both outputs against an independent computation)
                                  |-> profiling (where the engine's time goes)
                                  `-> report (JSON and the table in results/README.md)

Not a test of correctness beyond the outputs that it compares, and not a load test of a cluster.
"""
