"""Changes of tables in repartition topics, as columns: old and new value of a record in one.

    old | 0        new | 1        length of new (zigzag varint) | new | old | 2

Source: KIP-904.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from kappaflow.serde import Serde
from kappaflow.serde.face import Decoded
from kappaflow.streams.batch import ArrowArray, Batch, Mask
from kappaflow.streams.columns.batches import plain, valid_rows
from kappaflow.streams.processors.change_bytes import join_change, split_change


@dataclass(frozen=True, slots=True)
class DecodedChanges:
    """New and old values.

    Attributes:
        new, old: both have the messages of what cannot be read.
    """

    new: Decoded
    old: Decoded

    @property
    def messages(self) -> dict[int, str]:
        """What cannot be read, by position."""
        return {**self.old.messages, **self.new.messages}


def encode_changes(serde: Serde, batch: Batch) -> ArrowArray:
    """Write the changes of a batch."""
    count = len(batch)
    new = serde.encode(batch.value, batch.value_valid, count).to_pylist()
    old: list[bytes | None] = [None] * count
    if batch.old is not None:
        old = serde.encode(batch.old, batch.old_valid, count).to_pylist()
    there = valid_rows(batch.value_valid, count).tolist()
    was: list[bool] = [False] * count if batch.old is None else valid_rows(batch.old_valid, count).tolist()
    pairs = zip(new, old, there, was, strict=True)
    return pa.array([join_change(n if is_ else None, o if was_ else None) for n, o, is_, was_ in pairs], pa.binary())


def decode_changes(serde: Serde, data: ArrowArray) -> DecodedChanges:
    """Read a column of changes."""
    parts = [(None, None) if each is None else split_change(each) for each in plain(data).cast(pa.binary()).to_pylist()]
    new = serde.decode(pa.array([part[0] for part in parts], pa.binary()))
    old = serde.decode(pa.array([part[1] for part in parts], pa.binary()))
    return DecodedChanges(new, old)


def there(decoded: Decoded, count: int) -> Mask:
    """Return which values are there."""
    return np.ones(count, np.bool_) if decoded.valid is None else decoded.valid
