"""What a query does, as a graph of operator nodes, before anything runs.

    TopologyBuilder.add(node, parents) -> Topology -> subtopologies (connected through operators and stores)

Each node names its operator's inputs, stores and formats; `kappaflow.streams.processors` runs them.
"""

from kappaflow.streams.topology.builder import Subtopology, Topology, TopologyBuilder
from kappaflow.streams.topology.nodes import (
    ExtractedTimes,
    Filter,
    FlatMapValues,
    ForeignKeyJoin,
    GroupTable,
    MapValues,
    Materialise,
    Merge,
    Node,
    Repartition,
    SelectKey,
    SessionAggregate,
    Sink,
    Source,
    StoreSpec,
    StreamAggregate,
    StreamStreamJoin,
    StreamTableJoin,
    Suppress,
    TableAggregate,
    TableFilter,
    TableMapValues,
    TableSource,
    TableTableJoin,
    ToStream,
    WindowedAggregate,
)

__all__ = [
    "ExtractedTimes",
    "Filter",
    "FlatMapValues",
    "ForeignKeyJoin",
    "GroupTable",
    "MapValues",
    "Materialise",
    "Merge",
    "Node",
    "Repartition",
    "SelectKey",
    "SessionAggregate",
    "Sink",
    "Source",
    "StoreSpec",
    "StreamAggregate",
    "StreamStreamJoin",
    "StreamTableJoin",
    "Subtopology",
    "Suppress",
    "TableAggregate",
    "TableFilter",
    "TableMapValues",
    "TableSource",
    "TableTableJoin",
    "ToStream",
    "Topology",
    "TopologyBuilder",
    "WindowedAggregate",
]
