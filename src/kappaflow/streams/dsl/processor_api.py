"""The low-level API: processors that users write, with stores, schedules and any number of children.

class Deduplicate(Processor):
    def init(self, context):
        self.context = context
        self.seen = context.get_state_store("seen")

    def process(self, record):
        if self.seen.put_if_absent(record.key, record.timestamp) is None:
            self.context.forward(record)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from kappaflow.errors import RecordFailedError, StreamsError, UsageError
from kappaflow.streams.dsl.stores import store_for_processor
from kappaflow.streams.dsl.windows import Span
from kappaflow.streams.processors import base
from kappaflow.streams.processors.table_views import open_store
from kappaflow.streams.record import Record
from kappaflow.streams.topology.nodes import StoreSpec

STREAM_TIME = "stream_time"
WALL_CLOCK_TIME = "wall_clock_time"


class Processor:
    """Base of users' processors; any class with `process` will do.

    A class may have ``stores``, definitions of stores or a function that gives them: they are added and connected.
    """

    context: ProcessorContext

    def init(self, context: ProcessorContext) -> None:
        """Called once per task before the first record."""
        self.context = context

    def process(self, record: Record) -> None:
        """Take a record; `self.context.forward` hands records on."""
        raise TypeError(f"{type(self).__name__} has no method process(record).")

    def close(self) -> None:
        """Called when the task ends."""


FixedKeyProcessor = Processor
ProcessorSupplier = Callable[[], Any]


def check_supplier(supplier: Any) -> None:
    """Refuse a processor that was made: each task needs its own.

    Raises:
        UsageError: it cannot be called.
    """
    if not callable(supplier):
        name = type(supplier).__name__
        raise UsageError(
            f"A processor is made once per task: give the class {name}, or a function that makes one, such as "
            f"lambda: {name}(..), not a {name} that was made."
        )


@dataclass(frozen=True, slots=True)
class RecordMetadata:
    """Where the record that is processed stood."""

    topic: str
    partition: int
    offset: int


class ProcessorContext:
    """What a processor may use."""

    def __init__(
        self,
        node: base.Processor,
        context: base.TaskContext,
        stores: Mapping[str, Any],
        specs: tuple[StoreSpec, ...],
        children: tuple[str, ...],
        *,
        keeps_key: bool,
    ) -> None:
        self._node = node
        self._context = context
        self._stores = {spec.name: store_for_processor(open_store(stores, spec), spec, context) for spec in specs}
        self._child_names = children
        self._keeps_key = keeps_key
        self.current: Record | None = None

    @property
    def node_name(self) -> str:
        """The name of the processor."""
        return self._node.name

    @property
    def application_id(self) -> str:
        """The application's id."""
        return self._context.application_id

    @property
    def task_id(self) -> str:
        """The task, such as ``0_1``: subtopology and partition."""
        return self._context.task_id

    @property
    def app_configs(self) -> Mapping[str, Any]:
        """The settings that the application was given, as `app_configs`."""
        return self._context.app_configs

    @property
    def record_metadata(self) -> RecordMetadata | None:
        """Where the record that is processed stood; None in scheduled calls."""
        at = self.current
        return None if at is None else RecordMetadata(at.topic, at.partition, at.offset)

    def current_stream_time_ms(self) -> int:
        """The greatest time of a record that the task has taken."""
        return self._context.stream_time

    def current_system_time_ms(self) -> int:
        """The wall-clock time."""
        return self._context.wall_clock_ms()

    def get_state_store(self, name: str) -> Any:
        """Return a store that the processor is connected to.

        Raises:
            StreamsError: it is not connected to it.
        """
        if name not in self._stores:
            known = ", ".join(self._stores) or "none"
            raise StreamsError(
                f"Processor {self._node.name} has no access to store {name} (it is connected to: {known}). Name the "
                "store where the processor is added."
            )
        return self._stores[name]

    def forward(self, record: Record, child: str | None = None) -> None:
        """Hand a record to all children, or to one.

        Raises:
            StreamsError: there is no such child, or a key was changed that has to stay.
        """
        if not isinstance(record, Record):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise StreamsError(
                f"Processor {self._node.name} forwards a {type(record).__name__}: forward takes a Record, such as "
                "record.with_value(..) or Record(key, value, timestamp)."
            )
        at = self.current
        if self._keeps_key and at is not None and record.key != at.key:
            raise StreamsError(f"Processor {self._node.name} must not change keys; use process() for that.")
        if at is not None and record.offset < 0:
            record.topic, record.partition, record.offset = at.topic, at.partition, at.offset
        if child is None:
            self._node.forward(record)
            return
        if child not in self._child_names:
            raise StreamsError(f"{child} is no child of {self._node.name}: {', '.join(self._child_names) or 'none'}.")
        found = self._node.children[self._child_names.index(child)]
        found.processor.process(record, found.port)

    def schedule(
        self,
        interval_ms: Span,
        type: str,  # noqa: A002
        callback: Callable[[int], None],
        *,
        start_ms: int | None = None,
    ) -> base.Punctuation:
        """Have a function called once an interval, with the time; `cancel()` of what is returned ends it.

        Args:
            interval_ms: milliseconds, or a timedelta.
            type: ``STREAM_TIME`` or ``WALL_CLOCK_TIME``.
            start_ms: when the first call is due; None is at once for stream time, after one interval otherwise.

        Raises:
            StreamsError: the interval is not positive, or the type is another one.
        """
        span = interval_ms
        every_ms = round(span.total_seconds() * 1000) if isinstance(span, timedelta) else int(span)
        if every_ms < 1:
            raise StreamsError(f"The interval of a schedule is at least 1 ms, not {every_ms}.")
        if type not in (STREAM_TIME, WALL_CLOCK_TIME):
            raise StreamsError(f"A schedule is of {STREAM_TIME} or {WALL_CLOCK_TIME}, not {type}.")
        wall_clock = type == WALL_CLOCK_TIME
        first = start_ms if start_ms is not None else self._context.wall_clock_ms() + every_ms if wall_clock else 0

        def call(now: int) -> None:
            at, self.current = self.current, None
            time, self._context.record_time = self._context.record_time, now
            try:
                callback(now)
            except RecordFailedError:
                raise
            except Exception as error:
                if self._context.on_failure is None:
                    raise
                self._context.on_failure(self._node.name, error)
            finally:
                self.current, self._context.record_time = at, time

        scheduled = base.Punctuation(first, every_ms, call, wall_clock=wall_clock)
        self._context.punctuations.add(scheduled)
        return scheduled

    def commit(self) -> None:
        """Ask for a commit soon."""
        self._context.commit_requested = True


class UserProcessor(base.Processor):
    """Runs a user's processor as an operator."""

    def __init__(
        self,
        name: str,
        context: base.TaskContext,
        supplier: ProcessorSupplier,
        stores: Mapping[str, Any],
        specs: tuple[StoreSpec, ...],
        children: tuple[str, ...],
        *,
        keeps_key: bool,
    ) -> None:
        super().__init__(name, context)
        self._processor = supplier()
        if not hasattr(self._processor, "process"):
            raise StreamsError(f"The supplier of {name} gave {self._processor!r}, which has no method process(record).")
        self._api = ProcessorContext(self, context, stores, specs, children, keeps_key=keeps_key)
        self._ready = False

    def resume(self, progress: Mapping[str, int]) -> None:
        """Start the user's processor; its stores are current now."""
        super().resume(progress)
        self._start()

    def _start(self) -> None:
        if not self._ready:
            self._ready = True
            if isinstance(self._processor, Processor):
                self._processor.context = self._api  # an init that does not call that of its base has it, too
            if hasattr(self._processor, "init"):
                self._processor.init(self._api)

    def process(self, record: Record, port: int = 0) -> None:
        """Hand the record over."""
        self._start()
        before, self._api.current = self._api.current, record
        time, self.context.record_time = self.context.record_time, record.timestamp
        try:
            self._processor.process(record)
        finally:
            self._api.current, self.context.record_time = before, time

    def close(self) -> None:
        """End the user's processor."""
        if self._ready and hasattr(self._processor, "close"):
            self._processor.close()
