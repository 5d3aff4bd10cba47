"""Kafka's client side: bytes of whole record batches in, bytes of whole record batches out.

    Connection ──── one I/O thread and its sockets (kafka-python), one each for control, fetch and produce
      ├── Admin              topics, configs, groups, offsets by time
      ├── Fetcher            record batches as bytes, prefetched, following leaders
      ├── BatchProducer      prebuilt record batches, idempotent, pipelined, in order
      ├── GroupOffsets       committed offsets of a group
      └── GroupMembership    a member of a consumer group, with its own assignor

It does not parse records (the kernel does), has no subscription state and hides no rebalance.  ``RecordWriter``
and ``RecordReader`` are for topics of low volume only.  Everything that kafka-python keeps private and this
package uses anyway is named in ``client/kafka_python.py``.
"""
