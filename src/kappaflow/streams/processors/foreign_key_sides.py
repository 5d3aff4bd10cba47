"""A join of tables by foreign key, spread over both tables' tasks.

    left change ─▶ Registering ═ topic ═▶ Subscribing ─▶ Answering ═ topic ═▶ Resolving ─▶ joined rows
                                              │ store        ▲
    right change ────────────────────────▶ ForeignChange ────┘

The left side registers each row with the owner of its foreign key; the owner keeps the subscription and answers with
its own row, then and whenever it changes.  An answer to an older version of a row is recognised by the hash.
Source: KIP-213.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kappaflow.state import OrderedStore
from kappaflow.state.ordered import behind
from kappaflow.streams.processors.base import Processor, TaskContext
from kappaflow.streams.processors.foreign_key_protocol import (
    Instruction,
    Registration,
    Response,
    murmur3_128,
    primary_key_of,
    subscription_key,
    subscription_prefix,
)
from kappaflow.streams.processors.table_views import TableView
from kappaflow.streams.record import Change, Record

Serialize = Callable[[Any], bytes | None]


class RegisteringProcessor(Processor):
    """Registers the rows of the left table with the owners of their foreign keys.

    Args:
        foreign_key: of a key and a value.
        write_foreign, write_value: serialise foreign keys and the left table's values.
        left: rows without a partner are kept.
        latest_only: changes of a versioned table that are not its latest are left out.
    """

    def __init__(
        self,
        name: str,
        context: TaskContext,
        foreign_key: Callable[[Any, Any], Any],
        write_foreign: Serialize,
        write_value: Serialize,
        *,
        left: bool,
        latest_only: bool = False,
    ) -> None:
        super().__init__(name, context)
        self._latest_only = latest_only
        self._foreign_key = foreign_key
        self._write_foreign = write_foreign
        self._write_value = write_value
        self._left = left

    def process(self, record: Record, port: int = 0) -> None:
        """Forward what the owners of the old and of the new foreign key have to know."""
        change: Change = record.value
        if self._latest_only and not change.is_latest:
            self.context.drop("out-of-order-version")
            return
        old = None if change.old is None else self._foreign_key(record.key, change.old)
        new = None if change.new is None else self._foreign_key(record.key, change.new)
        if self._left:
            if change.old is None and change.new is None:
                return
            if old is not None and self._write_foreign(old) != self._write_foreign(new):
                self._register(record, old, Instruction.DELETE_NO_PROPAGATE)
            self._register(record, new, Instruction.PROPAGATE_NULL_IF_NO_VALUE)
        elif change.new is None or new is None:
            if change.new is not None:
                self.context.drop("null-foreign-key")
            if old is not None:
                self._register(record, old, Instruction.DELETE_AND_PROPAGATE)
        elif old is not None and self._write_foreign(old) != self._write_foreign(new):
            self._register(record, old, Instruction.DELETE_NO_PROPAGATE)
            self._register(record, new, Instruction.PROPAGATE_NULL_IF_NO_VALUE)
        else:
            self._register(record, new, Instruction.PROPAGATE_ONLY_IF_VALUE)

    def _register(self, record: Record, foreign: Any, instruction: Instruction) -> None:
        new = record.value.new
        hashed = None if new is None else murmur3_128(self._write_value(new) or b"")
        registered = record.with_key(foreign)
        source = self.context.source or record  # also of rows that an operator made, which stood in no partition
        registered.value = Registration(hashed, instruction, record.key, source.partition)
        self.forward(registered)


class SubscribingProcessor(Processor):
    """Keeps the subscriptions to the rows of the right table and hands them on."""

    def __init__(
        self, name: str, context: TaskContext, store: OrderedStore, write_foreign: Serialize, write_primary: Serialize
    ) -> None:
        super().__init__(name, context)
        self._store: Any = store
        self._write_foreign = write_foreign
        self._write_primary = write_primary

    def process(self, record: Record, port: int = 0) -> None:
        """Subscribe or unsubscribe."""
        registration: Registration = record.value
        instruction = registration.instruction
        if record.key is None:
            if instruction is not Instruction.PROPAGATE_NULL_IF_NO_VALUE:
                self.context.drop("null-foreign-key")
                return
        else:
            foreign = self._write_foreign(record.key) or b""
            key = subscription_key(foreign, self._write_primary(registration.primary_key) or b"")
            ends = instruction in (Instruction.DELETE_AND_PROPAGATE, Instruction.DELETE_NO_PROPAGATE)
            self.context.headers = record.headers
            self._store.put(key, None if ends else registration, record.timestamp)
        self.forward(record)


class AnsweringProcessor(Processor):
    """Answers a registration with the row of the right table."""

    def __init__(self, name: str, context: TaskContext, view: TableView) -> None:
        super().__init__(name, context)
        self._view = view

    def process(self, record: Record, port: int = 0) -> None:
        """Forward the answer, where one is due."""
        registration: Registration = record.value
        found = None if record.key is None else self._view.get(record.key)
        value = None if found is None else found[0]
        match registration.instruction:
            case Instruction.DELETE_NO_PROPAGATE:
                return
            case Instruction.DELETE_AND_PROPAGATE:
                value = None
            case Instruction.PROPAGATE_ONLY_IF_VALUE if found is None:
                return
            case _:
                pass
        answer = record.with_key(registration.primary_key)
        answer.value = Response(registration.hash, value, registration.primary_partition)
        answer.timestamp = record.timestamp if found is None else max(record.timestamp, found[1])
        self.forward(answer)


class ForeignChangeProcessor(Processor):
    """Tells all subscribers of a row of the right table that it changed, in the order of their key bytes.

    Args:
        latest_only: changes of a versioned table that are not its latest are left out.
    """

    def __init__(
        self,
        name: str,
        context: TaskContext,
        store: OrderedStore,
        write_foreign: Serialize,
        read_primary: Callable[[bytes], Any],
        *,
        latest_only: bool = False,
    ) -> None:
        super().__init__(name, context)
        self._latest_only = latest_only
        self._store: Any = store
        self._write_foreign = write_foreign
        self._read_primary = read_primary

    def process(self, record: Record, port: int = 0) -> None:
        """Forward an answer for each subscription."""
        if record.key is None:
            self.context.drop("null-key")
            return
        change: Change = record.value
        if self._latest_only and not change.is_latest:
            self.context.drop("out-of-order-version")
            return
        prefix = subscription_prefix(self._write_foreign(record.key) or b"")
        for key, (registration, _) in list(self._store.range(prefix, behind(prefix))):
            answer = record.with_key(self._read_primary(primary_key_of(key)))
            answer.value = Response(registration.hash, change.new, registration.primary_partition)
            self.forward(answer)


class ResolvingProcessor(Processor):
    """Joins answers with the current rows of the left table; answers to older rows are dropped.

    Args:
        gives_changes: joined rows go on as changes of a table without old values.
    """

    def __init__(
        self,
        name: str,
        context: TaskContext,
        view: TableView,
        write_value: Serialize,
        joiner: Callable[[Any, Any, Any], Any],
        *,
        left: bool,
        gives_changes: bool = False,
    ) -> None:
        super().__init__(name, context)
        self._gives_changes = gives_changes
        self._view = view
        self._write_value = write_value
        self._joiner = joiner
        self._left = left

    def process(self, record: Record, port: int = 0) -> None:
        """Forward the joined row, or that there is none."""
        response: Response = record.value
        found = self._view.get(record.key)
        current = None if found is None else murmur3_128(self._write_value(found[0]) or b"")
        if response.hash != current:
            self.context.drop("stale-response")
            return
        joined = None
        if response.value is not None or (self._left and found is not None):
            joined = self._joiner(record.key, None if found is None else found[0], response.value)
        self.forward(record.with_value(Change(joined, None) if self._gives_changes else joined))
