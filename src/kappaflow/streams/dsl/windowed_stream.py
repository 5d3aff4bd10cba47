"""Grouped streams by windows: what is folded by key and time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kappaflow.errors import UsageError
from kappaflow.serde import Serde, WindowedKeySerde
from kappaflow.serde.objects import MissingSerde
from kappaflow.serde.schema import WindowInfo, WindowType
from kappaflow.streams import topology as run
from kappaflow.streams.columns.step_rows import Steps
from kappaflow.streams.dsl.aggregators import counting
from kappaflow.streams.dsl.entries import Connected, MakeNode
from kappaflow.streams.dsl.expressions import is_fold
from kappaflow.streams.dsl.grouped_stream import AGGREGATE, REDUCE, Folder, KGroupedStream, folded
from kappaflow.streams.dsl.reducers import Reducer, reducing
from kappaflow.streams.dsl.serdes import Serdes
from kappaflow.streams.dsl.stores import Materialized, StoreDefinition
from kappaflow.streams.dsl.table import KTable
from kappaflow.streams.dsl.table_sources import materialized_of
from kappaflow.streams.dsl.table_steps import is_columnar
from kappaflow.streams.dsl.windows import SessionWindows, SlidingWindows, TimeWindows, UnlimitedWindows
from kappaflow.streams.expressions.nodes import Aggregate, Expression
from kappaflow.streams.processors.sliding import SlidingAggregateProcessor
from kappaflow.streams.processors.unlimited import WINDOW_END, UnlimitedAggregateProcessor
from kappaflow.streams.topology.nodes import StoreSpec

Windows = TimeWindows | SlidingWindows | UnlimitedWindows
ON_WINDOW_UPDATE = "on_window_update"
ON_WINDOW_CLOSE = "on_window_close"


class WindowedKStream:
    """A stream grouped by key and time windows; keys of the results are `Windowed`."""

    def __init__(self, grouped: KGroupedStream, windows: Windows) -> None:
        self._grouped = grouped
        self._windows = windows
        self._final = False

    def emit_strategy(self, strategy: str) -> WindowedKStream:
        """Forward each update (``on_window_update``), or only what a window ends with (``on_window_close``)."""
        self._final = is_final(strategy)
        if self._final and isinstance(self._windows, UnlimitedWindows):
            raise UsageError("A window without an end never closes: use on_window_update.")
        return self

    def count(self, materialized: Materialized | str | None = None, *, name: str | None = None) -> KTable:
        """Count the records of each key and window."""
        return self._fold(AGGREGATE, counting(), materialized, name, Serdes.long(), is_count=True)

    def reduce(
        self,
        reducer: Reducer,
        materialized: Materialized | str | None = None,
        *,
        name: str | None = None,
    ) -> KTable:
        """Fold the values of each key and window into one."""
        return self._fold(REDUCE, reducing(reducer, of=self._grouped), materialized, name, self._grouped.value_serde)

    def aggregate(
        self,
        initializer: Callable[[], Any] | Aggregate | Mapping[str, Aggregate],
        aggregator: Callable[..., Any] | Expression | Mapping[str, Any] | None = None,
        materialized: Materialized | str | None = None,
        *,
        name: str | None = None,
    ) -> KTable:
        """Fold the values of each key and window into an aggregate, by functions or by folds of expressions."""
        fold, serde = folded(self._grouped, initializer, aggregator, materialized_of(materialized).value_serde)
        return self._fold(AGGREGATE, fold, materialized, name, serde)

    def _fold(
        self,
        prefix: str,
        aggregator: Folder,
        given: Materialized | str | None,
        name: str | None,
        value_serde: Serde | None,
        *,
        is_count: bool = False,
    ) -> KTable:
        grouped, materialized = self._grouped, materialized_of(given)
        burns = not isinstance(self._windows, SlidingWindows)
        store_name, function = grouped.names(prefix, given, materialized, name, is_count=is_count, burns=burns)
        key: Any = materialized.key_serde or grouped.key_serde
        value = materialized.value_serde or value_serde
        store = window_store(store_name, self._windows, key, value, materialized)
        return grouped.aggregated(
            function,
            windowed_node(self._windows, aggregator, final=self._final),
            store,
            windowed_serde(key or grouped.builder.key_serde, store.window, function),
            value,
            grace_of(self._windows),
        )


class SessionWindowedKStream:
    """A stream grouped by key and sessions; keys of the results are `Windowed`."""

    def __init__(self, grouped: KGroupedStream, windows: SessionWindows) -> None:
        self._grouped = grouped
        self._windows = windows
        self._final = False

    def emit_strategy(self, strategy: str) -> SessionWindowedKStream:
        """Forward each update (``on_window_update``), or only what a session ends with (``on_window_close``)."""
        self._final = is_final(strategy)
        return self

    def count(self, materialized: Materialized | str | None = None, *, name: str | None = None) -> KTable:
        """Count the records of each key and session."""
        return self._fold(AGGREGATE, counting(), materialized, name, Serdes.long(), is_count=True)

    def reduce(
        self,
        reducer: Reducer,
        materialized: Materialized | str | None = None,
        *,
        name: str | None = None,
    ) -> KTable:
        """Fold the values of each key and session into one."""
        return self._fold(REDUCE, reducing(reducer, of=self._grouped), materialized, name, self._grouped.value_serde)

    def aggregate(
        self,
        initializer: Callable[[], Any] | Aggregate | Mapping[str, Aggregate],
        aggregator: Callable[..., Any] | Expression | Mapping[str, Any] | None = None,
        merger: Callable[..., Any] | Expression | Mapping[str, Any] | None = None,
        materialized: Materialized | str | None = None,
        *,
        name: str | None = None,
    ) -> KTable:
        """Fold the values of each key and session into an aggregate; `merger` joins those of two sessions.

        Folds of expressions need neither aggregator nor merger.
        """
        if merger is None and not is_fold(initializer):
            raise UsageError("The aggregate of sessions needs a merger: a function of the aggregates of two sessions.")
        given = materialized_of(materialized).value_serde
        fold, serde = folded(self._grouped, initializer, aggregator, given, merger)
        return self._fold(AGGREGATE, fold, materialized, name, serde)

    def _fold(
        self,
        prefix: str,
        aggregator: Folder,
        given: Materialized | str | None,
        name: str | None,
        value_serde: Serde | None,
        *,
        is_count: bool = False,
    ) -> KTable:
        grouped, materialized = self._grouped, materialized_of(given)
        store_name, function = grouped.names(prefix, given, materialized, name, is_count=is_count)
        key: Any = materialized.key_serde or grouped.key_serde
        value = materialized.value_serde or value_serde
        store = window_store(store_name, self._windows, key, value, materialized)
        return grouped.aggregated(
            function,
            session_node(self._windows, aggregator, final=self._final),
            store,
            windowed_serde(key or grouped.builder.key_serde, store.window, function),
            value,
            self._windows.grace_ms + self._windows.gap_ms,
        )


def is_final(strategy: str) -> bool:
    """Tell whether a strategy waits for the end of windows.

    Raises:
        UsageError: there is no such strategy.
    """
    if strategy not in (ON_WINDOW_UPDATE, ON_WINDOW_CLOSE):
        raise UsageError(f"Results are emitted {ON_WINDOW_UPDATE} or {ON_WINDOW_CLOSE}, not {strategy}.")
    return strategy == ON_WINDOW_CLOSE


def grace_of(windows: Windows) -> int:
    """Return how long windows take late records."""
    return 0 if isinstance(windows, UnlimitedWindows) else windows.grace_ms


def window_store(
    name: str,
    windows: Windows | SessionWindows,
    key_serde: Serde | None,
    value_serde: Serde | None,
    materialized: Materialized,
) -> StoreDefinition:
    """Return the store of windows; it keeps them as long as they can change, or longer.

    Raises:
        UsageError: it would forget windows that can still change.
    """
    if materialized.is_versioned:
        raise UsageError(f"Store {name} keeps windows: versions are kept of tables without windows only.")
    match windows:
        case TimeWindows():
            info, least = WindowInfo(WindowType.TUMBLING, windows.size_ms), windows.size_ms + windows.grace_ms
        case SlidingWindows():
            info = WindowInfo(WindowType.TUMBLING, windows.difference_ms)
            least = 2 * windows.difference_ms + windows.grace_ms
        case UnlimitedWindows():
            info, least = WindowInfo(WindowType.TUMBLING, WINDOW_END), WINDOW_END
        case SessionWindows():
            info, least = WindowInfo(WindowType.SESSION), windows.gap_ms + windows.grace_ms
    if materialized.max_entries is not None:
        raise UsageError(f"Store {name} keeps windows: leave max_entries out, and say retention_ms where it is needed.")
    if materialized.retention_ms is not None and materialized.retention_ms < least:
        raise UsageError(
            f"Store {name} keeps windows for {materialized.retention_ms} ms, but they can change for {least} ms: size "
            "and grace period. Keep them longer."
        )
    return StoreDefinition(
        name,
        key_serde,
        value_serde,
        info,
        least if materialized.retention_ms is None else materialized.retention_ms,
        materialized.logging,
        changelog_config=materialized.changelog_config,
        caching=materialized.caching,
        in_memory=materialized.in_memory,
    )


def windowed_serde(inner: Serde | None, window: WindowInfo | None, name: str) -> WindowedKeySerde:
    """Return the serde of windowed keys."""
    assert window is not None
    return WindowedKeySerde(inner or MissingSerde(f"the keys of {name}"), window)


def windowed_node(windows: Windows, aggregator: Folder, *, final: bool) -> MakeNode:
    """Return what makes the operator of windows."""

    def sliding(at: Connected, spec: StoreSpec, windows: SlidingWindows) -> run.Node:
        return run.Operator(
            name=at.name,
            specs=at.stores,
            why="an aggregate has no fold",
            steps=stepped(aggregator, spec, final=final),
            make=lambda context, stores: SlidingAggregateProcessor(
                at.name,
                context,
                aggregator,
                spec,
                stores[spec.name],
                difference_ms=windows.difference_ms,
                grace_ms=windows.grace_ms,
                emit_final=final,
            ),
        )

    def make(at: Connected) -> run.Node:
        spec = at.stores[0]
        if isinstance(windows, SlidingWindows):
            return sliding(at, spec, windows)
        times = windows if isinstance(windows, TimeWindows) else TimeWindows(WINDOW_END, WINDOW_END, 0)
        node = run.WindowedAggregate(
            name=at.name,
            aggregator=aggregator,
            store=spec,
            size_ms=times.size_ms,
            advance_ms=times.advance_ms,
            grace_ms=times.grace_ms,
            emit_final=final,
            initial_is_old=True,
        )
        if isinstance(windows, TimeWindows):
            return node

        def unlimited(context: Any, stores: Any) -> UnlimitedAggregateProcessor:
            made = UnlimitedAggregateProcessor(node, context, stores[spec.name])
            made.start_ms = windows.start_ms if isinstance(windows, UnlimitedWindows) else 0
            return made

        return run.Operator(
            name=at.name,
            specs=at.stores,
            make=unlimited,
            why="an aggregate has no fold",
            steps=stepped(aggregator, spec),
        )

    return make


def stepped(aggregator: Folder, spec: StoreSpec, *, final: bool = False) -> Steps | None:
    """Return how windows are folded row by row within columns; None where a function folds them."""
    shape = getattr(aggregator, "shape", None)
    if shape is None or not is_columnar(spec):
        return None
    return Steps(makes_changes=True, keeps_key=not final, value=shape, specs=((spec, 8),))


def session_node(windows: SessionWindows, aggregator: Folder, *, final: bool) -> MakeNode:
    """Return what makes the operator of sessions."""
    return lambda at: run.SessionAggregate(
        name=at.name,
        aggregator=aggregator,
        store=at.stores[0],
        gap_ms=windows.gap_ms,
        grace_ms=windows.grace_ms,
        emit_final=final,
        keeps_record_time=True,
    )
