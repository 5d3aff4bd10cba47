"""The native sorted tables behind the signature of their twin."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kappaflow.kernel import _native
from kappaflow.kernel.record_columns import ArrowArray


def sorted_table(
    prefix: bytes, keys: Sequence[ArrowArray], rows: Sequence[ArrowArray], write: Callable[[bytes], object]
) -> bool:
    """See `kappaflow.kernel.tables.sorted_table`."""
    return _native.sorted_table(prefix, list(keys), list(rows), write)
