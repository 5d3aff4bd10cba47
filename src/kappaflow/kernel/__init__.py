"""Loops over bytes and columns: a native crate, and Python twins that define what is right.

    fetched bytes -> decode_records -> columns -> (formats) -> columns of values
    columns -> assign_windows -> FoldTable, as_of, last_per_key -> columns -> (formats) -> encode_records -> bytes
    columns -> pack_rows -> sorted_table -> a file of the state database

`backend()` says which implementation this process uses; both give the same results, errors included.
pyarrow is imported by the functions that need it, not by this package.

Not here: what a column means (kappaflow.serde), durable state (kappaflow.state).
"""

from kappaflow.kernel.checked_batches import CheckedBatches
from kappaflow.kernel.fold_columns import DirtyRows, FoldOutput
from kappaflow.kernel.record_columns import EncodedBatch, EncodedRecords, RecordColumns, RecordError
from kappaflow.kernel.selection import USE_NATIVE, backend
from kappaflow.kernel.window_rows import WindowRows

if USE_NATIVE:
    from kappaflow.kernel.native_checks import check_batches, producer_batches
    from kappaflow.kernel.native_folds import (
        FoldTable,
        as_of,
        assign_windows,
        last_per_key,
        pack_rows,
        previous_in_key,
        window_keys,
    )
    from kappaflow.kernel.native_records import decode_records, encode_records, murmur2, murmur2_column, restamp
    from kappaflow.kernel.native_tables import sorted_table
else:
    from kappaflow.kernel.batch_checks import check_batches, producer_batches
    from kappaflow.kernel.fold_table import FoldTable
    from kappaflow.kernel.lookups import as_of, last_per_key, previous_in_key
    from kappaflow.kernel.packed_rows import pack_rows
    from kappaflow.kernel.partitioner import murmur2, murmur2_column
    from kappaflow.kernel.record_encoding import encode_records, restamp
    from kappaflow.kernel.records import decode_records
    from kappaflow.kernel.tables import sorted_table
    from kappaflow.kernel.windows import assign_windows, window_keys

__all__ = [
    "CheckedBatches",
    "DirtyRows",
    "EncodedBatch",
    "EncodedRecords",
    "FoldOutput",
    "FoldTable",
    "RecordColumns",
    "RecordError",
    "WindowRows",
    "as_of",
    "assign_windows",
    "backend",
    "check_batches",
    "decode_records",
    "encode_records",
    "last_per_key",
    "murmur2",
    "murmur2_column",
    "pack_rows",
    "previous_in_key",
    "producer_batches",
    "restamp",
    "sorted_table",
    "window_keys",
]
