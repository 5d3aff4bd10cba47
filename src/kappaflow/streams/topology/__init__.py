"""What a query does, as a graph of operator nodes, before anything runs.

    TopologyBuilder.add(node, parents) -> Topology -> subtopologies (connected through operators and stores)

Each node names its operator's inputs, stores and formats; `kappaflow.streams.processors` runs them.
"""

from kappaflow.streams.topology.builder import ProcessorWrapper, Subtopology, Topology, TopologyBuilder
from kappaflow.streams.topology.nodes import (
    Filter,
    FlatMapValues,
    GroupTable,
    MapValues,
    Materialise,
    Merge,
    Node,
    Operator,
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
    ToTable,
    WindowedAggregate,
)

__all__ = [
    "Filter",
    "FlatMapValues",
    "GroupTable",
    "MapValues",
    "Materialise",
    "Merge",
    "Node",
    "Operator",
    "ProcessorWrapper",
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
    "ToTable",
    "Topology",
    "TopologyBuilder",
    "WindowedAggregate",
]
