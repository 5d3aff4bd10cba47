"""Streams of records."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kappaflow.errors import UsageError
from kappaflow.serde import Serde
from kappaflow.streams import topology as run
from kappaflow.streams.columns.fan import MergeColumns
from kappaflow.streams.dsl.entries import MakeNode
from kappaflow.streams.dsl.expressions import (
    flat_mapper,
    key_mapper,
    predicate_of,
    same_columns,
    topic_of,
    value_mapper,
    written_as,
)
from kappaflow.streams.dsl.functions import with_key
from kappaflow.streams.dsl.graph import GraphNode, operator, repartitioning
from kappaflow.streams.dsl.processor_api import ProcessorSupplier, check_supplier
from kappaflow.streams.dsl.stores import Materialized, StoreDefinition
from kappaflow.streams.dsl.topology import Topology
from kappaflow.streams.expressions.nodes import Expression
from kappaflow.streams.processors.records import (
    FlatMapProcessor,
    MapProcessor,
    PassThroughProcessor,
    PeekProcessor,
)
from kappaflow.streams.record import Record
from kappaflow.streams.topology.nodes import KeySerde, PartitionOf

if TYPE_CHECKING:
    from kappaflow.streams.dsl.branches import Branches
    from kappaflow.streams.dsl.builder import StreamsBuilder
    from kappaflow.streams.dsl.global_table import GlobalKTable
    from kappaflow.streams.dsl.grouped_stream import KGroupedStream
    from kappaflow.streams.dsl.table import KTable
    from kappaflow.streams.dsl.windows import JoinWindows


class KStream:
    """A stream of records; each call gives a new one.

    Functions take the value, or key and value; expressions such as ``col("price") * 2`` can stand in their place, and
    run as columns.  Names of operators, stores and internal topics are generated as
    Kafka Streams generates them, unless given.
    """

    def __init__(
        self,
        builder: StreamsBuilder,
        name: str,
        key_serde: KeySerde | None,
        value_serde: Serde | None,
        sources: frozenset[str],
        node: GraphNode,
        *,
        needs_repartition: bool = False,
    ) -> None:
        self.builder = builder
        self.name = name
        self.key_serde = key_serde
        self.value_serde = value_serde
        self.sources = sources
        self.node = node
        self.needs_repartition = needs_repartition
        self._repartitioned: GraphNode | None = None

    # ---- without state ----

    def filter(self, predicate: Callable[..., bool] | Expression, *, name: str | None = None) -> KStream:
        """Keep the records for which the predicate is true."""
        return self._filter(predicate, name, negated=False)

    def filter_not(self, predicate: Callable[..., bool] | Expression, *, name: str | None = None) -> KStream:
        """Drop the records for which the predicate is true."""
        return self._filter(predicate, name, negated=True)

    def map_values(
        self, mapper: Callable[..., Any] | Expression | Mapping[str, Any], *, name: str | None = None
    ) -> KStream:
        """Give records new values.

        Args:
            mapper: a function, an expression, or expressions by name: ``{"item": col("item"), "twice": ..}``. Where it
                is of expressions, a null value stays null.
        """
        maps, serde = value_mapper(mapper, self)
        return self._values(
            self._named(name, "KSTREAM-MAPVALUES-"), lambda at: run.MapValues(name=at.name, mapper=maps), serde
        )

    def map_batches(
        self, function: Callable[[Any], Any], returns: Any, *, batch_size: int = 1_000, name: str | None = None
    ) -> KStream:
        """Give records new values by a function over Arrow record batches, such as a model that scores rows.

        Args:
            function: of a ``pyarrow.RecordBatch`` with the columns of the values (one called ``value`` where they are
                plain); returns a RecordBatch or a Table with the columns of `returns`, or an array where that is a
                plain type, a row for each row. Records without a value are not shown to it.
            returns: what it makes: ``float``, ``str`` .., a TypedDict, or names and types: ``{"score": float}``.
            batch_size: rows of one call, at most.

        Raises:
            UsageError: the columns of the values are not known.
        """
        from kappaflow.streams.dsl.batches import batches_node

        node, serde = batches_node(self, function, returns, batch_size)
        return self._values(self._named(name, "KSTREAM-MAPBATCHES-"), node, serde)

    def map_values_async(
        self,
        function: Callable[..., Awaitable[Any]],
        *,
        max_in_flight: int = 100,
        timeout_ms: int = 30_000,
        in_order: Literal["key", "all"] = "key",
        name: str | None = None,
    ) -> KStream:
        """Give records new values by an asynchronous function, such as a call of a service.

        A commit waits for the calls that are under way, so no record is lost or passed without its result. A call that
        fails, or takes too long, ends the application as any function of yours does.

        Args:
            function: defined with ``async def``; of the value, or key and value.
            max_in_flight: calls at once; further records wait.
            timeout_ms: of one call.
            in_order: results of one key come in the order of its records, or all results in the order of all records.
        """
        from kappaflow.streams.dsl.batches import async_node

        node = async_node(function, max_in_flight, timeout_ms, by_key=in_order == "key")
        return self._values(self._named(name, "KSTREAM-MAPVALUESASYNC-"), node)

    def flat_map_values(self, mapper: Callable[..., Iterable[Any]] | Expression, *, name: str | None = None) -> KStream:
        """Turn each record into any number of records with the same key; an expression makes a list."""
        maps, serde = flat_mapper(mapper, self)
        return self._values(
            self._named(name, "KSTREAM-FLATMAPVALUES-"), lambda at: run.FlatMapValues(name=at.name, mapper=maps), serde
        )

    def map(self, mapper: Callable[..., tuple[Any, Any]] | tuple[Any, Any], *, name: str | None = None) -> KStream:
        """Give records new keys and values.

        Args:
            mapper: returns (key, value); or a pair of expressions: ``(col("city"), {"item": col("item")})``. The value
                of a record without one stays none.
        """
        if isinstance(mapper, tuple):
            from kappaflow.streams.dsl.pairs import pair_node

            node, key, value = pair_node(self, mapper)
            made = self._keys(self._named(name, "KSTREAM-MAP-"), node)
            made.key_serde, made.value_serde = key, value
            return made
        function = with_key(mapper, "mapper")
        return self._keys(
            self._named(name, "KSTREAM-MAP-"),
            lambda at: run.Operator(name=at.name, make=lambda c, _: MapProcessor(at.name, c, function)),
        )

    def flat_map(self, mapper: Callable[..., Iterable[tuple[Any, Any]]], *, name: str | None = None) -> KStream:
        """Turn each record into any number of records: the mapper returns pairs (key, value)."""
        function = with_key(mapper, "mapper")
        return self._keys(
            self._named(name, "KSTREAM-FLATMAP-"),
            lambda at: run.Operator(name=at.name, make=lambda c, _: FlatMapProcessor(at.name, c, function)),
        )

    def select_key(
        self, mapper: Callable[..., Any] | Expression | Mapping[str, Any], *, name: str | None = None
    ) -> KStream:
        """Give records new keys."""
        node, serde = self._select_key(mapper, name)
        self.builder.graph.add(node, self.node)
        return KStream(self.builder, node.name, serde, self.value_serde, self.sources, node, needs_repartition=True)

    def peek(self, action: Callable[..., Any], *, name: str | None = None) -> KStream:
        """Call a function for each record, and go on with it as it is."""
        function = with_key(action, "action")
        return self._same(
            self._named(name, "KSTREAM-PEEK-"),
            lambda at: run.Operator(name=at.name, make=lambda c, _: PeekProcessor(at.name, c, function, forwards=True)),
        )

    def foreach(self, action: Callable[..., Any], *, name: str | None = None) -> None:
        """Call a function for each record."""
        function = with_key(action, "action")
        self._same(
            self._named(name, "KSTREAM-FOREACH-"),
            lambda at: run.Operator(
                name=at.name, make=lambda c, _: PeekProcessor(at.name, c, function, forwards=False)
            ),
        )

    def print(
        self,
        label: str | None = None,
        *,
        to: str | PathLike[str] | None = None,
        mapper: Callable[..., Any] | None = None,
        name: str | None = None,
    ) -> None:
        """Print each record, to standard output or to a file.

        Args:
            label: stands before each; None is the stream's name.
            to: the file, which is written anew.
            mapper: gives what is printed of a value, or of key and value; None prints both.
        """
        given = label if label is not None else self.name
        shown = None if mapper is None else with_key(mapper, "mapper")
        if to is not None:
            Path(to).write_text("", encoding="utf-8")

        def show(key: Any, value: Any) -> None:
            text = f"[{given}]: {f'{key}, {value}' if shown is None else shown(key, value)}\n"
            if to is None:
                sys.stdout.write(text)
                return
            with Path(to).open("a", encoding="utf-8") as file:
                file.write(text)

        self._same(
            self._named(name, "KSTREAM-PRINTER-"),
            lambda at: run.Operator(name=at.name, make=lambda c, _: PeekProcessor(at.name, c, show, forwards=False)),
        )

    def split(self, *, name: str | None = None) -> Branches:
        """Split into branches: the first predicate that is true takes a record."""
        from kappaflow.streams.dsl.branches import Branches

        return Branches(self, name)

    def merge(self, other: KStream, *, name: str | None = None) -> KStream:
        """Put two streams together; there is no order between them."""
        made = self._named(name, "KSTREAM-MERGE-")
        node = operator(made, lambda at: run.Merge(name=at.name))
        node.is_merge = True
        self.builder.graph.add(node, self.node, other.node)
        return KStream(
            self.builder,
            made,
            same_columns(self.key_serde, other.key_serde),
            same_columns(self.value_serde, other.value_serde),
            self.sources | other.sources,
            node,
            needs_repartition=self.needs_repartition or other.needs_repartition,
        )

    def process(
        self,
        supplier: ProcessorSupplier,
        *stores: str | StoreDefinition,
        name: str | None = None,
    ) -> KStream:
        """Hand records to processors of yours, which may use stores, schedule calls and change keys.

        Args:
            supplier: a class, or a function that makes a processor; called once per task.
            stores: those that it uses, by name where they were added to the builder.
        """
        made = name if name is not None else self.builder.graph.new_name("KSTREAM-PROCESSOR-")
        node = self._process(made, supplier, stores, keeps_key=False)
        self.builder.graph.add(node, self.node)
        return KStream(self.builder, made, None, None, self.sources, node, needs_repartition=True)

    def process_values(
        self, supplier: ProcessorSupplier, *stores: str | StoreDefinition, name: str | None = None
    ) -> KStream:
        """Hand records to processors of yours that keep their keys."""
        made = name if name is not None else self.builder.graph.new_name("KSTREAM-PROCESSVALUES-")
        node = self._process(made, supplier, stores, keeps_key=True)
        self.builder.graph.add(node, self.node)
        return KStream(
            self.builder,
            made,
            self.key_serde,
            None,
            self.sources,
            node,
            needs_repartition=self.needs_repartition,
        )

    # ---- out, and through a topic ----

    def to(
        self,
        topic: str | Callable[[Record], str] | Expression,
        *,
        key_serde: KeySerde | None = None,
        value_serde: Serde | None = None,
        partitioner: PartitionOf | None = None,
        name: str | None = None,
    ) -> None:
        """Write the stream to a topic.

        Args:
            topic: its name, or a function or expression that chooses it for each record, such as
                ``col("kind") + "-events"``; the topics have to exist.
            partitioner: chooses the partition of a record by the number of partitions; None chooses by key.
        """
        chosen = topic if isinstance(topic, str) else topic_of(topic, self)
        key, value = key_serde or self.key_serde, written_as(value_serde, self.value_serde)

        def write(topology: Topology, node: GraphNode) -> None:
            topology.add_sink(
                node.name, chosen, *node.parent_names, key_serde=key, value_serde=value, partitioner=partitioner
            )

        self.builder.graph.add(GraphNode(self._named(name, "KSTREAM-SINK-"), write), self.node)

    def repartition(
        self,
        *,
        name: str | None = None,
        key_serde: KeySerde | None = None,
        value_serde: Serde | None = None,
        partitions: int | None = None,
        partitioner: PartitionOf | None = None,
    ) -> KStream:
        """Send the stream through an internal topic: ``<application id>-<name>-repartition``."""
        prefix = name if name is not None else self.builder.graph.new_name("KSTREAM-REPARTITION-")
        through = repartitioning(
            self.builder.graph, prefix, key_serde or self.key_serde, value_serde or self.value_serde
        )
        through.optimizable = False
        through.partitions, through.partition_of = partitions, partitioner
        node = self.builder.graph.add(through.node(), self.node)
        return KStream(
            self.builder,
            through.source_name,
            key_serde or self.key_serde,
            value_serde or self.value_serde,
            frozenset((node.name,)),
            node,
        )

    # ---- grouping, tables ----

    def group_by_key(
        self, *, name: str | None = None, key_serde: KeySerde | None = None, value_serde: Serde | None = None
    ) -> KGroupedStream:
        """Group by the key; `name` is that of the repartition topic, where one is needed."""
        from kappaflow.streams.dsl.grouped_stream import KGroupedStream

        return KGroupedStream(
            self.builder,
            self.name,
            key_serde or self.key_serde,
            value_serde or self.value_serde,
            self.sources,
            self.node,
            needs_repartition=self.needs_repartition,
            repartition_name=name,
        )

    def group_by(
        self,
        mapper: Callable[..., Any] | Expression | Mapping[str, Any],
        *,
        name: str | None = None,
        key_serde: KeySerde | None = None,
        value_serde: Serde | None = None,
    ) -> KGroupedStream:
        """Group by a new key; `name` is that of the repartition topic."""
        from kappaflow.streams.dsl.grouped_stream import KGroupedStream

        node, serde = self._select_key(mapper, name)
        self.builder.graph.add(node, self.node)
        return KGroupedStream(
            self.builder,
            node.name,
            key_serde or serde,
            value_serde or self.value_serde,
            self.sources,
            node,
            needs_repartition=True,
            repartition_name=name,
        )

    def to_table(self, materialized: Materialized | str | None = None, *, name: str | None = None) -> KTable:
        """Read the stream as changes of a table: a record sets the row of its key, a null value deletes it."""
        from kappaflow.streams.dsl.table_sources import stream_to_table

        return stream_to_table(self, materialized, name)

    # ---- joins ----

    def join(self, other: KStream | KTable | GlobalKTable, joiner: Any, *arguments: Any, **options: Any) -> KStream:
        """Join with another stream within `windows`, or look rows up in a table.

        ``stream.join(other, joiner, JoinWindows.of(..))``, ``stream.join(table, joiner)``,
        ``stream.join(global_table, key_of, joiner)``; a joiner is a function of both values, or expressions such as
        ``{"item": col.left("item"), "city": col.right("city")}``; see `kappaflow.streams.dsl.stream_joins`.
        """
        return self._join(other, "inner", joiner, arguments, options)

    def left_join(
        self, other: KStream | KTable | GlobalKTable, joiner: Any, *arguments: Any, **options: Any
    ) -> KStream:
        """Join, and keep records of this stream that find no partner."""
        return self._join(other, "left", joiner, arguments, options)

    def outer_join(self, other: KStream, joiner: Any, windows: JoinWindows, **options: Any) -> KStream:
        """Join with another stream, and keep the records of both that find no partner."""
        return self._join(other, "outer", joiner, (windows,), options)

    # ---- shared by the operators ----

    def _join(self, other: Any, kind: str, joiner: Any, arguments: Sequence[Any], options: Any) -> KStream:
        from kappaflow.streams.dsl import stream_joins
        from kappaflow.streams.dsl.global_table import GlobalKTable
        from kappaflow.streams.dsl.table import KTable

        if isinstance(other, KStream):
            return stream_joins.join_streams(self, other, kind, joiner, *arguments, **options)
        if kind == "outer":
            raise UsageError("A stream has no outer join with a table: only the stream's records give results.")
        if isinstance(other, KTable):
            return stream_joins.join_table(self, other, kind, joiner, *arguments, **options)
        if isinstance(other, GlobalKTable):
            if not arguments and "joiner" not in options:
                raise UsageError(
                    "A stream looks rows of a GlobalKTable up by a key that a function makes of a record: give it "
                    "before the joiner, as in join(rates, lambda order: order['currency'], joiner)."
                )
            return stream_joins.join_global(self, other, kind, joiner, *arguments, **options)
        raise UsageError(f"A stream joins streams and tables, not {type(other).__name__}.")

    def _named(self, name: str | None, prefix: str) -> str:
        return self.builder.graph.name_or_new(name, prefix)

    def _filter(self, predicate: Callable[..., bool] | Expression, name: str | None, *, negated: bool) -> KStream:
        keeps = predicate_of(predicate, self, negated=negated)
        return self._same(self._named(name, "KSTREAM-FILTER-"), lambda at: run.Filter(name=at.name, predicate=keeps))

    def _select_key(self, mapper: Any, name: str | None) -> tuple[GraphNode, Serde | None]:
        maps, serde = key_mapper(mapper, self)
        node = operator(self._named(name, "KSTREAM-KEY-SELECT-"), lambda at: run.SelectKey(name=at.name, mapper=maps))
        node.changes_key = True
        return node, serde

    def _process(
        self, name: str, supplier: ProcessorSupplier, stores: Sequence[str | StoreDefinition], *, keeps_key: bool
    ) -> GraphNode:
        check_supplier(supplier)
        names = [each if isinstance(each, str) else each.name for each in stores]
        own = [each for each in stores if isinstance(each, StoreDefinition)]

        def write(topology: Topology, node: GraphNode) -> None:
            for definition in own:
                topology.add_state_store(definition)
            topology.add_user_processor(node.name, supplier, node.parent_names, names, keeps_key=keeps_key)

        return GraphNode(name, write)

    def _same(self, name: str, node: MakeNode) -> KStream:
        """An operator behind which keys and values are of the same kind."""
        made = self.builder.graph.add(operator(name, node), self.node)
        return KStream(
            self.builder,
            name,
            self.key_serde,
            self.value_serde,
            self.sources,
            made,
            needs_repartition=self.needs_repartition,
        )

    def _values(self, name: str, node: MakeNode, serde: Serde | None = None) -> KStream:
        """An operator behind which values are of another kind; `serde` is theirs where it is known."""
        made = operator(name, node)
        made.changes_value = True
        self.builder.graph.add(made, self.node)
        return KStream(
            self.builder,
            name,
            self.key_serde,
            serde,
            self.sources,
            made,
            needs_repartition=self.needs_repartition,
        )

    def _keys(self, name: str, node: MakeNode) -> KStream:
        """An operator behind which keys and values are of another kind."""
        made = operator(name, node)
        made.changes_key = True
        self.builder.graph.add(made, self.node)
        return KStream(self.builder, name, None, None, self.sources, made, needs_repartition=True)

    def repartitioned_for_join(self, name: str, key_serde: KeySerde | None, value_serde: Serde | None) -> KStream:
        """Send the stream through an internal topic before a join."""
        key, value = key_serde or self.key_serde, value_serde or self.value_serde
        through = repartitioning(self.builder.graph, name, key, value)
        if self._repartitioned is None or self.name != name:
            self._repartitioned = self.builder.graph.add(through.node(), self.node)
        source = through.source_name
        return KStream(self.builder, source, key, value, frozenset((source,)), self._repartitioned)


def pass_through(name: str) -> MakeNode:
    """Return an operator that hands records on."""
    return lambda at: run.Operator(
        name=at.name, make=lambda c, _: PassThroughProcessor(name, c), columns=lambda _c, _s: MergeColumns()
    )
