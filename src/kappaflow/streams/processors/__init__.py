"""The operators: one module each, row form and, where there is one, column form.

    node (kappaflow.streams.topology) + stores (kappaflow.state) -> Processor
    Processor.process(record)       forwards depth-first, children in the order of their attachment
    Processor.process_batch(batch)  the same rows in the same order, as columns

Rules for nulls, tombstones, lateness and timestamps are Kafka Streams' own.
"""
