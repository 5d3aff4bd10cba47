"""Kafka Streams for Python: streams and tables over Kafka topics, in your process.

    StreamsBuilder().stream("orders").group_by_key().count().to_stream().to("counts")
    KafkaStreams(topology, application_id="counting", bootstrap_servers="localhost:9092", state_dir="state").start()

    dsl         what users write              topology    what it becomes: nodes, subtopologies
    expressions ``col("price") * 2``
    processors  the operators                 columns     operators over whole columns
    execution   tasks, threads, commits       application the running application

Names are loaded on first use.  Not here: SQL (kappaflow.sql), the test driver (kappaflow.testing).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kappaflow.streams.application import KafkaStreams
    from kappaflow.streams.dsl.builder import StreamsBuilder
    from kappaflow.streams.dsl.global_table import GlobalKTable
    from kappaflow.streams.dsl.grouped_stream import KGroupedStream
    from kappaflow.streams.dsl.grouped_table import KGroupedTable
    from kappaflow.streams.dsl.processor_api import (
        STREAM_TIME,
        WALL_CLOCK_TIME,
        FixedKeyProcessor,
        Processor,
        ProcessorContext,
        RecordMetadata,
    )
    from kappaflow.streams.dsl.serdes import Serdes
    from kappaflow.streams.dsl.stores import (
        Materialized,
        StoreDefinition,
        key_value_store,
        lru_store,
        versioned_key_value_store,
    )
    from kappaflow.streams.dsl.stream import KStream
    from kappaflow.streams.dsl.suppressed import Suppressed
    from kappaflow.streams.dsl.table import KTable
    from kappaflow.streams.dsl.topology import Topology
    from kappaflow.streams.dsl.window_stores import session_store, window_store
    from kappaflow.streams.dsl.windows import (
        JoinWindows,
        SessionWindows,
        SlidingWindows,
        TimeWindows,
        UnlimitedWindows,
    )
    from kappaflow.streams.execution.error_handling import ErrorPolicy, RecordProblem, Response
    from kappaflow.streams.execution.listeners import RestoreListener
    from kappaflow.streams.expressions.nodes import Expression, col, count, lit, when
    from kappaflow.streams.read_only_store import ReadOnlyStore
    from kappaflow.streams.record import Record, Windowed

_HOMES = {
    "ErrorPolicy": "execution.error_handling",
    "RecordProblem": "execution.error_handling",
    "Response": "execution.error_handling",
    "RestoreListener": "execution.listeners",
    "GlobalKTable": "dsl.global_table",
    "KGroupedStream": "dsl.grouped_stream",
    "KGroupedTable": "dsl.grouped_table",
    "RecordMetadata": "dsl.processor_api",
    "ReadOnlyStore": "read_only_store",
    "KafkaStreams": "application",
    "StreamsBuilder": "dsl.builder",
    "STREAM_TIME": "dsl.processor_api",
    "WALL_CLOCK_TIME": "dsl.processor_api",
    "FixedKeyProcessor": "dsl.processor_api",
    "Processor": "dsl.processor_api",
    "ProcessorContext": "dsl.processor_api",
    "Serdes": "dsl.serdes",
    "Materialized": "dsl.stores",
    "StoreDefinition": "dsl.stores",
    "key_value_store": "dsl.stores",
    "lru_store": "dsl.stores",
    "session_store": "dsl.window_stores",
    "versioned_key_value_store": "dsl.stores",
    "window_store": "dsl.window_stores",
    "KStream": "dsl.stream",
    "Suppressed": "dsl.suppressed",
    "KTable": "dsl.table",
    "Topology": "dsl.topology",
    "JoinWindows": "dsl.windows",
    "SessionWindows": "dsl.windows",
    "SlidingWindows": "dsl.windows",
    "TimeWindows": "dsl.windows",
    "UnlimitedWindows": "dsl.windows",
    "Expression": "expressions.nodes",
    "col": "expressions.nodes",
    "count": "expressions.nodes",
    "lit": "expressions.nodes",
    "when": "expressions.nodes",
    "Record": "record",
    "Windowed": "record",
}

__all__ = [
    "STREAM_TIME",
    "WALL_CLOCK_TIME",
    "ErrorPolicy",
    "Expression",
    "FixedKeyProcessor",
    "GlobalKTable",
    "JoinWindows",
    "KGroupedStream",
    "KGroupedTable",
    "KStream",
    "KTable",
    "KafkaStreams",
    "Materialized",
    "Processor",
    "ProcessorContext",
    "ReadOnlyStore",
    "Record",
    "RecordMetadata",
    "RecordProblem",
    "Response",
    "RestoreListener",
    "Serdes",
    "SessionWindows",
    "SlidingWindows",
    "StoreDefinition",
    "StreamsBuilder",
    "Suppressed",
    "TimeWindows",
    "Topology",
    "UnlimitedWindows",
    "Windowed",
    "col",
    "count",
    "key_value_store",
    "lit",
    "lru_store",
    "session_store",
    "versioned_key_value_store",
    "when",
    "window_store",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'kappaflow.streams' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(f"kappaflow.streams.{_HOMES[name]}"), name)
