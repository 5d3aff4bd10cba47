"""Kafka Streams for Python: topologies from streams and tables, or from processors.

    StreamsBuilder ─ stream(), table() ─▶ KStream, KTable ─ operators ─▶ graph ─ build() ─▶ Topology
    Topology.describe()                       as Java prints it
    Topology.bind("application-id") ─ Binding: entries, one a node ─▶ what the execution layer runs

Names, numbers of generated names and topic names are those of Kafka Streams for the same program.
Not here: how a topology runs (kappaflow.streams.execution), the SQL planner's topologies (kappaflow.sql.physical).
"""
