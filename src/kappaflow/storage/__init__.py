"""Durable storage of the embedded broker, in Kafka's own file layout.

    DataDirectory  lock, cluster id          Journal  metadata documents, durable one by one
    LogDirectory   all partition logs
      PartitionLog   append, read, retention, truncation
        LogSegment     batches + offset index + time index
        ProducerState  idempotence, snapshots
      Flusher        when records become durable

It knows record batches by their headers and nothing of requests, groups or topics' meaning; it is not a cache, and
it holds no record in memory.
"""
