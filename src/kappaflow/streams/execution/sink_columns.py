"""Batches of sinks to columns of bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kappaflow.errors import KappaError, SerializationError
from kappaflow.serde import WindowedKeySerde
from kappaflow.streams.batch import ArrowArray, Batch, Int64s
from kappaflow.streams.columns.batches import serialised_keys, take
from kappaflow.streams.columns.change_bytes import encode_changes
from kappaflow.streams.execution.encode import no_topic
from kappaflow.streams.functions import TimestampExtractor
from kappaflow.streams.topology import nodes as n


@dataclass(frozen=True, slots=True)
class EncodedColumns:
    """Serialised records, one array a field.

    Attributes:
        ord: the position of the rows that they came from.
        window_bytes: how many bytes of window bounds end a key.
        partition: that rows go to, -1 for that of their key; None chooses all by key.
    """

    keys: ArrowArray
    values: ArrowArray
    timestamps: Int64s
    headers: ArrowArray | None
    ord: Int64s
    window_bytes: int
    partition: Int64s | None = None


def window_bytes(serde: n.KeySerde) -> int:
    """Return how many bytes of window bounds end the keys of a serde."""
    return serde.suffix_bytes if isinstance(serde, WindowedKeySerde) else 0


def encode_columns(
    node: n.Sink | n.Repartition, batch: Batch, on_error: Callable[[KappaError], None]
) -> EncodedColumns:
    """Encode a batch for the topic of a sink or repartition node; rows without a usable time are left out."""
    assert node.key_serde is not None and node.value_serde is not None
    if isinstance(node, n.Sink) and node.timestamp is not None:
        batch = _with_times(node.timestamp, batch, on_error)
    keys = serialised_keys(node.key_serde, batch)
    if isinstance(node, n.Repartition) and node.carries_changes:
        values = encode_changes(node.value_serde, batch)
    else:
        values = node.value_serde.encode(batch.value, batch.value_valid, len(batch))
    headers = batch.headers if not isinstance(node, n.Sink) or node.carries_headers else None
    chosen: Any = node.partition_of
    partition = None if chosen is None else chosen.column(batch)
    return EncodedColumns(keys, values, batch.timestamp, headers, batch.ord, window_bytes(node.key_serde), partition)


def by_topic(node: n.Sink, batch: Batch, on_error: Callable[[KappaError], None]) -> Iterator[tuple[n.Sink, Batch]]:
    """Yield the rows of each topic that a sink chooses, with a sink of that topic; rows without one are told about."""
    chosen: Any = node.topic_of
    names = chosen.column(batch).dictionary_encode()
    for _ in range(names.null_count):
        on_error(no_topic(node))
    codes = names.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    for code, name in enumerate(names.dictionary.to_pylist()):
        yield replace(node, topic=name, topic_of=None), take(batch, codes == code)


def _with_times(extractor: TimestampExtractor, batch: Batch, on_error: Callable[[KappaError], None]) -> Batch:
    """Give rows the times of their written values."""
    extracted = extractor.column(batch)
    bad = extracted.times < 0
    bad[list(extracted.messages)] = True
    for row in np.flatnonzero(bad).tolist():
        message = extracted.messages.get(row)
        if message is not None:
            on_error(SerializationError(message))
        else:
            on_error(KappaError(f"The record's own time {extracted.times[row]} is negative."))
    batch.timestamp = extracted.times
    return take(batch, ~bad) if bad.any() else batch
